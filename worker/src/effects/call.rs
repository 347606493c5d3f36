//! One effect under way: what it may ask of its organization, and how it calls.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::Timestamp;
use engine::machine::{Effect, EffectOutcome, EffectRequest, ErrorClass, HttpRequest, StepError};
use futures::future::BoxFuture;
use ids::OrganizationId;
use reqwest::Url;
use serde_json::{Map, Value};
use service::parts::{Recipient, Resource, Service, UsableSecret};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::http::{Within, basic};
use super::parts::{Parts, PartsError};
use super::redaction::Redaction;
use super::{EffectOwner, Effects, secrets, service_call};
use crate::retry::Delays;

/// An effect under way.
///
/// Everything that it asks for is waited for while our database is away, as long as the effect has time. Every
/// secret that it was given is hidden in its outcome.
pub(super) struct Call<'a> {
    /// On whose behalf.
    pub(super) owner: &'a EffectOwner,
    /// What to do.
    pub(super) effect: &'a Effect,
    /// Ends it early.
    pub(super) cancel: &'a CancellationToken,
    effects: &'a Effects,
    until: Instant,
    redaction: Mutex<Redaction>,
    /// The turn that the effect was put off for; the first call has it.
    turn: AtomicBool,
}

impl<'a> Call<'a> {
    /// An effect that begins now.
    pub(super) fn new(
        effects: &'a Effects,
        owner: &'a EffectOwner,
        effect: &'a Effect,
        cancel: &'a CancellationToken,
    ) -> Self {
        let until = Instant::now() + effect.timeout;
        let turn = AtomicBool::new(effect.has_turn);
        Self { owner, effect, cancel, effects, until, redaction: Mutex::default(), turn }
    }

    /// The organization of the execution.
    pub(super) fn organization(&self) -> OrganizationId {
        self.owner.organization
    }

