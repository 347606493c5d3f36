//! Accepts bulk operations.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;

use ids::{BulkOperationId, ExecutionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{BulkKind, BulkOperationRow, BulkStatus, ExecutionFilter};

use super::{kinds, walk};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::executions::{self, asked};
use crate::identity::Principal;
use crate::services::Services;
use crate::viewer::Viewer;

/// Executions in a second of an operation that says nothing.
pub const DEFAULT_RATE: i32 = 1_000;
/// Executions in a second of an operation at most.
pub const MAX_RATE: i32 = 10_000;
/// Executions that are named one by one, at most.
pub const MAX_IDS: usize = 1_000;
/// Operations of one organization that have not ended, at most.
pub const MAX_OPEN: u64 = 100;

/// Longest id of a step, in bytes.
const MAX_STEP: usize = 255;

/// Which executions.
#[derive(Debug, Clone)]
pub enum Which {
    /// Those that fit, and are in a state in which there is something to do.
    Fitting(Box<ExecutionFilter>),
    /// These.
    Named(Vec<ExecutionId>),
}

/// What a kind needs beside the executions, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arguments {
    /// Of a resume: merged over the data of each execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Of a migration: number of the version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<i32>,
    /// Of a rerun: the step to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// Executions that were named: those in another state are passed and counted too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_named: bool,
}

/// A bulk operation to start.
#[derive(Debug, Clone)]
pub struct NewOperation {
    /// What to do.
    pub kind: BulkKind,
    /// With which executions; nothing at all is refused.
    pub which: Option<Which>,
    /// Why.
    pub reason: String,
    /// Only count and check.
    pub is_dry_run: bool,
    /// Executions in a second at most.
    pub rate_per_second: Option<i32>,
    /// Of a resume: merged over the data of each execution.
    pub data: Option<Value>,
    /// Of a migration: number of the version that they go on with.
    pub to_version: Option<i32>,
    /// Of a rerun: the step that the new ones begin with.
    pub from_step: Option<String>,
}

/// Accepts an operation: durable when this returns, and done in the background. Executions that are accepted later
/// are not its own.
///
/// # Errors
/// `Forbidden`; mistakes, all at once; the database away.
#[boxed]
pub async fn start(services: &Services, viewer: &Viewer, new: NewOperation) -> Result<BulkOperationRow, ServiceError> {
    let mut arguments = Arguments {
        data: new.data.clone(),
        to_version: new.to_version,
        from_step: new.from_step.clone(),
        is_named: false,
    };
    kinds::may(viewer, new.kind, &arguments)?;
    let mut mistakes = check(services, &new);
    let filter = match new.which {
        None => {
            let message = "say with which executions: give `filter` or `ids`";
            mistakes.push(Mistake::new(Code::Required, "filter", message));
            ExecutionFilter::default()
        }
        Some(Which::Fitting(filter)) => *filter,
        Some(Which::Named(ids)) => {
            arguments.is_named = true;
            named(services, viewer, ids, &mut mistakes).await?
        }
    };
    if mistakes.is_empty() {
        mistakes.extend(check_room(services, viewer).await?);
    }
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let row = BulkOperationRow {
        filter: serde_json::to_string(&filter).expect("filters are plain data"),
        arguments: Some(serde_json::to_string(&arguments).expect("arguments are plain data")),
        is_dry_run: new.is_dry_run,
        rate_per_second: new.rate_per_second.unwrap_or(DEFAULT_RATE),
        ..fresh(services, viewer, new.kind, new.reason)
    };
    // Nests too deep, or the like: told now, and not when nobody listens any more.
    let looked_at = walk::filter(&row, &filter, &arguments, viewer);
    services.store().walk_executions(viewer.organization, &looked_at, None, 1).await?;
    if !services.store().insert_bulk_operation(row.clone()).await? {
        return Err(ServiceError::Unauthenticated);
    }
    let change =
        Change::of("bulk_operation", row.id, "").named("bulk_operation.started").because(Some(row.reason.clone()));
    viewer.origin.trail.note(change.after(json!({
        "kind": kinds::name(row.kind),
        "toVersion": arguments.to_version,
        "fromStep": arguments.from_step,
        "filter": filter,
        "isDryRun": row.is_dry_run,
        "ratePerSecond": row.rate_per_second,
    })));
    Ok(row)
}

/// An operation of whoever asks that begins now, with everything before it.
pub(super) fn fresh(services: &Services, viewer: &Viewer, kind: BulkKind, reason: String) -> BulkOperationRow {
    let now_ms = services.now().0;
    BulkOperationRow {
        id: BulkOperationId::new(),
        organization_id: viewer.organization,
        kind,
        status: BulkStatus::Pending,
        filter: "{}".to_owned(),
        arguments: None,
        reason,
        is_dry_run: false,
        rate_per_second: DEFAULT_RATE,
        created_by: viewer.actor.id.clone(),
        acts_as: principal(viewer),
        total: 0,
        is_counted: false,
        succeeded: 0,
        failed: 0,
        skipped: 0,
        position: None,
        epoch: 0,
        lease_until_ms: 0,
        due_at_ms: Some(now_ms),
        status_reason: None,
        created_at_ms: now_ms,
        ended_at_ms: None,
    }
}

