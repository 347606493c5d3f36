//! What happened: the journal's content. Variants and fields are only ever added.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::{StepError, StepPath};
use super::outcome::{Decision, Outcome};
use crate::Timestamp;
use crate::definition::LogLevel;
use crate::expr::Explanation;

/// Kind of an action, as the trace names it.
pub type ActionKindName = String;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The execution was accepted.
    Accepted,
    /// Its first step is next.
    Started { at: Timestamp, step: String },
    /// It runs again after it waited.
    Resumed { at: Timestamp },
    /// Nothing to do but wait.
    Suspended { at: Timestamp },
    /// An attempt of a step began.
    StepStarted { path: StepPath, step: String, attempt: u32, kind: String, at: Timestamp },
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
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        at: Timestamp,
    },
    /// A step is done.
    StepSucceeded {
        path: StepPath,
        step: String,
        #[serde(default, skip_serializing_if = "Value::is_null")]
        output: Value,
        /// The step that follows; the flow ends when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        at: Timestamp,
    },
    /// A step was left out by its `when`.
    StepSkipped {
        path: StepPath,
        step: String,
        #[serde(default)]
        kind: String,
        why: Explanation,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        at: Timestamp,
    },
    /// An attempt failed; another will follow.
    RetryScheduled { path: StepPath, step: String, attempt: u32, error: StepError, due_at: Timestamp, at: Timestamp },
    /// A step failed for good.
    StepFailed {
        path: StepPath,
        step: String,
        attempt: u32,
        error: StepError,
        /// The step that handles it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        at: Timestamp,
    },
    /// A step decided.
    Decided(Decision),
    /// A value was written into the context.
    ContextSet { path: String, value: Value },
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
    /// The execution ended well.
    Completed { result: Outcome, at: Timestamp },
    /// The execution failed.
    Failed {
        error: StepError,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        at: Timestamp,
    },
}

impl Event {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Failed { .. })
    }

    /// Path of the step it is about.
    #[must_use]
    pub fn step_path(&self) -> Option<&str> {
        match self {
            Self::StepStarted { path, .. }
            | Self::ActionStarted { path, .. }
            | Self::ActionFinished { path, .. }
            | Self::StepSucceeded { path, .. }
            | Self::StepSkipped { path, .. }
            | Self::RetryScheduled { path, .. }
            | Self::StepFailed { path, .. }
            | Self::Logged { path, .. }
            | Self::Warned { path, .. } => Some(path.as_str()).filter(|path| !path.is_empty()),
            Self::Decided(decision) => Some(&decision.step),
            Self::Failed { step, .. } => step.as_deref(),
            Self::Accepted
            | Self::Started { .. }
            | Self::Resumed { .. }
            | Self::Suspended { .. }
            | Self::ContextSet { .. }
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
            | Self::StepSucceeded { at, .. }
            | Self::StepSkipped { at, .. }
            | Self::RetryScheduled { at, .. }
            | Self::StepFailed { at, .. }
            | Self::Logged { at, .. }
            | Self::Completed { at, .. }
            | Self::Failed { at, .. } => Some(*at),
            Self::Accepted | Self::Decided(_) | Self::ContextSet { .. } | Self::Warned { .. } => None,
        }
    }

    /// Attempt it is about.
    #[must_use]
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            Self::StepStarted { attempt, .. }
            | Self::ActionStarted { attempt, .. }
            | Self::ActionFinished { attempt, .. }
            | Self::RetryScheduled { attempt, .. }
            | Self::StepFailed { attempt, .. } => Some(*attempt),
            _of_no_attempt => None,
        }
    }
}
