//! How identity providers are asked: a port, so that who may be connected to is decided in one place.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::sealed::Secret;

/// One request to an identity provider. Redirects are not followed: each would lead where nobody checked.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where to.
    pub url: String,
    /// Body of a POST with `application/x-www-form-urlencoded`; a GET when absent.
    pub form: Option<Secret>,
    /// Header `Authorization`.
    pub authorization: Option<Secret>,
    /// Largest body that is read, in bytes.
    pub max_bytes: usize,
    /// For everything, the last byte of the body included.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The body is larger than it may be.
    #[error("the answer is over {0} bytes")]
    TooLarge(usize),
    /// It took too long.
    #[error("there was no answer within {0:?}")]
    TimedOut(Duration),
    /// The address may not be called, or the call broke.
    #[error("the call failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Asks identity providers.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Makes one call within its limits.
    fn call(&self, call: Call) -> BoxFuture<'_, Result<Reply, TransportError>>;
}

/// Makes a call and holds the limits whatever the transport does.
pub(super) async fn bounded(transport: &dyn Transport, call: Call) -> Result<Reply, TransportError> {
    let (timeout, max_bytes) = (call.timeout, call.max_bytes);
    let reply = tokio::time::timeout(timeout, transport.call(call)).await;
    let reply = reply.map_err(|_elapsed| TransportError::TimedOut(timeout))??;
    if reply.body.len() > max_bytes { Err(TransportError::TooLarge(max_bytes)) } else { Ok(reply) }
}
