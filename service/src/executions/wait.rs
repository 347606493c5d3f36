//! Waits until an execution has decided or ended, without polling.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::ExecutionId;
use store::{ExecutionRow, ExecutionStatus};
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::live::Listener;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What to wait for before answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// Nothing: answer when it is accepted.
    Nothing,
    /// The decision, or the end when it comes first.
    Decision,
    /// The end.
    Completion,
    /// That it is paused, or the end.
    Pause,
    /// That it is paused no more.
    Resume,
}

/// Longest wait that a caller may ask for.
pub const MAX_WAIT: Duration = Duration::from_secs(30);

/// How long nothing may be heard before the database is asked all the same.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Waits for `what`, `limit` at most (and never longer than [`MAX_WAIT`]); returns the execution
/// as it is then, or `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn wait(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    what: WaitFor,
    limit: Duration,
) -> Result<Option<ExecutionRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    // Before the first look, or what happens between look and listening is missed.
    let news = services.live().execution(id);
    let row = services.store().execution(viewer.organization, id).await?;
    let Some(row) = reach::execution(services, viewer, row).await? else { return Ok(None) };
    wait_for_news(services, viewer, row, news, what, limit).await
}

/// Goes on from `row`, which is not older than `news`.
pub(super) async fn wait_for_news(
    services: &Services,
    viewer: &Viewer,
    mut row: ExecutionRow,
    mut news: Listener<ExecutionId>,
    what: WaitFor,
    limit: Duration,
) -> Result<Option<ExecutionRow>, ServiceError> {
    let deadline = Instant::now() + limit.min(MAX_WAIT);
    while !is_reached(&row, what) && Instant::now() < deadline {
        // News is a hint: it may be lost while Redis is away. A look now and then makes good for that.
        let look = deadline.min(Instant::now() + SECOND_LOOK);
        loop {
            match tokio::time::timeout_at(look, news.changed()).await {
                Err(_elapsed) => break,
                // Who waits for the end does not read the database for each step.
                Ok(heard) if what == WaitFor::Completion && !heard.ended && !heard.look_again => {}
                Ok(_heard) => break,
            }
        }
        match services.store().execution(viewer.organization, row.id).await? {
            Some(newer) => row = newer,
            None => return Ok(None),
        }
    }
    Ok(Some(row))
}

fn is_reached(row: &ExecutionRow, what: WaitFor) -> bool {
    match what {
        WaitFor::Nothing => true,
        WaitFor::Decision => row.decision.is_some() || row.status.is_ended(),
        WaitFor::Completion => row.status.is_ended(),
        WaitFor::Pause => row.status == ExecutionStatus::Paused || row.status.is_ended(),
        WaitFor::Resume => row.status != ExecutionStatus::Paused,
    }
}
