//! Creates, changes, tries and removes addresses.

use async_recursion::async_recursion as boxed;
use std::time::Duration;

use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId, WorkflowId};
use serde_json::{Map, Value, json};
use store::{WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};
use url::Url;

use super::message::{EVENT_TYPES, TEST, is_pattern, whole};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::hooks::new_secret;
use crate::sealed::{self, Place, Secret};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest address and description, in characters.
const MAX_TEXT: usize = 2_000;
/// Patterns and workflows of one address at most.
const MAX_LIST: usize = 100;
/// Addresses of one organization at most.
pub const MAX_ENDPOINTS: u64 = 100;
/// How long messages are signed with the secret before too.
const OVERLAP: Duration = Duration::from_hours(24);

/// An address to tell of what happens.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// The address.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// What to tell.
    pub event_types: Vec<String>,
    /// Only of these workflows.
    pub workflows: Option<Vec<WorkflowId>>,
}

/// What to change of an address; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct EndpointPatch {
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
    /// The address.
    pub url: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What to tell.
    pub event_types: Option<Vec<String>>,
    /// Only of these workflows; of all when the list is empty.
    pub workflows: Option<Vec<WorkflowId>>,
    /// False: nothing is sent.
    pub is_enabled: Option<bool>,
}

/// An address with its new secret, which is shown this once.
#[derive(Debug, Clone)]
pub struct WithSecret {
    /// The address.
    pub row: WebhookEndpointRow,
    /// The secret.
    pub secret: Secret,
}

/// Creates an address: what happens from now on is told to it.
///
/// # Errors
/// `Forbidden`; mistakes, all at once; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, new: NewEndpoint) -> Result<WithSecret, ServiceError> {
    everywhere(viewer)?;
    let mut mistakes = check(Some(&new.url), new.description.as_deref(), Some(&new.event_types));
    mistakes.extend(check_workflows(services, viewer, new.workflows.as_deref()).await?);
    if services.store().count_webhook_endpoints(viewer.organization).await?.0 >= MAX_ENDPOINTS {
        let message = format!("the organization has {MAX_ENDPOINTS} addresses already");
        mistakes.push(Mistake::new(Code::TooLarge, "", message).with_help("Remove one that is not needed."));
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let (id, now_ms, secret) = (WebhookEndpointId::new(), services.now().0, new_secret()?);
    let row = WebhookEndpointRow {
        id,
        organization_id: viewer.organization,
        url: new.url,
        description: new.description,
        event_types: json!(new.event_types).to_string(),
        workflow_ids: listed(new.workflows),
        is_enabled: true,
        disabled_reason: None,
        secret: seal(services, viewer.organization, id, &secret)?,
        previous_secret: None,
        previous_until_ms: None,
        failing_since_ms: None,
        revision: 1,
        created_at_ms: now_ms,
        created_by: viewer.actor.id.clone(),
        updated_at_ms: now_ms,
    };
    let from = services.store().current_change_cursor(viewer.organization).await?;
    let approvals = services.store().current_approval_cursor(viewer.organization).await?;
    if !services.store().insert_webhook_endpoint(row.clone(), &from, &approvals).await? {
        return Err(ServiceError::Unauthenticated);
    }
    viewer.origin.trail.note(change(&row, "webhook_endpoint.created").after(shown(&row)));
    Ok(WithSecret { row, secret })
}

/// Changes an address. One that is switched on again is told of what happens from then on, and gets what is still
/// pending for it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT`; mistakes, all at once; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: WebhookEndpointId,
    patch: EndpointPatch,
) -> Result<WebhookEndpointRow, ServiceError> {
    everywhere(viewer)?;
    let before = one(services, viewer, id).await?;
    let mut mistakes = check(patch.url.as_deref(), patch.description.as_deref(), patch.event_types.as_deref());
    mistakes.extend(check_workflows(services, viewer, patch.workflows.as_deref()).await?);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    if patch.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(changed_meanwhile());
    }
    let is_enabled = patch.is_enabled.unwrap_or(before.is_enabled);
    // What people say about it goes before what was found out about it.
    let is_said = patch.is_enabled.is_some();
    let row = WebhookEndpointRow {
        url: patch.url.unwrap_or_else(|| before.url.clone()),
        description: patch.description.or_else(|| before.description.clone()),
        event_types: patch.event_types.map_or_else(|| before.event_types.clone(), |types| json!(types).to_string()),
        workflow_ids: match patch.workflows {
            None => before.workflow_ids.clone(),
            Some(workflows) => listed(Some(workflows).filter(|workflows| !workflows.is_empty())),
        },
        is_enabled,
        disabled_reason: before.disabled_reason.clone().filter(|_why| !is_said),
        failing_since_ms: before.failing_since_ms.filter(|_since| !is_said),
        updated_at_ms: services.now().0,
        ..before.clone()
    };
    let saved = services.store().save_webhook_endpoint(row, before.revision).await?;
    let row = saved.ok_or_else(changed_meanwhile)?;
    let noted = change(&row, "webhook_endpoint.updated").before(shown(&before)).after(shown(&row));
    viewer.origin.trail.note(noted);
    Ok(row)
}

