//! What a tenant has of approvals.

use ids::{ApprovalCommentId, ApprovalId, OrganizationId, SubstitutionId, UserId, WorkerId};
use store::{
    ApprovalFilter, ApprovalOrder, ChangeCursor, Checkpoint, ClaimApproval, DecisionOutcome, HandOutcome, HandOver,
    HandedTo, LinkRow, NewApproval, NewComment, NewDecision, NewExecution, PageRequest, RemindApproval,
    SubstitutionFilter, SubstitutionRow,
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
        mail_at_ms: Some(1),
        ..new_approval(database)
    };
    let id = new.id;
    let checkpoint = Checkpoint { approvals: opens(new), ..database.checkpoint(&claimed, worker, parked(&[])) };
    store.commit(checkpoint).await.unwrap();
    let outcome = ask!(asked, store, decide_approval(decision(database, organization, id, canary)));
    assert!(matches!(outcome, DecisionOutcome::Recorded { .. }), "{outcome:?}");
    assert!(ask!(asked, store, comment_approval(comment(organization, id, canary))).is_some());
    let is_done = |outcome: HandOutcome| matches!(outcome, HandOutcome::Done(_));
    assert!(is_done(ask!(asked, store, hand_over_approval(handed(organization, id, canary)))));
    assert!(is_done(ask!(asked, store, claim_approval(claim(organization, id, canary)))));
    assert!(is_done(ask!(asked, store, remind_approval(reminded(organization, id, canary)))));
    ask!(asked, store, set_substitution(substitution(organization, SubstitutionId::new(), canary)));
    id
}

/// Takes on what is owed of an approval, or sends it.
async fn mailed(asked: &mut Asked, database: &Database, organization: OrganizationId, id: ApprovalId) -> bool {
    let is_taken_on = ask!(asked, database.store, claim_approval_mail(organization, id, 1, 1));
    is_taken_on || ask!(asked, database.store, settle_approval_mail(organization, id, 2, Vec::new(), 1))
}

fn handed(organization: OrganizationId, id: ApprovalId, person: &str) -> HandOver {
    HandOver {
        organization_id: organization,
        approval_id: id,
        revision: 1,
        actor: person.to_owned(),
        to: HandedTo::Person {
            from: person.to_owned(),
            names: Vec::new(),
            voice: person.to_owned(),
            to: person.to_owned(),
        },
        reason: Some(person.to_owned()),
        at_ms: 1,
    }
}

fn claim(organization: OrganizationId, id: ApprovalId, person: &str) -> ClaimApproval {
    let (actor, to) = (person.to_owned(), Some(person.to_owned()));
    ClaimApproval { organization_id: organization, approval_id: id, from: None, to, actor, at_ms: 1 }
}

fn reminded(organization: OrganizationId, id: ApprovalId, person: &str) -> RemindApproval {
    let link = LinkRow {
        token_hash: format!("{person} {id}"),
        organization_id: organization,
        approval_id: id,
        user_id: UserId::new(),
        created_at_ms: 1,
        expires_at_ms: i64::MAX,
        used_at_ms: None,
    };
    let (actor, links) = (person.to_owned(), vec![link]);
    RemindApproval { organization_id: organization, approval_id: id, actor, not_since_ms: 0, links, at_ms: 1 }
}

fn substitution(organization: OrganizationId, id: SubstitutionId, by: &str) -> SubstitutionRow {
    SubstitutionRow {
        id,
        organization_id: organization,
        user_id: UserId::new(),
        substitute_id: UserId::new(),
        starts_at_ms: 1,
        ends_at_ms: i64::MAX,
        created_by: by.to_owned(),
        created_at_ms: 1,
    }
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
    seen.push(format!("{:?}", ask!(asked, store, approval_delegations(of, &ids, 100))));
    let substitutions = ask!(asked, store, substitutions(of, SubstitutionFilter::default(), 100));
    for row in &substitutions {
        seen.push(format!("{:?}", ask!(asked, store, substitution(of, row.id))));
    }
    seen.push(format!("{substitutions:?}"));
    seen
}

/// What `intruder` can do to the approval of `victim`.
pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let store = &database.store;
    let outcome = ask!(asked, store, decide_approval(decision(database, intruder.id, victim.approval, "intruder")));
    assert_eq!(outcome, DecisionOutcome::Unknown);
    let hand_over = handed(intruder.id, victim.approval, "intruder");
    assert_eq!(ask!(asked, store, hand_over_approval(hand_over)), HandOutcome::Unknown);
    let taken = claim(intruder.id, victim.approval, "intruder");
    assert_eq!(ask!(asked, store, claim_approval(taken)), HandOutcome::Unknown);
    let reminder = reminded(intruder.id, victim.approval, "intruder");
    assert_eq!(ask!(asked, store, remind_approval(reminder)), HandOutcome::Unknown);
    for row in store.substitutions(victim.id, SubstitutionFilter::default(), 100).await.unwrap() {
        assert!(!ask!(asked, store, delete_substitution(intruder.id, row.id)));
    }
    assert!(!mailed(asked, database, intruder.id, victim.approval).await);
    let owed = store.approvals_to_mail(i64::MAX, 100).await.unwrap();
    assert!(owed.iter().any(|row| row.id == victim.approval), "the mail of the victim is still owed");
    assert_eq!(ask!(asked, store, comment_approval(comment(intruder.id, victim.approval, "mine now"))), None);
}
