//! Who may give what to whom, over a database of its own.

use std::net::IpAddr;
use std::time::Duration;

use engine::Timestamp;
use ids::{MembershipId, OrganizationId, RoleId, SessionId, UserId, WorkflowId};
use queue::{Notices, WorkQueue};
use store::{DatabaseUrl, ExecutionFilter, ExecutionOrder, MembershipRow, PageRequest, Store, StoreConfig, UserRow};
use store::{WorkflowChanges, WorkflowFilter, WorkflowOrder};

use super::api_keys::{self, NewApiKey};
use super::organizations::{self, NewOrganization};
use super::roles::{self, NewRole, RoleChanges};
use super::{BuiltInRole, grants, invitations, members, service_accounts};
use crate::clock::Clock;
use crate::code::Code;
use crate::error::ServiceError;
use crate::executions::{StartRequest, Trigger, WaitFor};
use crate::permission::{Permission, Permissions};
use crate::plans::WorkflowRef;
use crate::services::{Services, Settings};
use crate::viewer::{Actor, ActorKind, Credential, Origin, Viewer};
use crate::workflows::{self, ImportFile, ImportRequest};

struct Bed {
    services: Services,
    organization: OrganizationId,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let clock = Clock::fake(Timestamp(1_767_225_600_000));
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, clock, Settings::default()).await.unwrap();
        // Not the default one: in it, owners do not see the fleet.
        let organization = services.store().ensure_organization("acme", "Acme", 1).await.unwrap();
        Self { services, organization, _folder: folder }
    }

    async fn person(&self, name: &str) -> UserId {
        let user = UserRow {
            id: UserId::new(),
            email: Some(format!("{name}@example.com")),
            email_verified_at_ms: None,
            display_name: name.to_owned(),
            is_service: false,
            is_active: true,
            time_zone: "UTC".to_owned(),
            preferences: "{}".to_owned(),
            created_at_ms: 1,
            last_seen_at_ms: None,
        };
        self.services.store().insert_user(user.clone(), None).await.unwrap();
        user.id
    }

    async fn member(&self, name: &str, role: RoleId) -> (MembershipRow, Viewer) {
        let row = MembershipRow {
            id: MembershipId::new(),
            organization_id: self.organization,
            user_id: self.person(name).await,
            role_id: role,
            invited_by: None,
            joined_at_ms: 1,
        };
        self.services.store().insert_membership(row.clone()).await.unwrap();
        let viewer = self.viewer(row.user_id).await;
        (row, viewer)
    }

    /// Somebody as they are recognised at this moment.
    async fn viewer(&self, user: UserId) -> Viewer {
        let grant = grants::of_member(&self.services, self.organization, user).await.unwrap().unwrap();
        Viewer {
            permissions: grant.permissions,
            roles: vec![grant.role_name].into(),
            folders: grant.folders,
            ..signed_in(self.organization, user)
        }
    }

    async fn role(&self, viewer: &Viewer, name: &str, permissions: &[Permission], folders: Option<&[&str]>) -> RoleId {
        let new = NewRole {
            name: name.to_owned(),
            description: None,
            permissions: permissions.iter().copied().collect(),
            folders: folders.map(|folders| folders.iter().map(|folder| (*folder).to_owned()).collect()),
        };
        roles::create(&self.services, viewer, new).await.unwrap().id
    }

    async fn recognised(&self, token: &str) -> Option<Viewer> {
        api_keys::recognise(&self.services, token, &Origin::default()).await.unwrap()
    }
}

fn signed_in(organization: OrganizationId, user: UserId) -> Viewer {
    Viewer {
        actor: Actor { id: user.to_string(), display_name: "somebody".to_owned(), kind: ActorKind::User },
        credential: Credential::Session { user, session: SessionId::new() },
        permissions: Permissions::NONE,
        ..Viewer::owner(organization)
    }
}

fn key(permissions: &[Permission]) -> NewApiKey {
    NewApiKey {
        display_name: "ci".to_owned(),
        is_agent: false,
        permissions: permissions.iter().copied().collect(),
        folders: None,
        allowed_addresses: None,
        expires_at: None,
        service_account: None,
    }
}

/// The code and the field of the first mistake.
fn mistake<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> (Code, String) {
    match outcome.unwrap_err() {
        ServiceError::Mistakes(mistakes) => (mistakes[0].code, mistakes[0].field.join(".")),
        other => (other.code(), String::new()),
    }
}

const OWNER: RoleId = BuiltInRole::Owner.id();
const ADMIN: RoleId = BuiltInRole::Admin.id();
const READER: RoleId = BuiltInRole::WorkflowViewer.id();

