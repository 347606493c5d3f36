//! Holds an event against the triggers of its organization and starts what fits.
//!
//! Each start carries an idempotency key made of event and workflow, so routing an event a second
//! time, after a crash or by two processes at once, starts nothing twice.

use async_recursion::async_recursion as boxed;
use std::borrow::Cow;
use std::collections::BTreeMap;

use engine::Timestamp;
use engine::definition::TriggerKind;
use engine::expr::Scope;
use ids::WorkflowId;
use serde_json::Value;
use store::{EventRow, RoutedEvent, TriggerCandidate};

use super::matches::{Match, MatchOutcome, outcomes};
use crate::error::ServiceError;
use crate::executions::{StartRequest, Started, Trigger, start_batch};
use crate::plans::{LoadedVersion, WorkflowRef};
use crate::services::Services;
use crate::viewer::Viewer;

/// Executions that lead to an event by triggers, one after the other, before it starts no more: workflows
/// that trigger each other would never come to an end (reliability.md X01).
const MAX_DEPTH: i16 = 16;

/// Why events could not be routed.
#[derive(Debug, thiserror::Error)]
#[error("event {event} cannot be routed")]
pub struct RouteError {
    event: String,
    #[source]
    source: ServiceError,
}

/// Routes events that were accepted before `older_than_ms` and are not routed; returns how many.
///
/// # Errors
/// When the database is away.
#[boxed]
pub async fn route_forgotten(services: &Services, older_than_ms: i64, limit: u64) -> Result<u64, RouteError> {
    let unrouted = services.store().unrouted_events(older_than_ms, limit).await;
    let unrouted = unrouted.map_err(|error| RouteError { event: "list".to_owned(), source: error.into() })?;
    let count = unrouted.len() as u64;
    for row in unrouted {
        let event = row.id.to_string();
        route(services, row).await.map_err(|source| RouteError { event, source })?;
    }
    Ok(count)
}

/// Starts what `row` triggers, tells who waits for it, and records what came of each workflow.
pub(super) async fn route(services: &Services, row: EventRow) -> Result<EventRow, ServiceError> {
    finish(services, begin(services, row).await?).await
}

/// An event whose executions are started.
pub(super) struct Begun {
    row: EventRow,
    payload: Value,
    matches: Vec<Match>,
}

/// Starts what `row` triggers.
pub(super) async fn begin(services: &Services, row: EventRow) -> Result<Begun, ServiceError> {
    let viewer = Viewer::system(row.organization_id);
    let payload: Value = serde_json::from_str(&row.payload).map_err(unreadable)?;
    let only: Option<Vec<WorkflowId>> =
        row.only_workflows.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?;
    let candidates = services.store().triggers_for(row.organization_id, &row.event_type).await?;
    let mut matches: BTreeMap<WorkflowId, Match> = BTreeMap::new();
    let mut requests = Vec::new();
    for candidate in candidates {
        if only.as_ref().is_some_and(|only| !only.contains(&candidate.workflow_id)) {
            continue;
        }
        // One event starts a workflow once, also when several of its triggers fit.
        if matches.get(&candidate.workflow_id).is_some_and(|known| known.outcome == MatchOutcome::Started) {
            continue;
        }
        let version = services.plans().version(services.store(), row.organization_id, candidate.version_id).await?;
        let Some(version) = version else { continue };
        let Some(mut found) = hold_against(&row, &payload, &candidate, &version, services.now()) else { continue };
        if found.outcome == MatchOutcome::Started && !candidate.is_enabled {
            found.outcome = MatchOutcome::Disabled;
        }
        if found.outcome == MatchOutcome::Started && row.depth > MAX_DEPTH {
            found.outcome = MatchOutcome::Refused;
            found.problem = Some(format!(
                "{MAX_DEPTH} executions in a row led to this event, so it starts no further one: do workflows trigger each other?"
            ));
        }
        if found.outcome == MatchOutcome::Started {
            requests.push(request(&row, &payload, candidate.workflow_id));
        }
        matches.insert(candidate.workflow_id, found);
    }
    let workflows: Vec<WorkflowId> =
        requests.iter().map(|request| workflow_of(&request.workflow)).collect::<Option<_>>().unwrap_or_default();
    let results = start_batch(services, &viewer, requests).await?;
    for (workflow, result) in workflows.into_iter().zip(results) {
        if let Some(found) = matches.get_mut(&workflow) {
            settle(found, result)?;
        }
    }
    Ok(Begun { row, payload, matches: matches.into_values().collect() })
}

