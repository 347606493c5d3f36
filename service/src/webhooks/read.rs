//! Reads addresses, messages and tries.

use ids::{WebhookDeliveryId, WebhookEndpointId};
use store::{Page, PageRequest, WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow};

use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One address; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn endpoint(
    services: &Services,
    viewer: &Viewer,
    id: WebhookEndpointId,
) -> Result<Option<WebhookEndpointRow>, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().webhook_endpoint(viewer.organization, id).await?)
}

/// A page of the addresses, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    request: &PageRequest,
) -> Result<Page<WebhookEndpointRow>, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().webhook_endpoints(viewer.organization, request).await?)
}

/// How many addresses there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn count(services: &Services, viewer: &Viewer) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().count_webhook_endpoints(viewer.organization).await?)
}

/// A page of the messages to an address, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn deliveries(
    services: &Services,
    viewer: &Viewer,
    endpoint: WebhookEndpointId,
    failed_only: bool,
    request: &PageRequest,
) -> Result<Page<WebhookDeliveryRow>, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().webhook_deliveries(viewer.organization, endpoint, failed_only, request).await?)
}

/// How many there are, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn count_deliveries(
    services: &Services,
    viewer: &Viewer,
    endpoint: WebhookEndpointId,
    failed_only: bool,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().count_webhook_deliveries(viewer.organization, endpoint, failed_only).await?)
}

/// The tries of a message, oldest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
pub async fn attempts(
    services: &Services,
    viewer: &Viewer,
    delivery: WebhookDeliveryId,
) -> Result<Vec<WebhookAttemptRow>, ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    Ok(services.store().webhook_attempts(viewer.organization, delivery).await?)
}
