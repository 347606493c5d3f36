//! Pauses that an event ends: which events a worker finds that nobody told it of, and who may say what they must be.

use std::time::Duration;

use ids::uuid::Builder;
use ids::{EventId, ExecutionId};
use serde_json::{Value, json};
use service::clock::APART_MS;
use service::executions::{
    self, AskedEvent, PauseRequest, ResumeRequest, SignalRequest, SignalTarget, StartRequest, WaitFor,
};
use service::operations::wake_reasons;
use service::plans::WorkflowRef;
use service::viewer::{Permission, Permissions};
use service::workflows::{ImportFile, ImportRequest};
use service::{Code, ServiceError, Services, Viewer};
use store::{ExecutionStatus, NewEvent};

use super::{Bed, eventually, one, owner};

const RESTS: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: stock.counted, match: [order.id] }, next: done }
  - { id: done, type: action, action: { type: allow } }
";

/// One that waits.
async fn resting(services: &Services) -> ExecutionId {
    let viewer = owner(services);
    let file = ImportFile { path: "rests.yaml".to_owned(), content: RESTS.to_owned() };
    let import = ImportRequest { files: vec![file], publish: true, dry_run: false };
    service::workflows::import(services, &viewer, import).await.unwrap();
    let (workflow, input) = (WorkflowRef::Slug("rests".to_owned()), json!({ "order": { "id": "o-1" } }));
    let request = StartRequest { workflow, input: Some(input), ..one() };
    let (started, _row) =
        executions::start(services, &viewer, request, WaitFor::Nothing, Duration::ZERO).await.unwrap();
    is(services, started.execution, ExecutionStatus::Waiting).await;
    started.execution
}

pub(super) async fn is(services: &Services, id: ExecutionId, status: ExecutionStatus) {
    let viewer = owner(services);
    let reached = async {
        while executions::execution(services, &viewer, id).await.unwrap().unwrap().status != status {
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), reached).await.is_ok(), "not {status:?} within 20 s");
}

fn truck(matching: Option<Value>, condition: Option<Value>) -> AskedEvent {
    AskedEvent { event: "truck.came".to_owned(), matching, condition }
}

fn pause(id: ExecutionId, when: AskedEvent) -> PauseRequest {
    PauseRequest { id, reason: None, freezes: true, resume_at: None, resume_when: Some(when) }
}

fn by_hand(id: ExecutionId, reason: &str) -> PauseRequest {
    PauseRequest { id, reason: Some(reason.to_owned()), freezes: true, resume_at: None, resume_when: None }
}

fn now(id: ExecutionId) -> ResumeRequest {
    ResumeRequest { id, data: None, at: None, when: None, from_step: None, reason: None }
}

/// Why it was refused, and what is wrong.
fn refusal<T: std::fmt::Debug>(answer: Result<T, ServiceError>) -> (Code, String) {
    match answer.unwrap_err() {
        ServiceError::Mistakes(mistakes) => (mistakes[0].code, mistakes[0].field.join(".")),
        other => (other.code(), String::new()),
    }
}

/// Records an event that nobody is told of, with the id of a clock that is off by so much: by what those of two processes may be apart.
async fn record(services: &Services, off_ms: i64, received_at_ms: i64) -> EventId {
    let millis = u64::try_from(received_at_ms + off_ms).unwrap();
    let id = EventId::from_uuid(Builder::from_unix_timestamp_millis(millis, &[1; 10]).into_uuid());
    let organization_id = services.default_organization();
    let new = NewEvent {
        id,
        organization_id,
        event_type: "truck.came".to_owned(),
        source: "test".to_owned(),
        subject: None,
        payload: json!({ "order": { "id": "o-1" } }).to_string(),
        deduplication_key: None,
        fingerprint: "f".to_owned(),
        occurred_at_ms: received_at_ms,
        received_at_ms,
        depth: 0,
        about: None,
        replay_of: None,
        only_workflows: None,
    };
    services.store().insert_event(new).await.unwrap();
    services.store().mark_routed(organization_id, id, "[]", "", received_at_ms).await.unwrap();
    id
}

/// A worker takes it in hand for something else.
async fn take_in_hand(services: &Services, id: ExecutionId) {
    signal(services, id, "look.again").await;
}

async fn signal(services: &Services, id: ExecutionId, name: &str) {
    let target = SignalTarget::Execution(id);
    let request = SignalRequest { target, name: name.to_owned(), data: None, idempotency_key: None };
    executions::signal(services, &owner(services), request).await.unwrap();
}

