//! What each reconciler did last, for operators.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::Timestamp;

use super::Reconciler;

/// The last run of one reconciler in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcilerStatus {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many rows it put right.
    pub count: u64,
    /// What went wrong, if it failed.
    pub error: Option<String>,
}

/// The last run of every reconciler in this process.
#[derive(Debug, Default)]
pub struct Statuses(Mutex<BTreeMap<Reconciler, ReconcilerStatus>>);

impl Statuses {
    pub(super) fn record(&self, reconciler: Reconciler, at: Timestamp, took: Duration, result: Result<u64, String>) {
        let (count, error) = match result {
            Ok(count) => (count, None),
            Err(error) => (0, Some(error)),
        };
        let mut statuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        statuses.insert(reconciler, ReconcilerStatus { at, took, count, error });
    }

    /// A copy of them all.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Reconciler, ReconcilerStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
