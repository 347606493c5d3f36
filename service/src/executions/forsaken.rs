//! No execution outlives the one that waits for it: what a parent leaves behind when it ends is cancelled.
//!
//! A parent tells the children that it knows of in the commit of its end. It does not know of one whose start it had
//! not heard of yet. Such a child is not recorded after that commit; one that was recorded before is found here, right
//! after the end, or by a reconciler when that was cut off.

use std::collections::BTreeSet;

use async_recursion::async_recursion as boxed;
use ids::{ExecutionId, OrganizationId};
use store::NewSignal;

use crate::error::ServiceError;
use crate::services::Services;
use crate::signals::{Told, tell};

/// Children that are told at once.
const PAGE: u64 = 500;

/// The parent and the child behind which looking goes on.
pub type ForsakenPlace = (ExecutionId, ExecutionId);

/// Cancels what `parent`, which has ended, waited for and has not `told`; returns how many that are.
///
/// # Errors
/// When the database is away: a reconciler does it then.
#[boxed]
pub async fn give_up_children(
    services: &Services,
    organization: OrganizationId,
    parent: ExecutionId,
    told: &[ExecutionId],
) -> Result<u64, ServiceError> {
    let told: BTreeSet<ExecutionId> = told.iter().copied().collect();
    let (mut count, mut after) = (0, None);
    loop {
        let found = services.store().forsaken_children(organization, parent, after, PAGE).await?;
        let untold = found.iter().filter(|child| !told.contains(*child));
        let rows: Vec<NewSignal> = untold.map(|child| given_up().row(organization, *child)).collect();
        count += rows.len() as u64;
        tell(services, rows).await?;
        if (found.len() as u64) < PAGE {
            return Ok(count);
        }
        after = found.last().copied();
    }
}

/// Cancels what was forsaken and told nothing of it: whoever ended the parent died in between. Looks at up to `limit`
/// children behind `after`; returns how many were told, and where to go on: nothing when there are no more.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn give_up_forsaken(
    services: &Services,
    after: Option<ForsakenPlace>,
    limit: u64,
) -> Result<(u64, Option<ForsakenPlace>), ServiceError> {
    let found = services.store().awaited_children(after, limit).await?;
    let forsaken = found.iter().filter(|child| child.is_forsaken);
    let rows: Vec<NewSignal> = forsaken.map(|child| given_up().row(child.organization_id, child.id)).collect();
    let count = rows.len() as u64;
    tell(services, rows).await?;
    let is_last = (found.len() as u64) < limit;
    let place = found.last().filter(|_child| !is_last).map(|child| (child.parent_id, child.id));
    Ok((count, place))
}

fn given_up() -> Told {
    Told::Cancel { by: None, reason: Some("the execution that waited for it has ended".to_owned()) }
}
