//! Starting other workflows through the same use case that the API calls.

use futures::FutureExt;
use futures::future::BoxFuture;
use service::executions::{ChildRequest, start_child};
use service::{ServiceError, Services};

use crate::effects::{StartError, StartWorkflow, StartedWorkflow};

/// Executions of executions, started by the service.
#[derive(Debug)]
pub struct ServiceExecutions(pub Services);

impl StartWorkflow for ServiceExecutions {
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async move {
            let request = ChildRequest {
                organization: workflow.owner.organization,
                parent: workflow.owner.execution,
                parent_depth: workflow.owner.depth,
                step: workflow.step.to_owned(),
                workflow: workflow.workflow.to_owned(),
                // A number that no version has is refused as such.
                version: workflow.version.map(|version| i32::try_from(version).unwrap_or(i32::MAX)),
                input: workflow.input.clone(),
                waits: workflow.waits,
                key: workflow.key.to_owned(),
            };
            match start_child(&self.0, request).await {
                Ok(id) => Ok(id.to_string()),
                Err(ServiceError::Mistakes(mistakes)) => {
                    let code = mistakes.first().map_or("INVALID", |mistake| mistake.code.as_str()).to_owned();
                    let message = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
                    Err(StartError::Refused { code, message })
                }
                Err(error) => Err(StartError::Unavailable(Box::new(error))),
            }
        }
        .boxed()
    }
}
