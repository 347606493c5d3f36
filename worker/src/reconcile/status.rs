//! What each reconciler did, for operators: the last run in memory, and now and then a report in the database.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use engine::Timestamp;
use store::ReconcilerRun;
use tokio::time::Instant;
use tracing::warn;

use super::Reconciler;
use crate::context::Context;

/// How often a process reports at most.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// The same when a reconciler did something or failed.
const REPORT_NEWS_EVERY: Duration = Duration::from_secs(1);

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
    /// Rows it put right and that are not reported yet.
    unreported: u64,
}

/// The last run of every reconciler in this process.
#[derive(Debug, Default)]
pub struct Statuses {
    runs: Mutex<BTreeMap<Reconciler, ReconcilerStatus>>,
    reported: Mutex<Option<Instant>>,
}

impl Statuses {
    pub(super) fn record(&self, reconciler: Reconciler, at: Timestamp, took: Duration, result: Result<u64, String>) {
        let (count, error) = match result {
            Ok(count) => (count, None),
            Err(error) => (0, Some(error)),
        };
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let unreported = count + runs.get(&reconciler).map_or(0, |last| last.unreported);
        runs.insert(reconciler, ReconcilerStatus { at, took, count, error, unreported });
    }

    /// A copy of them all.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Reconciler, ReconcilerStatus> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_due(&self, has_news: bool) -> bool {
        let pause = if has_news { REPORT_NEWS_EVERY } else { REPORT_EVERY };
        let reported = *self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        reported.is_none_or(|reported| reported.elapsed() >= pause)
    }

    fn was_reported(&self, counts: &[(Reconciler, u64)]) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        for (reconciler, count) in counts {
            if let Some(run) = runs.get_mut(reconciler) {
                run.unreported = run.unreported.saturating_sub(*count);
            }
        }
    }
}

/// Writes what the reconcilers of this process did into the database, unless that was done a moment ago.
pub(crate) async fn report(context: &Context) {
    let all = context.statuses.all();
    let has_news = all.values().any(|run| run.unreported > 0 || run.error.is_some());
    if all.is_empty() || !context.statuses.is_due(has_news) {
        return;
    }
    // Also after a failure: the database is not asked more often because it is away.
    *context.statuses.reported.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let runs = all.iter().map(|(reconciler, run)| ReconcilerRun {
        name: reconciler.name().to_owned(),
        at_ms: run.at.0,
        took_us: i64::try_from(run.took.as_micros()).unwrap_or(i64::MAX),
        count: number(run.count),
        repaired: number(run.unreported),
        error: run.error.clone(),
    });
    match context.store().record_reconcilers(runs.collect()).await {
        Ok(()) => {
            let counts: Vec<(Reconciler, u64)> =
                all.iter().map(|(reconciler, run)| (*reconciler, run.unreported)).collect();
            context.statuses.was_reported(&counts);
        }
        Err(problem) => {
            warn!(error = %service::chain(&problem), "what the reconcilers did cannot be recorded, the next report will");
        }
    }
}
