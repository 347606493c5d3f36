//! Calls that wait for their turn, or are put off.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::Timestamp;
use engine::machine::{Effect, EffectId, EffectOutcome, EffectRequest};
use futures::future::{BoxFuture, FutureExt};
use ids::{ExecutionId, OrganizationId};
use sluice_worker::TurnError;
use sluice_worker::effects::{
    EffectOwner, Effects, EmitError, EmitEvent, EmittedEvent, ServiceRates, StartError, StartWorkflow, StartedWorkflow,
    TakeTurn,
};
use store::Pace;
use tokio_util::sync::CancellationToken;

use crate::stub::{Stub, json_answer};
use crate::{failed, local, request};

const NOW: Timestamp = Timestamp(1_772_366_400_000);

/// Gives every call a turn so long from now; none when the database is away.
#[derive(Debug)]
struct Turns {
    in_ms: Option<i64>,
    asked: Mutex<Vec<(OrganizationId, String)>>,
}

impl Turns {
    fn coming(in_ms: Option<i64>) -> Arc<Self> {
        Arc::new(Self { in_ms, asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<(OrganizationId, String)> {
        self.asked.lock().unwrap().clone()
    }
}

impl TakeTurn for Turns {
    fn take<'a>(
        &'a self,
        organization: OrganizationId,
        host: &'a str,
        _pace: Pace,
    ) -> BoxFuture<'a, Result<Timestamp, TurnError>> {
        async move {
            self.asked.lock().unwrap().push((organization, host.to_owned()));
            self.in_ms.map(|in_ms| Timestamp(NOW.0 + in_ms)).ok_or(TurnError::Lost)
        }
        .boxed()
    }

    fn now(&self) -> Timestamp {
        NOW
    }
}

#[derive(Debug, Default)]
struct Others(AtomicUsize);

impl EmitEvent for Others {
    fn emit<'a>(&'a self, _event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        async { Ok("evt_1".to_owned()) }.boxed()
    }
}

impl StartWorkflow for Others {
    fn start<'a>(&'a self, _workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async { Ok("exe_2".to_owned()) }.boxed()
    }
}

struct Bed {
    stub: Stub,
    effects: Effects,
    owner: EffectOwner,
    turns: Arc<Turns>,
}

impl Bed {
    async fn new(rates: &str, in_ms: Option<i64>) -> Self {
        let turns = Turns::coming(in_ms);
        let others = Arc::new(Others::default());
        let effects = Effects::new(local(), Arc::clone(&others) as Arc<dyn EmitEvent>, others)
            .with_rates(ServiceRates::parse(rates).unwrap(), Arc::clone(&turns) as Arc<dyn TakeTurn>);
        let owner = EffectOwner { organization: OrganizationId::new(), execution: ExecutionId::new(), depth: 0 };
        Self { stub: Stub::answering(|_| json_answer("{}")).await, effects, owner, turns }
    }

    fn call(&self) -> Effect {
        effect(EffectRequest::Http(request("POST", self.stub.url("/"))))
    }

    async fn run(&self, effect: &Effect) -> EffectOutcome {
        self.effects.run(&self.owner, effect, &CancellationToken::new()).await
    }
}

fn effect(request: EffectRequest) -> Effect {
    let id = EffectId { step: "tell".into(), attempt: 1, action: 0 };
    Effect { id, key: "exe_1/tell/0/0".into(), timeout: Duration::from_secs(5), request, has_turn: false }
}

fn put_off(in_ms: i64, has_turn: bool) -> EffectOutcome {
    EffectOutcome::PutOff { until: Timestamp(NOW.0 + in_ms), has_turn }
}

#[tokio::test]
async fn a_call_whose_turn_has_come_goes_at_once() {
    let bed = Bed::new("127.0.0.1=1/s", Some(0)).await;
    assert!(matches!(bed.run(&bed.call()).await, EffectOutcome::Succeeded { .. }));
    assert_eq!(bed.turns.asked(), [(bed.owner.organization, "127.0.0.1".to_owned())]);
}

#[tokio::test]
async fn a_call_whose_turn_comes_soon_waits_for_it() {
    let bed = Bed::new("127.0.0.1=1/s", Some(40)).await;
    let began = std::time::Instant::now();
    assert!(matches!(bed.run(&bed.call()).await, EffectOutcome::Succeeded { .. }));
    assert!(began.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn a_call_whose_turn_comes_late_is_put_off_and_does_not_leave() {
    let bed = Bed::new("127.0.0.1=1/s", Some(1_001)).await;
    assert_eq!(bed.run(&bed.call()).await, put_off(1_001, true));
    assert!(bed.stub.requests().is_empty());
    // When it comes again it has its turn.
    let again = Effect { has_turn: true, ..bed.call() };
    assert!(matches!(bed.run(&again).await, EffectOutcome::Succeeded { .. }));
    assert_eq!(bed.turns.asked().len(), 1, "nobody is asked twice");
}

#[tokio::test]
async fn a_call_waits_in_place_for_half_of_its_time_at_most() {
    let bed = Bed::new("127.0.0.1=1/s", Some(200)).await;
    let short = Effect { timeout: Duration::from_millis(300), ..bed.call() };
    assert_eq!(bed.run(&short).await, put_off(200, true));
}

#[tokio::test]
async fn without_an_answer_about_its_turn_a_call_asks_again_later() {
    let bed = Bed::new("127.0.0.1=1/s", None).await;
    assert_eq!(bed.run(&bed.call()).await, put_off(1_000, false));
    assert!(bed.stub.requests().is_empty());
}

#[tokio::test]
async fn who_has_no_rate_is_not_asked_about() {
    let bed = Bed::new("other.example=1/s", Some(60_000)).await;
    assert!(matches!(bed.run(&bed.call()).await, EffectOutcome::Succeeded { .. }));
    let event = EffectRequest::EmitEvent { event: "a.b".to_owned(), payload: serde_json::Value::Null };
    assert!(matches!(bed.run(&effect(event)).await, EffectOutcome::Succeeded { .. }));
    assert!(bed.turns.asked().is_empty());
}

#[tokio::test]
async fn a_cancelled_call_does_not_wait_for_its_turn() {
    let bed = Bed::new("127.0.0.1=1/s", Some(900)).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(failed(bed.effects.run(&bed.owner, &bed.call(), &cancel).await).code, "CANCELLED");
}
