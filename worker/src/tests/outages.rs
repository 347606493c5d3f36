//! Our own database being away while a step asks something of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use engine::machine::{Effect, EffectId, EffectOutcome, EffectRequest, ErrorClass};
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::{ExecutionId, OrganizationId};
use serde_json::{Map, Value, json};
use service::parts::{Recipient, Resource, Service, UsableSecret};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::effects::{
    EffectOwner, Effects, EmitError, EmitEvent, EmittedEvent, HttpEffect, HttpLimits, Parts, PartsError, StartError,
    StartWorkflow, StartedWorkflow,
};
use crate::egress::EgressPolicy;

/// How long each step may take.
const TIMEOUT: Duration = Duration::from_millis(300);

/// A database that is away for the first tries.
#[derive(Debug, Default)]
struct Away {
    times: u32,
    tries: AtomicU32,
    /// Cancelled by this try.
    cancels: Option<(u32, CancellationToken)>,
}

impl Away {
    fn first(times: u32) -> Arc<Self> {
        Arc::new(Self { times, ..Self::default() })
    }

    /// Whether one more try finds it away.
    fn is_met(&self) -> bool {
        let number = self.tries.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some((_, cancel)) = self.cancels.as_ref().filter(|(at, _)| *at == number) {
            cancel.cancel();
        }
        number <= self.times
    }

    fn tries(&self) -> u32 {
        self.tries.load(Ordering::SeqCst)
    }
}

impl EmitEvent for Away {
    fn emit<'a>(&'a self, event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        async move {
            assert_eq!(event.deduplication_key, "exe_1/tell/0/0", "every try is the same event");
            match event.event {
                "order.refused" => {
                    self.is_met();
                    Err(EmitError::Refused { code: "TOO_LARGE".to_owned(), message: "too large".to_owned() })
                }
                "order.broken" => {
                    self.is_met();
                    Err(EmitError::Broken("a stored row cannot be read".into()))
                }
                _any if self.is_met() => Err(EmitError::Unavailable("connection refused".into())),
                _any => Ok("evt_1".to_owned()),
            }
        }
        .boxed()
    }
}

impl StartWorkflow for Away {
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async move {
            assert_eq!(workflow.key, "exe_1/tell/0/0", "every try is the same start");
            if self.is_met() { Err(StartError::Unavailable("refused".into())) } else { Ok("exe_2".to_owned()) }
        }
        .boxed()
    }
}

/// An organization that has set up nothing.
#[derive(Debug)]
struct Nothing;

impl Parts for Nothing {
    fn service<'a>(
        &'a self,
        _whose: OrganizationId,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Service>, PartsError>> {
        async { Ok(None) }.boxed()
    }

    fn services(&self, _whose: OrganizationId) -> BoxFuture<'_, Result<Vec<Service>, PartsError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn secrets<'a>(
        &'a self,
        _whose: OrganizationId,
        _names: &'a [String],
    ) -> BoxFuture<'a, Result<BTreeMap<String, UsableSecret>, PartsError>> {
        async { Ok(BTreeMap::new()) }.boxed()
    }

    fn variables<'a>(
        &'a self,
        _whose: OrganizationId,
        _names: &'a [String],
    ) -> BoxFuture<'a, Result<Map<String, Value>, PartsError>> {
        async { Ok(Map::new()) }.boxed()
    }

    fn resource<'a>(
        &'a self,
        _whose: OrganizationId,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Resource>, PartsError>> {
        async { Ok(None) }.boxed()
    }

    fn addresses<'a>(
        &'a self,
        _whose: OrganizationId,
        _who: Recipient<'a>,
    ) -> BoxFuture<'a, Result<Vec<String>, PartsError>> {
        async { Ok(Vec::new()) }.boxed()
    }
}

fn effects(away: &Arc<Away>) -> Effects {
    // Tests of one process race for it; any of them may win.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let http = HttpEffect::new(EgressPolicy::strict(), HttpLimits::default()).unwrap();
    let (emits, starts) = (Arc::clone(away) as Arc<dyn EmitEvent>, Arc::clone(away) as Arc<dyn StartWorkflow>);
    Effects::new(http, emits, starts, Arc::new(Nothing))
}

async fn run(away: &Arc<Away>, request: EffectRequest, cancel: &CancellationToken) -> EffectOutcome {
    let owner = EffectOwner { organization: OrganizationId::new(), execution: ExecutionId::new(), depth: 0 };
    let id = EffectId { step: "tell".into(), attempt: 1, action: 0 };
    let key = "exe_1/tell/0/0".to_owned();
    let effect = Effect { id, key, timeout: TIMEOUT, request, secrets: None, has_turn: false };
    effects(away).run(&owner, &effect, cancel).await
}

fn emit(event: &str) -> EffectRequest {
    EffectRequest::EmitEvent { event: event.to_owned(), payload: json!({}) }
}

fn start() -> EffectRequest {
    EffectRequest::StartWorkflow { workflow_id: "ship".to_owned(), input: json!({}), version: None, waits: true }
}

fn output(outcome: EffectOutcome) -> Value {
    match outcome {
        EffectOutcome::Succeeded { output } => output,
        EffectOutcome::Failed(error) => panic!("{error:?}"),
        EffectOutcome::PutOff { .. } => panic!("put off"),
    }
}

fn failure(outcome: EffectOutcome) -> (String, ErrorClass) {
    match outcome {
        EffectOutcome::Failed(error) => (error.code, error.retryable_class),
        EffectOutcome::Succeeded { output } => panic!("succeeded with {output}"),
        EffectOutcome::PutOff { .. } => panic!("put off"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_the_time_of_a_step_uses_up_no_attempt() {
    let wanted = [(emit("order.told"), json!({ "event_id": "evt_1" })), (start(), json!({ "execution_id": "exe_2" }))];
    for (request, answer) in wanted {
        let (away, begun) = (Away::first(1_000), Instant::now());
        let outcome = run(&away, request, &CancellationToken::new()).await;
        assert_eq!((output(outcome), away.tries()), (answer, 1_001));
        assert!(begun.elapsed() > TIMEOUT * 1_000, "it was away for {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cancels_a_step_ends_its_wait_for_the_database() {
    let cancel = CancellationToken::new();
    for request in [emit("order.told"), start()] {
        let cancel = cancel.child_token();
        let away = Arc::new(Away { times: u32::MAX, tries: AtomicU32::new(0), cancels: Some((3, cancel.clone())) });
        let outcome = run(&away, request, &cancel).await;
        assert_eq!((failure(outcome), away.tries()), (("CANCELLED".to_owned(), ErrorClass::Other), 3));
    }
}

#[tokio::test(start_paused = true)]
async fn what_waiting_does_not_mend_fails_at_once() {
    let wanted =
        [("order.refused", "TOO_LARGE", ErrorClass::Other), ("order.broken", "INTERNAL", ErrorClass::Connection)];
    for (event, code, class) in wanted {
        let away = Away::first(0);
        let outcome = run(&away, emit(event), &CancellationToken::new()).await;
        assert_eq!((failure(outcome), away.tries()), ((code.to_owned(), class), 1), "{event}");
    }
}
