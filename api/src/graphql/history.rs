//! The journal's events and log lines.

use async_graphql::{Enum, ID, Object};
use engine::definition::LogLevel as Level;
use engine::machine::{self, Event};
use ids::ExecutionId;
use service::executions::JournalEvent;

use super::directives::authorized;
use super::scalars::{DateTime, Json, int};
use super::summary::summary;
use super::viewer::Permission;

/// Levels of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Level")]
pub enum LogLevel {
    /// For whoever looks for a fault.
    Debug,
    /// For the record.
    Info,
    /// To be looked at.
    Warn,
    /// Something failed.
    Error,
}

/// A logged line.
#[derive(Debug, Clone)]
pub struct LogLine(pub(super) machine::LogLine);

/// A logged line.
#[Object]
impl LogLine {
    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// Level.
    async fn level(&self) -> LogLevel {
        self.0.level.into()
    }

    /// Text.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Further fields.
    async fn fields(&self) -> Option<Json> {
        (!self.0.data.is_null()).then(|| async_graphql::Json(self.0.data.clone()))
    }

    /// Step.
    async fn step_path(&self) -> &str {
        &self.0.step_path
    }
}

/// Sorts of journal events. New ones may be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ExecutionEventType {
    /// Accepted.
    Accepted,
    /// Its first step is next.
    Started,
    /// It runs again after it waited.
    Resumed,
    /// Nothing to do but wait.
    Suspended,
    /// An attempt began.
    StepStarted,
    /// An action left for the outside.
    ActionStarted,
    /// An action came to its end.
    ActionFinished,
    /// An action did not leave yet, because of the rate of its service.
    ActionPutOff,
    /// A step is done.
    StepSucceeded,
    /// A step failed for good.
    StepFailed,
    /// A step was left out.
    StepSkipped,
    /// Somebody let it go on without waiting for a step.
    StepLeftOut,
    /// An attempt failed and a next one was planned.
    RetryScheduled,
    /// A step decided.
    Decided,
    /// A value was written into the data.
    ContextChanged,
    /// A line was logged.
    Logged,
    /// Something to look at that did no harm.
    Warned,
    /// A step begins its branches, items or rounds.
    BodyStarted,
    /// A branch, an item or a round begins.
    ScopeStarted,
    /// A branch, an item or a round has ended.
    ScopeEnded,
    /// No further branch, item or round begins.
    BodyStopped,
    /// A step waits for something outside.
    WaitStarted,
    /// An awaited event came.
    EventReceived,
    /// An approval was opened.
    ApprovalRequested,
    /// One of several people approved.
    ApprovalVoted,
    /// People were reminded of an approval.
    ApprovalReminded,
    /// Another role was asked too.
    ApprovalEscalated,
    /// An approval was decided, or has expired.
    ApprovalDecided,
    /// As many with its concurrency key are under way as may be.
    SlotAwaited,
    /// It is one of those that may be under way.
    SlotTaken,
    /// The rate of its workflow lets it begin at a moment.
    TurnTaken,
    /// Held.
    Paused,
    /// Let go on.
    Unpaused,
    /// A signal came that nothing waited for yet; it is kept.
    SignalKept,
    /// Somebody changed the data.
    ContextEdited,
    /// When or at which event it goes on by itself was set, or taken back.
    ResumeScheduled,
    /// An event came that could have ended the pause, and its condition does not hold.
    ResumeUnmet,
    /// It has been paused for more than a day.
    PausedLong,
    /// It had failed, and goes on.
    Retried,
    /// It repeats another execution from a step on, and has what that one had found out.
    TakenOver,
    /// Moved to another version.
    Migrated,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
    /// Ended by request.
    Cancelled,
}

/// An entry of the journal.
#[derive(Debug, Clone)]
pub struct ExecutionEvent {
    pub(super) execution: ExecutionId,
    pub(super) event: JournalEvent,
}

/// An entry of the journal.
#[Object]
impl ExecutionEvent {
    /// Global id, prefix `hev_`.
    async fn id(&self) -> ID {
        ID(format!("hev_{}_{}_{}", self.execution, self.event.seq, self.event.index))
    }

    /// Number of the commit it was written with: 1, 2, 3, ...
    async fn sequence(&self) -> i32 {
        self.event.seq
    }

