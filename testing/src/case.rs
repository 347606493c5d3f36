//! Case files: what starts an execution, how the world answers, what is expected.

use std::collections::BTreeMap;

use engine::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::expect::Expect;
use crate::rules::RuleStub;
use crate::signals::SignalCase;
use crate::stubs::{GraphqlStub, HttpStub, ModelStub, NotifyStub, RecordStub, WorkflowStub};

/// One test of a workflow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique among the cases of a file.
    pub id: String,
    /// For people.
    #[serde(default)]
    pub title: Option<String>,
    /// The definition's file, relative to the case file.
    pub workflow: String,
    /// The event that starts it; a person does when absent.
    #[serde(default)]
    pub event: Option<String>,
    /// What it is started with.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// How the world answers.
    #[serde(default)]
    pub stubs: Stubs,
    /// What happens from outside, in order.
    #[serde(default)]
    pub signals: Vec<SignalCase>,
    /// What the status is in between.
    #[serde(default)]
    pub checkpoints: Vec<Checkpoint>,
    /// What is expected of the end.
    #[serde(default)]
    pub expect: Expect,
}

/// How the world answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stubs {
    /// When it starts, RFC 3339; 2026-01-01T00:00:00Z when absent.
    #[serde(default)]
    pub now: Option<String>,
    /// Answers to HTTP calls.
    #[serde(default)]
    pub http: Vec<HttpStub>,
    /// Answers to GraphQL requests; those of HTTP calls answer them too.
    #[serde(default)]
    pub graphql: Vec<GraphqlStub>,
    /// Answers of systems of records; what the flow itself makes is there without.
    #[serde(default)]
    pub records: Vec<RecordStub>,
    /// What becomes of messages to people; without, they arrive.
    #[serde(default)]
    pub notify: Vec<NotifyStub>,
    /// Answers of models.
    #[serde(default)]
    pub llm: Vec<ModelStub>,
    /// Ends of executions that it starts.
    #[serde(default)]
    pub workflows: Vec<WorkflowStub>,
    /// What is loaded before the first step, by name; and values at dotted paths, where the payload has none.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// Values of secrets, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Values of variables, by name.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// What is known of services that the definition reads, by name.
    #[serde(default)]
    pub integrations: BTreeMap<String, Value>,
    /// Rules that steps name, by slug; on a server, in place of the organization's.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleStub>,
}

/// A status in between.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// After so many signals, and whatever followed from them.
    pub after_signals: usize,
    /// Name of the status.
    pub status: String,
}

/// Why a case file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It is no JSON, or has keys or values that mean nothing.
    #[error("{0}")]
    Json(#[source] serde_json::Error),
    /// It is no YAML, or has keys or values that mean nothing.
    #[error("{0}")]
    Yaml(#[source] serde_saphyr::Error),
    /// A moment, a duration or another text is not what it should be.
    #[error("case `{case}`: {what}")]
    Invalid {
        /// Which case.
        case: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// Reads a case file, JSON or YAML, with one case or a list of them.
///
/// # Errors
/// What is wrong, with line and column where that is known.
pub fn cases(text: &str, is_json: bool) -> Result<Vec<Case>, CaseError> {
    let cases: Vec<Case> = if is_json {
        let value: Value = serde_json::from_str(text).map_err(CaseError::Json)?;
        if value.is_array() {
            serde_json::from_str(text).map_err(CaseError::Json)?
        } else {
            vec![serde_json::from_str(text).map_err(CaseError::Json)?]
        }
    } else {
        let value: Value = serde_saphyr::from_str(text).map_err(CaseError::Yaml)?;
        if value.is_array() {
            serde_saphyr::from_str(text).map_err(CaseError::Yaml)?
        } else {
            vec![serde_saphyr::from_str(text).map_err(CaseError::Yaml)?]
        }
    };
    let mut ids = std::collections::BTreeSet::new();
    for case in &cases {
        case.starts_at()?;
        case.rules()?;
        if !ids.insert(&case.id) {
            return Err(case.invalid("the id is given twice, so nobody could tell the cases apart"));
        }
        for checkpoint in &case.checkpoints {
            if checkpoint.after_signals > case.signals.len() {
                let count = case.signals.len();
                return Err(case.invalid(format!(
                    "a checkpoint is after {} signals, and there are {count}",
                    checkpoint.after_signals
                )));
            }
        }
    }
    Ok(cases)
}

/// 2026-01-01T00:00:00Z.
const START: Timestamp = Timestamp(1_767_225_600_000);

impl Case {
    /// When it starts.
    ///
    /// # Errors
    /// When `stubs.now` is no moment.
    pub fn starts_at(&self) -> Result<Timestamp, CaseError> {
        let Some(now) = &self.stubs.now else { return Ok(START) };
        engine::expr::moment_of(&Value::String(now.clone()), START)
            .ok_or_else(|| self.invalid(format!("`now` must be a moment such as `2026-03-30T12:00:00Z`, not `{now}`")))
    }

    pub(crate) fn invalid(&self, what: impl Into<String>) -> CaseError {
        CaseError::Invalid { case: self.id.clone(), what: what.into() }
    }
}
