use std::sync::Arc;

use ids::ExecutionId;

use super::*;
use crate::viewer::{Actor, Permissions};

fn row() -> ApprovalRow {
    ApprovalRow {
        id: ApprovalId::new(),
        organization_id: OrganizationId::new(),
        execution_id: ExecutionId::new(),
        workflow_id: WorkflowId::new(),
        step_path: "ask".to_owned(),
        status: ApprovalStatus::Pending,
        request: "{}".to_owned(),
        entity: None,
        entity_id: None,
        quorum: 2,
        votes: 0,
        allow_self: false,
        requester: "usr_someone".to_owned(),
        revision: 1,
        requested_at_ms: 1,
        expires_at_ms: Some(100),
        remind_at_ms: None,
        escalate_at_ms: None,
        escalated_role: None,
        decided_at_ms: None,
        decided_by: None,
        reason: None,
        claimed_by: None,
        reminded_at_ms: None,
    }
}

fn viewer(kind: ActorKind) -> (Viewer, String) {
    let (user, key) = (UserId::new(), ApiKeyId::new());
    let is_person = kind == ActorKind::User;
    let id = if is_person { user.to_string() } else { key.to_string() };
    let credential = if is_person {
        Credential::Session { user, session: ids::SessionId::new() }
    } else {
        Credential::ApiKey { key, on_behalf_of: user }
    };
    let viewer = Viewer {
        actor: Actor { display_name: id.clone(), id, kind },
        roles: Arc::from(vec!["manager".to_owned()]),
        credential,
        ..Viewer::owner(OrganizationId::new())
    };
    (viewer, user.to_string())
}

fn who<'a>(viewer: &'a Viewer, person: &str) -> Who<'a> {
    Who {
        viewer,
        assignees: Some(BTreeSet::from(["role:manager".to_owned(), format!("user:{person}")])),
        person: person.to_owned(),
        absent: Vec::new(),
    }
}

fn asks(assignee: &str) -> Asked {
    Asked { assignees: vec![assignee.to_owned()], ..Asked::default() }
}

#[test]
fn holders_of_the_role_and_named_people_may_decide_and_nobody_else() {
    let (viewer, person) = viewer(ActorKind::User);
    let who = who(&viewer, &person);
    assert_eq!(who.judge(&row(), &asks("role:manager"), 1), Ok(()));
    assert_eq!(who.judge(&row(), &asks(&format!("user:{person}")), 1), Ok(()));
    assert_eq!(who.judge(&row(), &asks("role:director"), 1), Err(Hindrance::NotAssignee));
    let without = Viewer { permissions: Permissions::NONE, ..viewer.clone() };
    let who = Who { viewer: &without, ..who };
    assert_eq!(who.judge(&row(), &asks("role:manager"), 1), Err(Hindrance::NotAssignee));
}

#[test]
fn whoever_started_the_execution_decides_only_if_the_workflow_allows_it_and_an_agent_never() {
    for (kind, allowed) in [(ActorKind::User, Ok(())), (ActorKind::Agent, Err(Hindrance::OwnRequest))] {
        let (viewer, person) = viewer(kind);
        let who = who(&viewer, &person);
        let own = Asked { requester: person.clone(), ..asks("role:manager") };
        assert_eq!(who.judge(&row(), &own, 1), Err(Hindrance::OwnRequest), "{kind:?}");
        // With their key it is their own as well.
        let by_key = ApprovalRow { requester: viewer.actor.id.clone(), ..row() };
        assert_eq!(who.judge(&by_key, &asks("role:manager"), 1), Err(Hindrance::OwnRequest), "{kind:?}");
        let allows = ApprovalRow { allow_self: true, ..row() };
        assert_eq!(who.judge(&allows, &own, 1), allowed, "{kind:?}");
    }
}