async fn journal(services: &Services, id: ExecutionId) -> String {
    let rows = services.store().journal(services.default_organization(), id, 0, 1_000).await.unwrap();
    rows.into_iter().map(|row| row.events).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_ends_a_pause_if_it_was_accepted_in_it_although_clocks_are_a_little_apart() {
    let bed = Bed::new().await;
    let services = &bed.services;
    let id = resting(services).await;
    let viewer = owner(services);
    let asked = || pause(id, truck(Some(json!(["order.id"])), None));
    let row = executions::pause(services, &viewer, asked()).await.unwrap();
    assert_eq!(row.status, ExecutionStatus::Paused);
    let ahead = record(services, APART_MS, services.now().0).await;
    take_in_hand(services, id).await;
    is(services, id, ExecutionStatus::Waiting).await;
    assert!(journal(services, id).await.contains(&ahead.to_string()));

    let between_ms = services.now().0;
    let between = record(services, -APART_MS, between_ms).await;
    eventually("it is older than clocks may be apart", || services.now().0 > between_ms + 2 * APART_MS).await;
    let row = executions::pause(services, &viewer, asked()).await.unwrap();
    assert_eq!(row.status, ExecutionStatus::Paused);
    let behind = record(services, -APART_MS, services.now().0).await;
    take_in_hand(services, id).await;
    is(services, id, ExecutionStatus::Waiting).await;
    let told = journal(services, id).await;
    assert!(told.contains(&behind.to_string()) && !told.contains(&between.to_string()), "{told}");
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_an_event_is_compared_with_is_said_by_those_who_may_see_it_and_told_to_nobody_else() {
    let bed = Bed::new().await;
    let services = &bed.services;
    let id = resting(services).await;
    let some: Permissions = [Permission::ExecutionRead, Permission::ExecutionControl].into_iter().collect();
    let other = Viewer { permissions: some, ..owner(services) };
    let by_path = || truck(Some(json!(["order.id"])), None);
    let by_value = truck(Some(json!({ "order.id": "o-1" })), None);
    let by_condition = truck(None, Some(json!({ "expression": "order.id == 'o-1'" })));
    for when in [by_path(), by_value, by_condition] {
        let refused = executions::pause(services, &other, pause(id, when)).await.unwrap_err();
        assert_eq!(refused.code().as_str(), "FORBIDDEN");
    }
    is(services, id, ExecutionStatus::Waiting).await;
    executions::pause(services, &owner(services), pause(id, by_path())).await.unwrap();
    is(services, id, ExecutionStatus::Paused).await;
    let reasons = wake_reasons(services, &other, &[id]).await.unwrap().remove(0).1;
    assert!(reasons.iter().any(|reason| reason.summary == "event `truck.came`, which ends the pause"), "{reasons:?}");
    let resume = |when| ResumeRequest { id, data: None, at: None, when: Some(when), from_step: None, reason: None };
    let refused = executions::resume(services, &other, resume(by_path())).await.unwrap_err();
    assert_eq!(refused.code().as_str(), "FORBIDDEN");
    executions::resume(services, &other, resume(truck(None, None))).await.unwrap();
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pause_keeps_its_reason_and_a_second_one_changes_nothing() {
    let bed = Bed::new().await;
    let services = &bed.services;
    let viewer = owner(services);
    let id = resting(services).await;
    let row = executions::pause(services, &viewer, by_hand(id, "stock-taking")).await.unwrap();
    assert_eq!(row.status, ExecutionStatus::Paused);
    let view = executions::pause_view(services, &viewer, &row).await.unwrap().unwrap();
    assert_eq!((view.by, view.reason.as_deref()), (Some(viewer.actor.id.clone()), Some("stock-taking")));
    let before = journal(services, id).await;
    let again = executions::pause(services, &viewer, by_hand(id, "another reason")).await.unwrap();
    assert_eq!((again.status, again.paused_at_ms), (row.status, row.paused_at_ms));
    let told = services.store().signals(viewer.organization, id).await.unwrap();
    assert!(told.is_empty(), "nobody is told: {told:?}");
    assert_eq!(journal(services, id).await, before);
    let view = executions::pause_view(services, &viewer, &again).await.unwrap().unwrap();
    assert_eq!(view.reason.as_deref(), Some("stock-taking"));
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_what_is_paused_is_resumed_and_only_what_has_not_ended_is_paused() {
    let bed = Bed::new().await;
    let services = &bed.services;
    let viewer = owner(services);
    let id = resting(services).await;
    let wrong_state = (Code::WrongState, "id".to_owned());
    assert_eq!(refusal(executions::resume(services, &viewer, now(id)).await), wrong_state);
    assert_eq!(refusal(executions::cancel_resume(services, &viewer, id).await), wrong_state);
    executions::pause(services, &viewer, by_hand(id, "look")).await.unwrap();
    is(services, id, ExecutionStatus::Paused).await;
    let row = executions::resume(services, &viewer, now(id)).await.unwrap();
    assert_ne!(row.status, ExecutionStatus::Paused);
    is(services, id, ExecutionStatus::Waiting).await;
    assert_eq!(refusal(executions::resume(services, &viewer, now(id)).await), wrong_state, "it goes on once");

    signal(services, id, "stock.counted").await;
    is(services, id, ExecutionStatus::Completed).await;
    let before = journal(services, id).await;
    assert_eq!(refusal(executions::pause(services, &viewer, by_hand(id, "too late")).await), wrong_state);
    assert_eq!(refusal(executions::resume(services, &viewer, now(id)).await), wrong_state);
    assert_eq!(refusal(executions::cancel_resume(services, &viewer, id).await), wrong_state);
    assert_eq!(journal(services, id).await, before);

    let (nobody, not_found) = (ExecutionId::new(), (Code::NotFound, "id".to_owned()));
    assert_eq!(refusal(executions::pause(services, &viewer, by_hand(nobody, "look")).await), not_found);
    assert_eq!(refusal(executions::resume(services, &viewer, now(nobody)).await), not_found);
    assert_eq!(refusal(executions::cancel_resume(services, &viewer, nobody).await), not_found);
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}
