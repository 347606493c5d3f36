//! Who decides what, over a database of its own.

mod hands;

use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use ids::{
    ApprovalId, ExecutionId, MembershipId, OrganizationId, RoleId, SessionId, UserId, WorkerId, WorkflowId,
    WorkflowVersionId,
};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use store::{
    ApprovalChange, ApprovalFilter, ApprovalOrder, ApprovalStatus, ApprovalWrites, Checkpoint, Claimed, DatabaseUrl,
    MembershipRow, NewApproval, NewExecution, PageRequest, Patch, Store, StoreConfig, TriggerType, UserRow,
};

use super::{Hindrance, Inbox, Ruling, decide, page, standings};
use crate::clock::Clock;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::api_keys::{self, NewApiKey};
use crate::identity::grants;
use crate::identity::roles::{self, NewRole};
use crate::permission::Permission;
use crate::services::{Services, Settings};
use crate::signals::{self, Told};
use crate::viewer::{Actor, ActorKind, Credential, Origin, Viewer};

const NOW: i64 = 1_767_225_600_000;

struct Bed {
    services: Services,
    clock: Clock,
    organization: OrganizationId,
    roles: Vec<(&'static str, RoleId)>,
    _folder: tempfile::TempDir,
}

/// What is asked, beside what every approval of these tests has.
#[derive(Default)]
struct Asks {
    users: Vec<String>,
    quorum: Option<i32>,
    allow_self: bool,
    form: Option<Value>,
    expires_at_ms: Option<i64>,
    started_by: Option<String>,
}

impl Bed {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let clock = Clock::fake(Timestamp(NOW));
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, clock.clone(), settings).await.unwrap();
        let organization = services.store().ensure_organization("acme", "Acme", 1).await.unwrap();
        let mut bed = Self { services, clock, organization, roles: Vec::new(), _folder: folder };
        for name in ["manager", "director"] {
            let permissions = [
                Permission::ApprovalRead,
                Permission::ApprovalDecide,
                Permission::ExecutionStart,
                Permission::ApiKeyWrite,
            ];
            let new = NewRole {
                name: name.to_owned(),
                description: None,
                permissions: permissions.into_iter().collect(),
                folders: None,
            };
            let role = roles::create(&bed.services, &Viewer::owner(organization), new).await.unwrap();
            bed.roles.push((name, role.id));
        }
        bed
    }

    /// Somebody with the role of this name, as they are recognised now.
    async fn member(&self, name: &str, role: &str, is_confirmed: bool) -> Viewer {
        self.account(name, role, is_confirmed, false).await
    }

    async fn account(&self, name: &str, role: &str, is_confirmed: bool, is_service: bool) -> Viewer {
        let user = UserRow {
            id: UserId::new(),
            email: Some(format!("{name}@example.com")),
            email_verified_at_ms: is_confirmed.then_some(1),
            display_name: name.to_owned(),
            is_service,
            is_active: true,
            time_zone: "UTC".to_owned(),
            preferences: "{}".to_owned(),
            created_at_ms: 1,
            last_seen_at_ms: None,
        };
        self.services.store().insert_user(user.clone(), None).await.unwrap();
        let (_name, role) = *self.roles.iter().find(|(name, _role)| *name == role).unwrap();
        let membership = MembershipRow {
            id: MembershipId::new(),
            organization_id: self.organization,
            user_id: user.id,
            role_id: role,
            invited_by: None,
            joined_at_ms: 1,
        };
        self.services.store().insert_membership(membership).await.unwrap();
        let grant = grants::of_member(&self.services, self.organization, user.id).await.unwrap().unwrap();
        Viewer {
            actor: Actor { id: user.id.to_string(), display_name: name.to_owned(), kind: ActorKind::User },
            credential: Credential::Session { user: user.id, session: SessionId::new() },
            permissions: grant.permissions,
            roles: Arc::from(vec![grant.role_name]),
            folders: grant.folders,
            ..Viewer::owner(self.organization)
        }
    }

    /// An approval that asks for a `manager`.
    async fn asks(&self, asks: Asks) -> ApprovalId {
        let (worker, id, store) = (WorkerId::new(), ApprovalId::new(), self.services.store());
        let execution = NewExecution {
            id: ExecutionId::new(),
            organization_id: self.organization,
            workflow_id: WorkflowId::new(),
            version_id: WorkflowVersionId::new(),
            version_number: 1,
            key: None,
            priority: 5,
            queue: "default".to_owned(),
            trigger_type: TriggerType::Manual,
            trigger: "{}".to_owned(),
            event_id: None,
            started_by: asks.started_by.unwrap_or_else(|| "usr_somebody".to_owned()),
            input: "{}".to_owned(),
            labels: Vec::new(),
            events: "[]".to_owned(),
            start_key: None,
            queued_at_ms: NOW,
            deadline_at_ms: None,
            depth: 0,
            parent_id: None,
            awaited: false,
            rerun_of: None,
            rules: None,
        };
        let started = execution.id;
        store.start(execution).await.unwrap();
        let claimed = store.claim(worker, &[started], NOW).await.unwrap().remove(0);
        let quorum = asks.quorum.unwrap_or(1);
        let request = json!({ "role": "manager", "quorum": quorum, "form": asks.form });
        let users = asks.users.iter().map(|user| format!("user:{user}"));
        let opened = NewApproval {
            id,
            step_path: "ask".to_owned(),
            status: ApprovalStatus::Pending,
            request: request.to_string(),
            entity: None,
            entity_id: None,
            quorum,
            allow_self: asks.allow_self,
            requested_at_ms: NOW,
            expires_at_ms: asks.expires_at_ms,
            remind_at_ms: None,
            escalate_at_ms: None,
            escalated_role: None,
            // As workers do.
            mail_at_ms: self.services.settings().mailer.is_on().then_some(NOW),
            assignees: users.chain(["role:manager".to_owned()]).collect(),
        };
        self.parks(worker, &claimed, ApprovalWrites { opened: vec![opened], ..ApprovalWrites::default() }).await;
        id
    }

    /// A worker takes the execution in hand again, and the role is asked too, as when `escalate` comes due.
    async fn escalates(&self, approval: ApprovalId, role: &str) {
        let (worker, store) = (WorkerId::new(), self.services.store());
        let row = store.approvals_by_ids(self.organization, &[approval]).await.unwrap().remove(0);
        signals::tell(&self.services, vec![Told::Slot.row(self.organization, row.execution_id)]).await.unwrap();
        let claimed = store.claim(worker, &[row.execution_id], NOW).await.unwrap().remove(0);
        let change = ApprovalChange {
            escalated_role: Some(role.to_owned()),
            mail_at_ms: Some(NOW),
            ..ApprovalChange::of(approval, NOW)
        };
        self.parks(worker, &claimed, ApprovalWrites { changed: vec![change], ..ApprovalWrites::default() }).await;
    }

    /// What a worker writes of approvals with an execution that waits from then on.
    async fn parks(&self, worker: WorkerId, claimed: &Claimed, approvals: ApprovalWrites) {
        let patch = Patch::Parked {
            status: store::ExecutionStatus::Waiting,
            state: "{}".to_owned(),
            waits: Vec::new(),
            wake_at_ms: None,
            paused_at_ms: None,
        };
        let checkpoint = Checkpoint {
            organization_id: self.organization,
            workflow_id: claimed.workflow_id,
            execution_id: claimed.id,
            worker_id: worker,
            epoch: claimed.epoch,
            seq: claimed.seq,
            events: "[]".to_owned(),
            decision: None,
            at_ms: NOW,
            patch,
            taken: Vec::new(),
            sends: Vec::new(),
            approvals,
            told_at_most: None,
            deadline: store::Deadline::default(),
            measures: store::Measures::default(),
        };
        self.services.store().commit(checkpoint).await.unwrap();
    }

    async fn approve(&self, viewer: &Viewer, id: ApprovalId) -> Result<ApprovalStatus, ServiceError> {
        Ok(decide(&self.services, viewer, id, yes(None)).await?.status)
    }

    async fn standing(&self, viewer: &Viewer, id: ApprovalId) -> Result<(), Hindrance> {
        standings(&self.services, viewer, &[id]).await.unwrap().remove(&id).unwrap()
    }

    async fn inbox(&self, viewer: &Viewer) -> Vec<ApprovalId> {
        let (inbox, order) = (Inbox { is_assigned: true, is_requested: false }, ApprovalOrder::default());
        let filter = ApprovalFilter::default();
        let page = page(&self.services, viewer, &filter, inbox, order, &PageRequest::first(10)).await.unwrap();
        page.rows.into_iter().map(|(_cursor, row)| row.id).collect()
    }
}

