//! The pause of an execution, and what would happen if it ended now.

use async_graphql::SimpleObject;
use engine::Timestamp;
use engine::machine::ResumeOn;
use serde_json::Value;
use service::executions;

use super::directives::authorized;
use super::scalars::{DateTime, Json, int};
use super::viewer::{Actor, Permission};

/// A pause.
#[derive(Debug, Clone, SimpleObject)]
pub struct Pause {
    /// Since when.
    at: DateTime,
    /// By whom; null for one that began by itself.
    by: Option<Actor>,
    /// Why.
    reason: Option<String>,
    /// True when time limits stand still.
    freezes_deadlines: bool,
    /// When it will go on by itself.
    resume_at: Option<DateTime>,
    /// At which event it will go on by itself.
    resume_when: Option<ResumeWhen>,
    /// Data for a scheduled resume: merged over its context then.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    resume_data: Option<Json>,
    /// The step with which it goes on then; null when that is the next one.
    resume_from_step: Option<String>,
    /// What resuming would set free.
    pending: ResumePreview,
}

/// An event at which a paused execution goes on by itself.
#[derive(Debug, Clone, SimpleObject)]
pub struct ResumeWhen {
    /// Its name or pattern.
    event: String,
    /// Paths and the values that it must have there.
    #[graphql(name = "match", directive = authorized::apply(Permission::ExecutionDataRead))]
    matching: Json,
    /// True: it also fits when it has none of these paths.
    fits_without: bool,
    /// What must hold besides.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    condition: Option<Json>,
    /// Events from before do not count.
    since: Option<DateTime>,
}

impl ResumeWhen {
    fn of(on: ResumeOn, since: Option<Timestamp>) -> Self {
        Self {
            event: on.event,
            matching: async_graphql::Json(Value::Object(on.keys.into_iter().collect())),
            fits_without: on.lenient,
            condition: on.condition.map(async_graphql::Json),
            since: since.map(DateTime),
        }
    }
}

/// What resuming would set free, if it were done now and without data.
#[derive(Debug, Clone, SimpleObject)]
pub struct ResumePreview {
    /// Signals and events kept meanwhile.
    signals: i32,
    /// Timers that are overdue.
    due_timers: i32,
    /// Approvals decided meanwhile.
    decided_approvals: i32,
    /// Steps that would run, in order; a hundred at most.
    next_steps: Vec<String>,
    /// True: the execution would end at once.
    ends: bool,
    /// Why it cannot be resumed.
    refused_reason: Option<String>,
}

impl From<executions::PauseView> for Pause {
    fn from(view: executions::PauseView) -> Self {
        let pending = view.pending;
        Self {
            at: DateTime(view.at),
            by: view.by.as_deref().map(Actor::from_id),
            reason: view.reason,
            freezes_deadlines: view.freezes,
            resume_at: view.resumes_at.map(DateTime),
            resume_when: view.resumes_on.map(|on| ResumeWhen::of(on, view.resumes_on_since)),
            resume_data: view.resume_data.map(async_graphql::Json),
            resume_from_step: view.resume_step,
            pending: ResumePreview {
                signals: int(pending.signals),
                due_timers: int(pending.due_timers),
                decided_approvals: int(pending.decided_approvals),
                next_steps: pending.next_steps,
                ends: pending.ends,
                refused_reason: pending.refused,
            },
        }
    }
}
