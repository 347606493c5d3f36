//! Claims messages that are due, and settles what came of each try.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use engine::Timestamp;
use ids::WebhookEndpointId;
use serde_json::json;
use store::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus, WebhookTried};
use tracing::{debug, warn};

use super::endpoints::secrets;
use super::retry::{self, PATIENCE};
use super::signing::signature_headers;
use crate::audit::{self, Change, NewEntry, Outcome};
use crate::error::{ServiceError, chain};
use crate::services::Services;
use crate::viewer::{Actor, Origin};

/// How long a receiver may take for its answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// How long whoever claimed a message may take for it; others send it again then.
const LEASE: Duration = Duration::from_mins(1);
/// Longest error and excerpt that are kept, in characters.
const MAX_TEXT: usize = 1_000;
/// The receiver is not there any more.
const GONE: u16 = 410;

/// A message to send now.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The message as it was claimed.
    pub delivery: WebhookDeliveryRow,
    /// Its address.
    pub endpoint: WebhookEndpointRow,
    /// Id, moment and signatures; or why there are none.
    pub headers: Result<Vec<(String, String)>, String>,
    /// When it was signed.
    pub at: Timestamp,
}

/// What came of a try.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Status of the answer, if one came.
    pub status: Option<u16>,
    /// What went wrong, if something did.
    pub error: Option<String>,
    /// The first of what was answered.
    pub excerpt: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Claims up to `limit` messages that are due, signed for this moment.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn claim(services: &Services, limit: u64) -> Result<Vec<Outgoing>, ServiceError> {
    let at = services.now();
    let claimed = services.store().claim_webhook_deliveries(at.0, at.plus(LEASE).0, limit).await?;
    Ok(claimed.into_iter().map(|(delivery, endpoint)| signed(services, delivery, endpoint, at)).collect())
}

/// Claims one more message that is due at an address, signed for this moment.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn claim_next(services: &Services, endpoint: WebhookEndpointId) -> Result<Option<Outgoing>, ServiceError> {
    let at = services.now();
    let claimed = services.store().claim_webhook_deliveries_to(endpoint, at.0, at.plus(LEASE).0, 1).await?;
    Ok(claimed.into_iter().next().map(|(delivery, endpoint)| signed(services, delivery, endpoint, at)))
}

fn signed(services: &Services, delivery: WebhookDeliveryRow, endpoint: WebhookEndpointRow, at: Timestamp) -> Outgoing {
    let headers = headers(services, &delivery, &endpoint, at).map_err(|problem| {
        warn!(endpoint = %endpoint.id, error = %chain(&problem), "a message of webhook endpoint {} cannot be signed", endpoint.id);
        "the message cannot be signed; the log of the worker has the cause".to_owned()
    });
    Outgoing { delivery, endpoint, headers, at }
}

/// Headers after the Standard Webhooks specification: one signature for each secret that counts.
fn headers(
    services: &Services,
    delivery: &WebhookDeliveryRow,
    endpoint: &WebhookEndpointRow,
    at: Timestamp,
) -> Result<Vec<(String, String)>, ServiceError> {
    let secrets = secrets(services, endpoint)?;
    let signed = signature_headers(&secrets, &delivery.id.to_string(), at, delivery.body.as_bytes());
    let signed = signed.ok_or_else(|| ServiceError::Internal {
        what: "the secret of a webhook endpoint is no key",
        source: endpoint.id.to_string().into(),
    })?;
    let mut all = vec![("content-type".to_owned(), "application/json".to_owned())];
    all.extend(signed);
    Ok(all)
}

