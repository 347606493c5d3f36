//! Reads addresses, messages and tries.

use async_recursion::async_recursion as boxed;
use ids::{WebhookDeliveryId, WebhookEndpointId};
use store::{Page, PageRequest, WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow};

use super::endpoints::everywhere;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::Viewer;

/// Most tries of a message that are shown: it is tried eight times, and again whenever somebody asks for it.
const MOST_ATTEMPTS: i32 = 100;

/// One address; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn endpoint(
    services: &Services,
    viewer: &Viewer,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpointRow>, ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().webhook_endpoint(viewer.organization, id).await?)
}

/// A page of the addresses, newest first.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<WebhookEndpointRow>, ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().webhook_endpoints(viewer.organization, request).await?)
}

/// How many addresses there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().count_webhook_endpoints(viewer.organization).await?)
}

/// A page of the messages to an address, newest first.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn deliveries(
    services: &Services,
    viewer: &Viewer,
    endpoint: WebhookEndpointId,
    failed_only: bool,
    request: &PageRequest,
) -> Result<Page<WebhookDeliveryRow>, ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().webhook_deliveries(viewer.organization, endpoint, failed_only, request).await?)
}

/// How many there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn count_deliveries(
    services: &Services,
    viewer: &Viewer,
    endpoint: WebhookEndpointId,
    failed_only: bool,
) -> Result<(u64, bool), ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().count_webhook_deliveries(viewer.organization, endpoint, failed_only).await?)
}

/// The tries of some messages, those of a message together and oldest first; the last 100 of each.
///
/// # Errors
/// `Forbidden`; `WRONG_STATE` for a role that is limited to folders; the database is away.
#[boxed]
pub async fn attempts_of(
    services: &Services,
    viewer: &Viewer,
    deliveries: &[WebhookDeliveryId],
) -> Result<Vec<WebhookAttemptRow>, ServiceError> {
    everywhere(viewer)?;
    Ok(services.store().webhook_attempts_of(viewer.organization, deliveries, MOST_ATTEMPTS).await?)
}
