//! Executions that go on with another version of their workflow: which can, and moving them.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use engine::machine::{self, Event, Obstacle, Versions};
use ids::{ExecutionId, WorkflowId, WorkflowVersionId};
use queue::Notice;
use serde_json::{Value, json};
use store::{Cursor, ExecutionFilter, ExecutionOrder, ExecutionRow, ExecutionStatus, PageRequest, Relocation};

use super::control::{check_reason, note};
use super::known::{Known, found};
use super::read::page;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::LoadedVersion;
use crate::reach;
use crate::rules::pin_anew;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// How often it is tried when somebody else writes the execution at the same moment.
const TRIES: usize = 5;

/// What has not ended.
const LIVE: [ExecutionStatus; 5] = [
    ExecutionStatus::Queued,
    ExecutionStatus::Running,
    ExecutionStatus::Waiting,
    ExecutionStatus::Blocked,
    ExecutionStatus::Paused,
];

/// A version to move to.
pub(crate) struct Target {
    version: Arc<LoadedVersion>,
    canonical: Value,
}

/// Lets an execution that rests go on with another version of its workflow: where it stands, with all that it has
/// found out, and what it waits for. One that is on that version already stays as it is.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` with every reason why it cannot move; the database away.
#[boxed]
pub async fn migrate(
    services: &Services,
    viewer: &Viewer,
    id: ExecutionId,
    to_version: i32,
    reason: String,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionRepair)?;
    check_reason(Some(&reason))?;
    let row = found(services, viewer, id).await?;
    let target = target(services, viewer, row.workflow_id, to_version).await?;
    for _try in 0..TRIES {
        let row = found(services, viewer, id).await?;
        if relocate(services, viewer, row, &target, &reason).await? {
            return found(services, viewer, id).await;
        }
    }
    Err(refused(id, OVERTAKEN))
}

/// Moves it as it was read; false when somebody else has written it since.
async fn relocate(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    target: &Target,
    reason: &str,
) -> Result<bool, ServiceError> {
    let before = row.clone();
    let Some(relocation) = to_move(services, viewer, row, target, reason).await? else { return Ok(true) };
    let Some(seq) = services.store().relocate(&relocation).await? else { return Ok(false) };
    let after = json!({ "fromVersion": before.version_number, "toVersion": relocation.to_number });
    note(viewer, &before, "execution.migrated", Some(reason.to_owned()), after);
    announce(services, &[(&relocation, seq)]);
    Ok(true)
}

/// To go on with another version, which holds for the execution as it was read; nothing when it is on that version.
///
/// # Errors
/// `WRONG_STATE` with every reason why it cannot move; the database away.
pub(crate) async fn to_move(
    services: &Services,
    viewer: &Viewer,
    row: ExecutionRow,
    target: &Target,
    reason: &str,
) -> Result<Option<Relocation>, ServiceError> {
    let (id, from, from_number) = (row.id, row.version_id, row.version_number);
    if from == target.version.id {
        return Ok(None);
    }
    if !rests(&row) {
        return Err(refused(id, "it is at work, or has ended; it can move when it rests"));
    }
    let known = Known::read(services, row).await?;
    let own = own_definition(services, viewer, known.version.id).await?;
    let obstacles = against(services, &known, &own, target);
    if !obstacles.is_empty() {
        let reasons: Vec<String> = obstacles.into_iter().map(|obstacle| obstacle.reason).collect();
        return Err(refused(id, &reasons.join("; ")));
    }
    let (now, to) = (services.now(), target.version.number);
    let (by, why) = (Some(viewer.actor.id.clone()), Some(reason.to_owned()));
    let moved = Event::Moved { from: from_number, to, by, reason: why, at: now };
    let definition = target.version.plan.definition();
    Ok(Some(Relocation {
        organization_id: viewer.organization,
        execution_id: id,
        seq: known.seq,
        from,
        to: target.version.id,
        to_number: to,
        queue: definition.queue.clone(),
        deadline_at_ms: machine::life_ends(&target.version.plan, &known.origin, &known.state).map(|ends| ends.0),
        rules: pin_anew(services, viewer.organization, &target.version, known.row.rules.as_deref()).await?,
        events: serde_json::to_string(&[moved]).expect("events are plain data"),
        at_ms: now.0,
    }))
}

/// Tells those who follow executions that they have moved.
pub(crate) fn announce(services: &Services, moved: &[(&Relocation, i32)]) {
    metrics::counter!("sluice_executions_migrated_total").increment(moved.len() as u64);
    let notice = |(relocation, seq): &(&Relocation, i32)| Notice {
        organization: relocation.organization_id,
        execution: relocation.execution_id,
        seq: *seq,
        ended: false,
    };
    services.notices().publish(moved.iter().map(notice).collect());
}

/// Why one that could move has not.
pub(crate) const OVERTAKEN: &str = "it went on at the same moment; try again when it rests";

