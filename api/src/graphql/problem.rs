//! Findings about definitions.

use async_graphql::{ComplexObject, Context, Enum, SimpleObject};
use engine::fix::Operation;
use engine::problem as found;

use super::errors::documentation;
use super::scalars::{Json, Url};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum Severity {
    /// Blocks publishing.
    Error,
    /// Should be looked at.
    Warning,
}

/// Place in the text of a definition. Lines and columns start at 1.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct SourceRange {
    /// First line.
    start_line: u32,
    /// First column.
    start_column: u32,
    /// Last line.
    end_line: u32,
    /// Column behind the last character.
    end_column: u32,
}

/// A finding about a definition.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Problem {
    /// Stable rule id, such as `unreachable-step`.
    code: String,
    /// How bad.
    severity: Severity,
    /// What is wrong.
    message: String,
    /// JSON Pointer into the definition.
    pointer: String,
    /// Step it is about.
    step_key: Option<String>,
    /// Where it stands in the text.
    source: Option<SourceRange>,
    /// How to correct it.
    suggestion: Option<String>,
    /// Machine correction, when there is a safe one.
    fix: Option<Vec<JsonPatchOperation>>,
}

/// One operation of RFC 6902.
#[derive(Debug, Clone, SimpleObject)]
pub struct JsonPatchOperation {
    /// One of add, remove, replace.
    op: String,
    /// JSON Pointer.
    path: String,
    /// New value.
    value: Option<Json>,
}

impl From<&Operation> for JsonPatchOperation {
    fn from(operation: &Operation) -> Self {
        let (op, value) = match operation {
            Operation::Add { value, .. } => ("add", Some(value)),
            Operation::Remove { .. } => ("remove", None),
            Operation::Replace { value, .. } => ("replace", Some(value)),
        };
        Self { op: op.to_owned(), path: operation.path().to_owned(), value: value.cloned().map(async_graphql::Json) }
    }
}

fn correction(fix: &[Operation]) -> Option<Vec<JsonPatchOperation>> {
    (!fix.is_empty()).then(|| fix.iter().map(Into::into).collect())
}

#[ComplexObject]
impl Problem {
    /// The page about the rule.
    async fn documentation_url(&self, ctx: &Context<'_>) -> async_graphql::Result<Url> {
        documentation(ctx, &format!("/docs/problems#{}", self.code))
    }
}

impl Problem {
    /// Findings as they were stored with a version.
    pub(super) fn stored(text: &str) -> async_graphql::Result<Vec<Self>> {
        let unreadable = |_error| async_graphql::Error::new("stored findings cannot be read");
        let list: Vec<StoredProblem> = serde_json::from_str(text).map_err(unreadable)?;
        Ok(list.into_iter().map(Into::into).collect())
    }
}

#[derive(serde::Deserialize)]
struct StoredProblem {
    code: String,
    severity: String,
    message: String,
    pointer: String,
    step: Option<String>,
    range: Option<StoredRange>,
    suggestion: Option<String>,
    #[serde(default)]
    fix: Vec<Operation>,
}

#[derive(serde::Deserialize)]
struct StoredRange {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

impl From<StoredProblem> for Problem {
    fn from(problem: StoredProblem) -> Self {
        Self {
            code: problem.code,
            severity: if problem.severity == "error" { Severity::Error } else { Severity::Warning },
            message: problem.message,
            pointer: problem.pointer,
            step_key: problem.step,
            source: problem.range.map(|range| SourceRange {
                start_line: range.start_line,
                start_column: range.start_column,
                end_line: range.end_line,
                end_column: range.end_column,
            }),
            suggestion: problem.suggestion,
            fix: correction(&problem.fix),
        }
    }
}

impl From<&found::Problem> for Problem {
    fn from(problem: &found::Problem) -> Self {
        Self {
            code: problem.code.to_owned(),
            severity: match problem.severity {
                found::Severity::Error => Severity::Error,
                found::Severity::Warning => Severity::Warning,
            },
            message: problem.message.clone(),
            pointer: problem.pointer.clone(),
            step_key: problem.step.clone(),
            source: problem.range.map(|range| SourceRange {
                start_line: range.start_line,
                start_column: range.start_column,
                end_line: range.end_line,
                end_column: range.end_column,
            }),
            suggestion: problem.suggestion.clone(),
            fix: correction(&problem.fix),
        }
    }
}
