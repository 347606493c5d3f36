//! Why executions and steps failed, as clients see it.

use async_graphql::SimpleObject;
use engine::machine;

use super::scalars::Json;

/// Why an execution or step failed.
#[derive(Debug, Clone, SimpleObject)]
pub struct ExecutionError {
    /// Stable code, such as `HTTP_STATUS`; each has a page in the documentation.
    code: String,
    /// For people.
    message: String,
    /// Where.
    step_path: Option<String>,
    /// True when trying again can help.
    is_retryable: bool,
    /// Further data.
    detail: Option<Json>,
}

impl ExecutionError {
    pub(super) fn of_step(error: &machine::StepError, step: Option<&str>) -> Self {
        Self {
            code: error.code.clone(),
            message: error.message.clone(),
            step_path: step.map(str::to_owned),
            is_retryable: match error.retryable_class {
                machine::ErrorClass::Timeout | machine::ErrorClass::Connection => true,
                // As a `retry` that states no `retry_on` decides.
                machine::ErrorClass::Http(status) => status / 100 == 5 || status == 429,
                machine::ErrorClass::Other => false,
            },
            detail: error.detail.clone().map(async_graphql::Json),
        }
    }
}