/// Records what came of a try, and what follows: done, again later, given up, or the address is switched off.
///
/// # Errors
/// When the database is away: then the message is sent again when its claim runs out.
#[boxed]
pub async fn settle(services: &Services, outgoing: &Outgoing, answer: Answer) -> Result<(), ServiceError> {
    let (delivery, endpoint, now) = (&outgoing.delivery, &outgoing.endpoint, services.now());
    let tried = judge(outgoing, answer, now);
    let outcome = match tried.status {
        WebhookStatus::Delivered => "delivered",
        WebhookStatus::Pending => "failed",
        WebhookStatus::GivenUp => "given_up",
    };
    metrics::counter!("sluice_webhook_deliveries_total", "outcome" => outcome).increment(1);
    let Some(is_switched_off) = services.store().settle_webhook(&tried).await? else {
        debug!(delivery = %delivery.id, "a try of message {} was settled by somebody else", delivery.id);
        return Ok(());
    };
    let Some(reason) = tried.disables.filter(|_reason| is_switched_off) else { return Ok(()) };
    metrics::counter!("sluice_webhook_endpoints_disabled_total").increment(1);
    warn!(endpoint = %endpoint.id, reason, "webhook endpoint {} is switched off: {reason}", endpoint.id);
    let change = Change::of("webhook_endpoint", endpoint.id, "").named("webhook_endpoint.disabled");
    let entry = NewEntry {
        organization: Some(endpoint.organization_id),
        actor: Actor::system(),
        action: "webhook_endpoint.disabled".to_owned(),
        outcome: Outcome::Ok,
        change: change.after(json!({ "isEnabled": false })).because(Some(reason)),
        origin: Origin::default(),
    };
    audit::record(services, entry).await
}

/// A number from 0 to 1, for each message and try another one: ids end in random bits.
fn chance(delivery: &WebhookDeliveryRow) -> f64 {
    let random = u64::try_from(delivery.id.uuid().as_u128() & u128::from(u32::MAX)).unwrap_or_default();
    let turned = random.wrapping_add(u64::from(delivery.attempts.unsigned_abs()) * 2_654_435_761) % 1_000;
    turned as f64 / 1_000.0
}

fn judge(outgoing: &Outgoing, answer: Answer, now: Timestamp) -> WebhookTried {
    let (delivery, endpoint) = (&outgoing.delivery, &outgoing.endpoint);
    let is_accepted = answer.status.is_some_and(|status| (200..300).contains(&status));
    let next = if is_accepted { None } else { retry::delay(delivery.tries + 1, chance(delivery)) };
    let status = match (is_accepted, next) {
        (true, _) => WebhookStatus::Delivered,
        (false, Some(_)) => WebhookStatus::Pending,
        (false, None) => WebhookStatus::GivenUp,
    };
    let since = endpoint.failing_since_ms.map_or(now, Timestamp);
    let (disables, failing_since_ms) = if is_accepted {
        (None, None)
    } else if answer.status == Some(GONE) {
        (Some("it answered 410 Gone".to_owned()), None)
    } else if now >= since.plus(PATIENCE) {
        (Some(format!("nothing has come through since {}", since.to_rfc3339())), Some(since.0))
    } else {
        (None, None)
    };
    let error = answer.error.filter(|_error| !is_accepted);
    let error = error.or_else(|| {
        answer.status.filter(|_status| !is_accepted).map(|status| format!("answered with status {status}"))
    });
    let cut = |text: String| text.chars().filter(|letter| *letter != '\0').take(MAX_TEXT).collect::<String>();
    WebhookTried {
        delivery: delivery.clone(),
        endpoint_revision: endpoint.revision,
        attempt: WebhookAttemptRow {
            delivery_id: delivery.id,
            number: delivery.attempts + 1,
            at_ms: outgoing.at.0,
            duration_ms: i64::try_from(answer.took.as_millis()).unwrap_or(i64::MAX),
            status_code: answer.status.map(i32::from),
            error: error.map(cut),
            excerpt: answer.excerpt.map(cut).filter(|text| !text.is_empty()),
        },
        status,
        due_at_ms: next.map(|delay| now.plus(delay).0),
        disables,
        failing_since_ms,
    }
}
