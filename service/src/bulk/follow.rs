//! Follows a bulk operation until it has ended.

use std::time::Duration;

use futures::Stream;
use ids::BulkOperationId;
use store::BulkOperationRow;

use super::read;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// How often it is looked at: parts of it are written about as often, and people see no more.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The operation as it is, and again whenever it has changed, until it has ended. Steps in between may be left out;
/// the end is not.
///
/// # Errors
/// `Forbidden`, or the database is away. Nothing at all for an operation that does not exist.
pub fn updates(
    services: &Services,
    viewer: &Viewer,
    id: BulkOperationId,
) -> Result<impl Stream<Item = Result<BulkOperationRow, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let follower = Follower { services: services.clone(), viewer: viewer.clone(), id, last: None };
    Ok(futures::stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|row| (row, follower)))
    }))
}

struct Follower {
    services: Services,
    viewer: Viewer,
    id: BulkOperationId,
    last: Option<BulkOperationRow>,
}

impl Follower {
    async fn next(&mut self) -> Result<Option<BulkOperationRow>, ServiceError> {
        loop {
            if self.last.as_ref().is_some_and(|last| last.status.is_ended()) {
                return Ok(None);
            }
            let row = read::operation(&self.services, &self.viewer, self.id).await?;
            let Some(row) = row.map(without_claim) else { return Ok(None) };
            if self.last.as_ref() != Some(&row) {
                self.last = Some(row.clone());
                return Ok(Some(row));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Who is at work at this moment is no progress.
fn without_claim(row: BulkOperationRow) -> BulkOperationRow {
    BulkOperationRow { epoch: 0, lease_until_ms: 0, due_at_ms: None, ..row }
}
