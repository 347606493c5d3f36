//! Reads executions, pages of them, and what their journals tell.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::machine::{Event, Origin, Trace};
use ids::ExecutionId;
use store::{ExecutionFilter, ExecutionOrder, ExecutionRow, Page, PageRequest};

use super::follow::JournalEvent;
use crate::error::ServiceError;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One execution; `None` when the organization has none such.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn execution(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
) -> Result<Option<ExecutionRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    reach::execution(services, viewer, services.store().execution(viewer.organization, id).await?).await
}

/// Several executions, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn executions_by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[ExecutionId],
) -> Result<Vec<ExecutionRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let ids = reach::executions(services, viewer, ids).await?;
    Ok(services.store().executions_by_ids(viewer.organization, &ids).await?)
}

/// A page of the executions that fit.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &ExecutionFilter,
    order: ExecutionOrder,
    request: &PageRequest,
) -> Result<Page<ExecutionRow>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().executions(viewer.organization, &reach::of_executions(viewer, filter), order, request).await?)
}

/// How many executions fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, a filter that nests too deep, or the database is away.
#[boxed]
pub async fn count(
    services: &Services,
    viewer: &Viewer,
    filter: &ExecutionFilter,
) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    Ok(services.store().count_executions(viewer.organization, &reach::of_executions(viewer, filter)).await?)
}

/// What happened in each of several executions, folded from their journals for people to read.
/// Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, the database is away, or a journal cannot be read.
#[boxed]
pub async fn traces(
    services: &Services,
    viewer: &Viewer,
    ids: &[ExecutionId],
) -> Result<Vec<(ExecutionId, Trace)>, ServiceError> {
    viewer.require(Permission::ExecutionDataRead)?;
    let ids = reach::executions(services, viewer, ids).await?;
    let mut events: BTreeMap<ExecutionId, Vec<Event>> = BTreeMap::new();
    for entry in services.store().journals(viewer.organization, &ids, WHOLE_JOURNAL).await? {
        events.entry(entry.execution_id).or_default().extend(parse_events(&entry.events)?);
    }
    Ok(events.into_iter().map(|(id, events)| (id, Trace::fold(events))).collect())
}

/// The journals of several executions, event by event, oldest first. Unknown ones are left out.
///
/// # Errors
/// `Forbidden`, the database is away, or a journal cannot be read.
#[boxed]
pub async fn histories(
    services: &Services,
    viewer: &Viewer,
    ids: &[ExecutionId],
) -> Result<BTreeMap<ExecutionId, Vec<JournalEvent>>, ServiceError> {
    viewer.require(Permission::ExecutionDataRead)?;
    let ids = reach::executions(services, viewer, ids).await?;
    let mut histories: BTreeMap<ExecutionId, Vec<JournalEvent>> = BTreeMap::new();
    for entry in services.store().journals(viewer.organization, &ids, WHOLE_JOURNAL).await? {
        let events = parse_events(&entry.events)?.into_iter().enumerate();
        let events = events.map(|(index, event)| JournalEvent { seq: entry.seq, index, at_ms: entry.at_ms, event });
        histories.entry(entry.execution_id).or_default().extend(events);
    }
    Ok(histories)
}

/// Journal rows of one execution that a trace is made from at most.
const WHOLE_JOURNAL: u64 = 100_000;

/// The data of an execution as its templates read it now: the payload with what was written over it.
///
/// # Errors
/// `Forbidden`, or the stored input cannot be read.
pub fn context(viewer: &Viewer, row: &ExecutionRow, trace: &Trace) -> Result<serde_json::Value, ServiceError> {
    viewer.require(Permission::ExecutionDataRead)?;
    let facts = Facts {
        id: row.id,
        organization: row.organization_id,
        version_number: row.version_number,
        input: &row.input,
        trigger: &row.trigger,
        queued_at_ms: row.queued_at_ms,
    };
    Ok(trace.context(&origin(&facts, "", None, "")?))
}

/// The unchanging facts of an execution, as rows hold them.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The execution.
    pub id: ExecutionId,
    /// Its organization.
    pub organization: ids::OrganizationId,
    /// Number of its version.
    pub version_number: i32,
    /// JSON text.
    pub input: &'a str,
    /// JSON text.
    pub trigger: &'a str,
    /// Unix milliseconds.
    pub queued_at_ms: i64,
}

/// The unchanging facts of an execution, for the engine.
///
/// # Errors
/// When the stored input or trigger is no JSON.
pub fn origin(row: &Facts<'_>, slug: &str, name: Option<&str>, base_url: &str) -> Result<Origin, ServiceError> {
    let parse = |text: &str| {
        serde_json::from_str(text)
            .map_err(|error| ServiceError::Internal { what: "a stored execution cannot be read", source: error.into() })
    };
    Ok(Origin {
        execution: row.id.to_string(),
        organization: row.organization.to_string(),
        workflow_id: slug.to_owned(),
        workflow_name: name.unwrap_or(slug).to_owned(),
        version: row.version_number,
        payload: parse(row.input)?,
        trigger: parse(row.trigger)?,
        accepted_at: engine::Timestamp(row.queued_at_ms),
        base_url: base_url.to_owned(),
    })
}

/// The events of one journal row.
///
/// # Errors
/// When the stored text is not what this program wrote.
pub fn parse_events(text: &str) -> Result<Vec<Event>, ServiceError> {
    serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a journal row cannot be read", source: error.into() })
}