/// Gives an address another secret; for a day messages are signed with both.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn rotate_secret(
    services: &Services,
    viewer: &Viewer,
    id: WebhookEndpointId,
) -> Result<WithSecret, ServiceError> {
    everywhere(viewer)?;
    let (now, secret) = (services.now(), new_secret()?);
    let sealed = seal(services, viewer.organization, id, &secret)?;
    let until_ms = now.plus(OVERLAP).0;
    let changed = services.store().set_webhook_secret(viewer.organization, id, sealed, until_ms, now.0).await?;
    let row = changed.ok_or_else(|| unknown(id))?;
    let after = json!({ "previousUntil": now.plus(OVERLAP).to_rfc3339() });
    viewer.origin.trail.note(change(&row, "webhook_endpoint.secret_rotated").after(after));
    Ok(WithSecret { row, secret })
}

/// Removes an address with all its messages.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: WebhookEndpointId) -> Result<(), ServiceError> {
    everywhere(viewer)?;
    let row = one(services, viewer, id).await?;
    if !services.store().delete_webhook_endpoint(viewer.organization, id).await? {
        return Err(unknown(id));
    }
    viewer.origin.trail.note(change(&row, "webhook_endpoint.deleted").before(shown(&row)));
    Ok(())
}

/// Sends an address a message that tells nothing.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it is switched off; the database away.
#[boxed]
pub async fn test(
    services: &Services,
    viewer: &Viewer,
    id: WebhookEndpointId,
) -> Result<(WebhookEndpointRow, WebhookDeliveryRow), ServiceError> {
    everywhere(viewer)?;
    let row = one(services, viewer, id).await?;
    enabled(&row)?;
    let mut data = Map::new();
    data.insert("organizationId".to_owned(), json!(viewer.organization));
    data.insert("endpointId".to_owned(), json!(id));
    let delivery = delivery(&row, TEST, whole(TEST, services.now(), data), services.now().0);
    services.store().insert_webhook_delivery(&delivery).await?;
    viewer.origin.trail.note(change(&row, "webhook_endpoint.tested"));
    Ok((row, delivery))
}

/// Sends a message again, with all its tries before it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` when it is being sent, or its address is switched off; the database away.
#[boxed]
pub async fn redeliver(
    services: &Services,
    viewer: &Viewer,
    id: WebhookDeliveryId,
) -> Result<(WebhookEndpointRow, WebhookDeliveryRow), ServiceError> {
    everywhere(viewer)?;
    let not_there = || {
        let mistake = Mistake::new(Code::NotFound, "id", format!("there is no message `{id}`"));
        ServiceError::mistake(mistake.with_help("Messages are kept for 30 days."))
    };
    let known = services.store().webhook_delivery(viewer.organization, id).await?.ok_or_else(not_there)?;
    let row = one(services, viewer, known.endpoint_id).await?;
    enabled(&row)?;
    let again = services.store().retry_webhook_delivery(viewer.organization, id, services.now().0).await?;
    let again = again.ok_or_else(|| {
        ServiceError::mistake(Mistake::new(Code::WrongState, "id", format!("message `{id}` is being sent")))
    })?;
    let noted = change(&row, "webhook_delivery.retried").after(json!({ "delivery": id }));
    viewer.origin.trail.note(noted);
    Ok((row, again))
}

/// A message that is to be sent at once.
pub(super) fn delivery(
    endpoint: &WebhookEndpointRow,
    event_type: &str,
    body: String,
    now_ms: i64,
) -> WebhookDeliveryRow {
    WebhookDeliveryRow {
        id: WebhookDeliveryId::new(),
        organization_id: endpoint.organization_id,
        endpoint_id: endpoint.id,
        event_type: event_type.to_owned(),
        body,
        status: WebhookStatus::Pending,
        tries: 0,
        attempts: 0,
        epoch: 0,
        lease_until_ms: 0,
        due_at_ms: Some(now_ms),
        created_at_ms: now_ms,
    }
}

/// The secrets that messages to an address are signed with now, the newest first.
pub(super) fn secrets(services: &Services, row: &WebhookEndpointRow) -> Result<Vec<Secret>, ServiceError> {
    let still = row.previous_until_ms.is_some_and(|until| until > services.now().0);
    let (id, key) = (row.id.to_string(), &services.settings().secret_key);
    let open = |sealed: &String| {
        sealed::open(key, place(row.organization_id, &id), sealed).map_err(|error| ServiceError::Internal {
            what: "the secret of a webhook endpoint cannot be opened",
            source: Box::new(error),
        })
    };
    let counting = [Some(&row.secret), row.previous_secret.as_ref().filter(|_secret| still)];
    counting.into_iter().flatten().map(open).collect()
}

