//! Tries an expression or a template on some data.

use async_recursion::async_recursion as boxed;
use engine::expr::{DataScope, Explanation, Expression, Fault, Template};
use serde_json::{Map, Value};

use super::evaluate::check_data;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// What to compute.
#[derive(Debug, Clone)]
pub struct ExpressionRequest {
    /// An expression, or a text with `{{ }}`.
    pub expression: String,
    /// Whether it is a text with `{{ }}`.
    pub is_template: bool,
    /// What it reads; nothing when absent.
    pub data: Option<Value>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The value; absent when there is none, as for a missing field.
    pub value: Option<Value>,
    /// How it came out; absent when the text cannot be read or computed.
    pub why: Option<Explanation>,
    /// What is wrong with the text.
    pub faults: Vec<Fault>,
    /// Why it cannot be computed: code and sentence.
    pub failure: Option<(&'static str, String)>,
}

/// Computes an expression or a template.
///
/// # Errors
/// `Forbidden`; `INVALID` for data that are no object; the database away.
#[boxed]
pub async fn expression(
    services: &Services,
    viewer: &Viewer,
    request: ExpressionRequest,
) -> Result<Computed, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    let data = request.data.clone().unwrap_or_else(|| Value::Object(Map::new()));
    check_data(services, &data)?;
    let now = services.now();
    // It may take a while, and must not hold up the others on this thread.
    let ran = tokio::task::spawn_blocking(move || compute(&request, &DataScope { data: &data, now })).await;
    ran.map_err(|error| ServiceError::Internal { what: "the trial of an expression ended badly", source: error.into() })
}

fn compute(request: &ExpressionRequest, scope: &DataScope<'_>) -> Computed {
    let text = &request.expression;
    let value = if request.is_template {
        match Template::compile(&Value::String(text.clone())) {
            Ok(template) => template.render(scope).map(Some),
            Err(faults) => return Computed { value: None, why: None, faults, failure: None },
        }
    } else {
        match Expression::compile(text) {
            Ok(expression) => expression.evaluate_if_present(scope),
            Err(fault) => {
                return Computed {
                    value: None,
                    why: None,
                    faults: vec![Fault { code: "bad-expression", ..fault }],
                    failure: None,
                };
            }
        }
    };
    match value {
        Ok(value) => {
            let why = Explanation::computed(text, value.as_ref(), scope.now);
            Computed { value, why: Some(why), faults: Vec::new(), failure: None }
        }
        Err(error) => {
            Computed { value: None, why: None, faults: Vec::new(), failure: Some((error.code(), error.to_string())) }
        }
    }
}
