//! Follows a schedule live: what people and versions change about it, and what comes of its points in time.
//!
//! Its row says all of that, so one row is read when there are notices. All followers of one schedule in a process
//! share what is read.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use ids::{OrganizationId, ScheduleId};
use store::ScheduleRow;

use super::read::one;
use crate::error::ServiceError;
use crate::pace::{self, Pace};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// It is looked at once in so long at most, however often it fires and whatever happens elsewhere.
const EVERY: Duration = Duration::from_secs(1);
/// It is looked at without news after so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The schedule as it is, and again whenever it was changed or something came of it, until it is deleted or out of
/// reach. Steps in between may be left out; the last one is not.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database is away.
#[boxed]
pub async fn updates(
    services: &Services,
    viewer: &Viewer,
    id: ScheduleId,
) -> Result<impl Stream<Item = Result<ScheduleRow, ServiceError>> + Send + use<>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    one(services, viewer, id).await?;
    let begin = (seen(services, viewer.organization, id), services.clone(), viewer.clone());
    Ok(futures::stream::try_unfold(begin, |(mut seen, services, viewer)| async move {
        let Some(row) = seen.try_next().await?.flatten() else { return Ok(None) };
        // Its workflow may have gone to another folder.
        let is_reached = reach::workflow(&services, &viewer, row.workflow_id).await?;
        Ok(is_reached.then_some((row, (seen, services, viewer))))
    }))
}

/// What is seen of the schedule, by all who follow it; nothing once it is gone.
fn seen(
    services: &Services,
    organization: OrganizationId,
    id: ScheduleId,
) -> BoxStream<'static, Result<Option<ScheduleRow>, ServiceError>> {
    let all = services.clone();
    let looks = move || {
        let pace = Pace::new(all.live().organization(organization), EVERY, PATIENCE);
        let services = all.clone();
        pace::changes(pace, move || {
            let services = services.clone();
            async move { look(&services, organization, id).await }
        })
    };
    services.followed_schedules().follow(format!("{organization} {id}"), looks).boxed()
}

/// The schedule, without when it is looked at next: that tells nobody anything.
#[boxed]
async fn look(
    services: &Services,
    organization: OrganizationId,
    id: ScheduleId,
) -> Result<Option<ScheduleRow>, ServiceError> {
    let row = services.store().schedules_by_ids(organization, &[id]).await?.pop();
    Ok(row.map(|row| ScheduleRow { wake_at_ms: None, ..row }))
}
