//! Three tenants who call everything the same live a whole life beside each other in one process: nothing of one
//! is in any answer, stream, notice or log of another.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use ids::ExecutionId;
use queue::{NoticeItem, Notices, WorkQueue};
use serde_json::json;
use service::events::EmitRequest;
use service::executions::{self, Label, StartRequest, Trigger, WaitFor};
use service::plans::WorkflowRef;
use service::workflows::{ImportFile, ImportRequest};
use service::{Clock, ServiceError, Services, Settings, Viewer};
use sluice_worker::effects::{Effects, HttpEffect, HttpLimits};
use sluice_worker::egress::EgressPolicy;
use sluice_worker::{ServiceEvents, ServiceExecutions, ServiceParts, Worker, WorkerConfig};
use store::{
    DatabaseUrl, EventFilter, EventOrder, ExecutionFilter, ExecutionOrder, ExecutionStatus, PageRequest, Retention,
    Store, StoreConfig, WorkflowFilter, WorkflowOrder,
};

/// What everybody imports, with a text of their own.
const WORKFLOW: &str = "
workflow_id: orders
name: CANARY
description: CANARY
triggers:
  - { type: manual }
  - { type: event, event: order.placed }
steps:
  - id: note
    type: execute
    execute:
      - { type: log, message: 'CANARY {{ order.id }}' }
      - { type: emit_event, event: order.noted, payload: { order: { id: '{{ order.id }}' }, note: '{{ note }}' } }
    next: paid
  - { id: paid, type: wait, wait: { event: order.paid, match: [order.id], timeout: 1h }, next: done }
  - { id: done, type: action, action: { type: allow, reason: CANARY } }
";

const PATIENCE: Duration = Duration::from_secs(20);

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Tenant {
    viewer: Viewer,
    canary: String,
    /// Started by hand; it runs to its end.
    paid: ExecutionId,
    /// Started by an event; it is cancelled.
    cancelled: ExecutionId,
    /// Everything that its streams have shown.
    streamed: String,
}

async fn import(services: &Services, viewer: &Viewer, canary: &str) {
    let file = ImportFile { path: "orders.yaml".to_owned(), content: WORKFLOW.replace("CANARY", canary) };
    let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
    let imported = service::workflows::import(services, viewer, request).await.unwrap();
    assert!(imported.iter().all(|one| one.workflow.is_some()), "{imported:?}");
}

fn request(workflow: WorkflowRef, canary: &str) -> StartRequest {
    StartRequest {
        workflow,
        version: None,
        input: Some(json!({ "order": { "id": "o-1" }, "note": canary })),
        key: Some("same".to_owned()),
        idempotency_key: Some("same".to_owned()),
        labels: vec![Label { name: "team".to_owned(), value: "same".to_owned() }],
        priority: None,
        trigger: Trigger::Manual { reason: Some(canary.to_owned()) },
    }
}

fn event(event_type: &str, order: &str, canary: &str) -> EmitRequest {
    EmitRequest {
        event_type: event_type.to_owned(),
        payload: json!({ "order": { "id": order }, "note": canary }),
        source: Some(canary.to_owned()),
        subject: Some("same".to_owned()),
        occurred_at: None,
        deduplication_key: Some(format!("same {event_type} {order}")),
        depth: 0,
    }
}

