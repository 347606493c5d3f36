//! Action `emit_event`: an event of the organization, which may start other workflows.

use std::error::Error;
use std::fmt::Debug;
use std::time::Duration;

use engine::machine::{EffectOutcome, ErrorClass};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tracing::error;

use super::outage::{Answer, until_answered};
use super::{EffectOwner, failed};

/// An event that an execution emits.
#[derive(Debug, Clone, Copy)]
pub struct EmittedEvent<'a> {
    /// The execution that emits it, and its organization.
    pub owner: EffectOwner,
    /// The event's name, such as `order.approved`.
    pub event: &'a str,
    /// The event's payload.
    pub payload: &'a Value,
    /// The same for every delivery of the same effect: a second one must change nothing.
    pub deduplication_key: &'a str,
}

/// Accepts events. The worker implements it with the use case that the API calls too.
pub trait EmitEvent: Debug + Send + Sync {
    /// Stores the event and starts what it triggers; answers the event's id.
    fn emit<'a>(&'a self, event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>>;
}

/// Why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The event itself cannot be accepted, such as a payload over the limit.
    #[error("{message}")]
    Refused {
        /// Stable code of the reason.
        code: String,
        /// What is wrong, for the author.
        message: String,
    },
    /// Our own database is away or takes no more at this moment: the same event is offered again until it is not.
    #[error("events cannot be stored now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// Something else broke on our side; waiting does not help.
    #[error("the event could not be stored")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Offers the event until the database has answered.
pub(super) async fn run(emit: &dyn EmitEvent, event: EmittedEvent<'_>, limit: Duration) -> EffectOutcome {
    let wish = format!("event {} is to be stored", event.event);
    until_answered(&wish, limit, || offer(emit, event)).await
}

async fn offer(emit: &dyn EmitEvent, event: EmittedEvent<'_>) -> Answer {
    let name = event.event;
    Answer::Outcome(match emit.emit(event).await {
        Ok(id) => EffectOutcome::Succeeded { output: json!({ "event_id": id }) },
        Err(EmitError::Refused { code, message }) => {
            failed(&code, format!("event {name}: {message}"), ErrorClass::Other)
        }
        Err(EmitError::Unavailable(source)) => return Answer::Away(source),
        Err(EmitError::Broken(source)) => {
            let problem = service::chain(source.as_ref());
            error!(
                execution.id = %event.owner.execution, event.name = name, error = %problem,
                "event {name} could not be stored"
            );
            failed("INTERNAL", format!("event {name}: the server could not store it"), ErrorClass::Connection)
        }
    })
}
