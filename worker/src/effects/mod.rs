//! What leaves the process: each effect runs with a deadline and ends in an outcome, never in a panic.

mod emit_event;
mod http;
mod outage;
mod rates;
mod start_workflow;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::machine::{Effect, EffectOutcome, EffectRequest, ErrorClass, HttpRequest, StepError};
use futures::FutureExt;
use ids::{ExecutionId, OrganizationId};
use tokio_util::sync::CancellationToken;
use tracing::error;

pub use self::emit_event::{EmitError, EmitEvent, EmittedEvent};
pub use self::http::{HttpEffect, HttpLimits, HttpSetupError};
pub use self::rates::{ServiceRates, ServiceRatesError, TakeTurn};
pub use self::start_workflow::{StartError, StartWorkflow, StartedWorkflow};

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
    gate: Option<Gate>,
}

impl Effects {
    /// The effects of one worker.
    #[must_use]
    pub fn new(http: HttpEffect, emit: Arc<dyn EmitEvent>, start: Arc<dyn StartWorkflow>) -> Self {
        Self { http, emit, start, gate: None }
    }

    /// With rates of calls to services, whose turns `turns` gives.
    #[must_use]
    pub fn with_rates(self, rates: ServiceRates, turns: Arc<dyn TakeTurn>) -> Self {
        let gate = (!rates.is_empty()).then_some(Gate { rates, turns });
        Self { gate, ..self }
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
        if let Some(gate) = &self.gate
            && let Some(put_off) = gate.pass(owner, effect, cancel).await
        {
            return put_off;
        }
        match &effect.request {
            EffectRequest::Http(request) => self.http.run(request, &effect.key, effect.timeout, cancel).await,
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
        }
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