fn seal(
    services: &Services,
    organization: OrganizationId,
    id: WebhookEndpointId,
    secret: &Secret,
) -> Result<String, ServiceError> {
    let id = id.to_string();
    sealed::seal(&services.settings().secret_key, place(organization, &id), secret).map_err(|error| {
        ServiceError::Internal { what: "the secret of a webhook endpoint cannot be sealed", source: Box::new(error) }
    })
}

fn place(organization: OrganizationId, id: &str) -> Place<'_> {
    Place { organization, kind: "webhook_endpoint.secret", id }
}

/// An address may be told of every workflow: whoever is limited to folders keeps none.
pub(super) fn everywhere(viewer: &Viewer) -> Result<(), ServiceError> {
    viewer.require(Permission::WebhookWrite)?;
    if viewer.folders.is_some() {
        let message = "your role is limited to folders, and addresses are told of the whole organization";
        return Err(ServiceError::mistake(Mistake::new(Code::WrongState, "", message)));
    }
    Ok(())
}

async fn one(services: &Services, viewer: &Viewer, id: WebhookEndpointId) -> Result<WebhookEndpointRow, ServiceError> {
    services.store().webhook_endpoint(viewer.organization, id).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: WebhookEndpointId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no webhook endpoint `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `webhookEndpoints`."))
}

fn enabled(row: &WebhookEndpointRow) -> Result<(), ServiceError> {
    if row.is_enabled {
        return Ok(());
    }
    let mistake = Mistake::new(Code::WrongState, "id", format!("webhook endpoint `{}` is switched off", row.id));
    Err(ServiceError::mistake(mistake.with_help("Switch it on with `webhookEndpointUpdate`.")))
}

fn changed_meanwhile() -> ServiceError {
    let message = "somebody else changed the webhook endpoint meanwhile";
    ServiceError::mistake(Mistake::new(Code::Conflict, "expectedRevision", message))
}

fn listed(workflows: Option<Vec<WorkflowId>>) -> Option<String> {
    workflows.map(|workflows| json!(workflows).to_string())
}

fn check(url: Option<&str>, description: Option<&str>, event_types: Option<&[String]>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if let Some(wrong) = url.and_then(|url| wrong_address(url).err()) {
        mistakes.push(Mistake::new(Code::Invalid, "url", wrong));
    }
    if description.is_some_and(|text| text.chars().count() > MAX_TEXT || text.contains('\0')) {
        let message = format!("a description has at most {MAX_TEXT} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "description", message));
    }
    let Some(event_types) = event_types else { return mistakes };
    if event_types.is_empty() || event_types.len() > MAX_LIST {
        mistakes.push(Mistake::new(Code::Invalid, "eventTypes", format!("name 1 to {MAX_LIST} types")));
    }
    for (place, pattern) in event_types.iter().enumerate().filter(|(_, pattern)| !is_pattern(pattern)) {
        let shown: String = pattern.chars().take(64).collect();
        let mistake = Mistake::new(Code::Invalid, &format!("eventTypes.{place}"), format!("`{shown}` is not told"));
        let help = format!("These are: {}; `execution.*`, `approval.*` and `*`.", EVENT_TYPES.join(", "));
        mistakes.push(mistake.with_help(help));
    }
    mistakes
}

/// Whether it can be an address at all; whether it may be called is decided by the worker that calls it.
fn wrong_address(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > MAX_TEXT {
        return Err("an address has at most 2,000 characters");
    }
    let url = Url::parse(text).map_err(|_problem| "this is no address such as `https://example.com/hooks`")?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err("an address begins with `https://` or `http://` and names a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address has no name and password in it: messages are signed");
    }
    Ok(())
}

async fn check_workflows(
    services: &Services,
    viewer: &Viewer,
    workflows: Option<&[WorkflowId]>,
) -> Result<Vec<Mistake>, ServiceError> {
    let Some(workflows) = workflows else { return Ok(Vec::new()) };
    if workflows.len() > MAX_LIST {
        return Ok(vec![Mistake::new(Code::TooLarge, "workflowIds", format!("name at most {MAX_LIST} workflows"))]);
    }
    let known = services.store().workflows_by_ids(viewer.organization, workflows).await?;
    let missing = workflows.iter().enumerate().filter(|(_, id)| known.iter().all(|row| row.id != **id));
    Ok(missing
        .map(|(place, id)| {
            Mistake::new(Code::NotFound, &format!("workflowIds.{place}"), format!("there is no workflow {id}"))
        })
        .collect())
}

fn change(row: &WebhookEndpointRow, named: &'static str) -> Change {
    Change::of("webhook_endpoint", row.id, "").named(named)
}

/// What the audit log keeps: the host, and neither path nor secret, which may both be one.
fn shown(row: &WebhookEndpointRow) -> Value {
    let host = Url::parse(&row.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let list = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "host": host,
        "eventTypes": list(&row.event_types),
        "workflowIds": row.workflow_ids.as_deref().map(list),
        "isEnabled": row.is_enabled,
    })
}
