//! What leaves the process: each effect runs with a deadline and ends in an outcome, never in a panic.

mod call;
mod emit_event;
mod graphql;
mod http;
mod load;
mod model;
mod notify;
mod outage;
mod parts;
mod rates;
mod record;
mod redaction;
mod secrets;
mod service_call;
mod start_workflow;
mod templates;

use std::any::Any;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::machine::{Effect, EffectOutcome, EffectRequest, ErrorClass, HttpRequest, StepError};
use futures::FutureExt;
use ids::{ExecutionId, OrganizationId};
use service::mail::Mailer;
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use self::emit_event::{EmitError, EmitEvent, EmittedEvent};
pub use self::http::{HttpEffect, HttpLimits, HttpSetupError};
pub use self::parts::{Parts, PartsError};
pub use self::rates::{ServiceRates, ServiceRatesError, TakeTurn};
pub use self::start_workflow::{StartError, StartWorkflow, StartedWorkflow};

use self::call::Call;
use self::load::Loaders;
use self::notify::Notifier;
use self::rates::Gate;

/// On whose behalf an effect runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectOwner {
    /// The organization of the execution.
    pub organization: OrganizationId,
    /// The execution.
    pub execution: ExecutionId,
    /// How many executions in a row led to it.
    pub depth: i16,
}

/// Runs effects of every kind.
#[derive(Debug)]
pub struct Effects {
    http: HttpEffect,
    emit: Arc<dyn EmitEvent>,
    start: Arc<dyn StartWorkflow>,
    parts: Arc<dyn Parts>,
    notifier: Notifier,
    loaders: Loaders,
    gate: Option<Gate>,
}

impl Effects {
    /// The effects of one worker, whose organizations have `parts`. Mails are not sent.
    #[must_use]
    pub fn new(
        http: HttpEffect,
        emit: Arc<dyn EmitEvent>,
        start: Arc<dyn StartWorkflow>,
        parts: Arc<dyn Parts>,
    ) -> Self {
        let loaders = Loaders::new(http.guard());
        Self { http, emit, start, parts, notifier: Notifier::new(Mailer::default()), loaders, gate: None }
    }

    /// With mails, which `mailer` sends.
    #[must_use]
    pub fn with_mailer(self, mailer: Mailer) -> Self {
        Self { notifier: Notifier::new(mailer), ..self }
    }

    /// With rates of calls to services and of mails, whose turns `turns` gives.
    #[must_use]
    pub fn with_rates(self, rates: ServiceRates, turns: Arc<dyn TakeTurn>) -> Self {
        Self { gate: Some(Gate { rates, turns }), ..self }
    }

    /// Runs `effect` to its outcome. A panic is the outcome `PANIC`; its backtrace is in the log,
    /// where the process's panic hook writes it.
    pub async fn run(&self, owner: &EffectOwner, effect: &Effect, cancel: &CancellationToken) -> EffectOutcome {
        let kind = kind(&effect.request);
        let begun = Instant::now();
        let ran = AssertUnwindSafe(self.dispatch(owner, effect, cancel)).catch_unwind().await;
        let outcome = ran.unwrap_or_else(|panic| panicked(owner, effect, panic.as_ref()));
        let label = match &outcome {
            EffectOutcome::Succeeded { .. } => "succeeded",
            EffectOutcome::Failed(_) => "failed",
            EffectOutcome::PutOff { .. } => "put_off",
        };
        metrics::histogram!("sluice_effect_seconds", "kind" => kind, "outcome" => label).record(begun.elapsed());
        outcome
    }

    /// Makes a call that is no step's: guarded and bounded as those of steps are, without their rates.
    pub async fn call(
        &self,
        request: &HttpRequest,
        key: &str,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> EffectOutcome {
        self.http.run(request, key, timeout, cancel).await
    }

    async fn dispatch(&self, owner: &EffectOwner, effect: &Effect, cancel: &CancellationToken) -> EffectOutcome {
        let call = Call::new(self, owner, effect, cancel);
        let outcome = match &effect.request {
            EffectRequest::Http(request) if request.is_webhook => service_call::webhook(&call, request).await,
            EffectRequest::Http(request) => call.exchange(Cow::Borrowed(request), call.key(), None).await,
            EffectRequest::Graphql(request) => graphql::run(&call, request, call.key()).await,
            EffectRequest::Record(request) => record::run(&call, request, call.key()).await,
            EffectRequest::Notify(message) => notify::run(&call, &self.notifier, message).await,
            EffectRequest::Model(question) => model::run(&call, question).await,
            EffectRequest::Load(loads) => load::run(&call, &self.loaders, loads).await,
            EffectRequest::EmitEvent { event, payload } => {
                let event = EmittedEvent { owner: *owner, event, payload, deduplication_key: &effect.key };
                let emitted = emit_event::run(self.emit.as_ref(), event, effect.timeout);
                unless_cancelled("event was stored", emitted, cancel).await
            }
            EffectRequest::StartWorkflow { workflow_id, input, version, waits } => {
                let workflow = StartedWorkflow {
                    owner: *owner,
                    step: &effect.id.step,
                    workflow: workflow_id,
                    version: *version,
                    input,
                    waits: *waits,
                    key: &effect.key,
                };
                let started = start_workflow::run(self.start.as_ref(), workflow, effect.timeout);
                unless_cancelled("execution was started", started, cancel).await
            }
        };
        call.redacted(outcome)
    }
}

/// An effect on our own database: it has the time that the database takes, until it is cancelled.
async fn unless_cancelled(
    done: &str,
    work: impl Future<Output = EffectOutcome>,
    cancel: &CancellationToken,
) -> EffectOutcome {
    tokio::select! {
        biased;
        () = cancel.cancelled() => failed("CANCELLED", format!("cancelled before the {done}"), ErrorClass::Other),
        outcome = work => outcome,
    }
}

fn kind(request: &EffectRequest) -> &'static str {
    match request {
        EffectRequest::Http(_) => "http",
        EffectRequest::EmitEvent { .. } => "emit_event",
        EffectRequest::StartWorkflow { .. } => "start_workflow",
        EffectRequest::Graphql(_) => "graphql",
        EffectRequest::Record(_) => "record",
        EffectRequest::Notify(_) => "notify",
        EffectRequest::Model(_) => "model",
        EffectRequest::Load(_) => "load",
    }
}

fn panicked(owner: &EffectOwner, effect: &Effect, panic: &(dyn Any + Send)) -> EffectOutcome {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let (execution, kind) = (owner.execution, kind(&effect.request));
    metrics::counter!("sluice_panics_total", "where" => "effect").increment(1);
    error!(
        execution.id = %execution,
        effect.key = %effect.key,
        effect.kind = kind,
        panic = words.unwrap_or("no message"),
        "an effect of execution {execution} panicked, its step fails",
    );
    failed("PANIC", format!("the {kind} action met a fault of the server, which is in its log"), ErrorClass::Other)
}

fn failed(code: &str, message: impl Into<String>, retryable_class: ErrorClass) -> EffectOutcome {
    EffectOutcome::Failed(StepError {
        code: code.to_owned(),
        message: message.into(),
        status: None,
        retryable_class,
        retry_after: None,
        detail: None,
    })
}
