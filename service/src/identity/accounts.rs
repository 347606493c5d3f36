//! What signing in keeps in the memory of a process.

use std::fmt;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use ids::SessionId;
use moka::future::Cache;

use super::passwords::Hasher;

/// For how long a session is taken for what it was: the longest time that a revocation by another process takes
/// to be seen here.
const LIVE_FOR: Duration = Duration::from_secs(15);

/// Sessions that are looked up anew when more than these are in use.
const MAX_SESSIONS: u64 = 100_000;

/// What signing in keeps in the memory of a process.
pub struct Accounts {
    /// Whether a session counts.
    pub(super) live: Cache<SessionId, bool>,
    /// Hashes passwords.
    pub(super) hasher: Hasher,
    /// When old rows were last swept, Unix milliseconds.
    pub(super) swept_at_ms: AtomicI64,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            live: Cache::builder().max_capacity(MAX_SESSIONS).time_to_live(LIVE_FOR).build(),
            hasher: Hasher::default(),
            swept_at_ms: AtomicI64::new(i64::MIN),
        }
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts")
    }
}
