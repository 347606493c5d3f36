//! Calls that wait for their turn, or are put off.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::Timestamp;
use engine::definition::LoaderKind;
use engine::machine::{
    CallTo, Effect, EffectId, EffectOutcome, EffectRequest, GraphqlCall, Load, LoadSource, Loads, Notification,
};
use futures::future::{BoxFuture, FutureExt};
use ids::{ExecutionId, OrganizationId};
use serde_json::{Value, json};
use service::mail::Mailer;
use service::parts::{AuthenticationKind, Service, ServiceKind};
use sluice_worker::TurnError;
use sluice_worker::effects::{
    EffectOwner, Effects, EmitError, EmitEvent, EmittedEvent, ServiceRates, StartError, StartWorkflow, StartedWorkflow,
    TakeTurn,
};
use store::Pace;
use tokio_util::sync::CancellationToken;

use crate::parts::{Known, service};
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
        let effects = effects(Known::default(), rates, &turns);
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

fn effects(known: Known, rates: &str, turns: &Arc<Turns>) -> Effects {
    let others = Arc::new(Others::default());
    Effects::new(local(), Arc::clone(&others) as Arc<dyn EmitEvent>, others, Arc::new(known))
        .with_rates(ServiceRates::parse(rates).unwrap(), Arc::clone(turns) as Arc<dyn TakeTurn>)
}

fn effect(request: EffectRequest) -> Effect {
    let id = EffectId { step: "tell".into(), attempt: 1, action: 0 };
    let (key, timeout) = ("exe_1/tell/0/0".into(), Duration::from_secs(5));
    Effect { id, key, timeout, request, secrets: None, has_turn: false }
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
async fn the_turn_of_a_message_is_that_of_its_first_call() {
    let rates = "127.0.0.1=1/s";
    let bed = Bed::new(rates, Some(0)).await;
    let settings = json!({ "recipient_prefix": "sms" });
    let sms = service("sms", &bed.stub.url("/"), AuthenticationKind::None, &settings);
    let known = Known::default().service(Service { kind: ServiceKind::Chat, ..sms });
    let message = Notification {
        recipients: ["sms:+491", "sms:+492", "sms:+493"].map(str::to_owned).to_vec(),
        message: Some("Order o-1 is late".to_owned()),
        subject: None,
        channel: None,
        template: None,
        data: Value::Null,
        told: Vec::new(),
    };
    let bed = Bed { effects: effects(known, rates, &bed.turns), ..bed };
    let again = Effect { has_turn: true, ..effect(EffectRequest::Notify(message)) };
    assert!(matches!(bed.run(&again).await, EffectOutcome::Succeeded { .. }));
    assert_eq!((bed.stub.requests().len(), bed.turns.asked().len()), (3, 2));
}

#[tokio::test]
async fn the_calls_of_a_load_have_taken_their_turns_when_it_comes_again() {
    let bed = Bed::new("127.0.0.1=1/m", Some(60_000)).await;
    let resource = |name: &str| {
        let source = LoadSource {
            kind: LoaderKind::Http,
            service: None,
            path: Some(bed.stub.url("/")),
            query: Value::Null,
            key: None,
            params: Value::Null,
            cache_ttl: None,
        };
        Load { name: name.to_owned(), is_optional: false, source: Some(source) }
    };
    let loads = Loads {
        resources: vec![resource("a"), resource("b")],
        variables: Vec::new(),
        integrations: Vec::new(),
        context: Value::Null,
    };
    let first = effect(EffectRequest::Load(Box::new(loads)));
    assert_eq!(bed.run(&first).await, put_off(60_000, true));
    assert!(matches!(bed.run(&Effect { has_turn: true, ..first }).await, EffectOutcome::Succeeded { .. }));
    assert_eq!((bed.stub.requests().len(), bed.turns.asked().len()), (2, 2));
}

#[tokio::test]
async fn requests_of_every_kind_have_the_rate_of_their_host() {
    let bed = Bed::new("127.0.0.1=1/s", Some(1_001)).await;
    let query = "{ order { total } }".to_owned();
    let asked = GraphqlCall { to: CallTo::Url(bed.stub.url("/")), query, variables: serde_json::Value::Null };
    assert_eq!(bed.run(&effect(EffectRequest::Graphql(asked))).await, put_off(1_001, true));
    assert!(bed.stub.requests().is_empty());
}

#[tokio::test]
async fn each_mail_takes_a_turn_and_they_are_put_off_together() {
    let mut bed = Bed::new("", Some(1_001)).await;
    let (mailer, mut mails) = Mailer::to_channel();
    bed.effects = bed.effects.with_mailer(mailer);
    let message = Notification {
        recipients: vec!["ada@example.com".to_owned(), "bob@example.com".to_owned(), "Ada@example.com".to_owned()],
        message: Some("late".to_owned()),
        subject: None,
        channel: None,
        template: None,
        data: Value::Null,
        told: Vec::new(),
    };
    let mail = effect(EffectRequest::Notify(message));
    assert_eq!(bed.run(&mail).await, put_off(1_001, true));
    assert!(mails.try_recv().is_err(), "none has left");
    let turn = (bed.owner.organization, "mails of notify".to_owned());
    assert_eq!(bed.turns.asked(), [turn.clone(), turn]);
    let again = Effect { has_turn: true, ..mail };
    assert!(matches!(bed.run(&again).await, EffectOutcome::Succeeded { .. }));
    assert_eq!((mails.try_recv().is_ok(), mails.try_recv().is_ok(), bed.turns.asked().len()), (true, true, 2));
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
