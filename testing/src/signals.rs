//! What happens from outside while an execution lives.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One thing that happens.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SignalCase {
    /// An event comes.
    Event {
        /// Its name.
        event: String,
        /// Its data.
        #[serde(default)]
        payload: Map<String, Value>,
        /// The same key, the same event: it comes a second time.
        #[serde(default)]
        event_key: Option<String>,
        /// What becomes of it.
        #[serde(default)]
        expect_effect: Effect,
    },
    /// Somebody decides an approval.
    Approval {
        /// Which; the oldest that is open when absent.
        #[serde(default, rename = "match")]
        matching: ApprovalMatch,
        /// `approve` or `reject`.
        decision: Ruling,
        /// Who, `tester` when absent.
        #[serde(default)]
        by: Option<String>,
        /// A role that this person holds.
        #[serde(default)]
        by_role: Option<String>,
        /// Why.
        #[serde(default)]
        reason: Option<String>,
        /// Answers to the form.
        #[serde(default)]
        form: Value,
        /// What becomes of it.
        #[serde(default)]
        expect_effect: Effect,
    },
    /// Time goes by.
    Advance {
        /// How much, such as `24h`.
        by: String,
    },
    /// It is paused.
    Pause {
        /// What becomes of it.
        #[serde(default)]
        expect_effect: Effect,
    },
    /// It goes on.
    Resume {
        /// Merged over its data.
        #[serde(default)]
        data: Option<Map<String, Value>>,
        /// The step to go on at.
        #[serde(default)]
        at_step: Option<String>,
        /// What becomes of it.
        #[serde(default)]
        expect_effect: Effect,
    },
    /// It is cancelled.
    Cancel {
        /// Why.
        #[serde(default)]
        reason: Option<String>,
        /// What becomes of it.
        #[serde(default)]
        expect_effect: Effect,
    },
}

/// Which approval.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalMatch {
    /// Sort of the thing it is about.
    #[serde(default)]
    pub entity_type: Option<String>,
    /// Id of the thing it is about.
    #[serde(default)]
    pub entity_id: Option<String>,
    /// Id of the step that asks.
    #[serde(default)]
    pub step: Option<String>,
}

/// What somebody says to an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// What becomes of a signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changed something.
    #[default]
    Accepted,
    /// It fits nothing, or came a second time.
    Ignored,
    /// This person may not.
    Denied,
}

impl Effect {
    /// Name in case files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Denied => "denied",
        }
    }
}

impl SignalCase {
    /// What is expected of it; time goes by in any case.
    #[must_use]
    pub const fn expected(&self) -> Effect {
        match self {
            Self::Event { expect_effect, .. }
            | Self::Approval { expect_effect, .. }
            | Self::Pause { expect_effect }
            | Self::Resume { expect_effect, .. }
            | Self::Cancel { expect_effect, .. } => *expect_effect,
            Self::Advance { .. } => Effect::Accepted,
        }
    }

    /// Name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Event { event, .. } => format!("event {event}"),
            Self::Approval { decision: Ruling::Approve, .. } => "approval".to_owned(),
            Self::Approval { .. } => "rejection".to_owned(),
            Self::Advance { by } => format!("advance by {by}"),
            Self::Pause { .. } => "pause".to_owned(),
            Self::Resume { .. } => "resume".to_owned(),
            Self::Cancel { .. } => "cancel".to_owned(),
        }
    }
}
