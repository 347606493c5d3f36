//! Addresses that are told of what happens, and what they were told.

use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId};

use super::code::{UnknownCode, codes};

codes! {
    /// What came of a message.
    WebhookStatus, "status of a webhook delivery", {
        /// It is sent, or sent again.
        Pending = 0,
        /// It was accepted.
        Delivered = 1,
        /// It was tried often enough.
        GivenUp = 2,
    }
}

/// An address that is told of what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpointRow {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The address.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it is told, a JSON list.
    pub event_types: String,
    /// Ids of the workflows that it is told of, a JSON list; of all when absent.
    pub workflow_ids: Option<String>,
    /// False: nothing is sent.
    pub is_enabled: bool,
    /// Why it was switched off by itself.
    pub disabled_reason: Option<String>,
    /// What messages are signed with, sealed.
    pub secret: String,
    /// What they are signed with too, sealed.
    pub previous_secret: Option<String>,
    /// Until when, Unix milliseconds.
    pub previous_until_ms: Option<i64>,
    /// Since when nothing has come through, Unix milliseconds.
    pub failing_since_ms: Option<i64>,
    /// Rises with every change by people.
    pub revision: i32,
    /// When it was created, Unix milliseconds: what happened before is not told.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
}

/// A message to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookDeliveryRow {
    /// Its id, the same over all tries.
    pub id: WebhookDeliveryId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The address.
    pub endpoint_id: WebhookEndpointId,
    /// What it tells.
    pub event_type: String,
    /// The message, JSON, byte for byte as it is signed.
    pub body: String,
    /// What came of it.
    pub status: WebhookStatus,
    /// Tries of the present round.
    pub tries: i32,
    /// Tries of all rounds.
    pub attempts: i32,
    /// Number of its last claim.
    pub epoch: i32,
    /// Until when whoever claimed it is at work, Unix milliseconds; 0 when nobody is.
    pub lease_until_ms: i64,
    /// When it is sent, Unix milliseconds; absent when it is not.
    pub due_at_ms: Option<i64>,
    /// When it was recorded, Unix milliseconds.
    pub created_at_ms: i64,
}

/// A try to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAttemptRow {
    /// The message.
    pub delivery_id: WebhookDeliveryId,
    /// 1, 2, 3 … for each message.
    pub number: i32,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Status of the answer.
    pub status_code: Option<i32>,
    /// What went wrong.
    pub error: Option<String>,
    /// The first of what was answered.
    pub excerpt: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTried {
    /// The message as it was claimed.
    pub delivery: WebhookDeliveryRow,
    /// Revision of the address that it was sent to.
    pub endpoint_revision: i32,
    /// The try.
    pub attempt: WebhookAttemptRow,
    /// What came of the message.
    pub status: WebhookStatus,
    /// When it is sent again, Unix milliseconds.
    pub due_at_ms: Option<i64>,
    /// The address is switched off, for this reason.
    pub disables: Option<String>,
    /// And only if nothing has come through since this moment, Unix milliseconds.
    pub failing_since_ms: Option<i64>,
}
