//! Loader `redis`: the text behind a key, which is JSON or stays a text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::machine::{ErrorClass, StepError};
use ids::OrganizationId;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use reqwest::Url;
use serde_json::Value;
use service::parts::Service;
use service::sealed::Secret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::MOST_BYTES;
use super::problem::{connecting, failed, misused};
use super::tls::encrypted;
use crate::effects::call::Call;
use crate::effects::http::holds_nul;
use crate::effects::service_call;
use crate::egress::Guard;

/// Port of Redis.
const PORT: u16 = 6379;
/// What an answer may have on the wire beyond its text.
const OVERHEAD: u64 = 64 * 1024;
/// Connections of one worker. Each is for one key: what it may read is bounded then, whatever the server sends.
const CONNECTIONS: usize = 64;
/// Those of one organization, so that the servers of one that hang leave places to the others.
const CONNECTIONS_OF_ONE: usize = 8;
/// Organizations whose connections are counted, and how long after their last one: longer than any load takes.
const COUNTED: u64 = 10_000;
const COUNTED_FOR: Duration = Duration::from_mins(30);
/// Longest wait for a connection, encryption included.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads from the organizations' Redis servers.
pub(super) struct Servers {
    guard: Guard,
    places: Semaphore,
    places_of: moka::sync::Cache<OrganizationId, Arc<Semaphore>>,
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers").field("places", &self.places.available_permits()).finish_non_exhaustive()
    }
}

/// A server.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    database: i64,
    username: Option<String>,
    is_encrypted: bool,
}

impl Address {
    /// Reads `redis://[user@]host[:port][/database]`, or `rediss://` for an encrypted connection.
    fn parse(text: &str, username: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|problem| format!("its address is not valid: {problem}"))?;
        let is_encrypted = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _other => return Err("its address begins with neither redis:// nor rediss://".to_owned()),
        };
        if url.password().is_some() {
            return Err("its address holds a password, which belongs into a secret".to_owned());
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("its address has no host")?.to_owned();
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => {
                number.parse::<i64>().map_err(|_| "its address does not end in the number of a database".to_owned())?
            }
        };
        let of_user = Some(url.username()).filter(|name| !name.is_empty());
        let username = username.or(of_user).map(ToOwned::to_owned);
        Ok(Self { host, port: url.port().unwrap_or(PORT), database, username, is_encrypted })
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl Servers {
    pub(super) fn new(guard: Guard) -> Self {
        let places_of = moka::sync::Cache::builder().max_capacity(COUNTED).time_to_idle(COUNTED_FOR).build();
        Self { guard, places: Semaphore::new(CONNECTIONS), places_of }
    }

    /// A place for one connection of the organization; the time of the load ends the wait. None when all ends.
    async fn place(&self, organization: OrganizationId) -> Option<(OwnedSemaphorePermit, SemaphorePermit<'_>)> {
        let own = self.places_of.get_with(organization, || Arc::new(Semaphore::new(CONNECTIONS_OF_ONE)));
        // Its own first: whoever waits for that keeps none of the others from a place.
        let own = own.acquire_owned().await.ok()?;
        Some((own, self.places.acquire().await.ok()?))
    }

    /// What is behind the key; nothing when there is no such key.
    pub(super) async fn get(
        &self,
        call: &Call<'_>,
        service: &Service,
        key: &str,
        limit: Duration,
    ) -> Result<Option<Value>, StepError> {
        let username = service.settings.get("username").and_then(Value::as_str);
        let address = Address::parse(service_call::base_url(service)?, username)
            .map_err(|what| service_call::invalid(service, &what))?;
        let at = address.authority();
        let password = super::password(call, service, &at).await?;
        let place = self.place(call.organization()).await;
        let _place = place.ok_or_else(|| failed("CONNECTION_FAILED", &at, "the worker ends"))?;
        let until = Instant::now() + PATIENCE;
        let late = |_elapsed: Elapsed| failed("CONNECTION_FAILED", &at, &format!("no connection within {PATIENCE:?}"));
        let stream = timeout_at(until, self.guard.connect(&address.host, address.port, PORT)).await.map_err(late)?;
        let stream = stream.map_err(|problem| connecting(&at, &problem))?;
        let text = if address.is_encrypted {
            let stream = timeout_at(until, encrypted(stream, &address.host)).await.map_err(late)?;
            let stream = stream.map_err(|what| misused("TLS_FAILED", &at, &what))?;
            let (from, to) = tokio::io::split(stream);
            read(bounded(from, to), &address, password.as_ref(), key, limit).await
        } else {
            let (from, to) = stream.into_split();
            read(bounded(from, to), &address, password.as_ref(), key, limit).await
        };
        match text.map_err(|problem| told(&problem, &at))? {
            Some(bytes) => decoded(bytes, &at).map(Some),
            None => Ok(None),
        }
    }
}

/// A stream that ends rather than read without a bound.
fn bounded<R, W>(from: R, to: W) -> impl AsyncRead + AsyncWrite + Unpin + Send + 'static
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    tokio::io::join(from.take(MOST_BYTES + OVERHEAD), to)
}

