//! Outgoing webhooks on a clock that stands still, over SQLite.

use std::time::Duration;

use engine::Timestamp;
use engine::machine::Event;
use ids::{ApprovalId, ExecutionId, WebhookDeliveryId, WorkerId, WorkflowId};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use store::{
    ApprovalStatus, ApprovalWrites, Checkpoint, DatabaseUrl, NewApproval, PageRequest, Patch, Store, StoreConfig,
    WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus,
};

use super::{
    Answer, EndpointPatch, NewEndpoint, Outgoing, attempts_of, claim, create, deliveries, endpoint, follow, redeliver,
    rotate_secret, settle, test, update,
};
use crate::Clock;
use crate::code::Code;
use crate::error::ServiceError;
use crate::executions::{self, StartRequest, Trigger, WaitFor};
use crate::hooks::{Verification, sign};
use crate::plans::WorkflowRef;
use crate::sealed::Secret;
use crate::services::{Services, Settings};
use crate::viewer::Viewer;
use crate::workflows::{self, ImportFile, ImportRequest};

const NOW: i64 = 1_767_225_600_000;
const FILES: [(&str, &str); 2] = [
    ("a.yaml", "workflow_id: orders\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n"),
    ("b.yaml", "workflow_id: returns\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n"),
];

struct Bed {
    services: Services,
    clock: Clock,
    viewer: Viewer,
    workflows: Vec<WorkflowId>,
    _folder: tempfile::TempDir,
}

fn address(event_types: &[&str]) -> NewEndpoint {
    NewEndpoint {
        url: "https://example.com/told".to_owned(),
        description: None,
        event_types: event_types.iter().map(|one| (*one).to_owned()).collect(),
        workflows: None,
    }
}

fn answered(status: u16) -> Answer {
    let took = Duration::from_millis(7);
    Answer { status: Some(status), excerpt: Some("ok".to_owned()), took, ..Answer::default() }
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let clock = Clock::fake(Timestamp(NOW));
        let services = Services::new(store, queue, notices, clock.clone(), Settings::default()).await.unwrap();
        let viewer = Viewer::owner(services.default_organization());
        let files = FILES.map(|(path, content)| ImportFile { path: path.to_owned(), content: content.to_owned() });
        let request = ImportRequest { files: files.to_vec(), publish: true, dry_run: false };
        let imported = workflows::import(&services, &viewer, request).await.unwrap();
        let workflows = imported.into_iter().map(|file| file.workflow.unwrap().id).collect();
        Self { services, clock, viewer, workflows, _folder: folder }
    }

    async fn address(&self, event_types: &[&str]) -> WebhookEndpointRow {
        create(&self.services, &self.viewer, address(event_types)).await.unwrap().row
    }

    /// An execution in whose journal a worker writes `events`.
    async fn happens(&self, slug: &str, events: &[Event]) -> ExecutionId {
        let request = StartRequest {
            workflow: WorkflowRef::Slug(slug.to_owned()),
            version: None,
            input: Some(json!({ "secret": "hunter2" })),
            key: Some("o-7".to_owned()),
            idempotency_key: None,
            labels: Vec::new(),
            priority: None,
            trigger: Trigger::Manual { reason: None },
        };
        let started = executions::start(&self.services, &self.viewer, request, WaitFor::Nothing, Duration::ZERO);
        let id = started.await.unwrap().0.execution;
        self.writes(id, events, ApprovalWrites::default()).await;
        id
    }

    /// What a worker writes of an execution.
    async fn writes(&self, id: ExecutionId, events: &[Event], approvals: ApprovalWrites) {
        self.writes_text(id, serde_json::to_string(events).unwrap(), approvals).await;
    }

    async fn writes_text(&self, id: ExecutionId, events: String, approvals: ApprovalWrites) {
        let (store, worker, at_ms) = (self.services.store(), WorkerId::new(), self.services.now().0);
        let claimed = store.claim(worker, &[id], at_ms).await.unwrap().remove(0);
        let checkpoint = Checkpoint {
            organization_id: self.viewer.organization,
            execution_id: id,
            workflow_id: claimed.workflow_id,
            worker_id: worker,
            epoch: claimed.epoch,
            seq: claimed.seq,
            events,
            decision: None,
            at_ms,
            patch: Patch::Released { state: "{}".to_owned() },
            taken: Vec::new(),
            sends: Vec::new(),
            approvals,
            told_at_most: None,
            deadline: store::Deadline::default(),
            measures: store::Measures::default(),
        };
        store.commit(checkpoint).await.unwrap();
    }

    fn paused(&self) -> Event {
        Event::Paused {
            by: Some("usr_1".to_owned()),
            reason: Some("stock".to_owned()),
            freezes: true,
            at: self.services.now(),
        }
    }

    async fn sent_to(&self, row: &WebhookEndpointRow) -> Vec<WebhookDeliveryRow> {
        let page = deliveries(&self.services, &self.viewer, row.id, false, &PageRequest::first(100)).await.unwrap();
        page.rows.into_iter().map(|(_, row)| row).collect()
    }

    async fn now(&self, row: &WebhookEndpointRow) -> WebhookEndpointRow {
        endpoint(&self.services, &self.viewer, row.id).await.unwrap().unwrap()
    }

    async fn one_due(&self) -> Outgoing {
        let mut due = claim(&self.services, 10).await.unwrap();
        assert_eq!(due.len(), 1);
        due.remove(0)
    }

    async fn settle(&self, outgoing: &Outgoing, answer: Answer) {
        settle(&self.services, outgoing, answer).await.unwrap();
    }

    async fn message(&self, id: WebhookDeliveryId) -> WebhookDeliveryRow {
        self.services.store().webhook_delivery(self.viewer.organization, id).await.unwrap().unwrap()
    }
}

