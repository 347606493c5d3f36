//! Where each flow of steps within an execution stands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::approval::ApprovalRequest;
use super::effect::{StepError, StepPath};
use super::finished::Steps;
use crate::{Name, Shared, Timestamp};

/// Values written over what lies below: the payload, or what the scopes around have written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Written {
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) values: Map<String, Value>,
    /// Paths that were written: what lies below does not show through there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) replaced: BTreeSet<String>,
}

impl Written {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// Number of a scope: 0 is the flow itself; branches and loop bodies are scopes of their own.
pub(super) type ScopeId = u32;

/// The flow itself.
pub(super) const ROOT: ScopeId = 0;

/// One flow of steps with its own place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct ScopeState {
    /// The scope whose step opened this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<ScopeId>,
    /// Its place among those that the step opened: of a branch, an item or a round.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) index: u32,
    /// What stands before its steps' ids in their paths, such as `charge_items[17].`.
    #[serde(default, skip_serializing_if = "Name::is_empty")]
    pub(super) prefix: Name,
    /// Values that only this scope and those below it read, such as `item`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) locals: Map<String, Value>,
    /// What it wrote into the context: only it and the scopes below see that, until it has ended.
    /// So calls that run at the same time are rendered from the same values, also after a crash.
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub(super) written: Written,
    /// Its finished steps; those of the flow itself are in [`State::steps`].
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    pub(super) steps: Steps,
    /// Where it stands; nothing when it has come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) active: Option<Active>,
    /// The step that finished last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<Name>,
    /// The error that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failed: Option<StepError>,
    /// Steps that it began or skipped.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) taken: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(super) const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The step a scope stands at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Active {
    pub(super) step: Name,
    pub(super) path: StepPath,
    /// How often the flow has come to this step, this time included.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub(super) passage: u32,
    pub(super) attempt: u32,
    /// When its first attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    /// Whom its messages have reached, by the place of the action: a further try does not tell them again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) told: BTreeMap<u32, BTreeSet<String>>,
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
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// About to begin an attempt.
    Ready,
    /// In its list of actions.
    Actions {
        /// The action that is next, or under way.
        next: u32,
        /// What the actions before it answered.
        outputs: Vec<Shared>,
        /// Bytes of JSON that `outputs` holds, about.
        #[serde(default)]
        bytes: usize,
        /// `next` has left and not come back.
        in_flight: bool,
        /// The moment `now` stands for in this attempt.
        now: Timestamp,
        /// The last time that `next` was put off, while it is next or under way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        put_off: Option<PutOff>,
        /// For how long actions were put off: no time of the attempt. Milliseconds.
        #[serde(default, skip_serializing_if = "is_no_time")]
        held_ms: i64,
    },
    /// Waits before the next attempt.
    Backoff { due_at: Timestamp },
    /// Branches, items or rounds are under way, each in a scope of its own.
    Children(Box<Children>),
    /// Waits for something outside.
    Waiting(Box<Awaiting>),
}

/// A call that did not leave because of the rate of its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PutOff {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// The moment is its own: nobody is asked again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_turn: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_no_time(millis: &i64) -> bool {
    *millis == 0
}

/// What sort of scopes a step opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// The branches of a `parallel` step.
    Branches,
    /// The items of a `foreach` step.
    Items,
    /// The rounds of a `while` step.
    Rounds,
}

/// How far a step has come that opens scopes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Children {
    pub(super) kind: BodyKind,
    /// The moment `now` stands for in this attempt.
    pub(super) now: Timestamp,
    /// Running time of the execution when the attempt began, in milliseconds.
    pub(super) ran_ms: i64,
    /// How many there are in all; of rounds, how many there may be.
    pub(super) total: u32,
    /// How many were opened.
    #[serde(default)]
    pub(super) opened: u32,
    /// How many have ended.
    #[serde(default)]
    pub(super) closed: u32,
    /// How many of those did not pass.
    #[serde(default)]
    pub(super) failed: u32,
    /// Items that were not opened.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) items: VecDeque<Value>,
    /// What came of those that have ended, by index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) outcomes: BTreeMap<u32, Shared>,
    /// Several may be under way at once: what they leave behind is kept here until all have ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) isolated: bool,
    #[serde(default, skip_serializing_if = "Left::is_empty")]
    pub(super) left: Left,
    /// Bytes of JSON that `outcomes` holds, about.
    #[serde(default)]
    pub(super) bytes: usize,
    /// The first error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<StepError>,
    /// The `while` condition was false, or there is nothing more to open for another reason.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stopped: bool,
}

impl Children {
    pub(super) fn new(
        kind: BodyKind,
        now: Timestamp,
        ran_ms: i64,
        total: u32,
        isolated: bool,
        items: VecDeque<Value>,
    ) -> Self {
        Self {
            kind,
            now,
            ran_ms,
            total,
            isolated,
            items,
            opened: 0,
            closed: 0,
            failed: 0,
            outcomes: BTreeMap::new(),
            left: Left::default(),
            bytes: 0,
            error: None,
            stopped: false,
        }
    }
}

/// What a scope leaves behind when it has ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Left {
    #[serde(default, skip_serializing_if = "Written::is_empty")]
    pub(super) written: Written,
    /// Finished steps.
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    pub(super) steps: Steps,
    /// The body of its last HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Value>,
}

impl Left {
    fn is_empty(&self) -> bool {
        self.written.is_empty() && self.steps.is_empty() && self.data.is_none()
    }
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Awaiting {
    /// The moment `now` stands for in this attempt.
    pub(super) now: Timestamp,
    /// When it is over by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due_at: Option<Timestamp>,
    pub(super) what: Awaited,
}

/// The other side of a wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Awaited {
    /// A time.
    Time,
    /// An event.
    Event {
        /// Name or pattern.
        event: String,
        /// Paths that must have these values in the event's payload.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        keys: Vec<(String, Value)>,
        /// An event without such a path fits too: the rule of the same entity (D-10).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        lenient: bool,
    },
    /// Approvals, by their ids; all of them have to be decided.
    Approval {
        /// Which.
        approvals: Vec<String>,
        /// A decision to block is held by them (D-1).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        holds: bool,
    },
    /// The end of a child execution.
    Child {
        /// Its id.
        execution: String,
    },
}

/// An approval that was opened and is not decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenApproval {
    /// Path of the step that opened it.
    pub path: StepPath,
    /// What was asked of whom.
    pub request: ApprovalRequest,
    /// When; unknown of those that an earlier release opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// Who approved so far, when several have to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<String>,
    /// When people are reminded next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<Timestamp>,
    /// When another role is asked too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_at: Option<Timestamp>,
}
