//! Step `workflow` and action `start_workflow`: an execution of another workflow.

use std::error::Error;
use std::fmt::Debug;

use engine::machine::{EffectOutcome, ErrorClass, StepError};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tracing::warn;

use super::EffectOwner;

/// An execution that an execution starts.
#[derive(Debug, Clone, Copy)]
pub struct StartedWorkflow<'a> {
    /// The execution that starts it, and its organization.
    pub owner: EffectOwner,
    /// Path of the step that starts it.
    pub step: &'a str,
    /// Slug of the workflow.
    pub workflow: &'a str,
    /// Number of its version; the published one when absent.
    pub version: Option<u32>,
    /// What it is started with.
    pub input: &'a Value,
    /// Whether the owner waits for its end.
    pub waits: bool,
    /// The same for every try of the same effect: a second one finds the execution of the first.
    pub key: &'a str,
}

/// Starts executions. The worker implements it with the use case that the API calls too.
pub trait StartWorkflow: Debug + Send + Sync {
    /// Starts it; answers its id.
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>>;
}

/// Why an execution was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot be started so, such as with an input that does not fit.
    #[error("{message}")]
    Refused {
        /// Stable code of the reason.
        code: String,
        /// What is wrong, for the author.
        message: String,
    },
    /// The database or another part is away; another attempt may succeed.
    #[error("executions cannot be started now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

pub(super) async fn run(start: &dyn StartWorkflow, workflow: StartedWorkflow<'_>) -> EffectOutcome {
    let slug = workflow.workflow;
    match start.start(workflow).await {
        Ok(id) => EffectOutcome::Succeeded { output: json!({ "execution_id": id }) },
        Err(StartError::Refused { code, message }) => {
            EffectOutcome::Failed(StepError::other(&code, format!("workflow {slug}: {message}")))
        }
        Err(StartError::Unavailable(source)) => {
            warn!(workflow = slug, error = %service::chain(source.as_ref()), "an execution of {slug} could not be started");
            let message = format!("workflow {slug}: executions cannot be started now");
            EffectOutcome::Failed(StepError {
                retryable_class: ErrorClass::Connection,
                ..StepError::other("UNAVAILABLE", message)
            })
        }
    }
}
