//! Actions `http_request` and `webhook`: one call, checked at every hop, bounded in time and size.

mod failure;
mod limits;
mod request;
mod response;
mod retry_after;

use std::sync::Arc;
use std::time::Duration;

use engine::machine::{EffectOutcome, HttpRequest};
use reqwest::header::LOCATION;
use reqwest::{Client, Response, redirect};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::egress::{EgressPolicy, Guard, GuardedResolver, Lookup, SystemLookup, Target, Trust};

use self::failure::Failure;
use self::request::Prepared;

pub use self::limits::HttpLimits;
pub(super) use self::request::{basic, rendered};
pub(super) use self::response::holds_nul;

const USER_AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// Makes HTTP calls for actions. One per process; holds the connection pools.
#[derive(Debug)]
pub struct HttpEffect {
    clients: Clients,
    policy: Arc<EgressPolicy>,
    lookup: Arc<dyn Lookup>,
    limits: HttpLimits,
}

/// A client for each [`Trust`]: a resolver is told a name without its port, so what a name may resolve
/// to is decided by the choice of client.
#[derive(Debug)]
struct Clients {
    listed: Client,
    usual_port: Client,
    other_port: Client,
}

/// Why HTTP calls cannot be made at all.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up; it needs the system's certificate authorities (package `ca-certificates`)")]
pub struct HttpSetupError(#[from] reqwest::Error);

/// Until when a call may last, and how long that was from its beginning, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) until: Instant,
    pub(super) limit: Duration,
}

/// A failure, and the host of the hop that failed.
struct FailedAt {
    failure: Failure,
    host: String,
}

impl HttpEffect {
    /// Sets up the clients with the system's resolver.
    ///
    /// A process-wide rustls crypto provider must be installed before.
    pub fn new(policy: EgressPolicy, limits: HttpLimits) -> Result<Self, HttpSetupError> {
        Self::with_lookup(policy, limits, Arc::new(SystemLookup))
    }

    /// Sets up the clients with another source of addresses; the policy checks its answers too.
    pub fn with_lookup(
        policy: EgressPolicy,
        limits: HttpLimits,
        lookup: Arc<dyn Lookup>,
    ) -> Result<Self, HttpSetupError> {
        let policy = Arc::new(policy);
        let client = |trust| {
            let resolver = GuardedResolver::new(Arc::clone(&lookup), Arc::clone(&policy), trust);
            client(resolver, &limits)
        };
        let clients = Clients {
            listed: client(Trust::Listed)?,
            usual_port: client(Trust::UsualPort)?,
            other_port: client(Trust::OtherPort)?,
        };
        Ok(Self { clients, policy, lookup, limits })
    }

    /// For connections of other protocols, under the same policy.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::new(Arc::clone(&self.policy), Arc::clone(&self.lookup))
    }

    /// Makes the call. `timeout` is for everything, redirects and the last byte of the body included.
    ///
    /// `idempotency_key` is the same for every delivery of the same attempt group; a key of the
    /// author's own in the headers goes before it.
    pub async fn run(
        &self,
        request: &HttpRequest,
        idempotency_key: &str,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> EffectOutcome {
        let within = Within { until: Instant::now() + timeout, limit: timeout };
        self.run_within(request, idempotency_key, within, cancel).await
    }

    /// The same for a call that began before: with what had to be asked for it.
    pub(super) async fn run_within(
        &self,
        request: &HttpRequest,
        idempotency_key: &str,
        within: Within,
        cancel: &CancellationToken,
    ) -> EffectOutcome {
        let prepared = match self.prepare(request, idempotency_key) {
            Ok(prepared) => prepared,
            Err(failure) => return EffectOutcome::Failed(failure.into_step_error(&request.method, None)),
        };
        let host = prepared.1.authority();
        let at = |failure| FailedAt { failure, host };
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(at(Failure::cancelled())),
            result = timeout_at(within.until, self.exchange(request, prepared)) => match result {
                Ok(result) => result,
                Err(_elapsed) => Err(at(Failure::timed_out(within.limit))),
            },
        };
        match result {
            Ok(output) => EffectOutcome::Succeeded { output },
            Err(FailedAt { failure, host }) => {
                EffectOutcome::Failed(failure.into_step_error(&request.method, Some(&host)))
            }
        }
    }

    fn prepare(&self, request: &HttpRequest, idempotency_key: &str) -> Result<(Prepared, Target), Failure> {
        let prepared = Prepared::new(request, idempotency_key)?;
        let mut target = Target::parse(&request.url, &self.policy)?;
        if !request.query.is_empty() {
            target.url_mut().query_pairs_mut().extend_pairs(&request.query);
        }
        Ok((prepared, target))
    }

    /// Asks hop by hop until an answer is no redirect to follow.
    async fn exchange(
        &self,
        request: &HttpRequest,
        (mut prepared, mut target): (Prepared, Target),
    ) -> Result<Value, FailedAt> {
        let mut hops = 0;
        loop {
            let at = |failure| FailedAt { failure, host: target.authority() };
            let client = self.clients.of(target.trust());
            let sent = client.execute(prepared.to(target.url().clone())).await;
            let response = sent.map_err(|error| at(Failure::transport(&error)))?;
            response::check_headers(&response, &self.limits).map_err(at)?;
            let Some(location) = redirect_to_follow(&response, request, &prepared) else {
                return response::read(response, request, &self.limits).await.map_err(at);
            };
            hops += 1;
            if hops > self.limits.redirects {
                let what = format!("more than {} redirects", self.limits.redirects);
                return Err(at(Failure::lasting("TOO_MANY_REDIRECTS", what)));
            }
            let next = target.redirected(&location, &self.policy).map_err(|error| at(error.into()))?;
            if !next.is_same_origin(&target) {
                prepared.forget_credentials();
            }
            target = next;
        }
    }
}

impl Clients {
    fn of(&self, trust: Trust) -> &Client {
        match trust {
            Trust::Listed => &self.listed,
            Trust::UsualPort => &self.usual_port,
            Trust::OtherPort => &self.other_port,
        }
    }
}

/// Proxies from the environment, cookies, automatic redirects and decompression are all off: each
/// would reach or carry what the guard has not seen.
fn client(resolver: GuardedResolver, limits: &HttpLimits) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(Arc::new(resolver))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect)
        .http2_max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(32)
        .build()
}

/// The `Location` of a redirect that is followed. One that is not, such as the answer to a POST, is an
/// answer like any other.
fn redirect_to_follow(response: &Response, request: &HttpRequest, prepared: &Prepared) -> Option<String> {
    let status = response.status().as_u16();
    let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    if !is_redirect || !prepared.follows_redirects() || request.expect_status.contains(&status) {
        return None;
    }
    Some(String::from_utf8_lossy(response.headers().get(LOCATION)?.as_bytes()).into_owned())
}
