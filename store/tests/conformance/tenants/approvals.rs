//! What a tenant has of approvals.

use ids::{ApprovalCommentId, ApprovalId, OrganizationId, WorkerId};
use store::{
    ApprovalFilter, ApprovalOrder, ChangeCursor, Checkpoint, DecisionOutcome, NewApproval, NewComment, NewDecision,
    NewExecution, PageRequest,
};

use super::{Asked, Tenant};
use crate::approvals::{new_approval, opens, says};
use crate::harness::{Database, new_execution, parked};

/// An approval that waits for a second voice, called the same for all tenants but for what it says.
pub async fn approval(
    asked: &mut Asked,
    database: &Database,
    organization: OrganizationId,
    canary: &str,
) -> ApprovalId {
    let store = &database.store;
    let execution = NewExecution { started_by: canary.to_owned(), ..new_execution(organization, database.now()) };
    let (worker, execution) = (WorkerId::new(), database.started(execution).await);
    let claimed = store.claim(worker, &[execution], database.now()).await.unwrap().remove(0);
    let new = NewApproval {
        request: canary.to_owned(),
        entity_id: Some(canary.to_owned()),
        assignees: vec![format!("user:{canary}"), "role:same".to_owned()],
        quorum: 2,
        ..new_approval(database)
    };
    let id = new.id;
    let checkpoint = Checkpoint { approvals: opens(new), ..database.checkpoint(&claimed, worker, parked(&[])) };
    store.commit(checkpoint).await.unwrap();
    let outcome = ask!(asked, store, decide_approval(decision(database, organization, id, canary)));
    assert!(matches!(outcome, DecisionOutcome::Recorded { .. }), "{outcome:?}");
    assert!(ask!(asked, store, comment_approval(comment(organization, id, canary))).is_some());
    id
}

fn comment(organization: OrganizationId, id: ApprovalId, text: &str) -> NewComment {
    NewComment {
        id: ApprovalCommentId::new(),
        organization_id: organization,
        approval_id: id,
        actor: text.to_owned(),
        body: text.to_owned(),
        at_ms: 1,
    }
}

fn decision(database: &Database, organization: OrganizationId, id: ApprovalId, person: &str) -> NewDecision {
    NewDecision { organization_id: organization, ..says(database, id, person, true) }
}

/// Everything that `organization` can find out, asking for the approvals of `all`.
pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let store = &database.store;
    let ids: Vec<ApprovalId> = all.iter().map(|one| one.approval).collect();
    let (everything, order) = (ApprovalFilter::default(), ApprovalOrder::default());
    let mut seen = Vec::new();
    for id in &ids {
        seen.push(format!("{:?}", ask!(asked, store, approval(of, *id))));
    }
    seen.push(format!("{:?}", ask!(asked, store, approvals_by_ids(of, &ids))));
    seen.push(format!("{:?}", ask!(asked, store, approvals(of, &everything, order, &PageRequest::first(100)))));
    seen.push(format!("{:?}", ask!(asked, store, count_approvals(of, &everything))));
    seen.push(format!("{:?}", ask!(asked, store, filter_approvals(of, &ids, &everything))));
    let from_the_start: ChangeCursor = serde_json::from_str(r#"{"x":0,"p":0}"#).unwrap();
    seen.push(format!("{:?}", ask!(asked, store, approval_changes_after(of, &from_the_start, 100))));
    ask!(asked, store, current_approval_cursor(of));
    seen.push(format!("{:?}", ask!(asked, store, approval_assignees(of, &ids))));
    seen.push(format!("{:?}", ask!(asked, store, approval_decisions(of, &ids, 100))));
    seen.push(format!("{:?}", ask!(asked, store, approval_events(of, &ids, 100))));
    seen
}

/// What `intruder` can do to the approval of `victim`.
pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let store = &database.store;
    let outcome = ask!(asked, store, decide_approval(decision(database, intruder.id, victim.approval, "intruder")));
    assert_eq!(outcome, DecisionOutcome::Unknown);
    assert_eq!(ask!(asked, store, comment_approval(comment(intruder.id, victim.approval, "mine now"))), None);
}
