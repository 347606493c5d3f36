//! Reads events.

use async_recursion::async_recursion as boxed;
use ids::EventId;
use store::{EventFilter, EventOrder, EventRow, Page, PageRequest, ToldRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One event; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn event(services: &Services, viewer: &Viewer, id: EventId) -> Result<Option<EventRow>, ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().event(viewer.organization, id).await?)
}

/// Several events, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn events_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[EventId],
) -> Result<Vec<EventRow>, ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().events_by_ids(viewer.organization, ids).await?)
}

/// A page of the events that fit.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &EventFilter,
    order: EventOrder,
    request: &PageRequest,
) -> Result<Page<EventRow>, ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().events(viewer.organization, filter, order, request).await?)
}

/// How many events fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &EventFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().count_events(viewer.organization, filter).await?)
}

/// A page of the executions that waited when an event came, as far as it was held against their waits.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn told(
    services: &Services,
    viewer: &Viewer,
    id: EventId,
    request: &PageRequest,
) -> Result<Page<ToldRow>, ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().told(viewer.organization, id, request).await?)
}

/// How many there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count_told(services: &Services, viewer: &Viewer, id: EventId) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::EventRead)?;
    Ok(services.store().count_told(viewer.organization, id).await?)
}
