//! What is known about issuers: their documents and keys, asked for when needed and kept for a while.
//!
//! Whoever signs in cannot make this installation ask an issuer at will: an unknown key is looked for once a
//! minute at most, and an issuer that failed is left alone for a moment.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use moka::sync::Cache;
use tokio::sync::Mutex;

use super::keys::{Key, KeySet};
use super::metadata::{self, Metadata, MetadataError};
use super::token::Token;
use super::transport::{Call, Reply, Transport, TransportError, bounded};

/// How long documents and keys are kept.
const KEPT: Duration = Duration::from_hours(1);
/// How soon keys are asked for again because of a key that is not among them.
const BETWEEN_KEY_SETS: Duration = Duration::from_mins(1);
/// How long an issuer that failed is left alone.
const AFTER_A_FAILURE: Duration = Duration::from_secs(10);
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest document, in bytes.
const MAX_DOCUMENT: usize = 64 * 1_024;
/// Largest set of keys, in bytes.
const MAX_KEY_SET: usize = 128 * 1_024;
/// Issuers that are remembered.
const MAX_ISSUERS: u64 = 1_000;

/// Why an identity provider cannot be used at this moment.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached.
    #[error("it cannot be reached")]
    Transport(#[source] Arc<TransportError>),
    /// It answered with a failure.
    #[error("it answered {what} with status {status}")]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// What it answered is not what it should be.
    #[error("its {0} cannot be read")]
    Unreadable(&'static str),
    /// What it says about itself is not acceptable.
    #[error("what it says about itself is refused: {0}")]
    Refused(String),
    /// It failed a moment ago and is left alone.
    #[error("it failed a moment ago")]
    JustFailed,
}

impl From<MetadataError> for ProviderError {
    fn from(error: MetadataError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What is known about all issuers.
#[derive(Debug)]
pub(super) struct Directory {
    transport: Arc<dyn Transport>,
    issuers: Cache<String, Arc<Mutex<Known>>>,
}

/// What is known about one.
#[derive(Debug, Default)]
struct Known {
    metadata: Option<(Timestamp, Arc<Metadata>)>,
    keys: Option<(Timestamp, KeySet)>,
    failed_at: Option<Timestamp>,
}

impl Directory {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, issuers: Cache::new(MAX_ISSUERS) }
    }

    /// What an issuer says about itself.
    #[boxed]
    pub async fn metadata(&self, issuer: &str, now: Timestamp) -> Result<Arc<Metadata>, ProviderError> {
        let known = self.known(issuer);
        let mut known = known.lock().await;
        if let Some((since, metadata)) = &known.metadata
            && is_within(*since, KEPT, now)
        {
            return Ok(Arc::clone(metadata));
        }
        known.leave_alone(now)?;
        let asked = async {
            let body = self.get(metadata::address(issuer), "discovery", MAX_DOCUMENT).await?;
            let document: Metadata =
                serde_json::from_slice(&body).map_err(|_other| ProviderError::Unreadable("discovery document"))?;
            Ok(Arc::new(document.check(issuer)?))
        };
        let metadata = known.remember(asked.await, now)?;
        known.metadata = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// The key of an issuer that a token names; `None` when it has no such key.
    #[boxed]
    pub async fn key(
        &self,
        metadata: &Metadata,
        token: &Token<'_>,
        now: Timestamp,
    ) -> Result<Option<Key>, ProviderError> {
        let known = self.known(&metadata.issuer);
        let mut known = known.lock().await;
        let find = |keys: &KeySet| keys.find(token.kid.as_deref(), token.algorithm).cloned();
        if let Some((since, keys)) = &known.keys
            && is_within(*since, KEPT, now)
        {
            let found = find(keys);
            if found.is_some() || is_within(*since, BETWEEN_KEY_SETS, now) {
                return Ok(found);
            }
        }
        known.leave_alone(now)?;
        let asked = async {
            let body = self.get(metadata.jwks_uri.clone(), "its keys", MAX_KEY_SET).await?;
            KeySet::parse(&body).map_err(|_other| ProviderError::Unreadable("key set"))
        };
        let keys = known.remember(asked.await, now)?;
        let found = find(&keys);
        known.keys = Some((now, keys));
        Ok(found)
    }

    /// Redeems a code: the answer of the token endpoint, whatever its status.
    #[boxed]
    pub async fn redeem(&self, mut call: Call) -> Result<Reply, ProviderError> {
        call.max_bytes = MAX_DOCUMENT;
        call.timeout = TIMEOUT;
        let reply = bounded(&*self.transport, call).await;
        reply.map_err(|error| ProviderError::Transport(Arc::new(error)))
    }

    fn known(&self, issuer: &str) -> Arc<Mutex<Known>> {
        self.issuers.get_with_by_ref(issuer, Arc::default)
    }

    async fn get(&self, url: String, what: &'static str, max_bytes: usize) -> Result<Vec<u8>, ProviderError> {
        let call = Call { url, form: None, authorization: None, max_bytes, timeout: TIMEOUT };
        let reply = bounded(&*self.transport, call).await;
        let reply = reply.map_err(|error| ProviderError::Transport(Arc::new(error)))?;
        if reply.status == 200 { Ok(reply.body) } else { Err(ProviderError::Status { what, status: reply.status }) }
    }
}

impl Known {
    /// Refuses while the last failure is fresh, so that those who wait behind a slow issuer do not ask it one
    /// after the other.
    fn leave_alone(&self, now: Timestamp) -> Result<(), ProviderError> {
        let is_fresh = self.failed_at.is_some_and(|failed| is_within(failed, AFTER_A_FAILURE, now));
        if is_fresh { Err(ProviderError::JustFailed) } else { Ok(()) }
    }

    fn remember<T>(&mut self, answer: Result<T, ProviderError>, now: Timestamp) -> Result<T, ProviderError> {
        self.failed_at = answer.is_err().then_some(now);
        answer
    }
}

fn is_within(since: Timestamp, length: Duration, now: Timestamp) -> bool {
    now.0.saturating_sub(since.0) < i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use futures::future::{self, BoxFuture};

    use super::*;

    /// Never answers.
    #[derive(Debug, Default)]
    struct Silent(AtomicUsize);

    impl Transport for Silent {
        fn call(&self, _call: Call) -> BoxFuture<'_, Result<Reply, TransportError>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            future::pending().boxed()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_behind_a_silent_issuer_waits_for_one_answer() {
        let silent = Arc::new(Silent::default());
        let directory = Directory::new(Arc::clone(&silent) as Arc<dyn Transport>);
        let begun = tokio::time::Instant::now();
        let waiting = (0..5).map(|_one| directory.metadata("https://id.example.com", Timestamp(1_000)));
        let answers = future::join_all(waiting).await;
        assert!(matches!(answers[0], Err(ProviderError::Transport(_))), "{:?}", answers[0]);
        assert!(answers[1..].iter().all(|answer| matches!(answer, Err(ProviderError::JustFailed))));
        assert_eq!(silent.0.load(Ordering::SeqCst), 1);
        assert!(begun.elapsed() < TIMEOUT * 2, "{:?}", begun.elapsed());

        let later = Timestamp(1_000 + 10_000);
        assert!(matches!(directory.metadata("https://id.example.com", later).await, Err(ProviderError::Transport(_))));
    }
}
