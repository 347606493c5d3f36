//! Action `emit_event`: an event of the organization, which may start other workflows.

use std::error::Error;
use std::fmt::Debug;
use std::iter::successors;

use engine::machine::{EffectOutcome, ErrorClass, StepError};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tracing::warn;

use super::EffectOwner;

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
    /// The database or another part is away; another attempt may succeed.
    #[error("events cannot be stored now")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

pub(super) async fn run(emit: &dyn EmitEvent, event: EmittedEvent<'_>) -> EffectOutcome {
    let name = event.event;
    match emit.emit(event).await {
        Ok(id) => EffectOutcome::Succeeded { output: json!({ "event_id": id }) },
        Err(EmitError::Refused { code, message }) => {
            failed(code, format!("event {name}: {message}"), ErrorClass::Other)
        }
        Err(EmitError::Unavailable(source)) => {
            let first: &(dyn Error + 'static) = source.as_ref();
            let chain: Vec<String> =
                successors(Some(first), |&error| error.source()).map(ToString::to_string).collect();
            warn!(event.name = name, error = chain.join(": "), "event {name} could not be stored");
            let message = format!("event {name}: events cannot be stored now");
            failed("UNAVAILABLE".to_owned(), message, ErrorClass::Connection)
        }
    }
}

fn failed(code: String, message: String, retryable_class: ErrorClass) -> EffectOutcome {
    EffectOutcome::Failed(StepError { code, message, status: None, retryable_class, retry_after: None, detail: None })
}
