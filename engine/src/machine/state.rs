//! Where an execution stands: small, serialisable, the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::effect::{StepError, StepPath};
use super::outcome::{Decision, Outcome};
use crate::Timestamp;

/// What never changes about an execution; stored beside the state, not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Its id.
    pub execution: String,
    /// Its organization.
    pub organization: String,
    /// Slug of its workflow.
    pub workflow_id: String,
    /// Title of its workflow.
    pub workflow_name: String,
    /// Number of its version.
    pub version: i32,
    /// What it was started with.
    pub payload: Value,
    /// What started it.
    pub trigger: Value,
    /// When it was accepted.
    pub accepted_at: Timestamp,
}

/// Where an execution stands (definition-language §9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, not begun.
    #[default]
    Queued,
    /// A step runs or is about to.
    Running,
    /// Nothing runs; waits for a time.
    Waiting,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
}

impl Status {
    /// Name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Number of a scope: 0 is the flow itself; branches and loop bodies are scopes of their own.
pub(super) type ScopeId = u32;

/// The flow itself.
pub(super) const ROOT: ScopeId = 0;

/// One flow of steps with its own place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ScopeState {
    /// The scope that opened this one, and the step that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<(ScopeId, String)>,
    /// What stands before its steps' ids in their paths, such as `charge_items[17].`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) prefix: String,
    /// Values that only this scope reads, such as `item`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) locals: Map<String, Value>,
    /// Where it stands; nothing when it has come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) active: Option<Active>,
}

/// The step a scope stands at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Active {
    pub(super) step: String,
    pub(super) path: StepPath,
    /// How often the flow has come to this step, this time included.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(super) passage: u32,
    pub(super) attempt: u32,
    pub(super) phase: Phase,
}

const fn first() -> u32 {
    1
}

const fn is_first(passage: &u32) -> bool {
    *passage == 1
}

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(super) enum Phase {
    /// About to begin an attempt.
    Ready,
    /// In its list of actions.
    Actions {
        /// The action that is next, or under way.
        next: u32,
        /// What the actions before it answered.
        outputs: Vec<Value>,
        /// `next` has left and not come back.
        in_flight: bool,
        /// The moment `now` stands for in this attempt.
        now: Timestamp,
    },
    /// Waits before the next attempt.
    Backoff { due_at: Timestamp },
}

/// Where an execution stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub(super) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Outcome>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<Decision>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<StepError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed_step: Option<String>,
    pub(super) scopes: BTreeMap<ScopeId, ScopeState>,
    /// Finished steps, as `steps.<id>` shows them: an object, or null before the first. It is a
    /// value so that templates read below it without copying it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) steps: Value,
    /// How often the flow has come to a step, for those it came to more than once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) passages: BTreeMap<StepPath, u32>,
    /// What was written into the context.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) context: Map<String, Value>,
    /// Paths of the context that were written: what the payload has there does not show through.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) replaced: BTreeSet<String>,
    pub(super) steps_taken: u32,
    /// The last moment at which something happened.
    #[serde(default)]
    pub(super) last_at: Timestamp,
    /// Running time before `running_since`, in milliseconds.
    pub(super) ran_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) running_since: Option<Timestamp>,
}

impl State {
    /// An execution that was accepted and has done nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.status.is_end()
    }

    /// Its result, once it has ended.
    #[must_use]
    pub const fn result(&self) -> Option<Outcome> {
        self.result
    }

    /// The last decision.
    #[must_use]
    pub const fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// Why it failed.
    #[must_use]
    pub const fn error(&self) -> Option<&StepError> {
        self.error.as_ref()
    }

    /// Where it failed.
    #[must_use]
    pub fn failed_step(&self) -> Option<&str> {
        self.failed_step.as_deref()
    }
}