fn yes(data: Option<Value>) -> Ruling {
    Ruling { approves: true, reason: None, data, channel: "api" }
}

fn no(reason: &str) -> Ruling {
    Ruling { approves: false, reason: Some(reason.to_owned()), data: None, channel: "api" }
}

fn mistakes<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Vec<Mistake> {
    match outcome.unwrap_err() {
        ServiceError::Mistakes(mistakes) => mistakes,
        other => panic!("{other:?}"),
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Code {
    mistakes(outcome)[0].code
}

#[tokio::test]
async fn who_was_first_decides_and_the_others_are_told_by_name() {
    let bed = Bed::new().await;
    let (ada, bob) = (bed.member("ada", "manager", true).await, bed.member("bob", "manager", true).await);
    let id = bed.asks(Asks::default()).await;
    assert_eq!((bed.inbox(&ada).await, bed.standing(&bob, id).await), (vec![id], Ok(())));
    assert_eq!(bed.approve(&ada, id).await.unwrap(), ApprovalStatus::Approved);
    let late = mistakes(decide(&bed.services, &bob, id, no("too much")).await);
    assert_eq!(late[0].code, Code::Conflict);
    assert!(late[0].message.contains("was approved by ada"), "{late:?}");
    assert_eq!((bed.inbox(&bob).await, bed.standing(&bob, id).await), (vec![], Err(Hindrance::Decided)));
    let noted = ada.origin.trail.take();
    assert_eq!(noted.iter().map(|change| change.action).collect::<Vec<_>>(), [Some("approval.approved")]);
}

#[tokio::test]
async fn people_who_are_not_asked_and_people_of_whom_nobody_knows_who_they_are_do_not_decide() {
    let bed = Bed::new().await;
    let director = bed.member("dan", "director", true).await;
    let id = bed.asks(Asks { users: vec!["eve@example.com".to_owned()], ..Asks::default() }).await;
    assert_eq!(code(bed.approve(&director, id).await), Code::NotAssignee);
    assert!(bed.inbox(&director).await.is_empty());
    let unconfirmed = bed.member("eve", "director", false).await;
    assert_eq!(code(bed.approve(&unconfirmed, id).await), Code::NotAssignee, "the address may be anybody's");
    let named = bed.asks(Asks { users: vec![director.actor.id.clone()], ..Asks::default() }).await;
    assert_eq!(bed.approve(&director, named).await.unwrap(), ApprovalStatus::Approved);
    assert_eq!(code(bed.approve(&director, ApprovalId::new()).await), Code::NotFound);
    let viewer = Viewer { permissions: [Permission::ApprovalRead].into_iter().collect(), ..director };
    assert!(matches!(bed.approve(&viewer, id).await, Err(ServiceError::Forbidden(_))));
}

#[tokio::test]
async fn whoever_started_it_with_a_key_of_theirs_does_not_decide_it() {
    let bed = Bed::new().await;
    let ada = bed.member("ada", "manager", true).await;
    let new = NewApiKey {
        display_name: "ci".to_owned(),
        is_agent: false,
        permissions: [Permission::ExecutionStart, Permission::ApprovalDecide].into_iter().collect(),
        folders: None,
        allowed_addresses: None,
        expires_at: None,
        service_account: None,
    };
    let key = api_keys::create(&bed.services, &ada, new).await.unwrap();
    let by_key = api_keys::recognise(&bed.services, &key.token, &Origin::default()).await.unwrap().unwrap();
    let started_by = Some(key.row.id.to_string());
    let id = bed.asks(Asks { started_by: started_by.clone(), ..Asks::default() }).await;
    for viewer in [&ada, &by_key] {
        assert_eq!(code(bed.approve(viewer, id).await), Code::OwnRequest);
    }
    let allowed = bed.asks(Asks { started_by, allow_self: true, ..Asks::default() }).await;
    assert_eq!(bed.approve(&by_key, allowed).await.unwrap(), ApprovalStatus::Approved);
    // It counts as the voice of the person.
    let both = bed.asks(Asks { quorum: Some(2), ..Asks::default() }).await;
    assert_eq!(bed.approve(&by_key, both).await.unwrap(), ApprovalStatus::Pending);
    assert_eq!(code(bed.approve(&ada, both).await), Code::Conflict);
}

#[tokio::test]
async fn answers_are_held_against_the_form_all_of_them_at_once() {
    let bed = Bed::new().await;
    let ada = bed.member("ada", "manager", true).await;
    let form = json!({ "type": "object", "required": ["discount", "until"],
        "properties": { "discount": { "type": "number", "maximum": 20 }, "note": { "type": "string" } } });
    let id = bed.asks(Asks { form: Some(form), ..Asks::default() }).await;
    let said = |data: Value| decide(&bed.services, &ada, id, yes(Some(data)));
    let found = mistakes(said(json!({ "discount": 50, "note": 1 })).await);
    let mut fields: Vec<String> = found.iter().map(|mistake| mistake.field.join(".")).collect();
    fields.sort();
    assert_eq!(fields, ["data", "data.discount", "data.note"], "{found:?}");
    assert_eq!(code(bed.approve(&ada, id).await), Code::Invalid, "a form has to be answered");
    assert_eq!(code(said(json!([1])).await), Code::Invalid);
    assert_eq!(code(decide(&bed.services, &ada, id, no(" ")).await), Code::Required);
    let done = said(json!({ "discount": 5, "until": "friday" })).await.unwrap();
    assert_eq!(done.status, ApprovalStatus::Approved);
    let signals = bed.services.store().signals(bed.organization, done.execution_id).await.unwrap();
    assert!(signals[0].data.contains(r#""form":{"discount":5,"until":"friday"}"#), "{signals:?}");
}

#[tokio::test]
async fn in_the_millisecond_in_which_it_expires_it_is_too_late() {
    let bed = Bed::new().await;
    let (ada, bob) = (bed.member("ada", "manager", true).await, bed.member("bob", "manager", true).await);
    let expires_at_ms = Some(NOW + 10);
    let id = bed.asks(Asks { expires_at_ms, quorum: Some(2), ..Asks::default() }).await;
    bed.clock.advance(Duration::from_millis(9));
    assert_eq!(bed.approve(&ada, id).await.unwrap(), ApprovalStatus::Pending, "one voice of two");
    bed.clock.advance(Duration::from_millis(1));
    let late = mistakes(bed.approve(&bob, id).await);
    assert_eq!(late[0].code, Code::WrongState);
    assert!(late[0].message.contains("expired at 2026-01-01T00:00:00.010Z"), "{late:?}");
    assert_eq!(bed.standing(&bob, id).await, Err(Hindrance::Closed));
}