    /// The effect's idempotency key.
    pub(super) fn key(&self) -> &'a str {
        &self.effect.key
    }

    /// Time that is left.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Whether a call has its turn already, because the effect was put off for it.
    pub(super) fn takes_turn(&self) -> bool {
        // The calls of a load are put off together, when each of them has taken its turn.
        if matches!(self.effect.request, EffectRequest::Load(_)) {
            return self.effect.has_turn;
        }
        self.turn.swap(false, Ordering::Relaxed)
    }

    /// The outcome without the secrets that the effect was given.
    pub(super) fn redacted(&self, outcome: EffectOutcome) -> EffectOutcome {
        self.redaction().outcome(outcome)
    }

    /// A value without the secrets that the effect was given so far, for what is kept beyond it.
    pub(super) fn hidden(&self, value: Value) -> Value {
        self.redaction().value(value)
    }

    /// A text without the secrets that the effect was given so far. Before it is cut: a part of one would not be known.
    pub(super) fn hidden_text(&self, text: &str) -> String {
        self.redaction().text(text.to_owned())
    }

    /// The service of this name.
    pub(super) async fn find_service(&self, name: &str) -> Result<Option<Service>, StepError> {
        let (parts, organization) = self.parts();
        self.ask(|| parts.service(organization, name)).await
    }

    /// The service of this name, which has to be there.
    pub(super) async fn service(&self, name: &str) -> Result<Service, StepError> {
        let found = self.find_service(name).await?;
        found.ok_or_else(|| service_call::unknown(&format!("there is no service `{name}`")))
    }

    /// All services, in the order of their names.
    pub(super) async fn services(&self) -> Result<Vec<Service>, StepError> {
        let (parts, organization) = self.parts();
        let mut all = self.ask(|| parts.services(organization)).await?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// The value of a secret that goes to `address`, which it may be sent to.
    pub(super) async fn secret(&self, name: &str, address: &Url) -> Result<UsableSecret, StepError> {
        let names = [name.to_owned()];
        let secret = self.secrets(&names).await?.remove(name).ok_or_else(|| secrets::unknown(name))?;
        if !secrets::is_allowed(&secret, address) {
            return Err(secrets::not_allowed(name, address));
        }
        Ok(secret)
    }

    /// What tells whether a secret is the same as before, with the hosts that it may be sent to; not its value.
    pub(super) async fn secret_identity(&self, name: &str) -> Result<String, StepError> {
        let names = [name.to_owned()];
        let secret = self.secrets(&names).await?.remove(name).ok_or_else(|| secrets::unknown(name))?;
        Ok(format!("{} {:?}", secret.fingerprint, secret.allowed_hosts))
    }

    /// The variables of these names; one that does not exist is absent.
    pub(super) async fn variables(&self, names: &[String]) -> Result<Map<String, Value>, StepError> {
        let (parts, organization) = self.parts();
        self.ask(|| parts.variables(organization, names)).await
    }

    /// The registered resource of this name.
    pub(super) async fn resource(&self, name: &str) -> Result<Option<Resource>, StepError> {
        let (parts, organization) = self.parts();
        self.ask(|| parts.resource(organization, name)).await
    }

    /// Mail addresses of people of the organization.
    pub(super) async fn addresses(&self, who: Recipient<'_>) -> Result<Vec<String>, StepError> {
        let (parts, organization) = self.parts();
        self.ask(|| parts.addresses(organization, who)).await
    }

    /// Makes a request: with the values of secrets in place of their marks, authenticated as `service` wants it, when
    /// its host lets it go. `key` tells it from others of the same effect.
    pub(super) async fn send(&self, request: HttpRequest, key: &str, service: Option<&Service>) -> EffectOutcome {
        self.exchange(Cow::Owned(request), key, service).await
    }

    /// As [`Self::send`].
    pub(super) async fn exchange(
        &self,
        request: Cow<'_, HttpRequest>,
        key: &str,
        service: Option<&Service>,
    ) -> EffectOutcome {
        if let Some(gate) = &self.effects.gate
            && let Some(put_off) = gate.pass(self, &request.url).await
        {
            return put_off;
        }
        let request = match self.prepared(request, key, service).await {
            Ok(request) => request,
            Err(problem) => return EffectOutcome::Failed(problem),
        };
        let mut within = Within { until: self.until, limit: self.effect.timeout };
        if let Some(limit) = service.and_then(service_call::timeout).filter(|limit| *limit < self.left()) {
            within = Within { until: Instant::now() + limit, limit };
        }
        // Here and not at the end alone: whoever reads the answer may cut it, and a part of a secret is not known.
        self.redacted(self.effects.http.run_within(&request, key, within, self.cancel).await)
    }

    /// Waits until so many mails may go; an outcome says that they are put off, and none has left then.
    pub(super) async fn mails_may_go(&self, count: usize) -> Option<EffectOutcome> {
        match &self.effects.gate {
            Some(gate) => gate.pass_mails(self, count).await,
            None => None,
        }
    }

    async fn prepared<'r>(
        &self,
        request: Cow<'r, HttpRequest>,
        key: &str,
        service: Option<&Service>,
    ) -> Result<Cow<'r, HttpRequest>, StepError> {
        let request = self.with_secrets(request).await?;
        let request = match service {
            Some(service) => Cow::Owned(self.authenticated(request.into_owned(), key, service).await?),
            None => request,
        };
        if let Some((name, password)) = &request.basic {
            let header = basic(name, password);
            let mut redaction = self.redaction();
            // Without a secret in it there is nothing to hide.
            if !redaction.is_empty() {
                redaction.learn_form(header.trim_start_matches("Basic "));
            }
        }
        Ok(request)
    }

    async fn with_secrets<'r>(&self, request: Cow<'r, HttpRequest>) -> Result<Cow<'r, HttpRequest>, StepError> {
        let Some(marks) = self.effect.secrets.as_ref().filter(|marks| !marks.names.is_empty()) else {
            return Ok(request);
        };
        let values = self.secrets(&marks.names).await?;
        secrets::filled(&request, marks, &values).map(Cow::Owned)
    }

    async fn authenticated(
        &self,
        request: HttpRequest,
        key: &str,
        service: &Service,
    ) -> Result<HttpRequest, StepError> {
        let Some(name) = service_call::secret_name(service)? else { return Ok(request) };
        let address = service_call::own_address(service, &request, name)?;
        let secret = self.secret(name, &address).await?;
        let now = Timestamp(chrono::Utc::now().timestamp_millis());
        service_call::authenticated(request, service, &secret.value, (key, now))
    }

    async fn secrets(&self, names: &[String]) -> Result<BTreeMap<String, UsableSecret>, StepError> {
        let (parts, organization) = self.parts();
        let found = self.ask(|| parts.secrets(organization, names)).await?;
        let mut redaction = self.redaction();
        for secret in found.values() {
            redaction.learn(&secret.value);
        }
        drop(redaction);
        Ok(found)
    }

    fn parts(&self) -> (&'a dyn Parts, OrganizationId) {
        (self.effects.parts.as_ref(), self.owner.organization)
    }

    fn redaction(&self) -> MutexGuard<'_, Redaction> {
        // A panic while it was held leaves what was learned.
        self.redaction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until there is an answer: an outage of our own database is no failure of the step while it has time.
    async fn ask<'q, T: 'q>(
        &self,
        question: impl Fn() -> BoxFuture<'q, Result<T, PartsError>> + Send + Sync,
    ) -> Result<T, StepError> {
        let asking = async {
            let mut delays = Delays::unbounded();
            let mut is_told = false;
            loop {
                match question().await {
                    Ok(answer) => return Ok(answer),
                    Err(problem @ PartsError::Unavailable(_)) => {
                        if !is_told {
                            self.tell_outage(&problem);
                            is_told = true;
                        }
                        sleep(delays.next()).await;
                    }
                    Err(problem @ PartsError::Unreadable(_)) => return Err(self.unreadable(&problem)),
                }
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(StepError::other("CANCELLED", "cancelled before the call was made")),
            answered = timeout_at(self.until, asking) => answered.unwrap_or_else(|_elapsed| {
                let message = "what the organization has set up could not be read in time; nothing was sent";
                Err(StepError { retryable_class: ErrorClass::Connection, ..StepError::other("UNAVAILABLE", message) })
            }),
        }
    }

    fn tell_outage(&self, problem: &PartsError) {
        warn!(
            execution.id = %self.owner.execution,
            effect.key = %self.effect.key,
            error = %service::chain(problem),
            "a call waits for the database",
        );
    }

    fn unreadable(&self, problem: &PartsError) -> StepError {
        error!(
            execution.id = %self.owner.execution,
            effect.key = %self.effect.key,
            error = %service::chain(problem),
            "a call cannot use what its organization has set up",
        );
        let message =
            "a service, secret or resource of the organization cannot be read; the log of the worker says why";
        StepError::other("UNREADABLE", message)
    }
}
