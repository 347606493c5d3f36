//! What changed between two definitions.

use async_graphql::{Enum, SimpleObject};
use engine::diff;
use service::workflows;

use crate::graphql::problem::JsonPatchOperation;
use crate::graphql::scalars::Json;

/// Sorts of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "diff::ChangeKind")]
pub enum ChangeKind {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Other value.
    Changed,
    /// Other place.
    Moved,
    /// A step with another id, and otherwise the same.
    Renamed,
}

/// One change.
#[derive(Debug, Clone, SimpleObject)]
pub struct DefinitionChange {
    /// What happened.
    kind: ChangeKind,
    /// Step; null for the head of the definition.
    step_key: Option<String>,
    /// JSON Pointer into the new definition; into the old one for what is gone.
    pointer: String,
    /// Old value.
    before: Option<Json>,
    /// New value.
    after: Option<Json>,
    /// True when running executions or callers can be affected.
    is_breaking: bool,
    /// In words.
    summary: String,
}

/// What changed between two definitions.
#[derive(Debug, Clone, SimpleObject)]
pub struct DefinitionDiff {
    /// Changes: the head of the definition, then step by step.
    changes: Vec<DefinitionChange>,
    /// True when running executions or callers can be affected.
    is_breaking: bool,
    /// Text difference, unified format; empty when both texts are the same.
    unified: String,
    /// As JSON Patch, from the old canonical definition to the new one.
    patch: Vec<JsonPatchOperation>,
}

impl From<workflows::DefinitionDiff> for DefinitionDiff {
    fn from(found: workflows::DefinitionDiff) -> Self {
        let is_breaking = found.difference.is_breaking();
        let change = |change: diff::Change| DefinitionChange {
            kind: change.kind.into(),
            step_key: change.step,
            pointer: change.pointer,
            before: change.before.map(async_graphql::Json),
            after: change.after.map(async_graphql::Json),
            is_breaking: change.is_breaking,
            summary: change.summary,
        };
        Self {
            patch: found.difference.patch.iter().map(Into::into).collect(),
            changes: found.difference.changes.into_iter().map(change).collect(),
            is_breaking,
            unified: found.unified,
        }
    }
}
