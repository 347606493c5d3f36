//! The pause of an execution, and what would happen if it ended now.

use async_graphql::SimpleObject;
use service::executions;

use super::scalars::{DateTime, int};
use super::viewer::Actor;

/// A pause.
#[derive(Debug, Clone, SimpleObject)]
pub struct Pause {
    /// Since when.
    at: DateTime,
    /// By whom; null for one that began by itself.
    by: Option<Actor>,
    /// Why.
    reason: Option<String>,
    /// When it will go on by itself.
    resume_at: Option<DateTime>,
    /// What resuming would set free.
    pending: ResumePreview,
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
            resume_at: view.resumes_at.map(DateTime),
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
