//! Sends a past event again.

use async_recursion::async_recursion as boxed;
use ids::{EventId, WorkflowId};
use serde_json::json;
use store::NewEvent;

use super::emit::{Emitted, accept, fingerprint};
use super::route;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most workflows that a repetition is limited to.
const MAX_WORKFLOWS: usize = 100;

/// What to send again.
#[derive(Debug, Clone)]
pub struct ReplayRequest {
    /// The event.
    pub event: EventId,
    /// Only for these workflows, and for no execution that waits; for everybody when absent.
    pub workflows: Option<Vec<WorkflowId>>,
    /// Why, for the record.
    pub reason: Option<String>,
}

/// Sends a past event again: a new event with the same content, which names the old one. Its deduplication key stays
/// with the old one, so what it started is started anew.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`, too many or no workflows; the database away.
#[boxed]
pub async fn replay(services: &Services, viewer: &Viewer, request: ReplayRequest) -> Result<Emitted, ServiceError> {
    viewer.require(Permission::EventEmit)?;
    // The answer shows what somebody else sent.
    viewer.require(Permission::EventRead)?;
    let store = services.store();
    let old = store.event(viewer.organization, request.event).await?;
    let old = old.ok_or_else(|| {
        let message = format!("there is no event `{}`", request.event);
        ServiceError::mistake(Mistake::new(Code::NotFound, "id", message))
    })?;
    let only_workflows = match &request.workflows {
        Some(workflows) => {
            check(services, viewer, workflows).await?;
            Some(json!(workflows).to_string())
        }
        None => None,
    };
    let payload: serde_json::Value = serde_json::from_str(&old.payload)
        .map_err(|error| ServiceError::Internal { what: "a stored event cannot be read", source: error.into() })?;
    let now = services.now();
    let new = NewEvent {
        id: EventId::at(now.0),
        organization_id: viewer.organization,
        about: engine::machine::subject(&old.event_type, &payload),
        fingerprint: fingerprint(&old.event_type, &old.payload),
        event_type: old.event_type,
        source: old.source,
        subject: old.subject,
        payload: old.payload,
        deduplication_key: None,
        occurred_at_ms: old.occurred_at_ms,
        received_at_ms: now.0,
        depth: old.depth,
        replay_of: Some(old.id),
        only_workflows,
    };
    let (row, is_new) = accept(services, new).await?;
    let after = json!({ "replayOf": old.id, "workflowIds": request.workflows });
    let change = Change::of("event", row.id, &row.event_type).named("event.replayed").after(after);
    viewer.origin.trail.note(change.because(request.reason));
    Ok(Emitted { event: route::route(services, row).await?, is_new })
}

/// That the workflows exist, and are not too many.
async fn check(services: &Services, viewer: &Viewer, workflows: &[WorkflowId]) -> Result<(), ServiceError> {
    if !(1..=MAX_WORKFLOWS).contains(&workflows.len()) {
        let message = format!("an event is repeated for 1 to {MAX_WORKFLOWS} workflows, not {}", workflows.len());
        let mistake = Mistake::new(Code::TooLarge, "workflows", message);
        return Err(ServiceError::mistake(mistake.with_help("Leave `workflows` out to repeat it for all.")));
    }
    let mut known = services.store().workflows_by_ids(viewer.organization, workflows).await?;
    known.retain(|row| reach::has(viewer, row));
    let is_unknown = |id: &WorkflowId| known.iter().all(|row| row.id != *id);
    let unknown = workflows.iter().enumerate().filter(|(_, id)| is_unknown(id));
    let mistakes: Vec<Mistake> = unknown
        .map(|(at, id)| {
            Mistake::new(Code::NotFound, &format!("workflows.{at}"), format!("there is no workflow `{id}`"))
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(ServiceError::Mistakes(mistakes)) }
}
