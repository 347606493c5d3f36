//! Tries a rule, saved or not, on some data.

use async_recursion::async_recursion as boxed;
use engine::expr::DataScope;
use engine::problem::Problem;
use engine::rule::{Outcome, Rule, RuleKind};
use ids::RuleId;
use serde_json::Value;

use super::read::one;
use super::{compiled, kind_of};
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What is tried.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A rule as it is saved, disabled or not.
    Saved(RuleId),
    /// A rule that is not saved.
    Unsaved {
        /// What it does.
        kind: RuleKind,
        /// Conditions and effects.
        definition: Value,
    },
}

/// What came of trying a rule.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// What it answers.
    pub outcome: Outcome,
    /// What the rule does.
    pub kind: RuleKind,
}

/// Evaluates a rule over `data`, as a workflow would whose context holds just these.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `DEFINITION_INVALID`, with every error of the definition; `INPUT_SCHEMA_MISMATCH` when
/// the data do not fit the rule's schema; `INVALID` for data that are no object, or when a value cannot be computed;
/// the database away.
#[boxed]
pub async fn evaluate(
    services: &Services,
    viewer: &Viewer,
    subject: Subject,
    data: Value,
) -> Result<Evaluation, ServiceError> {
    viewer.require(Permission::RuleRead)?;
    check_data(services, &data)?;
    let (rule, kind) = match subject {
        Subject::Saved(id) => {
            let row = one(services, viewer, id).await?;
            if let Some(schema) = &row.input_schema {
                fits(schema, &data)?;
            }
            (compiled(row.kind, &row.definition)?, kind_of(row.kind))
        }
        Subject::Unsaved { kind, definition } => (checked(kind, &definition)?, kind),
    };
    let now = services.now();
    // It may take a while, and must not hold up the others on this thread.
    let ran = tokio::task::spawn_blocking(move || rule.evaluate(&DataScope { data: &data, now })).await;
    let outcome =
        ran.map_err(|error| ServiceError::Internal { what: "the trial of a rule ended badly", source: error.into() })?;
    let outcome = outcome.map_err(|error| {
        let message = format!("the rule has no answer: {error}");
        ServiceError::mistake(Mistake::new(Code::Invalid, "data", message))
    })?;
    Ok(Evaluation { outcome, kind })
}

fn checked(kind: RuleKind, definition: &Value) -> Result<Rule, ServiceError> {
    let checked = engine::rule::check(kind, definition);
    checked.rule.ok_or_else(|| {
        let errors = checked.problems.into_iter().filter(Problem::is_error).take(20).map(|problem| {
            let message = format!("{} at `{}`", problem.message, problem.pointer);
            let mistake = Mistake::new(Code::DefinitionInvalid, "definition", message);
            if let Some(hint) = problem.suggestion { mistake.with_help(hint) } else { mistake }
        });
        ServiceError::Mistakes(errors.collect())
    })
}

/// Refuses data that no context could hold.
pub(super) fn check_data(services: &Services, data: &Value) -> Result<(), ServiceError> {
    let limit = services.settings().max_payload_bytes;
    let refuse = |code, message: String| Err(ServiceError::mistake(Mistake::new(code, "data", message)));
    if !data.is_object() {
        let message = "the data must be an object: its keys are what templates and conditions read";
        return refuse(Code::Invalid, message.to_owned());
    }
    let bytes = data.to_string().len();
    if bytes > limit {
        return refuse(Code::TooLarge, format!("the data have {bytes} bytes, the limit is {limit}"));
    }
    Ok(())
}

fn fits(schema: &str, data: &Value) -> Result<(), ServiceError> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| ServiceError::Internal {
        what: "the schema of a stored rule does not compile",
        source,
    };
    let schema: Value = serde_json::from_str(schema).map_err(|error| broken(error.into()))?;
    let problems = engine::plan::check_value(&schema, data).map_err(|error| broken(error.to_string().into()))?;
    if problems.is_empty() {
        return Ok(());
    }
    let mistakes = problems.into_iter().map(|problem| {
        let pointer = problem.pointer.trim_start_matches('/').replace('/', ".");
        let field = if pointer.is_empty() { "data".to_owned() } else { format!("data.{pointer}") };
        Mistake::new(Code::InputSchemaMismatch, &field, problem.message)
    });
    Err(ServiceError::Mistakes(mistakes.collect()))
}
