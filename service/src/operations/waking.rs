//! Why executions do not move, and what will move them.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeMap;

use engine::Timestamp;
use ids::{ExecutionId, WorkerId};
use store::{ExecutionStatus, WaitRow, Waking, WorkerRow};

use crate::error::ServiceError;
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Sorts of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeKind {
    /// A time, or the delay before a retry.
    Timer,
    /// An awaited event or signal.
    Event,
    /// People who decide.
    Approval,
    /// A worker has it.
    Lease,
    /// It is queued.
    Task,
    /// A child execution.
    Child,
    /// A slot, or a turn of a rate.
    Slot,
    /// It is paused.
    Hold,
}

/// A live reason why an execution will move again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WakeReason {
    /// Sort of reason.
    pub kind: WakeKind,
    /// In words.
    pub summary: String,
    /// When, Unix milliseconds, if known.
    pub at_ms: Option<i64>,
    /// The step that it belongs to.
    pub step_path: Option<String>,
}

/// Why each of several executions will move again; those that have ended or are unknown are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn wake_reasons(
    services: &Services,
    viewer: &Viewer,
    ids: &[ExecutionId],
) -> Result<Vec<(ExecutionId, Vec<WakeReason>)>, ServiceError> {
    viewer.require(Permission::ExecutionRead)?;
    let ids = reach::executions(services, viewer, ids).await?;
    let (live, waits, workers) = services.store().waking(viewer.organization, &ids).await?;
    let workers: BTreeMap<WorkerId, WorkerRow> = workers.into_iter().map(|worker| (worker.id, worker)).collect();
    let mut by_execution: BTreeMap<ExecutionId, Vec<WaitRow>> = BTreeMap::new();
    for waiting in waits {
        by_execution.entry(waiting.execution).or_default().push(waiting.wait);
    }
    let reasons = live.into_iter().map(|one| {
        let waits = by_execution.remove(&one.id).unwrap_or_default();
        (one.id, reasons(&one, &waits, &workers))
    });
    Ok(reasons.collect())
}

fn reasons(one: &Waking, waits: &[WaitRow], workers: &BTreeMap<WorkerId, WorkerRow>) -> Vec<WakeReason> {
    let plain = |kind, summary, at_ms| WakeReason { kind, summary, at_ms, step_path: None };
    match one.status {
        ExecutionStatus::Queued => {
            let summary = format!("waits in queue `{}` for a worker to take it", one.queue);
            vec![plain(WakeKind::Task, summary, None)]
        }
        ExecutionStatus::Running => {
            let known = one.worker.and_then(|worker| workers.get(&worker));
            let until = known.map(|worker| worker.heartbeat_at_ms.saturating_add(worker.lease_ms));
            let summary = match (known, until) {
                (Some(worker), Some(until)) => {
                    format!("leased to worker {} ({}) until {}", worker.id, worker.name, moment(until))
                }
                _unknown => "its worker is gone, so it is taken back within seconds".to_owned(),
            };
            vec![plain(WakeKind::Lease, summary, until)]
        }
        ExecutionStatus::Paused => {
            let of_resume = |wait: &&WaitRow| wait.kind == "resume";
            let resumes = waits.iter().filter(of_resume).find_map(|wait| wait.due_at_ms);
            let event = waits.iter().filter(of_resume).find_map(|wait| wait.event.as_ref());
            let at_event = event.map_or_else(String::new, |event| format!(", or by itself at event `{event}`"));
            let until = resumes.map_or_else(String::new, |at| format!(", or by itself at {}", moment(at)));
            let summary = format!("paused: it goes on when somebody resumes it{at_event}{until}");
            let held = plain(WakeKind::Hold, summary, resumes);
            std::iter::once(held).chain(waits.iter().filter(|wait| wait.event.is_some()).map(of_wait)).collect()
        }
        ExecutionStatus::Waiting | ExecutionStatus::Blocked => waits.iter().map(of_wait).collect(),
        ExecutionStatus::Completed | ExecutionStatus::Failed | ExecutionStatus::Cancelled => Vec::new(),
    }
}

fn of_wait(wait: &WaitRow) -> WakeReason {
    let until = wait.due_at_ms.map(moment);
    let at_most = until.as_ref().map_or_else(String::new, |until| format!(", until {until} at most"));
    let when = until.clone().unwrap_or_else(|| "now".to_owned());
    let target = wait.target.as_deref().unwrap_or("unknown");
    let (kind, summary) = match wait.kind.as_str() {
        "retry" => (WakeKind::Timer, format!("retry at {when}")),
        "timer" => (WakeKind::Timer, format!("timer at {when}")),
        "deadline" => (WakeKind::Timer, format!("its whole life is over at {when}")),
        "event" => {
            let event = wait.event.as_deref().unwrap_or("unknown");
            let about = wait.correlation.as_ref().map_or_else(String::new, |about| format!(" about {about}"));
            (WakeKind::Event, format!("event `{event}`{about}{at_most}"))
        }
        // Not what it is about: whoever asked for it chose the path, and the value is of the execution's data.
        "resume" if wait.event.is_some() => {
            let event = wait.event.as_deref().unwrap_or("unknown");
            (WakeKind::Event, format!("event `{event}`, which ends the pause"))
        }
        "approval" => (WakeKind::Approval, format!("decision of approval {target}{at_most}")),
        "child" => (WakeKind::Child, format!("end of execution {target}{at_most}")),
        "slot" => (WakeKind::Slot, format!("a slot of its concurrency key{at_most}")),
        "rate" if wait.step_path.is_empty() => {
            (WakeKind::Slot, format!("its turn by the rate of its workflow at {when}"))
        }
        "rate" => (WakeKind::Slot, format!("the turn of its call by the rate of the service at {when}")),
        other => (WakeKind::Timer, format!("{other} at {when}")),
    };
    let step_path = Some(wait.step_path.clone()).filter(|path| !path.is_empty());
    WakeReason { kind, summary, at_ms: wait.due_at_ms, step_path }
}

fn moment(at_ms: i64) -> String {
    Timestamp(at_ms).to_rfc3339()
}
