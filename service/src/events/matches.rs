//! Which workflows an event was held against, and what came of each; stored with the event.

use std::collections::BTreeSet;

use engine::expr::Explanation;
use ids::{ExecutionId, WorkflowId};
use serde::{Deserialize, Serialize};

use crate::error::ServiceError;

/// One workflow that an event was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The workflow.
    pub workflow: WorkflowId,
    /// What came of it.
    pub outcome: MatchOutcome,
    /// Result of the trigger's condition, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Explanation>,
    /// What was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// Why nothing was started although the condition held, such as a payload that fails the
    /// workflow's input schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What came of holding an event against a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOutcome {
    /// An execution was started.
    Started,
    /// The trigger's condition did not hold, or could not be evaluated.
    Filtered,
    /// The payload does not fit the workflow.
    Refused,
    /// The workflow is disabled.
    Disabled,
}

impl MatchOutcome {
    /// Name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::Disabled => "disabled",
        }
    }
}

/// The outcomes among `matches`, as filters find them: `|filtered|started|`; empty when there are none.
pub(super) fn outcomes(matches: &[Match]) -> String {
    let names: BTreeSet<&str> = matches.iter().map(|found| found.outcome.name()).collect();
    let joined = names.into_iter().collect::<Vec<_>>().join("|");
    if joined.is_empty() { joined } else { format!("|{joined}|") }
}

/// The matches as they are stored; none when the event is not routed yet.
///
/// # Errors
/// When the stored text is not what this program wrote.
pub fn parse_matches(text: Option<&str>) -> Result<Vec<Match>, ServiceError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|error| ServiceError::Internal {
        what: "the matches of an event cannot be read",
        source: error.into(),
    })
}
