//! What executions are told, in the form in which it is stored.

use engine::Timestamp;
use engine::definition::ResumeWhen;
use engine::machine::{Command, Signal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an execution can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Told {
    /// Something that a wait may be for.
    Signal {
        /// What.
        what: Signal,
    },
    /// To begin no further step.
    Pause {
        /// Time limits stand still.
        freezes: bool,
    },
    /// To go on, at a step when one is named.
    Resume {
        /// The step.
        at_step: Option<String>,
    },
    /// To go on by itself at a moment, at an event, or at whichever comes first, once it is paused.
    ScheduleResume {
        /// When, in milliseconds.
        due_at: Option<i64>,
        /// At which event.
        when: Option<ResumeWhen>,
    },
    /// To go on without a step.
    SkipStep {
        /// Its path.
        path: String,
    },
    /// To end.
    Cancel,
}

impl Told {
    /// Whether it counts before anything else.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        !matches!(self, Self::Signal { .. })
    }

    /// The engine's word for it.
    #[must_use]
    pub fn into_command(self) -> Command {
        match self {
            Self::Signal { what } => Command::Signal(what),
            Self::Pause { freezes } => Command::Pause { by: None, reason: None, freezes },
            Self::Resume { at_step } => Command::Resume { by: None, data: None, at_step },
            Self::ScheduleResume { due_at, when } => {
                let (due_at, when) = (due_at.map(Timestamp), when.map(Box::new));
                Command::ScheduleResume { by: None, due_at, when, data: None, at_step: None }
            }
            Self::SkipStep { path } => Command::SkipStep { by: None, reason: None, path, output: Value::Null },
            Self::Cancel => Command::Cancel { by: None, reason: None },
        }
    }

    /// In a word, for the tail of a history.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Signal { what: Signal::Event { .. } } => "event",
            Self::Signal { what: Signal::Named { .. } } => "signal",
            Self::Signal { what: Signal::Approval { .. } } => "approval",
            Self::Signal { what: Signal::ChildEnded { .. } } => "end of a child",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::ScheduleResume { .. } => "resume later",
            Self::SkipStep { .. } => "skip a step",
            Self::Cancel => "cancel",
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("signals are plain data")
    }
}