const fn rests(row: &ExecutionRow) -> bool {
    matches!(row.status, ExecutionStatus::Waiting | ExecutionStatus::Blocked | ExecutionStatus::Paused)
}

/// Which executions to move where.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Which of its executions; those that have ended are left out.
    pub filter: ExecutionFilter,
    /// Number of the version to move to.
    pub to_version: i32,
    /// Which part of them.
    pub page: PageRequest,
}

/// What would come of moving some executions.
#[derive(Debug)]
pub struct MigrationPlan {
    /// Those that can move.
    pub movable: Vec<ExecutionRow>,
    /// Those that cannot, each with what stands in the way.
    pub held: Vec<(ExecutionRow, Vec<Obstacle>)>,
    /// Those that are on the version already.
    pub there: u64,
    /// How many executions fit, counted up to 10,000.
    pub total: u64,
    /// Where the rest begins; none when there is no more.
    pub next: Option<Cursor>,
}

/// Looks which executions can move, page by page, and moves none.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; a filter that nests too deep; the database away.
#[boxed]
pub async fn plan_migration(
    services: &Services,
    viewer: &Viewer,
    request: PlanRequest,
) -> Result<MigrationPlan, ServiceError> {
    viewer.require(Permission::ExecutionRepair)?;
    if !reach::workflow(services, viewer, request.workflow).await? {
        let mistake = Mistake::new(Code::NotFound, "workflow", format!("there is no workflow `{}`", request.workflow));
        return Err(ServiceError::mistake(mistake));
    }
    let target = target(services, viewer, request.workflow, request.to_version).await?;
    let filter = ExecutionFilter {
        workflow_ids: Some(vec![request.workflow]),
        statuses: Some(LIVE.to_vec()),
        and: vec![request.filter],
        ..ExecutionFilter::default()
    };
    let (total, _is_exact) = super::read::count(services, viewer, &filter).await?;
    let rows = page(services, viewer, &filter, ExecutionOrder::default(), &request.page).await?;
    let next = rows.rows.last().filter(|_last| rows.has_next).map(|(cursor, _)| cursor.clone());
    // Of the versions that they are on, mostly one or two, each is read once.
    let mut definitions: BTreeMap<WorkflowVersionId, Value> = BTreeMap::new();
    let mut plan = MigrationPlan { movable: Vec::new(), held: Vec::new(), there: 0, total, next };
    for (_, row) in rows.rows {
        if row.version_id == target.version.id {
            plan.there += 1;
            continue;
        }
        if !rests(&row) {
            let reason = "it is at work, or about to be; it can move when it rests, so pause it".to_owned();
            plan.held.push((row, vec![Obstacle { path: None, reason }]));
            continue;
        }
        let known = Known::read(services, row).await?;
        let own = match definitions.entry(known.version.id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(own_definition(services, viewer, known.version.id).await?),
        };
        let obstacles = against(services, &known, own, &target);
        if obstacles.is_empty() {
            plan.movable.push(known.row);
        } else {
            plan.held.push((known.row, obstacles));
        }
    }
    Ok(plan)
}

/// A version of a workflow, to move executions to.
///
/// # Errors
/// `NOT_FOUND`, or the database is away.
pub(crate) async fn target(
    services: &Services,
    viewer: &Viewer,
    workflow: WorkflowId,
    number: i32,
) -> Result<Target, ServiceError> {
    let row = services.store().version_by_number(viewer.organization, workflow, number).await?.ok_or_else(|| {
        let mistake = Mistake::new(Code::NotFound, "toVersion", format!("the workflow has no version {number}"));
        ServiceError::mistake(mistake.with_help("`workflow { versions { nodes { number } } }` lists them."))
    })?;
    let version = services.plans().version(services.store(), viewer.organization, row.id).await?;
    let version = version.ok_or_else(|| ServiceError::Internal {
        what: "a version that was there is missing",
        source: row.id.to_string().into(),
    })?;
    Ok(Target { canonical: canonical(&row.definition)?, version })
}

async fn own_definition(
    services: &Services,
    viewer: &Viewer,
    version: WorkflowVersionId,
) -> Result<Value, ServiceError> {
    let own = services.store().version(viewer.organization, version).await?;
    own.map_or(Ok(Value::Null), |row| canonical(&row.definition))
}

fn against(services: &Services, known: &Known, own: &Value, target: &Target) -> Vec<Obstacle> {
    let versions =
        Versions { from: own, to: &target.canonical, plan: &target.version.plan, number: target.version.number };
    machine::obstacles(&versions, &known.origin, &known.state, services.now())
}

fn canonical(text: &str) -> Result<Value, ServiceError> {
    serde_json::from_str(text)
        .map_err(|error| ServiceError::Internal { what: "a stored definition cannot be read", source: error.into() })
}

fn refused(id: ExecutionId, why: &str) -> ServiceError {
    let mistake = Mistake::new(Code::WrongState, "id", format!("execution {id} cannot move: {why}"));
    ServiceError::mistake(mistake.with_help("`migrationPlan` tells which executions can, and what holds the others."))
}
