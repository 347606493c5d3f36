//! What a rule or an expression gives for some data.

use async_graphql::SimpleObject;
use engine::expr::Fault;
use engine::problem as found;
use engine::rule::RuleKind;
use serde_json::Value;
use service::rules::{Computed, Evaluation};

use crate::graphql::errors::UserError;
use crate::graphql::explanation::Explanation;
use crate::graphql::problem::Problem;
use crate::graphql::scalars::Json;

/// What a rule answers for some data.
#[derive(SimpleObject)]
pub struct RuleEvaluation {
    /// True when it holds; of an enrichment, when it adds something.
    passed: bool,
    /// Messages of failed checks.
    failures: Vec<String>,
    /// Added data, by path.
    output: Option<Json>,
    /// Why; null when there are user errors.
    why: Option<Explanation>,
    /// What is wrong with the rule or the data.
    user_errors: Vec<UserError>,
}

impl RuleEvaluation {
    pub(super) fn of(evaluation: Evaluation) -> Self {
        let outcome = evaluation.outcome;
        let output = outcome.output.filter(|_| evaluation.kind == RuleKind::Enrichment);
        Self {
            passed: outcome.passed,
            failures: outcome.failures,
            output: output.map(|output| async_graphql::Json(Value::Object(output))),
            why: Some(Explanation(outcome.why)),
            user_errors: Vec::new(),
        }
    }

    pub(super) const fn refused(user_errors: Vec<UserError>) -> Self {
        Self { passed: false, failures: Vec::new(), output: None, why: None, user_errors }
    }
}

/// What an expression gives for some data.
#[derive(SimpleObject)]
pub struct ExpressionResult {
    /// Result; null also when a value is missing.
    value: Option<Json>,
    /// Type of the result: string, number, boolean, array, object, null, or missing when there is no such value.
    #[graphql(name = "type")]
    kind: String,
    /// How it came out; null when there are problems.
    why: Option<Explanation>,
    /// What is wrong with it.
    problems: Vec<Problem>,
}

impl From<Computed> for ExpressionResult {
    fn from(computed: Computed) -> Self {
        let mut problems: Vec<Problem> = computed.faults.into_iter().map(problem).collect();
        if let Some((code, message)) = computed.failure {
            problems.push(Problem::from(&error(code, message)));
        }
        Self {
            kind: type_name(computed.value.as_ref()).to_owned(),
            value: computed.value.map(async_graphql::Json),
            why: computed.why.map(Explanation),
            problems,
        }
    }
}

fn problem(fault: Fault) -> Problem {
    let Fault { pointer, code, message, suggestion, fix } = fault;
    Problem::from(&found::Problem { pointer, suggestion, fix, ..error(code, message) })
}

const fn error(code: &'static str, message: String) -> found::Problem {
    found::Problem {
        code,
        severity: found::Severity::Error,
        message,
        pointer: String::new(),
        step: None,
        range: None,
        suggestion: None,
        fix: Vec::new(),
    }
}

const fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}