#[tokio::test]
async fn nobody_gives_a_role_that_allows_more_than_they_may() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let (_, admin) = bed.member("admin", ADMIN).await;
    let (reader, reading) = bed.member("reader", READER).await;
    assert_eq!(
        mistake(members::update(services, &admin, reader.id, OWNER).await),
        (Code::Invalid, "roleId".to_owned())
    );
    assert_eq!(mistake(members::update(services, &reading, reader.id, ADMIN).await).0, Code::Forbidden);
    let invited = invitations::create(services, &admin, "eve@example.com", OWNER).await;
    assert_eq!(mistake(invited), (Code::Invalid, "roleId".to_owned()));
    let robot = service_accounts::create(services, &admin, "robot", OWNER).await;
    assert_eq!(mistake(robot), (Code::Invalid, "roleId".to_owned()));
    let too_much =
        NewRole { name: "too_much".to_owned(), description: None, permissions: Permissions::all(), folders: None };
    assert_eq!(mistake(roles::create(services, &admin, too_much).await), (Code::Invalid, "permissions".to_owned()));
    let wide = api_keys::create(services, &admin, key(&[Permission::OrganizationWrite])).await;
    assert_eq!(mistake(wide), (Code::Invalid, "permissions".to_owned()));
    members::update(services, &owner, reader.id, OWNER).await.unwrap();
}

#[tokio::test]
async fn nobody_changes_or_removes_a_member_who_may_do_more() {
    let bed = Bed::new().await;
    let (owner, owning) = bed.member("owner", OWNER).await;
    let (_, admin) = bed.member("admin", ADMIN).await;
    let services = &bed.services;
    assert_eq!(mistake(members::update(services, &admin, owner.id, READER).await), (Code::Invalid, "id".to_owned()));
    assert_eq!(mistake(members::delete(services, &admin, owner.id).await), (Code::Invalid, "id".to_owned()));
    assert_eq!(mistake(members::delete(services, &owning, owner.id).await), (Code::WrongState, "id".to_owned()));
    let stranger = Viewer { organization: services.default_organization(), ..owning };
    assert_eq!(
        mistake(members::update(services, &stranger, owner.id, READER).await),
        (Code::NotFound, "id".to_owned())
    );
}

#[tokio::test]
async fn a_member_leaves_without_any_permission() {
    let bed = Bed::new().await;
    let (_, owner) = bed.member("owner", OWNER).await;
    let (reader, reading) = bed.member("reader", READER).await;
    members::delete(&bed.services, &reading, reader.id).await.unwrap();
    assert_eq!(grants::of_member(&bed.services, bed.organization, reader.user_id).await.unwrap(), None);
    let changes = reading.origin.trail.take();
    assert_eq!((changes.len(), changes[0].target_type), (1, "membership"));
    assert!(owner.origin.trail.take().is_empty());
}

#[tokio::test]
async fn a_key_loses_what_its_maker_loses_at_once() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let (admin, administers) = bed.member("admin", ADMIN).await;
    let made =
        api_keys::create(services, &administers, key(&[Permission::WorkflowRead, Permission::MemberWrite])).await;
    let token = made.unwrap().token;
    let before = bed.recognised(&token).await.unwrap();
    assert!(before.permissions.contains(Permission::MemberWrite));
    assert_eq!(before.actor.kind, ActorKind::ApiKey);
    members::update(services, &owner, admin.id, READER).await.unwrap();
    let after = bed.recognised(&token).await.unwrap();
    assert_eq!(after.permissions.iter().collect::<Vec<_>>(), [Permission::WorkflowRead]);
    members::delete(services, &owner, admin.id).await.unwrap();
    assert_eq!(bed.recognised(&token).await, None);
}

