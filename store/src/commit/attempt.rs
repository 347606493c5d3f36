//! One group of a committer: what is done when the write of it fails.
//!
//! A failure leaves one of four things open. The database is away: every caller is told. Another
//! transaction was preferred, or one member spoils the rest: each is written by itself. The answer
//! was lost, so the group is written or it is not: that is read by the keys of its members, never
//! guessed. Panics end in an error for the callers, never in a committer that is gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tracing::{error, info};

use super::committer::{Bounds, Group};
use crate::breaker::{Evidence, Refusal};
use crate::delays::Delays;
use crate::error::{Aftermath, Panicked, StoreError};

/// Tries of a write that lost against other transactions.
const VICTIM_TRIES: u32 = 10;
/// Tries to find out what became of a write whose answer was lost.
const SETTLE_TRIES: u32 = 4;
/// About how long the first of the delays between them is, and the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What comes of each item, in the same order.
pub async fn write_group<G: Group>(
    group: &G,
    bounds: &Bounds,
    items: &[G::Item],
) -> Vec<Result<G::Outcome, StoreError>> {
    let problem = match bounded::<G, _>(bounds, group.write(items)).await {
        Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
        Err(problem) => problem,
    };
    match problem.aftermath() {
        Aftermath::NotNow => items.iter().map(|_item| Err(problem.for_another())).collect(),
        Aftermath::Own if items.len() == 1 => vec![Err(problem)],
        Aftermath::Own | Aftermath::Victim => {
            metrics::counter!("sluice_commit_groups_split_total", "committer" => G::NAME).increment(1);
            let mut outcomes = Vec::with_capacity(items.len());
            for item in items {
                outcomes.push(write_one(group, bounds, item).await);
            }
            outcomes
        }
        Aftermath::Unknown => settle_group(group, bounds, items, problem).await,
    }
}

/// Writes one item; again, with growing pauses, as long as it loses against others.
async fn write_one<G: Group>(group: &G, bounds: &Bounds, item: &G::Item) -> Result<G::Outcome, StoreError> {
    let mut pauses = Delays::new(PAUSES.0, PAUSES.1);
    let mut tries = 0;
    loop {
        tries += 1;
        let one = std::slice::from_ref(item);
        let problem = match bounded::<G, _>(bounds, group.write(one)).await {
            Ok(mut outcomes) => return Ok(outcomes.remove(0)),
            Err(problem) => problem,
        };
        match problem.aftermath() {
            Aftermath::Victim if tries < VICTIM_TRIES => tokio::time::sleep(pauses.next_delay()).await,
            Aftermath::Unknown => return settle_group(group, bounds, one, problem).await.remove(0),
            _final => return Err(problem),
        }
    }
}

/// The answer was lost: finds out what is written, and writes the rest.
async fn settle_group<G: Group>(
    group: &G,
    bounds: &Bounds,
    items: &[G::Item],
    lost: StoreError,
) -> Vec<Result<G::Outcome, StoreError>> {
    metrics::counter!("sluice_commit_answers_lost_total", "committer" => G::NAME).increment(1);
    let mut pauses = Delays::new(PAUSES.0, PAUSES.1);
    for _try in 0..SETTLE_TRIES {
        tokio::time::sleep(pauses.next_delay()).await;
        let settled = async { group.settle(items).await.transpose() };
        match bounded::<G, _>(bounds, settled).await {
            Ok(None) => break,
            Ok(Some(outcomes)) => {
                let count = items.len();
                info!(
                    committer = G::NAME,
                    count, "the answer to a commit of {count} was lost; what it had written was found by key"
                );
                return outcomes.into_iter().map(Ok).collect();
            }
            Err(problem) => match problem.aftermath() {
                Aftermath::Own | Aftermath::Unknown if items.len() > 1 && !problem.is_retryable() => {
                    let mut outcomes = Vec::with_capacity(items.len());
                    for item in items {
                        let one = std::slice::from_ref(item);
                        let lost = lost.for_another();
                        outcomes.extend(Box::pin(settle_group(group, bounds, one, lost)).await);
                    }
                    return outcomes;
                }
                // The first write may have come through only now: then the next look finds it.
                Aftermath::Own | Aftermath::Victim | Aftermath::Unknown | Aftermath::NotNow => {}
            },
        }
    }
    items.iter().map(|_item| Err(lost.for_another())).collect()
}

/// `work` within the limit of a group; a panic in it is an error.
async fn bounded<G: Group, T>(
    bounds: &Bounds,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(bounds.group, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_panic)) => {
            // The panic hook has logged it with its backtrace.
            metrics::counter!("sluice_panics_total", "where" => "committer").increment(1);
            error!(committer = G::NAME, "a write of committer `{}` panicked, its callers are told", G::NAME);
            Err(StoreError::Internal(Arc::new(Panicked)))
        }
        Err(_elapsed) => {
            let silent = sqlx::Error::refused(Refusal::NoAnswer { limit: bounds.group });
            if let Some(fault) = silent.fault() {
                bounds.breaker.missed(fault);
            }
            Err(silent.into())
        }
    }
}
