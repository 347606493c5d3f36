//! What can be done with an execution now, for clients that show buttons.

use async_graphql::{Enum, SimpleObject};
use service::executions;

/// What can be done with an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "executions::Operation")]
pub enum ExecutionOperation {
    /// Ask it to stop.
    Cancel,
    /// Stop it at once; nothing runs.
    Terminate,
    /// Hold it.
    Pause,
    /// Let it go on.
    Resume,
    /// Try the failed step again.
    Retry,
    /// Start a new one from its input.
    Rerun,
    /// Start a new one from one of its steps.
    RerunFromStep,
    /// Go on without a step.
    SkipStep,
    /// Send it a signal.
    Signal,
    /// Change its data.
    EditContext,
    /// Move it to another version.
    Migrate,
    /// Remove it with its history.
    Delete,
}

/// Whether something can be done now, by this caller, and why not.
#[derive(Debug, Clone, SimpleObject)]
pub struct ExecutionOffer {
    /// What.
    operation: ExecutionOperation,
    /// True when it can be done.
    is_allowed: bool,
    /// The code that it would be refused with: `WRONG_STATE` or `FORBIDDEN`; null when it can be done.
    code: Option<String>,
    /// Why it cannot be done, for people.
    reason: Option<String>,
}

impl From<executions::Offer> for ExecutionOffer {
    fn from(offer: executions::Offer) -> Self {
        let (code, reason) = offer.refusal.map(|(code, reason)| (code.as_str().to_owned(), reason)).unzip();
        Self { operation: offer.operation.into(), is_allowed: code.is_none(), code, reason }
    }
}
