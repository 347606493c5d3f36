//! Action `emit_event` through the same use case that the API calls.

use futures::FutureExt;
use futures::future::BoxFuture;
use service::events::{EmitRequest, emit};
use service::{ServiceError, Services, Viewer};

use crate::effects::{EmitError, EmitEvent, EmittedEvent};

/// Events of executions, accepted by the service.
#[derive(Debug)]
pub struct ServiceEvents(pub Services);

impl EmitEvent for ServiceEvents {
    fn emit<'a>(&'a self, event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        async move {
            let request = EmitRequest {
                event_type: event.event.to_owned(),
                payload: event.payload.clone(),
                source: Some(format!("execution/{}", event.owner.execution)),
                subject: None,
                occurred_at: None,
                deduplication_key: Some(service::bounded_key(event.deduplication_key)),
                depth: event.owner.depth.saturating_add(1),
            };
            let viewer = Viewer::system(event.owner.organization);
            match emit(&self.0, &viewer, request).await {
                Ok(emitted) => Ok(emitted.event.id.to_string()),
                Err(ServiceError::Mistakes(mistakes)) => {
                    let code = mistakes.first().map_or("INVALID", |mistake| mistake.code.as_str()).to_owned();
                    let message = mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; ");
                    Err(EmitError::Refused { code, message })
                }
                Err(error) => Err(EmitError::Unavailable(Box::new(error))),
            }
        }
        .boxed()
    }
}
