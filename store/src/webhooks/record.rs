//! Rows of the database as the store hands them out, and back.

use entity::{webhook_attempt, webhook_delivery, webhook_endpoint};
use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId};
use sea_orm::ActiveValue::Set;

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::webhook::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};

pub fn endpoint_row(model: webhook_endpoint::Model) -> WebhookEndpointRow {
    WebhookEndpointRow {
        id: WebhookEndpointId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        url: model.url,
        description: model.description,
        event_types: model.event_types,
        workflow_ids: model.workflow_ids,
        is_enabled: model.is_enabled,
        disabled_reason: model.disabled_reason,
        secret: model.secret,
        previous_secret: model.previous_secret,
        previous_until_ms: model.previous_until_ms,
        failing_since_ms: model.failing_since_ms,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
    }
}

pub fn endpoint_model(row: WebhookEndpointRow) -> webhook_endpoint::ActiveModel {
    webhook_endpoint::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        url: Set(row.url),
        description: Set(row.description),
        event_types: Set(row.event_types),
        workflow_ids: Set(row.workflow_ids),
        is_enabled: Set(row.is_enabled),
        disabled_reason: Set(row.disabled_reason),
        secret: Set(row.secret),
        previous_secret: Set(row.previous_secret),
        previous_until_ms: Set(row.previous_until_ms),
        failing_since_ms: Set(row.failing_since_ms),
        revision: Set(row.revision),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by),
        updated_at_ms: Set(row.updated_at_ms),
    }
}

pub fn delivery_row(model: webhook_delivery::Model) -> Result<WebhookDeliveryRow, StoreError> {
    Ok(WebhookDeliveryRow {
        id: WebhookDeliveryId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        endpoint_id: WebhookEndpointId::from_uuid(model.endpoint_id),
        event_type: model.event_type,
        body: model.body,
        status: WebhookStatus::try_from(model.status)?,
        tries: model.tries,
        attempts: model.attempts,
        epoch: model.epoch,
        lease_until_ms: model.lease_until_ms,
        due_at_ms: model.due_at_ms,
        created_at_ms: model.created_at_ms,
    })
}

pub fn delivery_model(row: &WebhookDeliveryRow) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        endpoint_id: Set(row.endpoint_id.uuid()),
        event_type: Set(row.event_type.clone()),
        body: Set(row.body.clone()),
        status: Set(row.status.code()),
        tries: Set(row.tries),
        attempts: Set(row.attempts),
        epoch: Set(row.epoch),
        lease_until_ms: Set(row.lease_until_ms),
        due_at_ms: Set(row.due_at_ms),
        created_at_ms: Set(row.created_at_ms),
    }
}

pub fn attempt_row(model: webhook_attempt::Model) -> WebhookAttemptRow {
    WebhookAttemptRow {
        delivery_id: WebhookDeliveryId::from_uuid(model.delivery_id),
        number: model.number,
        at_ms: model.at_ms,
        duration_ms: model.duration_ms,
        status_code: model.status_code,
        error: model.error,
        excerpt: model.excerpt,
    }
}

pub fn attempt_model(organization: OrganizationId, row: &WebhookAttemptRow) -> webhook_attempt::ActiveModel {
    webhook_attempt::ActiveModel {
        delivery_id: Set(row.delivery_id.uuid()),
        number: Set(row.number),
        organization_id: Set(organization.uuid()),
        at_ms: Set(row.at_ms),
        duration_ms: Set(row.duration_ms),
        status_code: Set(row.status_code),
        error: Set(row.error.clone()),
        excerpt: Set(row.excerpt.clone()),
    }
}

pub fn check(row: &WebhookEndpointRow) -> Result<(), StoreError> {
    check_texts([
        ("url", Some(row.url.as_str())),
        ("description", row.description.as_deref()),
        ("event_types", Some(row.event_types.as_str())),
    ])
}
