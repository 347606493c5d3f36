//! What only workers write: approvals and failures.

use ids::{ApprovalId, ErrorGroupId, ExecutionId, OrganizationId, WorkerId};
use serde_json::json;
use service::Services;
use store::{ApprovalStatus, ApprovalWrites, Checkpoint, Measures, NewApproval, NewFailure, Patch};

/// An approval that an execution asks for, and a failure, as a worker would have written them.
pub async fn asks(
    services: &Services,
    organization: OrganizationId,
    execution: ExecutionId,
) -> (ApprovalId, ErrorGroupId) {
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
        mail_at_ms: None,
        assignees: vec!["role:approver".to_owned()],
    };
    let (group, mut measures) = (ErrorGroupId::new(), Measures::default());
    let failure = NewFailure {
        group,
        fingerprint: "0123456789abcdef0123456789abcdef".to_owned(),
        step: Some("ask".to_owned()),
        code: "HTTP_STATUS".to_owned(),
        message: "secret of the first organization".to_owned(),
    };
    measures.fail(failure, now);
    let checkpoint = Checkpoint {
        organization_id: organization,
        workflow_id: claimed.workflow_id,
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
        deadline: store::Deadline::default(),
        measures,
    };
    services.store().commit(checkpoint).await.unwrap();
    (id, group)
}
