//! Schedules, and what came of their points in time.

use std::collections::BTreeSet;

use ids::{BackfillId, ExecutionId, OrganizationId, ScheduleId, ScheduleRunId, WorkflowId};

use super::code::{UnknownCode, codes};

codes! {
    /// What came of a point in time.
    ScheduleRunState, "state of a schedule's run", {
        /// It is recorded that an execution is to be started.
        Planned = 0,
        /// An execution was started.
        Started = 1,
        /// The last one still ran.
        SkippedOverlap = 2,
        /// Waits for the last one.
        Buffered = 3,
        /// Came too late.
        Missed = 4,
        /// Could not be started.
        Failed = 5,
    }
}

codes! {
    /// Why a point in time came.
    ScheduleRunKind, "kind of a schedule's run", {
        /// It was its time.
        Due = 0,
        /// It was its time, and it was made up for late.
        CatchUp = 1,
        /// Somebody fired it.
        Manual = 2,
    }
}

/// What starts a workflow at points in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Its id.
    pub id: ScheduleId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// What it starts.
    pub workflow_id: WorkflowId,
    /// Name to show.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Spec, zone and policies, JSON.
    pub timing: String,
    /// Input of the executions, JSON.
    pub input: Option<String>,
    /// Place of the trigger of the workflow's definition that it belongs to.
    pub trigger_ordinal: Option<i32>,
    /// False while the workflow whose definition it belongs to is disabled.
    pub is_enabled: bool,
    /// Since when it is paused, Unix milliseconds.
    pub paused_at_ms: Option<i64>,
    /// Why.
    pub paused_reason: Option<String>,
    /// By whom.
    pub paused_by: Option<String>,
    /// Points in time after this one count, Unix milliseconds.
    pub timed_at_ms: i64,
    /// The next point in time, Unix milliseconds; absent when there is none, or it has to be found yet.
    pub due_ms: Option<i64>,
    /// When it fires for that, Unix milliseconds: later by the jitter.
    pub next_at_ms: Option<i64>,
    /// When a reconciler looks at it, Unix milliseconds.
    pub wake_at_ms: Option<i64>,
    /// Rises with every change by people.
    pub revision: i32,
    /// Same key, same schedule.
    pub idempotency_key: Option<String>,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed or something came of it, Unix milliseconds: another number each time.
    pub updated_at_ms: i64,
    /// After how many failures in a row it pauses itself; never when absent.
    pub pause_after: Option<i32>,
}

/// What came of a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRunRow {
    /// Its id.
    pub id: ScheduleRunId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// The point in time, Unix milliseconds; each comes once.
    pub scheduled_for_ms: i64,
    /// What came of it.
    pub state: ScheduleRunState,
    /// Why it came.
    pub kind: ScheduleRunKind,
    /// The execution, or the id that it gets.
    pub execution_id: Option<ExecutionId>,
    /// Why nothing was started.
    pub note: Option<String>,
    /// Something is to be done yet, or its execution has not ended as far as is known.
    pub is_open: bool,
    /// When that was settled, Unix milliseconds; when it was planned, as long as it is.
    pub fired_at_ms: Option<i64>,
    /// With which others it is made up for, where somebody asked for that.
    pub backfill_id: Option<BackfillId>,
}

/// Past points in time of a schedule that are made up for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackfillRow {
    /// Its id.
    pub id: BackfillId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// From when, included, Unix milliseconds.
    pub from_ms: i64,
    /// Until when, left out, Unix milliseconds.
    pub to_ms: i64,
    /// How they follow each other: `buffer_all` or `allow_all`.
    pub overlap: String,
    /// How many are made up for.
    pub total: i32,
    /// How many of the range were started before.
    pub known: i32,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub created_by: String,
    /// When, Unix milliseconds.
    pub created_at_ms: i64,
}

/// How far a backfill is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackfillProgress {
    /// Those that are to be started yet.
    pub waiting: u64,
    /// Those that were started.
    pub started: u64,
    /// Those that could not be started.
    pub failed: u64,
}

/// A schedule that has to be looked at, locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueSchedule {
    /// The schedule.
    pub row: ScheduleRow,
    /// Its runs that are planned, buffered, or whose execution runs; oldest first.
    pub open: Vec<ScheduleRunRow>,
    /// How many of the last ones failed in a row, where it is to pause itself after some.
    pub failures: i32,
}

/// What is to become of a schedule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulePlan {
    /// The schedule.
    pub row: ScheduleRow,
    /// Points in time that came; one that is known already stays as it is.
    pub runs: Vec<ScheduleRunRow>,
    /// Runs that were buffered and are planned now, with the ids that their executions get.
    pub released: Vec<ScheduleRunRow>,
    /// Runs that were planned before and perhaps not started.
    pub again: Vec<ScheduleRunRow>,
    /// Executions to cancel before anything is started.
    pub cancelled: Vec<ExecutionId>,
    /// The next point in time, Unix milliseconds.
    pub due_ms: Option<i64>,
    /// When it fires for that, Unix milliseconds.
    pub next_at_ms: Option<i64>,
    /// When to look at it again, Unix milliseconds, should nobody say that everything is done.
    pub wake_at_ms: Option<i64>,
    /// Why it pauses itself, if it does.
    pub paused: Option<String>,
}

/// What looking at schedules came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FiredSchedules {
    /// How many were looked at.
    pub looked_at: u64,
    /// What is to be started now, by schedule.
    pub plans: Vec<SchedulePlan>,
    /// Whose schedules look different now.
    pub moved: BTreeSet<OrganizationId>,
}

/// What became of a planned run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedRun {
    /// Which.
    pub id: ScheduleRunId,
    /// Its schedule.
    pub schedule_id: ScheduleId,
    /// The execution, when one was started.
    pub execution_id: Option<ExecutionId>,
    /// Why none was.
    pub note: Option<String>,
}

/// Which schedules; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// Of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Paused or active ones.
    pub is_paused: Option<bool>,
    /// By name.
    pub name: Option<crate::filter::StringFilter>,
    /// Of workflows in one of these folders or below; none when empty.
    pub folders: Option<Vec<String>>,
}
