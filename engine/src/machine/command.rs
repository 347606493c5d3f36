//! What the machine is told, and what it answers.

use super::effect::{Effect, EffectId, EffectOutcome};
use super::event::Event;

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
    /// The execution is failed from outside.
    Interrupt {
        /// Stable code.
        code: String,
        /// For people.
        message: String,
    },
}

/// What the machine decided: to be made durable before the effects begin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What to do next.
    pub effects: Vec<Effect>,
}

/// The command makes no sense in this state: a fault of the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The execution has ended.
    #[error("the execution has ended")]
    Ended,
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
