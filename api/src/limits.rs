//! Limits of what one request may ask for, in one place.
//!
//! The document guard applies [`GuardLimits`] to the text; [`MAX_DEPTH`], [`MAX_COST`] and
//! [`MAX_DIRECTIVES_PER_FIELD`] are meant for the schema builder, which knows the types.

use std::time::Duration;

/// Fields that may be nested in one another, fragments expanded.
///
/// The standard introspection query of GraphQL tools nests 15 deep, so this is the least that serves them.
pub const MAX_DEPTH: usize = 15;

/// Cost of one operation: each field costs 1, a page costs its declared size times what is selected in it.
pub const MAX_COST: usize = 5_000;

/// Directives on one field.
pub const MAX_DIRECTIVES_PER_FIELD: usize = 5;

/// Errors of one refused document that are told; the rest would only repeat them.
pub const MAX_ERRORS_TOLD: usize = 20;

/// What the document guard lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardLimits {
    /// Length of the document in bytes.
    pub bytes: usize,
    /// Names, numbers, strings and punctuation of the document, without comments.
    pub tokens: usize,
    /// Open `{`, `[` and `(` at any place, together.
    pub depth: usize,
    /// Fragment definitions.
    pub fragments: usize,
    /// Fragment spreads.
    pub spreads: usize,
    /// Fields and fragments after every spread is replaced by what it stands for.
    pub expanded: u64,
    /// Tokens after every spread is replaced by what it stands for.
    pub expanded_tokens: u64,
    /// Aliases of fields with one name, in the whole document.
    pub aliases: usize,
    /// Root fields of one operation, fragments expanded.
    pub root_fields: u64,
    /// Directives on one field, fragment or operation.
    pub directives_per_field: usize,
    /// Directives of the document.
    pub directives: usize,
    /// Length of a name in bytes.
    pub name_bytes: usize,
}

impl GuardLimits {
    /// For callers that are known.
    pub const SIGNED_IN: Self = Self {
        bytes: 128 * 1024,
        tokens: 10_000,
        depth: 32,
        fragments: 50,
        spreads: 200,
        expanded: 5_000,
        expanded_tokens: 50_000,
        aliases: 30,
        root_fields: 20,
        directives_per_field: MAX_DIRECTIVES_PER_FIELD,
        directives: 50,
        name_bytes: 255,
    };

    /// For callers that showed no credentials.
    pub const ANONYMOUS: Self = Self { bytes: 16 * 1024, tokens: 2_000, expanded_tokens: 10_000, ..Self::SIGNED_IN };

    /// The smaller of each of the two.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.min(other.bytes),
            tokens: self.tokens.min(other.tokens),
            depth: self.depth.min(other.depth),
            fragments: self.fragments.min(other.fragments),
            spreads: self.spreads.min(other.spreads),
            expanded: self.expanded.min(other.expanded),
            expanded_tokens: self.expanded_tokens.min(other.expanded_tokens),
            aliases: self.aliases.min(other.aliases),
            root_fields: self.root_fields.min(other.root_fields),
            directives_per_field: self.directives_per_field.min(other.directives_per_field),
            directives: self.directives.min(other.directives),
            name_bytes: self.name_bytes.min(other.name_bytes),
        }
    }
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self::SIGNED_IN
    }
}

/// What one WebSocket may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WsLimits {
    /// Time for `connection_init` to arrive.
    pub init_timeout: Duration,
    /// Length of one incoming message in bytes.
    pub message_bytes: usize,
    /// Operations that run at once.
    pub operations: usize,
    /// WebSockets and streams of one person at once.
    pub per_person: usize,
    /// WebSockets and streams of one key at once.
    pub per_key: usize,
    /// WebSockets of one address that wait for `connection_init`.
    pub waiting_per_address: usize,
    /// How long a WebSocket or a stream lives; then the client connects again and is recognised anew.
    pub life: Duration,
    /// Length of an operation's id in bytes.
    pub operation_id_bytes: usize,
    /// Bytes that wait to be sent; operations pause when it is reached.
    pub backlog_bytes: u32,
    /// Time in which one message must leave before the peer counts as a slow consumer.
    pub send_timeout: Duration,
    /// Interval of ping frames.
    pub ping_interval: Duration,
    /// Time without any frame from the peer after which it counts as gone.
    pub peer_timeout: Duration,
}

impl Default for WsLimits {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(10),
            message_bytes: 128 * 1024,
            operations: 50,
            per_person: 20,
            per_key: 1_000,
            waiting_per_address: 1_000,
            life: Duration::from_hours(12),
            operation_id_bytes: 128,
            backlog_bytes: 1024 * 1024,
            send_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            peer_timeout: Duration::from_secs(40),
        }
    }
}
