//! Asks whether a service is there, without saying who asks.

use std::time::{Duration, Instant};

use async_recursion::async_recursion as boxed;
use ids::ServiceId;
use serde_json::{Map, Value};
use store::{ServiceKind, ServiceRow};

use super::resolve::stored;
use super::services::one;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::oidc::{Call, Transport, TransportError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More of an answer is not read: that there is one is enough.
const MOST_BYTES: usize = 64 * 1_024;

/// What came of asking a service.
#[derive(Debug, Clone)]
pub struct Reached {
    /// The service.
    pub service: ServiceRow,
    /// Status of the answer; absent without one, and for one that was too long to be read.
    pub status: Option<u16>,
    /// Time until the answer, or until it was given up.
    pub took: Duration,
    /// Why there is no answer.
    pub problem: Option<String>,
}

/// Asks for `settings.health_path` of a service, else for its address, with a `GET` that carries no credentials.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; a mistake for services that are not called over HTTP; the database away.
#[boxed]
pub async fn reach(
    services: &Services,
    viewer: &Viewer,
    transport: &dyn Transport,
    id: ServiceId,
) -> Result<Reached, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    let service = one(services, viewer, id).await?;
    let url = address(&service)?;
    let begun = Instant::now();
    let call = Call { url, form: None, authorization: None, max_bytes: MOST_BYTES, timeout: PATIENCE };
    let answer = tokio::time::timeout(PATIENCE, transport.call(call)).await;
    let answer = answer.unwrap_or(Err(TransportError::TimedOut(PATIENCE)));
    let took = begun.elapsed();
    let (status, problem) = match answer {
        Ok(reply) => (Some(reply.status), None),
        Err(TransportError::TooLarge(_bytes)) => (None, None),
        Err(TransportError::TimedOut(limit)) => (None, Some(format!("there was no answer within {limit:?}"))),
        // What is behind it may name addresses of our network.
        Err(TransportError::Failed(source)) => (None, Some(format!("it cannot be called: {source}"))),
    };
    Ok(Reached { service, status, took, problem })
}

/// What is asked for.
fn address(service: &ServiceRow) -> Result<String, ServiceError> {
    let is_http = match service.kind {
        ServiceKind::Http | ServiceKind::Graphql | ServiceKind::Chat | ServiceKind::Ai | ServiceKind::Records => true,
        ServiceKind::Sql | ServiceKind::Redis | ServiceKind::Email => false,
    };
    let Some(base) = service.base_url.as_deref().filter(|_address| is_http) else {
        let message = format!("the service `{}` is not called over HTTP, so it cannot be asked", service.name);
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "id", message)));
    };
    let settings: Map<String, Value> = stored(&service.settings)?;
    let path = settings.get("health_path").and_then(Value::as_str).unwrap_or_default();
    Ok(if path.starts_with('/') { format!("{}{path}", base.trim_end_matches('/')) } else { base.to_owned() })
}