async fn is(services: &Services, viewer: &Viewer, id: ExecutionId, status: ExecutionStatus) {
    let reached = async {
        loop {
            let row = executions::execution(services, viewer, id).await.unwrap().unwrap();
            if row.status == status {
                return;
            }
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{id} is {status:?}");
}

/// Starts one by hand and one by an event.
async fn begin(services: &Services, slug: &str) -> Tenant {
    let organization = services.store().ensure_organization(slug, slug, 1).await.unwrap();
    let (viewer, canary) = (Viewer::owner(organization), format!("canary-{slug}"));
    import(services, &viewer, &canary).await;
    let started = request(WorkflowRef::Slug("orders".to_owned()), &canary);
    let (started, _row) =
        executions::start(services, &viewer, started, WaitFor::Nothing, Duration::ZERO).await.unwrap();
    assert!(started.is_new, "the key of {slug} is its own");
    let placed = service::events::emit(services, &viewer, event("order.placed", "o-2", &canary)).await.unwrap();
    assert!(placed.is_new, "the key of {slug} is its own");
    let by_event = services.store().executions_of_event(organization, placed.event.id, 10).await.unwrap();
    let [by_event] = &by_event[..] else { panic!("one of {slug}: {by_event:?}") };
    let (paid, cancelled) = (started.execution, by_event.id);
    for id in [paid, cancelled] {
        is(services, &viewer, id, ExecutionStatus::Waiting).await;
    }
    Tenant { viewer, canary, paid, cancelled, streamed: String::new() }
}

/// Everything that a tenant is answered, asking for the executions of all.
async fn answers(services: &Services, viewer: &Viewer, ids: &[ExecutionId]) -> String {
    let page = PageRequest::first(100);
    let mut seen = Vec::new();
    for id in ids {
        seen.push(format!("{:?}", executions::execution(services, viewer, *id).await.unwrap()));
    }
    let (everything, order) = (ExecutionFilter::default(), ExecutionOrder::default());
    seen.push(format!("{:?}", executions::page(services, viewer, &everything, order, &page).await.unwrap()));
    seen.push(format!("{:?}", executions::traces(services, viewer, ids).await.unwrap()));
    seen.push(format!("{:?}", executions::histories(services, viewer, ids).await.unwrap()));
    seen.push(format!("{:?}", service::operations::wake_reasons(services, viewer, ids).await.unwrap()));
    let (everything, order) = (EventFilter::default(), EventOrder::default());
    seen.push(format!("{:?}", service::events::page(services, viewer, &everything, order, &page).await.unwrap()));
    let (everything, order) = (WorkflowFilter::default(), WorkflowOrder::default());
    seen.push(format!("{:?}", service::workflows::page(services, viewer, &everything, order, &page).await.unwrap()));
    seen.push(format!("{:?}", service::operations::check(services, viewer, None, false).await.unwrap()));
    seen.join("\n")
}

/// What a tenant is answered when it names the things of another one: nothing is there.
async fn intrude(services: &Services, intruder: &Tenant, victim: &Tenant) -> String {
    let viewer = &intruder.viewer;
    let mut refused: Vec<ServiceError> = Vec::new();
    for id in [victim.paid, victim.cancelled] {
        refused.extend(executions::cancel(services, viewer, id, None).await.err());
        let pause = executions::PauseRequest { id, reason: None, freezes: true, resume_at: None, resume_when: None };
        refused.extend(executions::pause(services, viewer, pause).await.err());
        let resume = executions::ResumeRequest { id, data: None, at: None, when: None, from_step: None, reason: None };
        refused.extend(executions::resume(services, viewer, resume).await.err());
        refused.extend(executions::cancel_resume(services, viewer, id).await.err());
        refused.extend(executions::terminate(services, viewer, id, None).await.err());
        refused.extend(executions::retry(services, viewer, id, false, None).await.err());
        refused.extend(executions::label(services, viewer, id, Vec::new(), Vec::new()).await.err());
        refused.extend(executions::delete(services, viewer, id, None).await.err());
        refused.extend(executions::updates(services, viewer, id, None).await.err());
        let waited = executions::wait(services, viewer, id, WaitFor::Completion, Duration::ZERO).await.unwrap();
        assert!(waited.is_none(), "{waited:?}");
    }
    let workflow = executions::execution(services, &victim.viewer, victim.paid).await.unwrap().unwrap().workflow_id;
    let stolen = request(WorkflowRef::Id(workflow), &intruder.canary);
    refused.extend(executions::start(services, viewer, stolen, WaitFor::Nothing, Duration::ZERO).await.err());
    let retention = Retention { completed_ms: Some(1), failed_ms: Some(1), cancelled_ms: Some(1) };
    refused.extend(service::retention::set_for_workflow(services, viewer, workflow, retention).await.err());
    // A cursor of another tenant is none.
    let beginning = executions::beginning(services, &victim.viewer, intruder.paid);
    refused.extend(executions::updates(services, viewer, intruder.paid, Some(&beginning)).await.err());
    assert_eq!(refused.len(), 21, "{refused:?}");
    let told: Vec<String> = refused.iter().map(|error| format!("{error:?} {}", service::chain(error))).collect();
    told.join("\n")
}

/// What a stream of changes and the stream of one execution show from the beginning on.
async fn streams(services: &Services, tenant: &Tenant) -> String {
    let viewer = &tenant.viewer;
    let beginning = executions::beginning(services, viewer, tenant.paid);
    let updates = executions::updates(services, viewer, tenant.paid, Some(&beginning)).await.unwrap();
    let updates: Vec<_> = updates.collect().await;
    assert!(updates.len() > 3 && updates.iter().all(Result::is_ok), "{updates:?}");
    format!("{updates:?}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_of_a_tenant_reaches_another_one() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("debug,hyper=info,h2=info")
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&StoreConfig::new(DatabaseUrl::sqlite(folder.path().join("test.db")))).await.unwrap();
    store.migrate_up().await.unwrap();
    let notices = Notices::memory();
    let mut heard = notices.subscribe();
    let services =
        Services::new(store, WorkQueue::memory(), notices, Clock::System, Settings::default()).await.unwrap();
    let http = HttpEffect::new(EgressPolicy::strict(), HttpLimits::default()).unwrap();
    let (events, starts) = (Arc::new(ServiceEvents(services.clone())), Arc::new(ServiceExecutions(services.clone())));
    let config = WorkerConfig {
        name: "test".to_owned(),
        host: "here".to_owned(),
        queues: vec!["default".to_owned()],
        slots: 16,
        lease: Duration::from_secs(10),
        grace: Duration::from_secs(5),
        is_alone: true,
    };
    let effects = Arc::new(Effects::new(http, events, starts, Arc::new(ServiceParts(services.clone()))));
    let worker = Worker::start(services.clone(), effects, config).await.unwrap();

    let mut tenants = Vec::new();
    for slug in ["ant", "bee", "cat"] {
        tenants.push(begin(&services, slug).await);
    }
    let mut changes = Vec::new();
    for tenant in &tenants {
        let all = ExecutionFilter::default();
        changes.push(executions::changes(&services, &tenant.viewer, all, None).await.unwrap().boxed());
    }
    // Each pays for an order that all of them have: it is the payer's own that goes on.
    for (place, tenant) in tenants.iter().enumerate() {
        service::events::emit(&services, &tenant.viewer, event("order.paid", "o-1", &tenant.canary)).await.unwrap();
        is(&services, &tenant.viewer, tenant.paid, ExecutionStatus::Completed).await;
        executions::cancel(&services, &tenant.viewer, tenant.cancelled, Some(tenant.canary.clone())).await.unwrap();
        is(&services, &tenant.viewer, tenant.cancelled, ExecutionStatus::Cancelled).await;
        for other in &tenants[place + 1..] {
            for id in [other.paid, other.cancelled] {
                let row = executions::execution(&services, &other.viewer, id).await.unwrap().unwrap();
                assert_eq!(row.status, ExecutionStatus::Waiting, "{} of {}", id, other.canary);
            }
        }
    }
    for (tenant, changes) in tenants.iter_mut().zip(&mut changes) {
        let mut shown = vec![streams(&services, tenant).await];
        let (paid, cancelled) = (tenant.paid, tenant.cancelled);
        let ended = |change: &executions::Change| change.execution.status.is_ended();
        let mut missing = vec![paid, cancelled];
        while !missing.is_empty() {
            let change = tokio::time::timeout(PATIENCE, changes.next()).await.unwrap().unwrap().unwrap();
            missing.retain(|id| *id != change.execution.id || !ended(&change));
            shown.push(format!("{change:?}"));
        }
        // Whatever else is ready at once.
        while let Some(Some(change)) = changes.next().now_or_never() {
            shown.push(format!("{change:?}"));
        }
        tenant.streamed = shown.concat();
    }

    let ids: Vec<ExecutionId> = tenants.iter().flat_map(|tenant| [tenant.paid, tenant.cancelled]).collect();
    for tenant in &tenants {
        let mut seen = answers(&services, &tenant.viewer, &ids).await;
        seen.push_str(&tenant.streamed);
        assert!(seen.contains(&tenant.canary));
        for other in tenants.iter().filter(|other| other.canary != tenant.canary) {
            seen.push_str(&intrude(&services, tenant, other).await);
            assert!(!seen.contains(&other.canary), "{} sees {}: {seen}", tenant.canary, other.canary);
            let organization = other.viewer.organization.to_string();
            assert!(!seen.contains(&organization), "{} sees {organization}", tenant.canary);
        }
    }

    // Retention of one leaves the others alone. What has an idempotency key stays as long as that, so these have none.
    let mut ids = Vec::new();
    for tenant in &tenants {
        let request = request(WorkflowRef::Slug("orders".to_owned()), &tenant.canary);
        let request = StartRequest { idempotency_key: None, ..request };
        let viewer = &tenant.viewer;
        let started = executions::start(&services, viewer, request, WaitFor::Nothing, Duration::ZERO).await.unwrap();
        let id = started.0.execution;
        executions::cancel(&services, viewer, id, Some(tenant.canary.clone())).await.unwrap();
        is(&services, viewer, id, ExecutionStatus::Cancelled).await;
        ids.push(id);
    }
    let soon = Retention { completed_ms: Some(1), failed_ms: Some(1), cancelled_ms: Some(1) };
    service::retention::set_for_organization(&services, &tenants[0].viewer, soon).await.unwrap();
    // The worker sweeps too: whoever comes first deletes them.
    let mut place = service::retention::RetentionPlace::default();
    service::retention::sweep(&services, &mut place).await.unwrap();
    for tenant in &tenants {
        let left = executions::executions_by_ids(&services, &tenant.viewer, &ids).await.unwrap().len();
        assert_eq!(left, usize::from(tenant.canary != tenants[0].canary), "{}", tenant.canary);
    }

    worker.shut_down().await;
    let mut told = Vec::new();
    while let Some(Some(item)) = heard.next().now_or_never() {
        told.push(match item {
            NoticeItem::Notice(notice) => format!("{notice:?}"),
            NoticeItem::Resync => "resync".to_owned(),
        });
    }
    let told = told.concat();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("execution") && told.contains("Notice"), "something was logged and told");
    assert!(!logged.contains("canary") && !told.contains("canary"), "ids alone: {told}");
    // A stream that was asked and not waited for is in the middle of a query, whose connection it holds.
    drop(changes);
    services.store().close().await;
}
