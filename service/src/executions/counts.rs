//! How many executions are in each state, at a moment and live.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use futures::Stream;
use store::{ExecutionFilter, ExecutionStatus};

use crate::error::ServiceError;
use crate::pace::{self, Pace};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Numbers are told once in so long at most.
const EVERY: Duration = Duration::from_secs(1);
/// Numbers are looked at without news after so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many executions fit in each state, all states in order; each counted up to 10,000.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn counts(
    services: &Services,
    viewer: &Viewer,
    filter: &ExecutionFilter,
) -> Result<Vec<(ExecutionStatus, u64)>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let filter = reach::of_executions(viewer, filter);
    let mut counts = Vec::with_capacity(ExecutionStatus::ALL.len());
    for status in ExecutionStatus::ALL {
        let is_wanted = filter.statuses.as_ref().is_none_or(|statuses| statuses.contains(status));
        let count = if is_wanted {
            let of_status = ExecutionFilter { statuses: Some(vec![*status]), ..filter.as_ref().clone() };
            services.store().count_executions(viewer.organization, &of_status).await?.0
        } else {
            0
        };
        counts.push((*status, count));
    }
    Ok(counts)
}

/// The same at once, and again whenever a number has changed, once a second at most; never ends. Whoever follows the
/// same in this process is told of the same looks.
///
/// # Errors
/// As [`counts`].
pub fn count_updates(
    services: &Services,
    viewer: &Viewer,
    filter: ExecutionFilter,
) -> Result<impl Stream<Item = Result<Vec<(ExecutionStatus, u64)>, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let filter = reach::of_executions(viewer, &filter).into_owned();
    let key = format!("{} {}", viewer.organization, serde_json::to_string(&filter).expect("filters are plain data"));
    let (all, viewer) = (services.clone(), viewer.clone());
    Ok(services.followed_counts().follow(key, move || {
        let pace = Pace::new(all.live().organization(viewer.organization), EVERY, PATIENCE);
        let (services, viewer, filter) = (all.clone(), viewer.clone(), filter.clone());
        pace::changes(pace, move || {
            let (services, viewer, filter) = (services.clone(), viewer.clone(), filter.clone());
            async move { counts(&services, &viewer, &filter).await }
        })
    }))
}