/// Tells who waits for an event, and records what came of it.
pub(super) async fn finish(services: &Services, begun: Begun) -> Result<EventRow, ServiceError> {
    let mut rows = finish_together(services, vec![begun]).await?;
    rows.pop()
        .ok_or_else(|| ServiceError::Internal { what: "an event was not routed", source: "none came back".into() })
}

/// [`finish`] for events of one organization, in their order, with one record for all.
pub(super) async fn finish_together(services: &Services, begun: Vec<Begun>) -> Result<Vec<EventRow>, ServiceError> {
    let Some(organization) = begun.first().map(|begun| begun.row.organization_id) else { return Ok(Vec::new()) };
    let (mut rows, mut routed) = (Vec::with_capacity(begun.len()), Vec::with_capacity(begun.len()));
    for Begun { row, payload, matches } in begun {
        if row.only_workflows.is_none() {
            super::waits::tell_waiting(services, &row, &payload).await?;
        }
        let text = serde_json::to_string(&matches)
            .map_err(|error| ServiceError::Internal { what: "matches cannot be written", source: error.into() })?;
        routed.push(RoutedEvent { id: row.id, matches: text.clone(), outcomes: outcomes(&matches) });
        rows.push(EventRow { matches: Some(text), ..row });
    }
    let now_ms = services.now().0;
    services.store().mark_all_routed(organization, &routed, now_ms).await?;
    Ok(rows.into_iter().map(|row| EventRow { routed_at_ms: Some(now_ms), ..row }).collect())
}

fn unreadable(error: serde_json::Error) -> ServiceError {
    ServiceError::Internal { what: "a stored event cannot be read", source: error.into() }
}

fn workflow_of(reference: &WorkflowRef) -> Option<WorkflowId> {
    match reference {
        WorkflowRef::Id(id) => Some(*id),
        WorkflowRef::Slug(_) => None,
    }
}

/// What the trigger says to the event; `None` when its pattern does not fit.
fn hold_against(
    row: &EventRow,
    payload: &Value,
    candidate: &TriggerCandidate,
    version: &LoadedVersion,
    now: Timestamp,
) -> Option<Match> {
    let ordinal = usize::try_from(candidate.ordinal).ok()?;
    let trigger = version.plan.definition().triggers.get(ordinal)?;
    let TriggerKind::Event { pattern, condition } = &trigger.kind else { return None };
    if !pattern.matches(&row.event_type) {
        return None;
    }
    let mut found = Match {
        workflow: candidate.workflow_id,
        outcome: MatchOutcome::Started,
        why: None,
        execution: None,
        problem: None,
    };
    if let Some(condition) = condition {
        match condition.evaluate(&PayloadScope { payload, now }) {
            Ok(explanation) => {
                if !explanation.result {
                    found.outcome = MatchOutcome::Filtered;
                }
                found.why = Some(explanation);
            }
            Err(problem) => {
                found.outcome = MatchOutcome::Filtered;
                found.problem = Some(problem.to_string());
            }
        }
    }
    Some(found)
}

fn request(row: &EventRow, payload: &Value, workflow: WorkflowId) -> StartRequest {
    StartRequest {
        workflow: WorkflowRef::Id(workflow),
        version: None,
        input: Some(payload.clone()),
        key: None,
        idempotency_key: Some(format!("event:{}:{workflow}", row.id)),
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Event {
            id: row.id,
            event: row.event_type.clone(),
            source: row.source.clone(),
            received_at: Timestamp(row.received_at_ms).to_rfc3339(),
            depth: row.depth,
        },
    }
}

/// Notes what became of the start; only what may succeed later is an error.
fn settle(found: &mut Match, result: Result<Started, ServiceError>) -> Result<(), ServiceError> {
    match result {
        Ok(started) => found.execution = Some(started.execution),
        Err(ServiceError::Mistakes(mistakes)) => {
            let disabled = mistakes.iter().any(|mistake| mistake.code == crate::code::Code::WorkflowDisabled);
            found.outcome = if disabled { MatchOutcome::Disabled } else { MatchOutcome::Refused };
            found.problem = Some(mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; "));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What a trigger's condition may read: the payload, at the root and as `event`.
struct PayloadScope<'a> {
    payload: &'a Value,
    now: Timestamp,
}

impl Scope for PayloadScope<'_> {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        match self.payload.get(name) {
            Some(value) => Some(Cow::Borrowed(value)),
            None if name == "event" => Some(Cow::Borrowed(self.payload)),
            None => None,
        }
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
