//! How entries are chained: each carries a keyed digest of itself and of the digest before it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ids::OrganizationId;
use sha2::Sha256;

use crate::model::audit::NewAuditEntry;

/// What the audit log is chained with. Whoever can write the database and has not this key cannot make a chain that
/// fits. Never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditKey([u8; 32]);

impl AuditKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(***)")
    }
}

/// The end of a log, and what retention removed at its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Place of the last entry.
    pub seq: i64,
    /// Its hash; empty before the first.
    pub hash: String,
    /// Place of the last entry that was removed; 0 when none was.
    pub floor_seq: i64,
    /// Its hash.
    pub floor_hash: String,
    /// [`Head::sealed`] of the rest.
    pub seal: String,
}

/// The place and the hashes that an entry got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub seq: i64,
    pub previous: String,
    pub hash: String,
}

impl Head {
    /// The digest that belongs to this head.
    pub fn sealed(&self, key: &AuditKey, organization: OrganizationId) -> String {
        let mut digest = Digest::begin(key, "head");
        digest.bytes(organization.uuid().as_bytes());
        digest.number(self.seq);
        digest.text(&self.hash);
        digest.number(self.floor_seq);
        digest.text(&self.floor_hash);
        digest.end()
    }

    /// Whether it was written by somebody who has the key.
    pub fn is_genuine(&self, key: &AuditKey, organization: OrganizationId) -> bool {
        self.seal == self.sealed(key, organization)
    }

    /// What to go on from, when the last entry that is there has the place `last_seq`.
    ///
    /// A head that was tampered with is not covered up: the next entry is linked to nothing, which every later check
    /// finds. Recording goes on, since a log that stops is worth less than one with a visible break.
    pub fn go_on(self, key: &AuditKey, organization: OrganizationId, last_seq: i64) -> Self {
        let is_new = self.seq == 0 && last_seq == 0 && self.floor_seq == 0;
        if is_new || (self.is_genuine(key, organization) && last_seq <= self.seq) {
            return self;
        }
        tracing::error!(
            organization = %organization,
            seq = self.seq.max(last_seq),
            "the end of the audit log of {organization} is not what was written there: it was changed, or the secret key was"
        );
        Self { seq: self.seq.max(last_seq), hash: String::new(), ..self }
    }

    /// Appends an entry.
    pub fn link(&mut self, key: &AuditKey, entry: &NewAuditEntry) -> Link {
        let seq = self.seq + 1;
        let hash = hash(key, &self.hash, seq, entry);
        let previous = std::mem::replace(&mut self.hash, hash.clone());
        self.seq = seq;
        Link { seq, previous, hash }
    }
}

/// The hash of `entry` at the place `seq`, after the entry with the hash `previous`.
pub fn hash(key: &AuditKey, previous: &str, seq: i64, entry: &NewAuditEntry) -> String {
    let mut digest = Digest::begin(key, "entry");
    digest.text(previous);
    digest.number(seq);
    digest.bytes(entry.organization_id.uuid().as_bytes());
    digest.bytes(entry.id.uuid().as_bytes());
    digest.number(entry.at_ms);
    for text in [&entry.actor_id, &entry.actor_kind, &entry.actor_name, &entry.action] {
        digest.text(text);
    }
    digest.text(entry.outcome.name());
    digest.maybe(entry.code.as_deref());
    for text in [&entry.target_type, &entry.target_id, &entry.target_name] {
        digest.text(text);
    }
    for text in [&entry.changes, &entry.reason, &entry.remote_address, &entry.user_agent] {
        digest.maybe(text.as_deref());
    }
    digest.text(&entry.request_id);
    digest.end()
}

/// HMAC-SHA256 over fields, each with its length before it: no two lists of fields are written alike.
struct Digest(Hmac<Sha256>);

impl Digest {
    fn begin(key: &AuditKey, what: &str) -> Self {
        let mut digest = Self(Hmac::new_from_slice(&key.0).expect("HMAC takes keys of any length"));
        // The version of this encoding.
        digest.number(1);
        digest.text(what);
        digest
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn number(&mut self, number: i64) {
        self.bytes(&number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.bytes(&[u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }

    fn end(self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = self.0.finalize().into_bytes();
        let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        digits.map(char::from).collect()
    }
}
