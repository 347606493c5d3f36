//! Follows a bulk operation until it has ended.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use futures::Stream;
use ids::BulkOperationId;
use store::BulkOperationRow;

use super::read;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::pace::Pace;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// It is looked at once in so long at most: parts of it are written about as often, and people see no more.
const EVERY: Duration = Duration::from_millis(500);
/// It is looked at without news after so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The operation as it is, and again whenever it has changed, until it has ended. Steps in between may be left out;
/// the end is not.
///
/// # Errors
/// `Forbidden`, `NOT_FOUND` for an operation that does not exist, or the database is away.
#[boxed]
pub async fn updates(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<impl Stream<Item = Result<BulkOperationRow, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let mut pace = Pace::new(services.live().organization(viewer.organization), EVERY, PATIENCE);
    let Some(first) = pace.look(read::operation(services, viewer, id)).await?.map(without_claim) else {
        let mistake = Mistake::new(Code::NotFound, "id", format!("there is no bulk operation `{id}`"));
        return Err(ServiceError::mistake(mistake.with_help("List what there is with `bulkOperations`.")));
    };
    let (services, viewer) = (services.clone(), viewer.clone());
    let follower = Follower { services, viewer, id, pace, first: Some(first), last: None };
    Ok(futures::stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|row| (row, follower)))
    }))
}

struct Follower {
    services: Services,
    viewer: Viewer,
    id: BulkOperationId,
    pace: Pace,
    /// As it was at the beginning, until it is told.
    first: Option<BulkOperationRow>,
    last: Option<BulkOperationRow>,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<BulkOperationRow>, ServiceError> {
        loop {
            if self.last.as_ref().is_some_and(|last| last.status.is_ended()) {
                return Ok(None);
            }
            let mut row = self.first.take();
            if row.is_none() {
                self.pace.turn().await;
                row = self.pace.look(read::operation(&self.services, &self.viewer, self.id)).await?.map(without_claim);
            }
            let Some(row) = row else { return Ok(None) };
            if self.last.as_ref() != Some(&row) {
                self.last = Some(row.clone());
                return Ok(Some(row));
            }
        }
    }
}

/// Who is at work at this moment is no progress.
fn without_claim(row: BulkOperationRow) -> BulkOperationRow {
    BulkOperationRow { epoch: 0, lease_until_ms: 0, due_at_ms: None, ..row }
}
