//! Objects of the first organization: a workflow, and what comes of it.

use std::time::Duration;

use engine::schedule::{GapPolicy, RepeatedTimePolicy, Spec};
use ids::{ApprovalId, ExecutionId, OrganizationId, WorkerId, WorkflowId};
use serde_json::json;
use service::bulk::{NewOperation, Which};
use service::events::EmitRequest;
use service::executions::{StartRequest, Trigger, WaitFor};
use service::plans::WorkflowRef;
use service::schedules::{CatchUpPolicy, NewSchedule, OverlapPolicy, Timing};
use service::webhooks::NewEndpoint;
use service::workflows::{ImportFile, ImportRequest};
use service::{Services, Viewer};
use store::{ApprovalStatus, ApprovalWrites, BulkKind, Checkpoint, NewApproval, Patch};

use crate::world::{Kind, WORKFLOW};

fn nightly(workflow: WorkflowId) -> NewSchedule {
    NewSchedule {
        workflow: WorkflowRef::Id(workflow),
        name: "nightly".to_owned(),
        description: None,
        timing: Timing {
            spec: Spec::Cron {
                expressions: vec!["0 0 * * *".to_owned()],
                exclusions: Vec::new(),
                excluded_dates: Vec::new(),
            },
            time_zone: "UTC".to_owned(),
            gap: GapPolicy::Shift,
            repeated: RepeatedTimePolicy::First,
            overlap: OverlapPolicy::Skip,
            catch_up: CatchUpPolicy::Latest,
            catch_up_limit: 100,
            catch_up_window_ms: None,
            jitter_ms: 0,
            starts_at: None,
            ends_at: None,
        },
        input: Some(json!({ "secret": "of the first organization" })),
        is_paused: false,
        idempotency_key: None,
    }
}

/// A workflow with a hook and a schedule, an execution and an event.
pub async fn of_work(services: &Services, owner: &Viewer) -> Vec<(Kind, String)> {
    let file = ImportFile { path: "matrix.yaml".to_owned(), content: WORKFLOW.to_owned() };
    let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
    let imported = service::workflows::import(services, owner, request).await.unwrap();
    let workflow = imported[0].workflow.as_ref().unwrap_or_else(|| panic!("{:?}", imported[0].problems)).id;
    let request = StartRequest {
        workflow: WorkflowRef::Id(workflow),
        version: None,
        input: Some(json!({ "secret": "of the first organization" })),
        key: None,
        idempotency_key: None,
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Manual { reason: None },
    };
    let started = service::executions::start(services, owner, request, WaitFor::Nothing, Duration::ZERO).await.unwrap();
    let request = EmitRequest {
        event_type: "order.made".to_owned(),
        payload: json!({ "secret": "of the first organization" }),
        source: None,
        subject: None,
        occurred_at: None,
        deduplication_key: None,
        depth: 0,
    };
    let emitted = service::events::emit(services, owner, request).await.unwrap();
    let hook = services.store().hook_at(owner.organization, "orders", "POST").await.unwrap().unwrap();
    let schedule = service::schedules::create(services, owner, nightly(workflow)).await.unwrap();
    let approval = asks(services, owner.organization, started.0.execution).await;
    let all = NewOperation {
        kind: BulkKind::Pause,
        which: Some(Which::Named(vec![started.0.execution])),
        reason: "of the first organization".to_owned(),
        is_dry_run: true,
        rate_per_second: None,
        data: None,
    };
    let operation = service::bulk::start(services, owner, all).await.unwrap();
    let address = NewEndpoint {
        url: "https://of-the-first.example.com".to_owned(),
        description: None,
        event_types: vec!["*".to_owned()],
        workflows: None,
    };
    let endpoint = service::webhooks::create(services, owner, address).await.unwrap().row;
    let (_endpoint, message) = service::webhooks::test(services, owner, endpoint.id).await.unwrap();
    vec![
        (Kind::WebhookEndpoint, endpoint.id.to_string()),
        (Kind::WebhookDelivery, message.id.to_string()),
        (Kind::BulkOperation, operation.id.to_string()),
        (Kind::Hook, hook.id.to_string()),
        (Kind::Approval, approval.to_string()),
        (Kind::Workflow, workflow.to_string()),
        (Kind::Execution, started.0.execution.to_string()),
        (Kind::Event, emitted.event.id.to_string()),
        (Kind::Schedule, schedule.id.to_string()),
    ]
}

/// An approval that an execution asks for, as a worker would have written it.
async fn asks(services: &Services, organization: OrganizationId, execution: ExecutionId) -> ApprovalId {
    let (worker, now) = (WorkerId::new(), services.now().0);
    let claimed = services.store().claim(worker, &[execution], now).await.unwrap().remove(0);
    let id = ApprovalId::new();
    let opened = NewApproval {
        id,
        step_path: "ask".to_owned(),
        status: ApprovalStatus::Pending,
        request: json!({ "role": "approver", "quorum": 1, "data": { "secret": "of the first organization" } })
            .to_string(),
        entity: Some("order".to_owned()),
        entity_id: None,
        quorum: 1,
        allow_self: false,
        requested_at_ms: now,
        expires_at_ms: None,
        remind_at_ms: None,
        escalate_at_ms: None,
        escalated_role: None,
        assignees: vec!["role:approver".to_owned()],
    };
    let checkpoint = Checkpoint {
        organization_id: organization,
        execution_id: execution,
        worker_id: worker,
        epoch: claimed.epoch,
        seq: claimed.seq,
        events: "[]".to_owned(),
        decision: None,
        at_ms: now,
        patch: Patch::Released { state: "{}".to_owned() },
        taken: Vec::new(),
        sends: Vec::new(),
        approvals: ApprovalWrites { opened: vec![opened], ..ApprovalWrites::default() },
        told_at_most: None,
    };
    services.store().commit(checkpoint).await.unwrap();
    id
}
