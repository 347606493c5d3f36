//! What happened: the journal's content. Variants and fields are only ever added.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::{ApprovalRequest, Verdict};
use super::effect::{StepError, StepPath};
use super::freeze::Frozen;
use super::outcome::{Decision, Outcome};
use super::resume_on::{ResumeEvent, ResumeOn};
use super::state::{Awaited, BodyKind};
use crate::definition::LogLevel;
use crate::expr::Explanation;
use crate::{Name, Shared, Timestamp};

/// Kind of an action, as the trace names it.
pub type ActionKindName = Name;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The execution was accepted.
    Accepted,
    /// Its first step is next.
    Started { at: Timestamp, step: Name },
    /// It runs again after it waited.
    Resumed { at: Timestamp },
    /// Nothing to do but wait.
    Suspended { at: Timestamp },
    /// An attempt of a step began.
    StepStarted { path: StepPath, step: Name, attempt: u32, kind: Name, at: Timestamp },
    /// An action left for the outside.
    ActionStarted {
        path: StepPath,
        attempt: u32,
        action: u32,
        kind: ActionKindName,
        key: String,
        request: Value,
        at: Timestamp,
    },
    /// An action came to its end.
    ActionFinished {
        path: StepPath,
        attempt: u32,
        action: u32,
        #[serde(default, skip_serializing_if = "Shared::is_null")]
        output: Shared,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        at: Timestamp,
    },
    /// An action did not leave: the rate of calls to its service lets it go later. It is no attempt.
    ActionPutOff {
        path: StepPath,
        attempt: u32,
        action: u32,
        until: Timestamp,
        /// The moment is its own: it goes then, without being asked again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_turn: bool,
        at: Timestamp,
    },
    /// A step is done.
    StepSucceeded {
        path: StepPath,
        step: Name,
        #[serde(default, skip_serializing_if = "Shared::is_null")]
        output: Shared,
        /// The output is readable under this name of `steps.<id>` too: `items` or `branches`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_as: Option<Name>,
        /// The step that follows; the flow ends when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Name>,
        at: Timestamp,
    },
    /// A step was left out by its `when`.
    StepSkipped {
        path: StepPath,
        step: Name,
        #[serde(default)]
        kind: Name,
        why: Explanation,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Name>,
        at: Timestamp,
    },
    /// Somebody let the flow go on without waiting for a step.
    StepLeftOut {
        path: StepPath,
        step: Name,
        kind: Name,
        /// What is taken for its output.
        #[serde(default, skip_serializing_if = "Shared::is_null")]
        output: Shared,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Name>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: Timestamp,
    },
    /// An attempt failed; another will follow.
    RetryScheduled { path: StepPath, step: Name, attempt: u32, error: StepError, due_at: Timestamp, at: Timestamp },
    /// A step failed for good.
    StepFailed {
        path: StepPath,
        step: Name,
        attempt: u32,
        error: StepError,
        /// What came of its branches or items all the same.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
        /// As in `StepSucceeded`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_as: Option<Name>,
        /// The step that handles it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Name>,
        at: Timestamp,
    },
    /// A step decided.
    Decided(Decision),
    /// A value was written into the context.
    ContextSet {
        /// The branch, item or round that wrote it; 0 is the flow itself.
        #[serde(default, skip_serializing_if = "is_zero")]
        scope: u32,
        path: Name,
        value: Value,
    },
    /// A line was logged.
    Logged {
        path: StepPath,
        level: LogLevel,
        message: String,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        at: Timestamp,
    },
    /// Something to look at that did no harm; of the execution as a whole when the path is empty.
    Warned { path: StepPath, message: String },
    /// A step begins to open scopes.
    BodyBegan {
        path: StepPath,
        kind: BodyKind,
        /// How many there are; of rounds, how many there may be.
        total: u32,
        /// Several may be under way at once.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        isolated: bool,
        /// The items of a `foreach`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        items: Vec<Value>,
        at: Timestamp,
    },
    /// A branch, an item or a round begins.
    ScopeOpened {
        scope: u32,
        /// The step that it belongs to.
        path: StepPath,
        index: u32,
        /// Its first step.
        entry: Name,
        /// Values that only it reads.
        #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
        locals: serde_json::Map<String, Value>,
        at: Timestamp,
    },
    /// A branch, an item or a round has ended.
    ScopeClosed {
        scope: u32,
        path: StepPath,
        passed: bool,
        /// What came of it, as the step's output shows it.
        #[serde(default, skip_serializing_if = "Shared::is_null")]
        outcome: Shared,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        at: Timestamp,
    },
    /// Nothing more is opened: the `while` condition is false, or an item failed.
    BodyStopped { path: StepPath },
    /// A step waits for something outside.
    WaitBegan {
        path: StepPath,
        what: Awaited,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Timestamp>,
        at: Timestamp,
    },
    /// A wait took an event; its payload is part of the context from now on.
    EventTaken {
        path: StepPath,
        event_id: String,
        event: String,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        payload: Value,
        at: Timestamp,
    },
    /// A signal came that nothing waits for yet: it is kept for the first wait that it fits.
    SignalKept {
        id: String,
        name: String,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        at: Timestamp,
    },
    /// People are asked.
    ApprovalOpened {
        path: StepPath,
        approval: String,
        request: Box<ApprovalRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remind_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escalate_at: Option<Timestamp>,
        at: Timestamp,
    },
    /// One of several people approved.
    ApprovalVoted { path: StepPath, approval: String, by: String, at: Timestamp },
    /// People are reminded.
    ApprovalReminded { path: StepPath, approval: String, next_at: Timestamp, at: Timestamp },
    /// Another role is asked too.
    ApprovalEscalated { path: StepPath, approval: String, role: String, at: Timestamp },
    /// An approval is decided, or has expired.
    ApprovalDecided { path: StepPath, approval: String, verdict: Verdict },
    /// As many executions with the same concurrency key are under way as may be: it begins when one of them ends.
    SlotAwaited {
        /// The rendered key.
        key: String,
        /// How many may be under way.
        limit: u32,
        at: Timestamp,
    },
    /// It is one of those that may be under way.
    SlotTaken { at: Timestamp },
    /// Its rate lets it begin at this moment.
    TurnTaken {
        /// The rendered key.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        key: String,
        begins_at: Timestamp,
        at: Timestamp,
    },
    /// A pause was asked for: no step begins any more.
    Paused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Time limits stand still until it is over.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        freezes: bool,
        at: Timestamp,
    },
    /// A pause is over.
    Unpaused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Merged over the context.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        /// Where the flow goes on, if not where it stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_step: Option<String>,
        /// The event that ended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<Box<ResumeEvent>>,
        /// What stood still, and is later from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frozen: Option<Box<Frozen>>,
        at: Timestamp,
    },
    /// Somebody changed the context.
    ContextEdited {
        /// Dotted paths, with what stands there from now on.
        values: Vec<(String, Value)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: Timestamp,
    },
    /// A paused execution is to go on by itself, at a moment or at an event, whichever comes first; without
    /// either, no more.
    ResumeScheduled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Timestamp>,
        /// The event.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        when: Option<Box<ResumeOn>>,
        /// Merged over the context then.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        /// Where the flow goes on then, if not where it stood.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_step: Option<String>,
        /// The event has come, and a call is still under way: the pause ends when the call is back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<Box<ResumeEvent>>,
        at: Timestamp,
    },
    /// An event came that could have ended the pause, and its condition does not hold: the first ones with the reason.
    ResumeUnmet {
        event: Box<ResumeEvent>,
        /// Why it could not be judged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
        at: Timestamp,
    },
    /// It has been paused for so long that somebody should look.
    PausedLong { since: Timestamp, at: Timestamp },
    /// It failed, and somebody lets it go on: at this step of the flow, or from the beginning if it had not begun.
    Retried {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        at: Timestamp,
    },
    /// It repeats another execution from a step on: what that one had found out before the step is its own.
    TakenOver {
        /// The other execution.
        execution: String,
        /// The step of the flow that it begins with.
        step: String,
        /// Finished steps, as `steps.<id>` shows them.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        steps: Value,
        /// What was written into the context.
        #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
        values: serde_json::Map<String, Value>,
        /// The paths that were written.
        #[serde(default, skip_serializing_if = "std::collections::BTreeSet::is_empty")]
        replaced: std::collections::BTreeSet<String>,
        /// What of the context was loaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loaded: Option<Value>,
        /// Merged over that.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        at: Timestamp,
    },
    /// Somebody lets it go on with another version of its workflow. It stands where it stood.
    Moved {
        /// Number of the version that it leaves.
        from: i32,
        /// Number of the version that it goes on with.
        to: i32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: Timestamp,
    },
    /// The execution was ended by hand.
    Cancelled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: Timestamp,
    },
    /// The execution ended well.
    Completed { result: Outcome, at: Timestamp },
    /// The execution failed.
    Failed {
        error: StepError,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<StepPath>,
        at: Timestamp,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