#[tokio::test]
async fn a_key_is_recognised_until_it_expires_is_renewed_or_made_void() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let expires_at = Some(Timestamp(services.now().0 + 10_000));
    let new = NewApiKey { expires_at, is_agent: true, ..key(&[Permission::EventEmit]) };
    let first = api_keys::create(services, &owner, new).await.unwrap();
    assert!(!format!("{first:?}").contains(&first.token), "a key is never printed");
    assert_eq!(bed.recognised(&first.token).await.unwrap().actor.kind, ActorKind::Agent);
    services.clock().advance(Duration::from_secs(10));
    assert_eq!(bed.recognised(&first.token).await, None);
    let second = api_keys::create(services, &owner, key(&[Permission::EventEmit])).await.unwrap();
    let third = api_keys::rotate(services, &owner, second.row.id, Duration::from_mins(1)).await.unwrap();
    assert!(bed.recognised(&second.token).await.is_some() && bed.recognised(&third.token).await.is_some());
    services.clock().advance(Duration::from_mins(1));
    assert_eq!(bed.recognised(&second.token).await, None);
    let refused = api_keys::rotate(services, &owner, second.row.id, Duration::ZERO).await;
    assert_eq!(mistake(refused), (Code::WrongState, "id".to_owned()));
    api_keys::revoke(services, &owner, third.row.id, Some("lost".to_owned())).await.unwrap();
    assert_eq!(bed.recognised(&third.token).await, None);
    let told = format!("{:?}", owner.origin.trail.take());
    assert!(!told.contains(&third.token) && !told.contains(&third.row.token_hash), "{told}");
}

#[tokio::test]
async fn a_key_works_only_from_its_addresses() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let allowed_addresses = Some(vec!["192.0.2.0/24".to_owned()]);
    let made =
        api_keys::create(services, &owner, NewApiKey { allowed_addresses, ..key(&[Permission::EventEmit]) }).await;
    let token = made.unwrap().token;
    let from = |text: &str| Origin { address: Some(text.parse::<IpAddr>().unwrap()), ..Origin::default() };
    assert!(api_keys::recognise(services, &token, &from("192.0.2.9")).await.unwrap().is_some());
    assert!(api_keys::recognise(services, &token, &from("198.51.100.1")).await.unwrap().is_none());
    assert_eq!(bed.recognised(&token).await, None);
    let wrong = NewApiKey { allowed_addresses: Some(vec!["everywhere".to_owned()]), ..key(&[]) };
    let refused = api_keys::create(services, &owner, wrong).await;
    assert_eq!(mistake(refused), (Code::Invalid, "allowedAddresses.0".to_owned()));
}

#[tokio::test]
async fn a_service_account_acts_through_its_keys_until_it_is_deleted() {
    let bed = Bed::new().await;
    let (services, (member, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let robot = service_accounts::create(services, &owner, "robot", BuiltInRole::Agent.id()).await.unwrap();
    let new = NewApiKey { service_account: Some(robot.user.id), ..key(&[Permission::EventEmit, Permission::AiUse]) };
    let token = api_keys::create(services, &owner, new).await.unwrap().token;
    assert!(bed.recognised(&token).await.unwrap().permissions.contains(Permission::EventEmit));
    let updated = service_accounts::update(services, &owner, robot.user.id, Some("R2".to_owned()), Some(READER)).await;
    assert_eq!(updated.unwrap().user.display_name, "R2");
    assert!(bed.recognised(&token).await.unwrap().permissions.is_empty());
    assert_eq!(mistake(members::delete(services, &owner, robot.membership.id).await).0, Code::WrongState);
    service_accounts::delete(services, &owner, robot.user.id).await.unwrap();
    assert_eq!(bed.recognised(&token).await, None);
    let person = service_accounts::delete(services, &owner, member.user_id).await;
    assert_eq!(mistake(person).0, Code::NotFound);
    // Whom a key acts for is a service account or its maker, never another person.
    let (other, _) = bed.member("other", READER).await;
    let new = NewApiKey { service_account: Some(other.user_id), ..key(&[]) };
    assert_eq!(mistake(api_keys::create(services, &owner, new).await), (Code::NotFound, "serviceAccountId".to_owned()));
}

#[tokio::test]
async fn a_role_is_changed_at_once_for_those_who_hold_it_and_grants_nothing_when_it_is_gone() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let role = bed.role(&owner, "sales", &[Permission::WorkflowRead], None).await;
    let (member, before) = bed.member("ada", role).await;
    assert_eq!(before.permissions.iter().collect::<Vec<_>>(), [Permission::WorkflowRead]);
    let permissions = Some([Permission::EventRead].into_iter().collect());
    let changes = RoleChanges { expected_revision: Some(1), permissions, ..RoleChanges::default() };
    roles::update(services, &owner, role, changes.clone()).await.unwrap();
    let after = bed.viewer(member.user_id).await;
    assert_eq!(after.permissions.iter().collect::<Vec<_>>(), [Permission::EventRead]);
    assert_eq!(mistake(roles::update(services, &owner, role, changes).await).0, Code::Conflict);
    assert_eq!(mistake(roles::delete(services, &owner, role).await), (Code::InUse, "id".to_owned()));
    assert_eq!(mistake(roles::delete(services, &owner, OWNER).await).0, Code::WrongState);
    let (dangling, nothing) = bed.member("bob", RoleId::new()).await;
    assert!(nothing.permissions.is_empty() && !nothing.reaches(""));
    members::update(services, &owner, dangling.id, READER).await.unwrap();
}

#[tokio::test]
async fn the_fleet_is_seen_from_the_default_organization_alone() {
    let bed = Bed::new().await;
    let (member, owner) = bed.member("owner", OWNER).await;
    assert!(!owner.permissions.contains(Permission::OperationsRead));
    assert!(owner.permissions.contains(Permission::OrganizationWrite));
    let default = bed.services.default_organization();
    let there = MembershipRow { id: MembershipId::new(), organization_id: default, ..member.clone() };
    bed.services.store().insert_membership(there).await.unwrap();
    let grant = grants::of_member(&bed.services, default, member.user_id).await.unwrap().unwrap();
    assert_eq!(grant.permissions, Permissions::all());
}

#[tokio::test]
async fn an_invitation_makes_its_address_a_member_once() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let made = invitations::create(services, &owner, " Eve@Example.com ", READER).await.unwrap();
    assert!(!format!("{made:?}").contains("sli_"), "a token is never printed");
    let (path, token) = made.accept_url.split_once("#token=").unwrap();
    assert!(path.ends_with("/invitation"));
    let (eve, mallory) = (bed.person("eve").await, bed.person("mallory").await);
    let origin = Origin::default();
    let stolen = invitations::accept_for(services, mallory, token, &origin).await;
    assert_eq!(mistake(stolen), (Code::NotFound, "token".to_owned()));
    let joined = invitations::accept_for(services, eve, token, &origin).await.unwrap();
    assert_eq!((joined.role_id, joined.organization_id), (READER, bed.organization));
    let again = invitations::accept_for(services, eve, token, &origin).await;
    assert_eq!(mistake(again), (Code::NotFound, "token".to_owned()));
    let member = invitations::create(services, &owner, "eve@example.com", READER).await;
    assert_eq!(mistake(member), (Code::AlreadyExists, "email".to_owned()));
    for email in ["", "eve", "@example.com", "eve@", "e ve@example.com", "eve@example", "eve@@example.com"] {
        assert_eq!(mistake(invitations::create(services, &owner, email, READER).await).0, Code::Invalid, "{email}");
    }
}