#[test]
fn what_is_closed_or_over_or_was_decided_by_the_same_person_is_not_decided() {
    let (viewer, person) = viewer(ActorKind::User);
    let who = who(&viewer, &person);
    let asked = asks("role:manager");
    assert_eq!(who.judge(&row(), &asked, 99), Ok(()));
    assert_eq!(who.judge(&row(), &asked, 100), Err(Hindrance::Closed), "its time is over");
    for (status, why) in [
        (ApprovalStatus::Approved, Hindrance::Decided),
        (ApprovalStatus::Rejected, Hindrance::Decided),
        (ApprovalStatus::Expired, Hindrance::Closed),
        (ApprovalStatus::Cancelled, Hindrance::Closed),
    ] {
        assert_eq!(who.judge(&ApprovalRow { status, ..row() }, &asked, 1), Err(why));
    }
    let voted = Asked { decided: vec![person], ..asked };
    assert_eq!(who.judge(&row(), &voted, 1), Err(Hindrance::DecidedBefore));
}

#[test]
fn where_nobody_signs_in_whoever_reaches_the_server_decides() {
    let viewer = Viewer::owner(OrganizationId::new());
    let who = Who { viewer: &viewer, assignees: None, person: viewer.actor.id.clone(), absent: Vec::new() };
    let own = Asked { requester: viewer.actor.id.clone(), ..asks("role:director") };
    assert_eq!(who.judge(&row(), &own, 1), Ok(()));
    let voted = Asked { decided: vec![viewer.actor.id.clone()], ..asks("role:director") };
    assert_eq!(who.judge(&row(), &voted, 1), Err(Hindrance::DecidedBefore));
}

fn handed(from: &str, to: &str, voice: &str) -> (String, String, String) {
    (from.to_owned(), to.to_owned(), voice.to_owned())
}

#[test]
fn what_was_handed_over_is_decided_in_the_name_of_whoever_had_it_first_and_by_them_no_more() {
    let (viewer, person) = viewer(ActorKind::User);
    let who = who(&viewer, &person);
    let given = Asked { handed: vec![handed(&person, "usr_b", &person)], ..asks("role:manager") };
    assert_eq!(who.voice(&row(), &given, 1), Err(Hindrance::HandedOver));
    let named = format!("user:{person}");
    let got =
        Asked { handed: vec![handed("usr_a", "usr_b", "usr_a"), handed("usr_b", &person, "usr_a")], ..asks(&named) };
    assert_eq!(who.voice(&row(), &got, 1), Ok(Voice::Delegated("usr_a".to_owned())));
    let both = Asked { assignees: vec![named, "role:manager".to_owned()], ..got };
    assert_eq!(who.voice(&row(), &both, 1), Ok(Voice::Own), "asked for themselves as well");
}

#[test]
fn whoever_stands_in_has_the_voice_of_one_who_is_away_and_no_more_than_that() {
    let (viewer, person) = viewer(ActorKind::User);
    let absent = Absent {
        person: "usr_away".to_owned(),
        assignees: BTreeSet::from(["role:director".to_owned(), "user:usr_away".to_owned()]),
        folders: Some(Arc::from(vec!["sales".to_owned()])),
    };
    let who = Who { absent: vec![absent], ..who(&viewer, &person) };
    let asked = || Asked { folder: Some("sales/emea".to_owned()), ..asks("role:director") };
    assert_eq!(who.voice(&row(), &asked(), 1), Ok(Voice::Substitute("usr_away".to_owned())));
    let elsewhere = Asked { folder: Some("finance".to_owned()), ..asked() };
    let theirs = Asked { requester: "usr_away".to_owned(), ..asked() };
    let mine = Asked { requester: person.clone(), ..asked() };
    let decided = Asked { decided: vec!["usr_away".to_owned()], ..asked() };
    let twice = Asked { decided: vec![person.clone()], ..asked() };
    let gone = Asked { handed: vec![handed("usr_away", "usr_b", "usr_away")], ..asked() };
    for refused in [elsewhere, theirs, mine, decided, twice, gone] {
        assert_eq!(who.voice(&row(), &refused, 1), Err(Hindrance::NotAssignee), "{refused:?}");
    }
    let own = Asked { folder: Some("finance".to_owned()), ..asks("role:manager") };
    assert_eq!(who.voice(&row(), &own, 1), Ok(Voice::Own));
}
