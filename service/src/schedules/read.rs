//! Reads schedules and what came of their points in time.

use async_recursion::async_recursion as boxed;
use ids::ScheduleId;
use store::{Page, PageRequest, ScheduleFilter, ScheduleRow, ScheduleRunRow};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// A fire that is later than this means that nobody fires, in milliseconds.
const LATE_MS: i64 = 60_000;

fn within_reach(viewer: &Viewer, filter: &ScheduleFilter) -> ScheduleFilter {
    ScheduleFilter { folders: viewer.folders.as_deref().map(<[String]>::to_vec), ..filter.clone() }
}

/// Several schedules, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[ScheduleId],
) -> Result<Vec<ScheduleRow>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    let rows = services.store().schedules_by_ids(viewer.organization, ids).await?;
    let mut reached = Vec::with_capacity(rows.len());
    for row in rows {
        if reach::workflow(services, viewer, row.workflow_id).await? {
            reached.push(row);
        }
    }
    Ok(reached)
}

/// The schedule that is to be changed.
pub(super) async fn one(services: &Services, viewer: &Viewer, id: ScheduleId) -> Result<ScheduleRow, ServiceError> {
    let row = services.store().schedules_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))?;
    if reach::workflow(services, viewer, row.workflow_id).await? { Ok(row) } else { Err(unknown(id)) }
}

pub(super) fn unknown(id: ScheduleId) -> ServiceError {
    ServiceError::mistake(
        Mistake::new(Code::NotFound, "id", format!("there is no schedule `{id}`"))
            .with_help("List what there is with `schedules`."),
    )
}

/// A page of the schedules that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &ScheduleFilter,
    request: &PageRequest,
) -> Result<Page<ScheduleRow>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().schedules(viewer.organization, &within_reach(viewer, filter), request).await?)
}

/// How many schedules fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &ScheduleFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().count_schedules(viewer.organization, &within_reach(viewer, filter)).await?)
}

/// A page of what came of a schedule's points in time, newest first. Whoever has the schedule reaches it.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn runs(
    services: &Services,
    viewer: &Viewer,
    schedule: ScheduleId,
    request: &PageRequest,
) -> Result<Page<ScheduleRunRow>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().schedule_runs(viewer.organization, schedule, request).await?)
}

/// How many there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_runs(
    services: &Services,
    viewer: &Viewer,
    schedule: ScheduleId,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().count_schedule_runs(viewer.organization, schedule).await?)
}

/// The last point in time of each of `schedules` that came.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn last_runs(
    services: &Services,
    viewer: &Viewer,
    schedules: &[ScheduleId],
) -> Result<Vec<ScheduleRunRow>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().last_schedule_runs(viewer.organization, schedules).await?)
}

/// Whether a fire is late: then no worker fires schedules.
#[must_use]
pub fn is_late(services: &Services, row: &ScheduleRow) -> bool {
    row.next_at_ms.is_some_and(|next_at_ms| services.now().0.saturating_sub(next_at_ms) > LATE_MS)
}
