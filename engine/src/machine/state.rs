//! Where an execution stands: small, serialisable, the fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::approval::Verdict;
use super::effect::{StepError, StepPath};
use super::finished::Steps;
use super::outcome::{Decision, Outcome};
use super::resume_on::{AwaitedResume, ResumeEvent, ResumeOn};
use crate::Timestamp;

use super::scope::is_zero;
pub(super) use super::scope::{Active, Awaiting, Children, Left, Phase, PutOff, ROOT, ScopeId, ScopeState, Written};
pub use super::scope::{Awaited, BodyKind, OpenApproval};

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
    /// Where people reach the server, such as `https://sluice.example.com`; without a slash at the end.
    pub base_url: String,
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
    /// Nothing runs; waits for a time, an event, a child or an approval step.
    Waiting,
    /// A decision to block is held until its approval is decided (D-1).
    Blocked,
    /// Stopped by hand until it is resumed.
    Paused,
    /// Ended well.
    Completed,
    /// Ended by an error.
    Failed,
    /// Ended by hand.
    Cancelled,
}

impl Status {
    /// Name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
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
    pub(super) failed_step: Option<StepPath>,
    pub(super) scopes: BTreeMap<ScopeId, ScopeState>,
    /// How many scopes were opened beside the flow itself: the number of the last one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) scopes_opened: u32,
    /// Finished steps, as `steps.<id>` shows them.
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    pub(super) steps: Steps,
    /// What was loaded before the first step: the result of the step that loads, which is none of `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) loaded: Option<Value>,
    /// How often the flow has come to a step, for those it came to more than once.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) passages: BTreeMap<StepPath, u32>,
    /// What was written into the context.
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub(super) written: Written,
    /// Approvals that are open, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) approvals: BTreeMap<String, OpenApproval>,
    /// Approvals that were decided, while a step still waits for others beside them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) decided: BTreeMap<String, Verdict>,
    /// The approval that was opened last: `approval_url` leads to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_approval: Option<String>,
    /// Ids of events that a wait has taken.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) events_taken: BTreeSet<String>,
    /// Signals that nothing has waited for yet, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<KeptSignal>,
    /// When it goes on by itself after a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resumes: Option<Box<ScheduledResume>>,
    /// At which event it goes on by itself after a pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resumes_on: Option<Box<AwaitedResume>>,
    /// How often an event was named at which it goes on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) resumes_named: u32,
    /// Ids of events that have ended a pause.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) resumed_by: BTreeSet<String>,
    /// That it is paused for long has been noted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) paused_long: bool,
    /// Since when it is paused, or about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) paused_at: Option<Timestamp>,
    /// Time limits stand still during this pause.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) freezes: bool,
    /// How long the whole life has stood still in pauses that are over, in milliseconds.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub(super) frozen_ms: i64,
    /// It has not begun, because as many with its concurrency key are under way as may be.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) awaits_slot: bool,
    /// When its rate lets it begin; of one that has begun it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) begins_at: Option<Timestamp>,
    /// The step that the flow begins with, if that is not its first: of one that is retried, or repeats another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<String>,
    /// The last moment at which something happened.
    #[serde(default)]
    pub(super) last_at: Timestamp,
    /// Running time before `running_since`, in milliseconds.
    pub(super) ran_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) running_since: Option<Timestamp>,
}

/// A signal that nothing has waited for yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeptSignal {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) data: Value,
}

/// How a paused execution goes on by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ScheduledResume {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    pub(super) due_at: Timestamp,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) data: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at_step: Option<String>,
    /// The event that has come before its moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Box<ResumeEvent>>,
}

impl State {
    /// An execution that was accepted and has done nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has not begun because of its concurrency limit.
    #[must_use]
    pub const fn awaits_slot(&self) -> bool {
        self.awaits_slot
    }

    /// Whether its first step has not begun; then it holds no slot yet.
    #[must_use]
    pub fn has_not_begun(&self) -> bool {
        !self.status.is_end() && self.scopes.is_empty()
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

    /// Whether it was paused, or is about to be.
    #[must_use]
    pub const fn is_pausing(&self) -> bool {
        self.paused_at.is_some()
    }

    /// Since when it is paused, or about to be.
    #[must_use]
    pub const fn paused_since(&self) -> Option<Timestamp> {
        self.paused_at
    }

    /// Whether its time limits stand still: it is paused, or about to be.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.paused_at.is_some() && self.freezes
    }

    /// When it goes on by itself after a pause.
    #[must_use]
    pub fn resumes_at(&self) -> Option<Timestamp> {
        self.resumes.as_ref().map(|resume| resume.due_at)
    }

    /// At which event it goes on by itself after a pause, and since when that counts.
    #[must_use]
    pub fn resumes_on(&self) -> Option<(&ResumeOn, Timestamp)> {
        self.resumes_on.as_ref().map(|awaited| (&awaited.on, awaited.since))
    }

    /// The approvals that are open, by id.
    #[must_use]
    pub const fn approvals(&self) -> &BTreeMap<String, OpenApproval> {
        &self.approvals
    }

    /// The steps that are under way, by path, with the moment at which their first attempt began.
    pub fn under_way(&self) -> impl Iterator<Item = (&StepPath, Timestamp)> {
        let active = self.scopes.values().filter_map(|scope| scope.active.as_ref());
        active.filter_map(|active| active.since.map(|since| (&active.path, since)))
    }

    /// Whether its time is running: it has something to do, or waits for calls.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// Whether a call has left and not come back.
    #[must_use]
    pub fn has_effect_under_way(&self) -> bool {
        let phases = self.scopes.values().filter_map(|scope| scope.active.as_ref()).map(|active| &active.phase);
        phases.into_iter().any(|phase| matches!(phase, Phase::Actions { in_flight: true, .. }))
    }

    /// Running time until `now`, in milliseconds.
    pub(super) fn ran_until(&self, now: Timestamp) -> i64 {
        let current = self.running_since.map_or(0, |since| now.0.saturating_sub(since.0).max(0));
        self.ran_ms.saturating_add(current)
    }

    /// The chain of scopes from `scope` up to the flow itself.
    pub(super) fn chain(&self, scope: ScopeId) -> impl Iterator<Item = (ScopeId, &ScopeState)> {
        let first = self.scopes.get(&scope).map(|state| (scope, state));
        std::iter::successors(first, |(_, state)| {
            let parent = state.parent?;
            self.scopes.get(&parent).map(|state| (parent, state))
        })
    }

    /// The scopes that the step at which `scope` stands has opened, and those below them.
    pub(super) fn below(&self, scope: ScopeId) -> Vec<ScopeId> {
        let mut found = vec![scope];
        let mut at = 0;
        while let Some(&parent) = found.get(at) {
            found.extend(self.scopes.iter().filter(|(_, state)| state.parent == Some(parent)).map(|(id, _)| *id));
            at += 1;
        }
        found.remove(0);
        found
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_nothing(milliseconds: &i64) -> bool {
    *milliseconds == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}