fn asks(id: ApprovalId, status: ApprovalStatus) -> NewApproval {
    NewApproval {
        id,
        step_path: "ask".to_owned(),
        status,
        request: "{}".to_owned(),
        entity: None,
        entity_id: None,
        quorum: 1,
        allow_self: false,
        requested_at_ms: NOW,
        expires_at_ms: None,
        remind_at_ms: None,
        escalate_at_ms: None,
        escalated_role: None,
        mail_at_ms: None,
        assignees: Vec::new(),
    }
}

fn codes<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Vec<(Code, String)> {
    match outcome {
        Err(ServiceError::Mistakes(mistakes)) => {
            mistakes.into_iter().map(|mistake| (mistake.code, mistake.field.join("."))).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_happens_is_told_once_to_those_who_want_to_know_and_without_data() {
    let bed = Bed::new().await;
    bed.happens("orders", &[bed.paused()]).await;
    bed.clock.advance(Duration::from_millis(1));
    let all = bed.address(&["*"]).await;
    let approvals = bed.address(&["approval.*"]).await;
    let returns = NewEndpoint { workflows: Some(vec![bed.workflows[1]]), ..address(&["execution.paused"]) };
    let returns = create(&bed.services, &bed.viewer, returns).await.unwrap().row;
    bed.happens("orders", &[bed.paused(), Event::Resumed { at: bed.services.now() }]).await;
    assert_eq!(follow(&bed.services, &mut None).await.unwrap(), 1, "what happened before is not told");
    assert_eq!(follow(&bed.services, &mut None).await.unwrap(), 0, "nothing is told twice");
    let told = bed.sent_to(&all).await;
    assert_eq!(told.len(), 1);
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("execution.paused"), &json!(bed.services.now().to_rfc3339()))
    );
    assert_eq!((&body["data"]["by"], &body["data"]["reason"]), (&json!("usr_1"), &json!("stock")));
    assert_eq!(body["data"]["execution"]["workflow"]["slug"], "orders");
    assert_eq!(body["data"]["execution"]["key"], "o-7");
    assert!(!told[0].body.contains("hunter2"));
    assert!(bed.sent_to(&approvals).await.is_empty() && bed.sent_to(&returns).await.is_empty());
}

#[tokio::test]
async fn an_approval_that_is_withdrawn_is_told_once_and_one_that_was_decided_is_not() {
    let bed = Bed::new().await;
    let address = bed.address(&["approval.cancelled"]).await;
    let id = bed.happens("orders", &[]).await;
    let (open, expired) = (ApprovalId::new(), ApprovalId::new());
    let opened = vec![asks(open, ApprovalStatus::Pending), asks(expired, ApprovalStatus::Expired)];
    bed.writes(id, &[], ApprovalWrites { opened, ..ApprovalWrites::default() }).await;
    assert_eq!(follow(&bed.services, &mut None).await.unwrap(), 0);
    bed.writes(id, &[], ApprovalWrites { withdraws_all: true, ..ApprovalWrites::default() }).await;
    assert_eq!(follow(&bed.services, &mut None).await.unwrap(), 1);
    assert_eq!(follow(&bed.services, &mut None).await.unwrap(), 0, "nothing is told twice");
    let told = bed.sent_to(&address).await;
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["approval"]["id"]), (&json!("approval.cancelled"), &json!(open)));
    assert_eq!((&body["data"]["stepPath"], &body["data"]["execution"]["id"]), (&json!("ask"), &json!(id)));
}