async fn read(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: &Address,
    password: Option<&Secret>,
    key: &str,
    limit: Duration,
) -> Result<Option<Vec<u8>>, RedisError> {
    let mut info = RedisConnectionInfo::default().set_db(address.database).set_skip_set_lib_name();
    if let Some(username) = &address.username {
        info = info.set_username(username);
    }
    if let Some(password) = password {
        info = info.set_password(password.reveal());
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(limit)).set_connection_timeout(Some(limit));
    let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
    // It ends by itself when `connection` is dropped.
    tokio::spawn(driver);
    let mut pipeline = redis::pipe();
    // One byte more than is allowed shows that there is more; an empty text may be there or not.
    pipeline.atomic().cmd("exists").arg(key).cmd("getrange").arg(key).arg(0).arg(MOST_BYTES);
    let (is_there, bytes): (bool, Vec<u8>) = pipeline.query_async(&mut connection).await?;
    Ok(is_there.then_some(bytes))
}

fn told(problem: &RedisError, at: &str) -> StepError {
    if problem.is_timeout() {
        let error = misused("STEP_TIMEOUT", at, "no answer in time");
        return StepError { retryable_class: ErrorClass::Timeout, ..error };
    }
    if problem.kind() == redis::ErrorKind::AuthenticationFailed {
        return misused("REDIS_FAILED", at, "the server refused; check the secret and `username`");
    }
    let code = problem.code().map(str::to_lowercase);
    match code.as_deref() {
        Some("wrongtype") => misused("REDIS_FAILED", at, "what is behind the key is no text"),
        Some(code @ ("noauth" | "wrongpass" | "noperm")) => {
            misused("REDIS_FAILED", at, &format!("the server refused ({code}); check the secret and `username`"))
        }
        Some(code @ ("loading" | "busyloading" | "busy" | "masterdown" | "tryagain" | "clusterdown")) => {
            failed("CONNECTION_FAILED", at, &format!("the server answered {code}"))
        }
        Some(code) => misused("REDIS_FAILED", at, &format!("the server answered {code}")),
        None if problem.is_io_error() || problem.is_connection_dropped() => {
            failed("CONNECTION_FAILED", at, "the connection broke before the answer was complete")
        }
        None => misused("REDIS_FAILED", at, "the answer is not that of a Redis server, or the server refused"),
    }
}

fn decoded(bytes: Vec<u8>, at: &str) -> Result<Value, StepError> {
    if bytes.len() as u64 > MOST_BYTES {
        return Err(misused("RESPONSE_TOO_LARGE", at, &format!("the text is over {MOST_BYTES} bytes")));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_binary| misused("INVALID_RESPONSE_BODY", at, "what is behind the key is no text"))?;
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if holds_nul(&value) {
        let what = "the text holds the character U+0000, which cannot be stored";
        return Err(misused("INVALID_RESPONSE_BODY", at, what));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::egress::{EgressPolicy, SystemLookup};

    #[test]
    fn an_organization_whose_servers_hang_leaves_places_to_others() {
        let servers = Servers::new(Guard::new(Arc::new(EgressPolicy::strict()), Arc::new(SystemLookup)));
        let (one, other) = (OrganizationId::new(), OrganizationId::new());
        let mut held: Vec<_> = (0..CONNECTIONS_OF_ONE).map(|_| servers.place(one).now_or_never().unwrap()).collect();
        assert!(servers.place(one).now_or_never().is_none(), "it has to wait");
        assert!(servers.place(other).now_or_never().is_some());
        held.pop();
        assert!(servers.place(one).now_or_never().is_some());
    }

    #[test]
    fn an_address_names_host_database_and_user() {
        let address = Address::parse("rediss://reader@cache.example.com/3", None).unwrap();
        let wanted = Address {
            host: "cache.example.com".to_owned(),
            port: 6379,
            database: 3,
            username: Some("reader".to_owned()),
            is_encrypted: true,
        };
        assert_eq!(address, wanted);
        assert_eq!(Address::parse("redis://h:7000", Some("u")).unwrap().authority(), "h:7000");
        for text in ["http://h", "redis://u:hunter2@h", "redis://h/x", "redis://"] {
            let problem = Address::parse(text, None).unwrap_err();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn a_text_that_is_json_becomes_its_value_and_any_other_stays() {
        let value = |bytes: &[u8]| decoded(bytes.to_vec(), "h:6379");
        assert_eq!(value(b"{\"a\":1}").unwrap(), json!({ "a": 1 }));
        assert_eq!(value(b"12").unwrap(), json!(12));
        assert_eq!(value(b"gold").unwrap(), json!("gold"));
        assert_eq!(value(b"").unwrap(), json!(""));
        assert_eq!(value(b"\xff").unwrap_err().code, "INVALID_RESPONSE_BODY");
        assert_eq!(value(b"a\0b").unwrap_err().code, "INVALID_RESPONSE_BODY");
        let large = vec![b'x'; usize::try_from(MOST_BYTES).unwrap() + 1];
        assert_eq!(value(&large).unwrap_err().code, "RESPONSE_TOO_LARGE");
    }
}
