//! The machine: commands in, events and effects out; state is the fold of the events.
//!
//! It has no clock and no chance: the moment comes in with each command. `advance` changes the
//! state only by applying the events that it returns, so replaying a journal gives the same state.

mod actions;
mod again;
mod apply;
mod approval;
mod body;
mod bulk;
mod child;
mod command;
mod correlation;
mod effect;
mod event;
mod event_facts;
mod failure;
mod finished;
mod freeze;
mod invariants;
mod loading;
mod moving;
mod order;
mod outcome;
mod outstanding;
mod pause;
mod provenance;
mod rate;
mod render;
mod repair;
mod resume_on;
mod rules;
mod run;
mod scope;
mod signal;
mod slot;
mod state;
mod steps;
mod trace;
mod unbegun;
mod view;
mod wait;

pub use self::again::taken_over;
pub use self::apply::apply;
pub use self::approval::{ApprovalRequest, Decider, NotAdmitted, Ruling, Verdict};
pub use self::child::ended_child;
pub use self::command::{Command, Decided, Refused, Signal};
pub use self::correlation::{agrees, correlation, correlations, subject};
pub use self::effect::{
    Body, CallTo, Effect, EffectId, EffectOutcome, EffectRequest, ErrorClass, GraphqlCall, HttpRequest, Load,
    LoadSource, Loads, ModelCall, Notification, RecordCall, SecretMarks, StepError, StepPath,
};
pub use self::event::{ActionKindName, Event};
pub use self::freeze::{Frozen, life_ends};
pub use self::invariants::{INVARIANTS, Violation, violations};
pub use self::moving::{Obstacle, Versions, obstacles};
pub use self::outcome::{Decision, Outcome};
pub use self::outstanding::{WaitKind, WaitRow, children, next_due, outstanding, time_limit, waits};
pub use self::pause::{LONG_PAUSE, MAX_PAUSE};
pub use self::rate::{Rate, rate};
pub use self::resume_on::{ResumeEvent, ResumeOn};
pub use self::run::{accepted, advance, decide};
pub use self::slot::{Slot, slot};
pub use self::state::{Awaited, BodyKind, OpenApproval, Origin, State, Status};
pub use self::trace::{AttemptTrace, Branch, CallTrace, LogLine, StepStatus, StepTrace, Trace};
pub use self::unbegun::Unbegun;

/// Attempts of steps, skipped steps included, that one flow may take: the flow of the definition, or
/// one branch, item or round. Loops have bounds of their own.
pub const STEP_BUDGET: u32 = 10_000;

/// Bound on one attempt of a step that states none.
pub const DEFAULT_STEP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