#[tokio::test]
async fn an_approval_that_is_withdrawn_is_told_although_a_journal_cannot_be_read() {
    let bed = Bed::new().await;
    let address = bed.address(&["approval.cancelled"]).await;
    let id = bed.happens("orders", &[]).await;
    let opened = vec![asks(ApprovalId::new(), ApprovalStatus::Pending)];
    bed.writes(id, &[], ApprovalWrites { opened, ..ApprovalWrites::default() }).await;
    follow(&bed.services, &mut None).await.unwrap();
    let withdraws = ApprovalWrites { withdraws_all: true, ..ApprovalWrites::default() };
    bed.writes_text(id, "of a later release".to_owned(), withdraws).await;
    for _tick in 0..2 {
        follow(&bed.services, &mut None).await.unwrap();
        assert_eq!(bed.sent_to(&address).await.len(), 1, "once");
    }
}

#[tokio::test]
async fn a_message_that_fails_is_tried_eight_times_and_can_be_sent_again() {
    let bed = Bed::new().await;
    let row = bed.address(&["*"]).await;
    let (_row, message) = test(&bed.services, &bed.viewer, row.id).await.unwrap();
    for tries in 1..=8 {
        let outgoing = bed.one_due().await;
        assert_eq!(outgoing.delivery.id, message.id, "the id is the same over all tries");
        bed.settle(&outgoing, answered(500)).await;
        assert!(claim(&bed.services, 10).await.unwrap().is_empty(), "not yet");
        let now = bed.message(message.id).await;
        assert_eq!((now.tries, now.due_at_ms.is_none()), (tries, tries == 8));
        bed.clock.advance(Duration::from_hours(11));
    }
    assert_eq!(bed.message(message.id).await.status, WebhookStatus::GivenUp);
    assert_eq!(bed.now(&row).await.failing_since_ms, Some(NOW));
    redeliver(&bed.services, &bed.viewer, message.id).await.unwrap();
    bed.settle(&bed.one_due().await, answered(204)).await;
    let done = bed.message(message.id).await;
    assert_eq!((done.status, done.attempts, done.due_at_ms), (WebhookStatus::Delivered, 9, None));
    assert_eq!(bed.now(&row).await.failing_since_ms, None);
    let tries = attempts_of(&bed.services, &bed.viewer, &[message.id]).await.unwrap();
    let seen: Vec<_> = tries.iter().map(|one| (one.number, one.status_code, one.error.is_some())).collect();
    assert_eq!((seen[0], seen[8]), ((1, Some(500), true), (9, Some(204), false)));
    assert_eq!((tries[0].duration_ms, tries[0].excerpt.as_deref()), (7, Some("ok")));
}

#[tokio::test]
async fn an_address_that_is_gone_is_switched_off_at_once_and_one_that_fails_for_five_days_then() {
    let bed = Bed::new().await;
    let row = bed.address(&["*"]).await;
    test(&bed.services, &bed.viewer, row.id).await.unwrap();
    bed.settle(&bed.one_due().await, answered(410)).await;
    let off = bed.now(&row).await;
    assert_eq!((off.is_enabled, off.disabled_reason.as_deref()), (false, Some("it answered 410 Gone")));
    bed.clock.advance(Duration::from_hours(1));
    assert!(claim(&bed.services, 10).await.unwrap().is_empty(), "nothing is sent any more");
    assert_eq!(codes(test(&bed.services, &bed.viewer, row.id).await), [(Code::WrongState, "id".to_owned())]);
    let on = EndpointPatch { is_enabled: Some(true), ..EndpointPatch::default() };
    let on = update(&bed.services, &bed.viewer, row.id, on).await.unwrap();
    assert_eq!((on.is_enabled, on.disabled_reason, on.failing_since_ms), (true, None, None));
    let no_answer = Answer { error: Some("STEP_TIMEOUT: no complete answer".to_owned()), ..Answer::default() };
    for day in 0..=5 {
        assert!(bed.now(&row).await.is_enabled, "on day {day}");
        for outgoing in claim(&bed.services, 10).await.unwrap() {
            bed.settle(&outgoing, no_answer.clone()).await;
        }
        if day < 5 {
            test(&bed.services, &bed.viewer, row.id).await.unwrap();
            bed.clock.advance(Duration::from_hours(24));
        }
    }
    let off = bed.now(&row).await;
    assert!(off.disabled_reason.is_some_and(|why| why.contains("nothing has come through since")));
    let everything = store::AuditFilter::default();
    let entries = crate::audit::page(&bed.services, &bed.viewer, &everything, &PageRequest::first(10)).await.unwrap();
    let disabled = entries.rows.iter().filter(|(_, row)| row.entry.action == "webhook_endpoint.disabled");
    assert_eq!(disabled.count(), 2, "both times somebody can read why");
}

