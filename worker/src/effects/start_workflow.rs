//! Step `workflow` and action `start_workflow`: an execution of another workflow.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use engine::machine::{EffectOutcome, ErrorClass};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tracing::error;

use super::outage::{Answer, until_answered};
use super::{EffectOwner, failed};

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
    /// Our own database is away or takes no more at this moment: the same start is tried again until it is not.
    #[error("executions cannot be started now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something else broke on our side; waiting does not help.
    #[error("the execution could not be started")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Tries to start it until the database has answered.
pub(super) async fn run(start: &dyn StartWorkflow, workflow: StartedWorkflow<'_>, limit: Duration) -> EffectOutcome {
    let wish = format!("an execution of workflow {} is to be started", workflow.workflow);
    until_answered(&wish, limit, || try_to(start, workflow)).await
}

async fn try_to(start: &dyn StartWorkflow, workflow: StartedWorkflow<'_>) -> Answer {
    let slug = workflow.workflow;
    Answer::Outcome(match start.start(workflow).await {
        Ok(id) => EffectOutcome::Succeeded { output: json!({ "execution_id": id }) },
        Err(StartError::Refused { code, message }) => {
            failed(&code, format!("workflow {slug}: {message}"), ErrorClass::Other)
        }
        Err(StartError::Unavailable(source)) => return Answer::Away(source),
        Err(StartError::Broken(source)) => {
            let problem = service::chain(source.as_ref());
            error!(
                execution.id = %workflow.owner.execution, workflow = slug, error = %problem,
                "an execution of {slug} could not be started"
            );
            failed("INTERNAL", format!("workflow {slug}: the server could not start it"), ErrorClass::Connection)
        }
    })
}
