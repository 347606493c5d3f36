//! A tick: plans what is due, starts it, and notes what came of it.

use async_recursion::async_recursion as boxed;
use engine::Timestamp;
use ids::ExecutionId;
use queue::Notice;
use store::{FinishedRun, SchedulePlan, ScheduleRow, ScheduleRunKind, ScheduleRunRow};
use tracing::warn;

use super::input;
use super::plan::plan;
use super::write::change;
use crate::audit;
use crate::error::{ServiceError, chain};
use crate::executions::{self, PlannedStart, StartRequest, Trigger};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::{Actor, Origin, Viewer};

/// Schedules in one transaction.
const LIMIT: u64 = 1_000;
/// Transactions in one tick at most; the next tick goes on.
const MAX_ROUNDS: usize = 50;

/// Fires what is due; returns how many points in time came to a start, or to none.
///
/// Any number of processes may do it at once, and each of them may die anywhere: a point in time comes once.
///
/// # Errors
/// When the database is away; the next tick goes on.
#[boxed]
pub async fn tick(services: &Services) -> Result<u64, ServiceError> {
    let mut count = 0;
    for _round in 0..MAX_ROUNDS {
        let decide = |due: Vec<store::DueSchedule>, now_ms: i64| {
            due.into_iter().map(|due| plan(due, Timestamp(now_ms))).collect::<Vec<_>>()
        };
        let fired = services.store().fire_schedules(services.now().0, LIMIT, decide).await?;
        for plan in fired.plans.iter().filter(|plan| plan.paused.is_some()) {
            tell_paused(services, plan).await;
        }
        let started = start(services, fired.plans).await;
        // Whoever follows one of them looks, whatever came of the starts.
        services.notices().publish(fired.moved.into_iter().map(Notice::of).collect());
        count += started?;
        if fired.looked_at < LIMIT {
            break;
        }
    }
    Ok(count)
}

/// A schedule has paused itself: the audit log has it as well as the schedule.
async fn tell_paused(services: &Services, plan: &SchedulePlan) {
    metrics::counter!("sluice_schedules_paused_total").increment(1);
    let row = &plan.row;
    let reason = plan.paused.clone().unwrap_or_default();
    tracing::warn!(schedule = %row.id, reason, "schedule {} has paused itself", row.id);
    let entry = audit::NewEntry {
        organization: Some(row.organization_id),
        actor: Actor::system(),
        action: "schedule.paused".to_owned(),
        outcome: audit::Outcome::Ok,
        change: change(row, "schedule.paused").because(Some(reason)),
        origin: Origin::default(),
    };
    if let Err(problem) = audit::record(services, entry).await {
        metrics::counter!("sluice_audit_lost_total").increment(1);
        tracing::error!(schedule = %row.id, error = %chain(&problem), "the audit log misses that a schedule paused itself");
    }
}

/// A run with its schedule.
struct Ready<'a> {
    row: &'a ScheduleRow,
    run: &'a ScheduleRunRow,
}

/// Starts what was planned, and notes what came of it.
pub(super) async fn start(services: &Services, plans: Vec<SchedulePlan>) -> Result<u64, ServiceError> {
    for plan in &plans {
        for execution in &plan.cancelled {
            cancel(services, &plan.row, *execution).await?;
        }
    }
    let ready: Vec<Ready<'_>> = plans
        .iter()
        .flat_map(|plan| {
            let runs = plan.again.iter().chain(&plan.released).chain(&plan.runs);
            runs.map(|run| Ready { row: &plan.row, run })
        })
        .collect();
    let (mut starts, mut finished, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for one in &ready {
        match request(services, one).await {
            Ok(start) => {
                starts.push(start);
                asked.push(one);
            }
            Err(problem) => finished.push(settle(one, Err(problem))?),
        }
    }
    let outcomes = executions::start_planned(services, starts).await?;
    for (one, outcome) in asked.into_iter().zip(outcomes) {
        finished.push(settle(one, outcome)?);
    }
    for one in &finished {
        let outcome = if one.execution_id.is_some() { "started" } else { "failed" };
        metrics::counter!("sluice_schedule_fires_total", "outcome" => outcome).increment(1);
    }
    services.store().finish_schedule_runs(&finished, services.now().0).await?;
    Ok(finished.len() as u64)
}

async fn request(services: &Services, ready: &Ready<'_>) -> Result<PlannedStart, ServiceError> {
    let Ready { row, run } = ready;
    let at = Timestamp(run.scheduled_for_ms);
    let late_ms = services.now().0.saturating_sub(run.scheduled_for_ms);
    metrics::histogram!("sluice_schedule_delay_seconds").record(late_ms.max(0) as f64 / 1_000.0);
    let request = StartRequest {
        workflow: WorkflowRef::Id(row.workflow_id),
        version: None,
        input: input::of(services, row, at).await?,
        key: None,
        idempotency_key: Some(format!("sched:{}:{}", row.id, run.scheduled_for_ms)),
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Schedule {
            schedule: row.id,
            scheduled_for: at,
            is_catch_up: run.kind == ScheduleRunKind::CatchUp,
        },
    };
    let id = run.execution_id.unwrap_or_else(ExecutionId::new);
    Ok(PlannedStart { organization: row.organization_id, id, request })
}

/// What came of a run. Only what may succeed later is an error: everything else is settled for good.
fn settle(ready: &Ready<'_>, outcome: Result<ExecutionId, ServiceError>) -> Result<FinishedRun, ServiceError> {
    let (execution_id, note) = match outcome {
        Ok(execution) => (Some(execution), None),
        Err(ServiceError::Mistakes(mistakes)) => {
            let note = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
            (None, Some(note.chars().take(1_000).collect()))
        }
        Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => return Err(problem),
        Err(problem) => {
            warn!(schedule = %ready.row.id, error = %chain(&problem), "an execution of schedule {} cannot be started", ready.row.id);
            (None, Some("internal error; the log of the worker has the cause".to_owned()))
        }
    };
    Ok(FinishedRun { id: ready.run.id, schedule_id: ready.row.id, execution_id, note })
}

/// What has ended already, or is gone, is in nobody's way.
async fn cancel(services: &Services, row: &ScheduleRow, execution: ExecutionId) -> Result<(), ServiceError> {
    let told = crate::signals::Told::Cancel {
        by: Some(Viewer::system(row.organization_id).actor.id),
        reason: Some(format!("schedule {} starts the next one", row.id)),
    };
    crate::signals::tell(services, vec![told.row(row.organization_id, execution)]).await
}
