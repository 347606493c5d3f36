//! What is asked of any event: when it was, and which step and attempt it is about.

use super::approval::Verdict;
use super::event::Event;
use crate::Timestamp;

impl Event {
    /// Whether nothing follows, unless what failed is retried.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. } | Self::Cancelled { .. })
    }

    /// Path of the step it is about.
    #[must_use]
    pub fn step_path(&self) -> Option<&str> {
        match self {
            Self::StepStarted { path, .. }
            | Self::ActionStarted { path, .. }
            | Self::ActionFinished { path, .. }
            | Self::ActionPutOff { path, .. }
            | Self::StepSucceeded { path, .. }
            | Self::StepSkipped { path, .. }
            | Self::StepLeftOut { path, .. }
            | Self::RetryScheduled { path, .. }
            | Self::StepFailed { path, .. }
            | Self::BodyBegan { path, .. }
            | Self::ScopeOpened { path, .. }
            | Self::ScopeClosed { path, .. }
            | Self::BodyStopped { path }
            | Self::WaitBegan { path, .. }
            | Self::EventTaken { path, .. }
            | Self::ApprovalOpened { path, .. }
            | Self::ApprovalVoted { path, .. }
            | Self::ApprovalReminded { path, .. }
            | Self::ApprovalEscalated { path, .. }
            | Self::ApprovalDecided { path, .. }
            | Self::Logged { path, .. }
            | Self::Warned { path, .. } => Some(path.as_str()).filter(|path| !path.is_empty()),
            Self::Decided(decision) => Some(&decision.step),
            Self::Failed { step, .. } => step.as_deref(),
            Self::Accepted
            | Self::Started { .. }
            | Self::Resumed { .. }
            | Self::Suspended { .. }
            | Self::ContextSet { .. }
            | Self::SlotAwaited { .. }
            | Self::SlotTaken { .. }
            | Self::TurnTaken { .. }
            | Self::Paused { .. }
            | Self::Unpaused { .. }
            | Self::SignalKept { .. }
            | Self::ContextEdited { .. }
            | Self::ResumeScheduled { .. }
            | Self::ResumeUnmet { .. }
            | Self::PausedLong { .. }
            | Self::Retried { .. }
            | Self::TakenOver { .. }
            | Self::Moved { .. }
            | Self::Cancelled { .. }
            | Self::Completed { .. } => None,
        }
    }

    /// When it happened, for those that say.
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Started { at, .. }
            | Self::Resumed { at }
            | Self::Suspended { at }
            | Self::StepStarted { at, .. }
            | Self::ActionStarted { at, .. }
            | Self::ActionFinished { at, .. }
            | Self::ActionPutOff { at, .. }
            | Self::StepSucceeded { at, .. }
            | Self::StepSkipped { at, .. }
            | Self::StepLeftOut { at, .. }
            | Self::RetryScheduled { at, .. }
            | Self::StepFailed { at, .. }
            | Self::Logged { at, .. }
            | Self::BodyBegan { at, .. }
            | Self::ScopeOpened { at, .. }
            | Self::ScopeClosed { at, .. }
            | Self::WaitBegan { at, .. }
            | Self::EventTaken { at, .. }
            | Self::ApprovalOpened { at, .. }
            | Self::ApprovalVoted { at, .. }
            | Self::ApprovalReminded { at, .. }
            | Self::ApprovalEscalated { at, .. }
            | Self::ApprovalDecided { verdict: Verdict { at, .. }, .. }
            | Self::SlotAwaited { at, .. }
            | Self::SlotTaken { at }
            | Self::TurnTaken { at, .. }
            | Self::Paused { at, .. }
            | Self::Unpaused { at, .. }
            | Self::SignalKept { at, .. }
            | Self::ContextEdited { at, .. }
            | Self::ResumeScheduled { at, .. }
            | Self::ResumeUnmet { at, .. }
            | Self::PausedLong { at, .. }
            | Self::Retried { at, .. }
            | Self::TakenOver { at, .. }
            | Self::Moved { at, .. }
            | Self::Cancelled { at, .. }
            | Self::Completed { at, .. }
            | Self::Failed { at, .. } => Some(*at),
            Self::Accepted
            | Self::Decided(_)
            | Self::ContextSet { .. }
            | Self::BodyStopped { .. }
            | Self::Warned { .. } => None,
        }
    }

    /// Attempt it is about.
    #[must_use]
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            Self::StepStarted { attempt, .. }
            | Self::ActionStarted { attempt, .. }
            | Self::ActionFinished { attempt, .. }
            | Self::ActionPutOff { attempt, .. }
            | Self::RetryScheduled { attempt, .. }
            | Self::StepFailed { attempt, .. } => Some(*attempt),
            _of_no_attempt => None,
        }
    }
}