#[tokio::test]
async fn an_organization_ends_for_everybody_at_once_and_its_rows_go_after_thirty_days() {
    let bed = Bed::new().await;
    let services = &bed.services;
    let founder = bed.person("founder").await;
    let asks = signed_in(bed.organization, founder);
    let new = NewOrganization { name: "Labs".to_owned(), slug: "labs".to_owned(), description: None };
    let made = organizations::create(services, &asks, new.clone()).await.unwrap();
    assert_eq!(mistake(organizations::create(services, &asks, new).await), (Code::AlreadyExists, "slug".to_owned()));
    let grant = grants::of_member(services, made.id, founder).await.unwrap().unwrap();
    let owner = Viewer { permissions: grant.permissions, ..signed_in(made.id, founder) };
    let token = api_keys::create(services, &owner, key(&[Permission::EventEmit])).await.unwrap().token;
    let wrong = organizations::delete(services, &owner, made.id, "lab").await;
    assert_eq!(mistake(wrong), (Code::Invalid, "confirmSlug".to_owned()));
    assert_eq!(mistake(organizations::delete(services, &owner, bed.organization, "acme").await).0, Code::NotFound);
    organizations::delete(services, &owner, made.id, "labs").await.unwrap();
    assert_eq!(grants::of_member(services, made.id, founder).await.unwrap(), None);
    assert_eq!(bed.recognised(&token).await, None);
    assert_eq!(organizations::organization(services, &owner, made.id).await.unwrap(), None);
    services.clock().advance(Duration::from_hours(30 * 24));
    assert_eq!(organizations::purge(services).await.unwrap(), 0);
    services.clock().advance(Duration::from_millis(1));
    assert_eq!(organizations::purge(services).await.unwrap(), 3, "its key, its member and itself");
    assert_eq!(organizations::purge(services).await.unwrap(), 0);
    let default = Viewer::owner(services.default_organization());
    let refused = organizations::delete(services, &default, default.organization, "default").await;
    assert_eq!(mistake(refused), (Code::WrongState, "id".to_owned()));
}

const WORKFLOW: &str = "workflow_id: NAME\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n";

