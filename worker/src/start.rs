//! Starting other workflows through the same use case that the API calls.

use futures::FutureExt;
use futures::future::BoxFuture;
use service::Services;
use service::executions::{ChildRequest, start_child};

use crate::effects::{StartError, StartWorkflow, StartedWorkflow};
use crate::unmet::Unmet;

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
                Err(error) => Err(match Unmet::of(error) {
                    Unmet::Refused { code, message } => StartError::Refused { code, message },
                    Unmet::Away(error) => StartError::Unavailable(Box::new(error)),
                    Unmet::Broken(error) => StartError::Broken(Box::new(error)),
                }),
            }
        }
        .boxed()
    }
}