/// Whose rights an operation has that they ask for, as it is stored.
pub(super) fn principal(viewer: &Viewer) -> String {
    serde_json::to_string(&Principal::of(viewer)).expect("principals are plain data")
}

/// What is wrong when too many operations have not ended.
pub(super) async fn check_room(services: &Services, viewer: &Viewer) -> Result<Option<Mistake>, ServiceError> {
    if services.store().count_open_bulk_operations(viewer.organization).await? < MAX_OPEN {
        return Ok(None);
    }
    let message = format!("{MAX_OPEN} bulk operations of the organization have not ended");
    Ok(Some(Mistake::new(Code::TooLarge, "", message).with_help("Wait for one of them, or cancel it.")))
}

/// What is wrong with a rate.
pub(super) fn check_rate(rate_per_second: Option<i32>) -> Option<Mistake> {
    let is_wrong = rate_per_second.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate));
    let message = || format!("`ratePerSecond` must be 1 to {MAX_RATE}");
    is_wrong.then(|| Mistake::new(Code::Invalid, "ratePerSecond", message()))
}

fn check(services: &Services, new: &NewOperation) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut all = |checked: Result<(), ServiceError>| {
        if let Err(ServiceError::Mistakes(more)) = checked {
            mistakes.extend(more);
        }
    };
    all(executions::check_reason(Some(&new.reason)));
    all(asked::check_data(new.data.as_ref()));
    if new.data.is_some() && new.kind != BulkKind::Resume {
        mistakes.push(Mistake::new(Code::Invalid, "data", "only paused executions that are resumed take data"));
    }
    mistakes.extend(check_arguments(new));
    let limit = services.settings().max_payload_bytes;
    if new.data.as_ref().is_some_and(|data| data.to_string().len() > limit) {
        mistakes.push(Mistake::new(Code::TooLarge, "data", format!("`data` has more than {limit} bytes")));
    }
    mistakes.extend(check_rate(new.rate_per_second));
    mistakes
}

/// What a kind needs, and what others do not know.
fn check_arguments(new: &NewOperation) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if new.kind == BulkKind::Start {
        let message = "executions are started from items, not from other executions";
        mistakes
            .push(Mistake::new(Code::Invalid, "kind", message).with_help("Give the items to `executionStartMany`."));
    }
    match (new.kind, new.to_version) {
        (BulkKind::Migrate, None) => {
            let message = "say to which version: give `toVersion`";
            mistakes.push(Mistake::new(Code::Required, "toVersion", message));
        }
        (BulkKind::Migrate, Some(_)) | (_, None) => {}
        (_other, Some(_)) => {
            mistakes.push(Mistake::new(Code::Invalid, "toVersion", "only executions that are moved take a version"));
        }
    }
    if let Some(step) = &new.from_step {
        if new.kind != BulkKind::Rerun {
            mistakes.push(Mistake::new(Code::Invalid, "fromStep", "only executions that are repeated take a step"));
        } else if step.is_empty() || step.len() > MAX_STEP || step.contains('\0') {
            let message = format!("the id of a step has 1 to {MAX_STEP} bytes");
            mistakes.push(Mistake::new(Code::Invalid, "fromStep", message));
        }
    }
    mistakes
}

/// These executions, each of which has to be there.
async fn named(
    services: &Services,
    viewer: &Viewer,
    ids: Vec<ExecutionId>,
    mistakes: &mut Vec<Mistake>,
) -> Result<ExecutionFilter, ServiceError> {
    /// Mistakes that are told of a list.
    const TOLD: usize = 20;
    if ids.is_empty() || ids.len() > MAX_IDS {
        let message = format!("`ids` has 1 to {MAX_IDS} ids, not {}", ids.len());
        mistakes.push(Mistake::new(Code::Invalid, "ids", message).with_help("Use `filter` for more."));
        return Ok(ExecutionFilter::default());
    }
    let wanted = ExecutionFilter { ids: Some(ids.clone()), ..ExecutionFilter::default() };
    let reached = crate::reach::of_executions(viewer, &wanted);
    let there = services.store().walk_executions(viewer.organization, &reached, None, MAX_IDS as u64).await?;
    let there: BTreeSet<ExecutionId> = there.into_iter().collect();
    let missing = ids.iter().enumerate().filter(|(_, id)| !there.contains(id)).take(TOLD);
    mistakes.extend(missing.map(|(place, id)| {
        Mistake::new(Code::NotFound, &format!("ids.{place}"), format!("there is no execution {id}"))
    }));
    Ok(wanted)
}
