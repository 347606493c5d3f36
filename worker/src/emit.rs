//! Action `emit_event` through the same use case that the API calls.

use futures::FutureExt;
use futures::future::BoxFuture;
use service::events::{EmitRequest, emit};
use service::{Services, Viewer};

use crate::effects::{EmitError, EmitEvent, EmittedEvent};
use crate::unmet::Unmet;

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
                Err(error) => Err(match Unmet::of(error) {
                    Unmet::Refused { code, message } => EmitError::Refused { code, message },
                    Unmet::Away(error) => EmitError::Unavailable(Box::new(error)),
                    Unmet::Broken(error) => EmitError::Broken(Box::new(error)),
                }),
            }
        }
        .boxed()
    }
}
