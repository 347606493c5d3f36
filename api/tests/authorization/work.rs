//! What an organization has of work, to ask for.

use std::time::Duration;

use ids::{OrganizationId, SubstitutionId, UserId};
use serde_json::json;
use service::bulk::{NewOperation, Which};
use service::events::EmitRequest;
use service::executions::{StartRequest, Trigger, WaitFor};
use service::plans::WorkflowRef;
use service::webhooks::NewEndpoint;
use service::workflows::{ImportFile, ImportRequest};
use service::{Services, Viewer};
use store::{BulkKind, SubstitutionRow};

use crate::authorization::asks::asks;
use crate::authorization::samples::{large, nightly};
use crate::authorization::world::Kind;

const WORKFLOW: &str = "
workflow_id: matrix
triggers:
  - { type: event, event: order.made }
  - { type: webhook, path: orders }
steps:
  - { id: done, type: action, action: { type: allow } }
";

/// A workflow with a hook and a schedule, an execution, an event, a rule, an approval and a failure.
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
    let rule = service::rules::create(services, owner, large()).await.unwrap().rule.unwrap();
    let (approval, error_group) = asks(services, owner.organization, started.0.execution).await;
    let all = NewOperation {
        kind: BulkKind::Pause,
        which: Some(Which::Named(vec![started.0.execution])),
        reason: "of the first organization".to_owned(),
        is_dry_run: true,
        rate_per_second: None,
        data: None,
        to_version: None,
        from_step: None,
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
        (Kind::ErrorGroup, error_group.to_string()),
        (Kind::Rule, rule.id.to_string()),
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

/// Somebody stands in for `user`.
pub async fn stands_in(services: &Services, organization: OrganizationId, user: UserId) -> SubstitutionId {
    let id = SubstitutionId::new();
    let row = SubstitutionRow {
        id,
        organization_id: organization,
        user_id: user,
        substitute_id: UserId::new(),
        starts_at_ms: 1,
        ends_at_ms: i64::MAX,
        created_by: user.to_string(),
        created_at_ms: 1,
    };
    services.store().set_substitution(row).await.unwrap();
    id
}