#[tokio::test]
async fn folders_hide_the_workflows_and_executions_of_others() {
    let bed = Bed::new().await;
    let (services, (_, owner)) = (&bed.services, bed.member("owner", OWNER).await);
    let folder = bed
        .role(
            &owner,
            "sales",
            BuiltInRole::WorkflowManager.permissions().iter().collect::<Vec<_>>().as_slice(),
            Some(&["sales"]),
        )
        .await;
    let (_, sales) = bed.member("seller", folder).await;
    let import = |name: &str| ImportRequest {
        files: vec![ImportFile { path: "a.yaml".to_owned(), content: WORKFLOW.replace("NAME", name) }],
        publish: true,
        dry_run: false,
    };
    let imported = workflows::import(services, &owner, import("hidden")).await.unwrap();
    assert!(imported[0].problems.iter().all(|problem| !problem.is_error()), "{:?}", imported[0].problems);
    let hidden = imported[0].workflow.clone().unwrap();
    let start = |id| StartRequest {
        workflow: WorkflowRef::Id(id),
        version: None,
        input: None,
        key: None,
        idempotency_key: None,
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Manual { reason: None },
    };
    let begin = async |viewer: &Viewer, id| {
        crate::executions::start(services, viewer, start(id), WaitFor::Nothing, Duration::ZERO).await
    };
    let (execution, _) = begin(&owner, hidden.id).await.unwrap();
    assert_eq!(workflows::workflow(services, &sales, hidden.id).await.unwrap(), None);
    assert_eq!(workflows::workflow_by_slug(services, &sales, "hidden").await.unwrap(), None);
    assert!(workflows::workflows_by_ids(services, &sales, &[hidden.id]).await.unwrap().is_empty());
    let version = hidden.published_version_id.unwrap();
    assert_eq!(workflows::version(services, &sales, version).await.unwrap(), None);
    assert_eq!(mistake(begin(&sales, hidden.id).await).0, Code::NotFound);
    assert_eq!(mistake(workflows::disable(services, &sales, hidden.id, None).await).0, Code::NotFound);
    assert_eq!(mistake(workflows::import(services, &sales, import("hidden")).await).0, Code::Invalid);
    assert_eq!(crate::executions::execution(services, &sales, execution.execution).await.unwrap(), None);
    assert!(crate::executions::traces(services, &sales, &[execution.execution]).await.unwrap().is_empty());
    let cancelled = crate::executions::cancel(services, &sales, execution.execution, None).await;
    assert_eq!(mistake(cancelled).0, Code::NotFound);
    assert!(crate::executions::updates(services, &sales, execution.execution, None).await.is_err());
    let count = async |viewer: &Viewer| {
        let listed = workflows::count(services, viewer, &WorkflowFilter::default()).await.unwrap().0;
        let ran = crate::executions::count(services, viewer, &ExecutionFilter::default()).await.unwrap().0;
        (listed, ran)
    };
    assert_eq!((count(&owner).await, count(&sales).await), ((1, 1), (0, 0)));
    let folder = |workflow: WorkflowId, folder: &str| {
        let changes = WorkflowChanges { namespace: Some(folder.to_owned()), ..WorkflowChanges::default() };
        workflows::UpdateRequest { workflow, expected_revision: None, changes }
    };
    // What they make is where they are, and what is moved there is theirs to see.
    let own = workflows::import(services, &sales, import("own")).await.unwrap()[0].workflow.clone().unwrap();
    assert_eq!(own.namespace, "sales");
    assert_eq!(count(&sales).await, (1, 0));
    let beyond = workflows::update(services, &sales, folder(own.id, "finance")).await;
    assert_eq!(mistake(beyond), (Code::Invalid, "namespace".to_owned()));
    workflows::update(services, &owner, folder(hidden.id, "sales/emea")).await.unwrap();
    assert_eq!(count(&sales).await, (2, 1));
    begin(&sales, hidden.id).await.unwrap();
    let page = PageRequest::first(10);
    let all = ExecutionFilter::default();
    let listed = crate::executions::page(services, &sales, &all, ExecutionOrder::default(), &page).await;
    assert_eq!(listed.unwrap().rows.len(), 2);
    let listed = workflows::page(services, &sales, &WorkflowFilter::default(), WorkflowOrder::default(), &page).await;
    assert_eq!(listed.unwrap().rows.len(), 2);
    // Nobody gives away more than their folders.
    let reader =
        invitations::create(services, &Viewer { permissions: Permissions::all(), ..sales }, "eve@example.com", READER)
            .await;
    assert_eq!(mistake(reader), (Code::Invalid, "roleId".to_owned()));
}