#[tokio::test]
async fn for_a_day_after_a_rotation_both_secrets_sign() {
    let bed = Bed::new().await;
    let first = create(&bed.services, &bed.viewer, address(&["*"])).await.unwrap();
    let second = rotate_secret(&bed.services, &bed.viewer, first.row.id).await.unwrap().secret;
    assert!(first.secret.reveal().starts_with("whsec_") && first.secret != second);
    test(&bed.services, &bed.viewer, first.row.id).await.unwrap();
    let signature = |outgoing: &Outgoing, secret: &Secret| {
        let id = outgoing.delivery.id.to_string();
        let body = outgoing.delivery.body.as_bytes();
        sign(Verification::StandardWebhooks, "", secret, (&id, outgoing.at), body).unwrap()[2].1.clone()
    };
    let header = |outgoing: &Outgoing, name: &str| {
        let headers = outgoing.headers.clone().unwrap();
        headers.into_iter().find(|(known, _)| known == name).unwrap().1
    };
    let outgoing = bed.one_due().await;
    let both = format!("{} {}", signature(&outgoing, &second), signature(&outgoing, &first.secret));
    assert_eq!(header(&outgoing, "webhook-signature"), both);
    assert_eq!(header(&outgoing, "webhook-id"), outgoing.delivery.id.to_string());
    assert_eq!(header(&outgoing, "webhook-timestamp"), (NOW / 1_000).to_string());
    assert_eq!(header(&outgoing, "content-type"), "application/json");
    bed.settle(&outgoing, answered(500)).await;
    bed.clock.advance(Duration::from_hours(25));
    let later = bed.one_due().await;
    assert_eq!(header(&later, "webhook-signature"), signature(&later, &second), "the old one signs no more");
}

#[tokio::test]
async fn a_message_whose_sender_died_is_sent_again_and_a_late_outcome_is_dropped() {
    let bed = Bed::new().await;
    let row = bed.address(&["*"]).await;
    test(&bed.services, &bed.viewer, row.id).await.unwrap();
    let lost = bed.one_due().await;
    assert!(claim(&bed.services, 10).await.unwrap().is_empty(), "it is under way");
    bed.clock.advance(Duration::from_mins(1));
    let again = bed.one_due().await;
    assert_eq!(again.delivery.id, lost.delivery.id);
    bed.settle(&again, answered(200)).await;
    bed.settle(&lost, answered(500)).await;
    let done = bed.message(again.delivery.id).await;
    assert_eq!((done.status, done.attempts), (WebhookStatus::Delivered, 1));
}

#[tokio::test]
async fn a_slow_address_keeps_no_other_waiting() {
    let bed = Bed::new().await;
    let (slow, other) = (bed.address(&["*"]).await, bed.address(&["*"]).await);
    for _one in 0..20 {
        test(&bed.services, &bed.viewer, slow.id).await.unwrap();
    }
    let under_way = claim(&bed.services, 32).await.unwrap();
    assert_eq!(under_way.len(), 4);
    test(&bed.services, &bed.viewer, other.id).await.unwrap();
    let next = claim(&bed.services, 28).await.unwrap();
    assert_eq!(next.iter().map(|one| one.endpoint.id).collect::<Vec<_>>(), [other.id]);
}

#[tokio::test]
async fn mistakes_are_told_all_at_once() {
    let bed = Bed::new().await;
    let wrong = NewEndpoint {
        url: "ftp://example.com".to_owned(),
        description: Some("x".repeat(2_001)),
        event_types: vec!["execution.*".to_owned(), "order.*".to_owned()],
        workflows: Some(vec![WorkflowId::new()]),
    };
    let told = codes(create(&bed.services, &bed.viewer, wrong).await);
    let fields: Vec<&str> = told.iter().map(|(_, field)| field.as_str()).collect();
    assert_eq!(fields, ["url", "description", "eventTypes.1", "workflowIds.0"]);
    for url in ["https://user:pass@example.com", "nonsense", "https://"] {
        let one = NewEndpoint { url: url.to_owned(), ..address(&["*"]) };
        assert_eq!(codes(create(&bed.services, &bed.viewer, one).await), [(Code::Invalid, "url".to_owned())], "{url}");
    }
    let row = bed.address(&["*"]).await;
    let stale = EndpointPatch { expected_revision: Some(7), ..EndpointPatch::default() };
    let told = codes(update(&bed.services, &bed.viewer, row.id, stale).await);
    assert_eq!(told, [(Code::Conflict, "expectedRevision".to_owned())]);
    let limited = Viewer { folders: Some(vec!["sales".to_owned()].into()), ..bed.viewer.clone() };
    let told = codes(create(&bed.services, &limited, address(&["*"])).await);
    assert_eq!(told, [(Code::WrongState, String::new())]);
    // They are told of the whole organization, so what they were told is not for a part of it.
    let read = codes(super::endpoint(&bed.services, &limited, row.id).await);
    let listed = codes(super::deliveries(&bed.services, &limited, row.id, false, &PageRequest::first(1)).await);
    assert_eq!([read, listed], [[(Code::WrongState, String::new())], [(Code::WrongState, String::new())]]);
}
