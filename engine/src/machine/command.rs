//! What the machine is told, and what it answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{Effect, EffectId, EffectOutcome, StepError};
use super::event::Event;
use crate::Timestamp;
use crate::definition::ResumeWhen;

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A worker takes the execution in hand, perhaps after another one was lost: the time in which
    /// nobody had it does not count as running time. Then as `Wake`.
    TakeUp,
    /// Time has passed: go on with whatever is due.
    Wake,
    /// An effect came to its end.
    EffectDone {
        /// Which one.
        effect: EffectId,
        /// How.
        outcome: EffectOutcome,
    },
    /// Something that a wait may be for.
    Signal(Signal),
    /// No step begins any more, until it is resumed.
    Pause {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Time limits stand still until it is resumed.
        freezes: bool,
    },
    /// Goes on after a pause.
    Resume {
        /// Who wants it.
        by: Option<String>,
        /// Merged over the context.
        data: Option<Value>,
        /// The step of the flow to go on at, if not where it stood.
        at_step: Option<String>,
    },
    /// What is paused goes on by itself, at a moment or at an event, whichever comes first; without either, no more.
    ScheduleResume {
        /// Who wants it.
        by: Option<String>,
        /// When.
        due_at: Option<Timestamp>,
        /// At which event.
        when: Option<Box<ResumeWhen>>,
        /// Merged over the context then.
        data: Option<Value>,
        /// The step of the flow to go on at then, if not where it stood.
        at_step: Option<String>,
    },
    /// The flow goes on without waiting for a step.
    SkipStep {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Path of the step that the flow, a branch or a round stands at.
        path: String,
        /// What is taken for its output.
        output: Value,
    },
    /// The context is changed.
    EditContext {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// Dotted paths, with what shall stand there.
        values: Vec<(String, Value)>,
    },
    /// Its concurrency limit is reached: it does not begin before `TakeSlot`.
    AwaitSlot {
        /// The rendered key.
        key: String,
        /// How many may be under way.
        limit: u32,
    },
    /// It is one of those that may be under way.
    TakeSlot,
    /// The moment at which its rate lets it begin; it does not begin earlier.
    TakeTurn {
        /// The rendered key.
        key: String,
        /// When it may begin.
        begins_at: Timestamp,
    },
    /// What failed goes on from where it failed.
    Retry {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
        /// It is paused before it goes on.
        hold: bool,
    },
    /// The execution is ended by hand.
    Cancel {
        /// Who wants it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    },
    /// The execution is failed from outside.
    Interrupt {
        /// Stable code.
        code: String,
        /// For people.
        message: String,
    },
}

/// Something from outside that a wait may be for; one that fits no wait changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "signal", rename_all = "snake_case")]
pub enum Signal {
    /// An event of the organization.
    Event {
        /// Its id: one that a wait has taken is not taken again.
        id: String,
        /// Its name.
        event: String,
        /// Its data.
        payload: Value,
        /// When it was accepted, where that is known: what came before a pause does not end it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Somebody sent this execution a signal. Unlike an event it is kept when nothing waits for it yet, and fits
    /// whatever waits for its name: that it is meant is known.
    Named {
        /// Its id: one that came before is not taken again.
        id: String,
        /// Its name.
        name: String,
        /// Its data.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        data: Value,
        /// When it was sent, where that is known: what was sent before a pause does not end it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Somebody decided an approval.
    Approval {
        /// Which.
        approval: String,
        /// Whether it was approved.
        approved: bool,
        /// Who decided.
        by: String,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The answers given.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        form: Value,
        /// When; absent in what a release wrote that did not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// A child execution has ended.
    ChildEnded {
        /// Which.
        execution: String,
        /// Its status, result, decision and what it wrote into its context.
        output: Value,
        /// Why it failed, or that it was cancelled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
}

/// What the machine decided: to be made durable before the effects begin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What to do next.
    pub effects: Vec<Effect>,
    /// There is more to do at once: commit, then say [`Command::Wake`]. Long loops are cut into
    /// parts in this way, so that no part takes much memory.
    pub goes_on: bool,
}

/// The command makes no sense in this state: a fault of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The execution has ended.
    #[error("the execution has ended")]
    Ended,
    /// Only what failed can be retried.
    #[error("the execution has not failed, so there is nothing to try again")]
    NotFailed,
    /// The whole life that the definition allows is over: tried again, it would fail at once.
    #[error("the deadline of the execution is over, so it would fail at once")]
    PastDeadline,
    /// It was paused for longer than is allowed, so it can only be cancelled.
    #[error("the execution was paused for longer than {0:?}, so it can only be cancelled")]
    PausedTooLong(std::time::Duration),
    /// A call is still under way: data can be merged, and another step chosen, once it is back.
    #[error("a call is still under way; this can be done once the call is back")]
    StillUnderWay,
    /// Nothing stands at this step.
    #[error("the execution does not stand at step `{0}`")]
    NotAtStep(String),
    /// A list is changed as a whole.
    #[error("`{0}` cannot be set: above it is a list; set the whole list")]
    WithinList(String),
    /// The flow has no such step.
    #[error("the flow has no step `{0}`")]
    UnknownStep(String),
    /// No such effect is under way.
    #[error("the effect of step `{step}`, attempt {attempt}, action {action} is not under way")]
    NotUnderWay {
        /// The step.
        step: String,
        /// Its attempt.
        attempt: u32,
        /// The action.
        action: u32,
    },
}