    /// What happened.
    #[graphql(name = "type")]
    async fn event_type(&self) -> ExecutionEventType {
        match self.event.event {
            Event::Accepted => ExecutionEventType::Accepted,
            Event::Started { .. } => ExecutionEventType::Started,
            Event::Resumed { .. } => ExecutionEventType::Resumed,
            Event::Suspended { .. } => ExecutionEventType::Suspended,
            Event::StepStarted { .. } => ExecutionEventType::StepStarted,
            Event::ActionStarted { .. } => ExecutionEventType::ActionStarted,
            Event::ActionFinished { .. } => ExecutionEventType::ActionFinished,
            Event::ActionPutOff { .. } => ExecutionEventType::ActionPutOff,
            Event::StepSucceeded { .. } => ExecutionEventType::StepSucceeded,
            Event::StepFailed { .. } => ExecutionEventType::StepFailed,
            Event::StepSkipped { .. } => ExecutionEventType::StepSkipped,
            Event::RetryScheduled { .. } => ExecutionEventType::RetryScheduled,
            Event::Decided(_) => ExecutionEventType::Decided,
            Event::ContextSet { .. } => ExecutionEventType::ContextChanged,
            Event::Logged { .. } => ExecutionEventType::Logged,
            Event::Warned { .. } => ExecutionEventType::Warned,
            Event::BodyBegan { .. } => ExecutionEventType::BodyStarted,
            Event::ScopeOpened { .. } => ExecutionEventType::ScopeStarted,
            Event::ScopeClosed { .. } => ExecutionEventType::ScopeEnded,
            Event::BodyStopped { .. } => ExecutionEventType::BodyStopped,
            Event::WaitBegan { .. } => ExecutionEventType::WaitStarted,
            Event::EventTaken { .. } => ExecutionEventType::EventReceived,
            Event::ApprovalOpened { .. } => ExecutionEventType::ApprovalRequested,
            Event::ApprovalVoted { .. } => ExecutionEventType::ApprovalVoted,
            Event::ApprovalReminded { .. } => ExecutionEventType::ApprovalReminded,
            Event::ApprovalEscalated { .. } => ExecutionEventType::ApprovalEscalated,
            Event::ApprovalDecided { .. } => ExecutionEventType::ApprovalDecided,
            Event::SlotAwaited { .. } => ExecutionEventType::SlotAwaited,
            Event::SlotTaken { .. } => ExecutionEventType::SlotTaken,
            Event::TurnTaken { .. } => ExecutionEventType::TurnTaken,
            Event::Paused { .. } => ExecutionEventType::Paused,
            Event::Unpaused { .. } => ExecutionEventType::Unpaused,
            Event::StepLeftOut { .. } => ExecutionEventType::StepLeftOut,
            Event::ContextEdited { .. } => ExecutionEventType::ContextEdited,
            Event::SignalKept { .. } => ExecutionEventType::SignalKept,
            Event::ResumeScheduled { .. } => ExecutionEventType::ResumeScheduled,
            Event::ResumeUnmet { .. } => ExecutionEventType::ResumeUnmet,
            Event::PausedLong { .. } => ExecutionEventType::PausedLong,
            Event::Retried { .. } => ExecutionEventType::Retried,
            Event::TakenOver { .. } => ExecutionEventType::TakenOver,
            Event::Moved { .. } => ExecutionEventType::Migrated,
            Event::Cancelled { .. } => ExecutionEventType::Cancelled,
            Event::Completed { .. } => ExecutionEventType::Completed,
            Event::Failed { .. } => ExecutionEventType::Failed,
        }
    }

    /// When it was committed.
    async fn at(&self) -> DateTime {
        DateTime::from_ms(self.event.at_ms)
    }

    /// Step it is about.
    async fn step_path(&self) -> Option<&str> {
        self.event.event.step_path()
    }

    /// Attempt it is about.
    async fn attempt(&self) -> Option<i32> {
        self.event.event.attempt().map(int)
    }

    /// In words.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn summary(&self) -> String {
        summary(&self.event.event)
    }

    /// Details.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn data(&self) -> Json {
        async_graphql::Json(serde_json::to_value(&self.event.event).unwrap_or_default())
    }
}
