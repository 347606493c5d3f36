//! What this process remembers of members and keys, for some seconds and until something of it changes here.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ids::{ApiKeyId, OrganizationId, UserId};
use moka::future::Cache;
use store::ApiKeyRow;

use super::grants::Grant;

/// How long another process may go on with what was true before.
const FRESHNESS: Duration = Duration::from_secs(10);
/// Entries of each memory.
const ENTRIES: u64 = 20_000;
/// A key's last use is written this often.
const BETWEEN_USES: Duration = Duration::from_mins(1);

/// Answers that are forgotten all at once: whoever changes a role, a member or a key lets the next question find the
/// change, even one that was being answered at that moment.
pub struct Memory<K, V> {
    age: AtomicU64,
    cache: Cache<(u64, K), V>,
}

/// Without what is remembered.
impl<K, V> fmt::Debug for Memory<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("age", &self.age).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Default for Memory<K, V> {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(ENTRIES).time_to_live(FRESHNESS).build();
        Self { age: AtomicU64::new(0), cache }
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Memory<K, V> {
    /// The answer for `key`, or what `read` finds.
    pub async fn get<E>(&self, key: K, read: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        // What is read from here on is kept under this age: after `forget` nobody asks for it.
        let key = (self.age.load(Ordering::SeqCst), key);
        if let Some(known) = self.cache.get(&key).await {
            return Ok(known);
        }
        let value = read.await?;
        self.cache.insert(key, value.clone()).await;
        Ok(value)
    }

    /// Forgets everything.
    pub fn forget(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }
}

/// The memories of one process.
#[derive(Debug)]
pub struct Known {
    /// What members may do.
    pub grants: Memory<(OrganizationId, UserId), Option<Arc<Grant>>>,
    /// Keys by digest.
    pub keys: Memory<String, Option<Arc<ApiKeyRow>>>,
    used: Cache<ApiKeyId, ()>,
}

impl Default for Known {
    fn default() -> Self {
        let used = Cache::builder().max_capacity(ENTRIES).time_to_live(BETWEEN_USES).build();
        Self { grants: Memory::default(), keys: Memory::default(), used }
    }
}

impl Known {
    /// Something changed about who may do what.
    pub fn forget(&self) {
        self.grants.forget();
        self.keys.forget();
    }

    /// Whether a use of `key` is to be recorded: the first one in a minute.
    pub async fn is_first_use(&self, key: ApiKeyId) -> bool {
        self.used.entry(key).or_insert(()).await.is_fresh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_was_under_way_during_a_change_is_not_given_again() {
        let memory: Memory<u8, u8> = Memory::default();
        let slow = memory.get(1, async {
            memory.forget();
            Ok::<u8, ()>(1)
        });
        assert_eq!(slow.await, Ok(1));
        assert_eq!(memory.get(1, async { Ok::<u8, ()>(2) }).await, Ok(2));
        assert_eq!(memory.get(1, async { Ok::<u8, ()>(3) }).await, Ok(2));
    }
}
