//! Effects of every kind through the one door.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::machine::{Effect, EffectId, EffectRequest, ErrorClass};
use futures::future::{BoxFuture, FutureExt};
use ids::{ExecutionId, OrganizationId};
use serde_json::{Value, json};
use sluice_worker::effects::{
    EffectOwner, Effects, EmitError, EmitEvent, EmittedEvent, StartError, StartWorkflow, StartedWorkflow,
};
use tokio_util::sync::CancellationToken;

use crate::parts::Known;
use crate::stub::{Stub, header, json_answer};
use crate::{failed, local, request};

#[derive(Debug, Default)]
struct Recorder {
    seen: Mutex<Vec<(OrganizationId, String, Value, String)>>,
}

impl EmitEvent for Recorder {
    fn emit<'a>(&'a self, event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        async move {
            match event.event {
                "panic" => panic!("the store is on fire"),
                "hang" => std::future::pending().await,
                "refuse" => Err(EmitError::Refused { code: "PAYLOAD_TOO_LARGE".into(), message: "too large".into() }),
                "broken" => Err(EmitError::Broken("a stored row cannot be read".into())),
                _ => {
                    let key = event.deduplication_key.to_owned();
                    let seen = (event.owner.organization, event.event.to_owned(), event.payload.clone(), key);
                    self.seen.lock().unwrap().push(seen);
                    Ok("evt_1".to_owned())
                }
            }
        }
        .boxed()
    }
}

impl StartWorkflow for Recorder {
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async move {
            match workflow.workflow {
                "refuse" => Err(StartError::Refused { code: "NOT_FOUND".into(), message: "there is none".into() }),
                "broken" => Err(StartError::Broken("a stored row cannot be read".into())),
                "hang" => std::future::pending().await,
                _ => {
                    let what = format!("{} {} {}", workflow.step, workflow.owner.depth, workflow.waits);
                    let seen = (workflow.owner.organization, what, workflow.input.clone(), workflow.key.to_owned());
                    self.seen.lock().unwrap().push(seen);
                    Ok("exe_2".to_owned())
                }
            }
        }
        .boxed()
    }
}

fn effects(recorder: Arc<Recorder>) -> Effects {
    Effects::new(local(), Arc::clone(&recorder) as Arc<dyn EmitEvent>, recorder, Arc::new(Known::default()))
}

fn owner() -> EffectOwner {
    EffectOwner { organization: OrganizationId::new(), execution: ExecutionId::new(), depth: 3 }
}

fn effect(request: EffectRequest) -> Effect {
    Effect {
        id: EffectId { step: "tell".into(), attempt: 1, action: 0 },
        key: "exe_1/tell/0/0".into(),
        timeout: Duration::from_millis(300),
        request,
        secrets: None,
        has_turn: false,
    }
}

fn emit(event: &str) -> Effect {
    effect(EffectRequest::EmitEvent { event: event.to_owned(), payload: json!({ "order": 7 }) })
}

#[tokio::test]
async fn an_event_is_emitted_for_the_owner_under_the_effects_key() {
    let recorder = Arc::new(Recorder::default());
    let effects = effects(Arc::clone(&recorder));
    let owner = owner();
    let outcome = effects.run(&owner, &emit("order.approved"), &CancellationToken::new()).await;
    assert!(matches!(outcome, engine::machine::EffectOutcome::Succeeded { output } if output["event_id"] == "evt_1"));
    let expected =
        (owner.organization, "order.approved".to_owned(), json!({ "order": 7 }), "exe_1/tell/0/0".to_owned());
    assert_eq!(*recorder.seen.lock().unwrap(), [expected]);
}

#[tokio::test(start_paused = true)]
async fn each_way_that_an_event_is_not_emitted_has_its_code() {
    let effects = effects(Arc::new(Recorder::default()));
    for (event, code, class) in [
        ("panic", "PANIC", ErrorClass::Other),
        ("hang", "STEP_TIMEOUT", ErrorClass::Timeout),
        ("refuse", "PAYLOAD_TOO_LARGE", ErrorClass::Other),
        ("broken", "INTERNAL", ErrorClass::Connection),
    ] {
        let error = failed(effects.run(&owner(), &emit(event), &CancellationToken::new()).await);
        assert_eq!((error.code.as_str(), error.retryable_class), (code, class), "{event}");
        let is_ours = ["on fire", "stored row"].iter().any(|words| error.message.contains(words));
        assert!(!is_ours, "the author sees the server's own words: {}", error.message);
    }
}

#[tokio::test]
async fn a_cancelled_emission_does_not_begin() {
    let recorder = Arc::new(Recorder::default());
    let effects = effects(Arc::clone(&recorder));
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(failed(effects.run(&owner(), &emit("order.approved"), &cancel).await).code, "CANCELLED");
    assert!(recorder.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_http_effect_is_sent_under_the_effects_key() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let effects = effects(Arc::new(Recorder::default()));
    let call = effect(EffectRequest::Http(request("POST", stub.url("/"))));
    effects.run(&owner(), &call, &CancellationToken::new()).await;
    assert_eq!(header(&stub.requests()[0], "idempotency-key"), Some("exe_1/tell/0/0"));
}

fn start(workflow: &str) -> Effect {
    let workflow_id = workflow.to_owned();
    effect(EffectRequest::StartWorkflow { workflow_id, input: json!({ "order": 7 }), version: None, waits: true })
}

#[tokio::test]
async fn a_workflow_is_started_for_the_owner_under_the_effects_key() {
    let recorder = Arc::new(Recorder::default());
    let (owner, cancel) = (owner(), CancellationToken::new());
    let outcome = effects(Arc::clone(&recorder)).run(&owner, &start("ship"), &cancel).await;
    assert_eq!(outcome, engine::machine::EffectOutcome::Succeeded { output: json!({ "execution_id": "exe_2" }) });
    let seen = recorder.seen.lock().unwrap().clone();
    let wanted = (owner.organization, "tell 3 true".to_owned(), json!({ "order": 7 }), "exe_1/tell/0/0".to_owned());
    assert_eq!(seen, [wanted]);
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_cannot_be_started_fails_its_step_with_the_reason() {
    let effects = effects(Arc::new(Recorder::default()));
    for (workflow, code, class) in [
        ("refuse", "NOT_FOUND", ErrorClass::Other),
        ("broken", "INTERNAL", ErrorClass::Connection),
        ("hang", "STEP_TIMEOUT", ErrorClass::Timeout),
    ] {
        let error = failed(effects.run(&owner(), &start(workflow), &CancellationToken::new()).await);
        assert_eq!((error.code.as_str(), error.retryable_class), (code, class), "{workflow}: {}", error.message);
    }
}
