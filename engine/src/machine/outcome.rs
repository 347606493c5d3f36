//! What an execution says to whoever asked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::StepPath;

/// The result of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The last decision was to allow.
    Allowed,
    /// The last decision was to block.
    Blocked,
    /// It ended well without a decision.
    Executed,
    /// It failed.
    Failed,
}

/// A decision of an `action` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Allow, block, or just done.
    pub outcome: Outcome,
    /// For the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Further data for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Step that decided.
    pub step: StepPath,
}
