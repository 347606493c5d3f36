//! Two organizations in a database, and everybody who may come to the door.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use http_body_util::BodyExt;
use ids::{
    ApiKeyId, ApprovalId, BulkOperationId, ErrorGroupId, EventId, ExecutionId, HookId, IdentityProviderId,
    InvitationId, MembershipId, OrganizationId, ResourceLoaderId, RoleId, RuleId, ScheduleId, SecretId, ServiceId,
    SessionId, SubstitutionId, UserId, VariableId, WebhookDeliveryId, WebhookEndpointId, WorkerId, WorkflowId,
};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use service::identity::api_keys::NewApiKey;
use service::identity::oidc::{self, ProviderInput};
use service::identity::roles::NewRole;
use service::identity::{
    BuiltInRole, api_keys, grants, invitations, recognise, roles, service_accounts, sessions, tokens,
};
use service::viewer::{Permission, Permissions};
use service::{Clock, Origin, Services, Settings, Viewer};
use sluice_api::graphql::{ServerMode, schema};
use sluice_api::{CookieStyle, FrontDoor, Guarded, Health, HttpConfig, Shutdown};
use store::{DatabaseUrl, MembershipRow, Store, StoreConfig, UserRow};
use tower::ServiceExt;

use crate::authorization::parts::of_parts;
use crate::authorization::work::{of_work, stands_in};

/// Nothing in these tests takes this long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sorts of objects that ids name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Workflow,
    Execution,
    Event,
    Worker,
    Organization,
    User,
    Membership,
    Role,
    Invitation,
    Session,
    ApiKey,
    ServiceAccount,
    IdentityProvider,
    Hook,
    Schedule,
    Approval,
    BulkOperation,
    ErrorGroup,
    Rule,
    Secret,
    Variable,
    Service,
    ResourceLoader,
    Substitution,
    WebhookDelivery,
    WebhookEndpoint,
}

impl Kind {
    /// Words of names, the longer ones first.
    const WORDS: &'static [(&'static str, Kind)] = &[
        ("approvalsubstitution", Kind::Substitution),
        ("identityprovider", Kind::IdentityProvider),
        ("errorgroup", Kind::ErrorGroup),
        ("bulkoperationstart", Kind::Execution),
        ("bulkoperation", Kind::BulkOperation),
        ("webhookendpoint", Kind::WebhookEndpoint),
        ("webhookdelivery", Kind::WebhookDelivery),
        ("organization", Kind::Organization),
        ("membership", Kind::Membership),
        ("invitation", Kind::Invitation),
        ("approval", Kind::Approval),
        ("substitute", Kind::User),
        ("assignee", Kind::User),
        ("touser", Kind::User),
        ("execution", Kind::Execution),
        ("startedby", Kind::User),
        ("serviceaccount", Kind::ServiceAccount),
        ("workflow", Kind::Workflow),
        ("resourceloader", Kind::ResourceLoader),
        ("schedule", Kind::Schedule),
        ("variable", Kind::Variable),
        ("service", Kind::Service),
        ("secret", Kind::Secret),
        ("session", Kind::Session),
        ("apikey", Kind::ApiKey),
        ("worker", Kind::Worker),
        ("event", Kind::Event),
        ("rule", Kind::Rule),
        ("uses", Kind::Rule),
        ("hook", Kind::Hook),
        ("user", Kind::User),
        ("actor", Kind::User),
        ("target", Kind::Workflow),
        ("role", Kind::Role),
    ];

    /// What an argument `name` of `owner`, a field or an input type, is the id of.
    pub fn of(owner: &str, name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let word = name.strip_suffix("ids").or_else(|| name.strip_suffix("id")).unwrap_or(&name);
        let owner = owner.to_ascii_lowercase();
        let known = |text: &str| {
            let found = Self::WORDS.iter().find(|(word, _)| !text.is_empty() && text.starts_with(word));
            found.map(|(_, kind)| *kind)
        };
        known(word).or_else(|| if word.is_empty() { known(&owner) } else { None }).unwrap_or_else(|| {
            panic!(
                "what sort of id is `{name}` of `{owner}`? Add its word to Kind::WORDS in \
                 api/tests/authorization/world.rs, and a variant with its object in `World`"
            )
        })
    }

    /// An id that nothing has.
    pub fn missing(self) -> String {
        match self {
            Self::Workflow => WorkflowId::new().to_string(),
            Self::Execution => ExecutionId::new().to_string(),
            Self::Event => EventId::new().to_string(),
            Self::Worker => WorkerId::new().to_string(),
            Self::Organization => OrganizationId::new().to_string(),
            Self::User | Self::ServiceAccount => UserId::new().to_string(),
            Self::Membership => MembershipId::new().to_string(),
            Self::Role => RoleId::new().to_string(),
            Self::Invitation => InvitationId::new().to_string(),
            Self::Session => SessionId::new().to_string(),
            Self::ApiKey => ApiKeyId::new().to_string(),
            Self::Schedule => ScheduleId::new().to_string(),
            Self::IdentityProvider => IdentityProviderId::new().to_string(),
            Self::Hook => HookId::new().to_string(),
            Self::Approval => ApprovalId::new().to_string(),
            Self::Substitution => SubstitutionId::new().to_string(),
            Self::Rule => RuleId::new().to_string(),
            Self::Secret => SecretId::new().to_string(),
            Self::Variable => VariableId::new().to_string(),
            Self::Service => ServiceId::new().to_string(),
            Self::ResourceLoader => ResourceLoaderId::new().to_string(),
            Self::ErrorGroup => ErrorGroupId::new().to_string(),
            Self::BulkOperation => BulkOperationId::new().to_string(),
            Self::WebhookEndpoint => WebhookEndpointId::new().to_string(),
            Self::WebhookDelivery => WebhookDeliveryId::new().to_string(),
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: String,
    pub token: Option<String>,
    pub permissions: Permissions,
    /// Their token is of no use any more.
    pub is_gone: bool,
    /// A key rather than a person.
    pub is_key: bool,
}

/// A server over a database of its own.
pub struct World {
    pub services: Services,
    pub router: Router,
    /// Objects of the first organization.
    objects: Vec<(Kind, String)>,
    pub callers: Vec<Caller>,
    _folder: tempfile::TempDir,
}

/// A database as it is before anybody asks, to be copied.
pub struct Template {
    folder: tempfile::TempDir,
    objects: Vec<(Kind, String)>,
    people: Vec<Person>,
    keys: Vec<(&'static str, String, Permissions)>,
}

struct Person {
    name: &'static str,
    user: UserId,
    organization: OrganizationId,
    session: SessionId,
    permissions: Permissions,
    is_gone: bool,
}

async fn services(folder: &Path) -> Services {
    let store = Store::connect(&StoreConfig::new(DatabaseUrl::sqlite(folder.join("test.db")))).await.unwrap();
    store.migrate_up().await.unwrap();
    let (queue, notices) = (WorkQueue::memory(), Notices::memory());
    Services::new(store, queue, notices, Clock::System, Settings::default()).await.unwrap()
}

async fn person(services: &Services, name: &str) -> UserId {
    let id = UserId::new();
    let user = UserRow {
        id,
        email: Some(format!("{name}@example.com")),
        email_verified_at_ms: Some(1),
        display_name: name.to_owned(),
        is_service: false,
        is_active: true,
        time_zone: "UTC".to_owned(),
        preferences: "{}".to_owned(),
        created_at_ms: services.now().0,
        last_seen_at_ms: None,
    };
    services.store().insert_user(user, None).await.unwrap();
    id
}

impl Person {
    /// Somebody who joins an organization and signs in there.
    async fn join(
        services: &Services,
        name: &'static str,
        organization: OrganizationId,
        role: BuiltInRole,
    ) -> (Self, MembershipId) {
        let (user, id) = (person(services, name).await, MembershipId::new());
        let membership = MembershipRow {
            id,
            organization_id: organization,
            user_id: user,
            role_id: role.id(),
            invited_by: None,
            joined_at_ms: services.now().0,
        };
        services.store().insert_membership(membership).await.unwrap();
        let signed_in = sessions::open(services, user, Some(organization), &Origin::default()).await.unwrap();
        let permissions = grants::effective(services, organization, role.permissions());
        (Self { name, user, organization, session: signed_in.session, permissions, is_gone: false }, id)
    }

    async fn viewer(&self, services: &Services) -> Viewer {
        let (token, _until) = tokens::issue(services, self.user, self.session, self.organization);
        recognise(services, &token, &Origin::default()).await.unwrap().viewer
    }
}

/// Keys of the owner with one permission each.
async fn keys(
    services: &Services,
    owner: &Person,
    objects: &mut Vec<(Kind, String)>,
) -> Vec<(&'static str, String, Permissions)> {
    let viewer = owner.viewer(services).await;
    let mut keys = Vec::new();
    for (name, permission) in [("reading key", Permission::ExecutionRead), ("starting key", Permission::ExecutionStart)]
    {
        let permissions: Permissions = [permission].into_iter().collect();
        let new = NewApiKey {
            display_name: name.to_owned(),
            is_agent: false,
            permissions,
            folders: None,
            allowed_addresses: None,
            expires_at: None,
            service_account: None,
        };
        let made = api_keys::create(services, &viewer, new).await.unwrap();
        objects.push((Kind::ApiKey, made.row.id.to_string()));
        keys.push((name, made.token, permissions));
    }
    keys
}

impl Template {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let services = services(folder.path()).await;
        let own = services.default_organization();
        let other = services.store().ensure_organization("other", "Other", services.now().0).await.unwrap();
        let mut objects = of_work(&services, &Viewer::owner(own)).await;
        objects.extend(of_parts(&services, &Viewer::owner(own)).await);
        objects.push((Kind::Organization, own.to_string()));
        let mut people = Vec::new();
        for role in BuiltInRole::ALL {
            let (person, _membership) = Person::join(&services, role.name(), own, role).await;
            people.push(person);
        }
        // Who calls nothing, so that nobody leaves by themselves.
        let (bystander, membership) = Person::join(&services, "bystander", own, BuiltInRole::Approver).await;
        objects.push((Kind::User, bystander.user.to_string()));
        objects.push((Kind::Membership, membership.to_string()));
        objects.push((Kind::Session, bystander.session.to_string()));
        objects.push((Kind::Substitution, stands_in(&services, own, bystander.user).await.to_string()));
        people.push(Person::join(&services, "stranger", other, BuiltInRole::Owner).await.0);
        let keys = keys(&services, &people[0], &mut objects).await;
        let (removed, membership) = Person::join(&services, "removed member", own, BuiltInRole::Admin).await;
        let owner = people[0].viewer(&services).await;
        objects.extend(of_people(&services, &owner).await);
        service::identity::members::delete(&services, &owner, membership).await.unwrap();
        people.push(Person { permissions: Permissions::NONE, is_gone: true, ..removed });
        services.store().close().await;
        Self { folder, objects, people, keys }
    }

    /// A server over a copy.
    pub async fn world(&self) -> World {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        let services = services(folder.path()).await;
        let mut callers = vec![Caller {
            name: "nobody".to_owned(),
            token: None,
            permissions: Permissions::NONE,
            is_gone: false,
            is_key: false,
        }];
        for person in &self.people {
            let (token, _until) = tokens::issue(&services, person.user, person.session, person.organization);
            let Person { name, permissions, is_gone, .. } = *person;
            callers.push(Caller { name: name.to_owned(), token: Some(token), permissions, is_gone, is_key: false });
        }
        for (name, token, permissions) in &self.keys {
            let (name, token) = ((*name).to_owned(), Some(token.clone()));
            callers.push(Caller { name, token, permissions: *permissions, is_gone: false, is_key: true });
        }
        // Whoever may do most comes last, so that nobody finds things gone.
        callers.sort_by_key(|caller| caller.permissions.iter().count());
        let router = sluice_api::router(FrontDoor {
            executor: schema(services.clone(), ServerMode::Embedded),
            health: Health::default(),
            viewers: Arc::new(Guarded::new(services.clone())),
            metrics: None,
            single_sign_on: None,
            inbound: Some(services.clone()),
            shutdown: Shutdown::new(),
            config: HttpConfig { cookies: CookieStyle::Plain, ..HttpConfig::default() },
        });
        World { services, router, objects: self.objects.clone(), callers, _folder: folder }
    }
}

/// A role, an invitation, a service account and an identity provider.
async fn of_people(services: &Services, owner: &Viewer) -> Vec<(Kind, String)> {
    let permissions = [Permission::WorkflowRead].into_iter().collect();
    let new = NewRole { name: "looks_on".to_owned(), description: None, permissions, folders: None };
    let role = roles::create(services, owner, new).await.unwrap();
    let invited = invitations::create(services, owner, "guest@example.com", BuiltInRole::Agent.id()).await.unwrap();
    let robot = service_accounts::create(services, owner, "robot", BuiltInRole::Agent.id()).await.unwrap();
    let company = ProviderInput {
        id: None,
        name: "Company".to_owned(),
        issuer: "https://id.example.com".to_owned(),
        client_id: "sluice".to_owned(),
        client_secret: None,
        role_mapping: json!({}),
        is_enabled: false,
    };
    let provider = oidc::set(services, owner, company).await.unwrap();
    vec![
        (Kind::IdentityProvider, provider.id.to_string()),
        (Kind::Role, role.id.to_string()),
        (Kind::Invitation, invited.row.id.to_string()),
        (Kind::ServiceAccount, robot.user.id.to_string()),
    ]
}

impl World {
    /// An object of the first organization; none of kinds that belong to nobody.
    pub fn object(&self, kind: Kind) -> Option<&str> {
        self.objects.iter().find(|(known, _)| *known == kind).map(|(_, id)| id.as_str())
    }

    pub fn caller(&self, name: &str) -> &Caller {
        self.callers.iter().find(|caller| caller.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// The answer to a document.
    pub async fn ask(&self, caller: &Caller, document: &str) -> Value {
        let response = self.send(caller, document, "application/json").await;
        let body: Bytes = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap_or_else(|problem| panic!("{document}: {problem}"))
    }

    /// The first reply of a subscription; none when nothing comes within `patience`.
    pub async fn first(&self, caller: &Caller, document: &str, patience: Duration) -> Option<Value> {
        let mut response = self.send(caller, document, "text/event-stream").await;
        if !response.status().is_success() {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            return Some(serde_json::from_slice(&body).unwrap());
        }
        let frame = tokio::time::timeout(patience, response.body_mut().frame()).await.ok()??;
        let text = String::from_utf8(frame.unwrap().into_data().ok()?.to_vec()).unwrap();
        let data = text.lines().find_map(|line| line.strip_prefix("data:"))?.trim();
        Some(serde_json::from_str(data).unwrap_or_else(|problem| panic!("{text}: {problem}")))
    }

    async fn send(&self, caller: &Caller, document: &str, accept: &str) -> axum::response::Response {
        let mut request =
            Request::post("/graphql").header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT, accept);
        if let Some(token) = &caller.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(json!({ "query": document }).to_string())).unwrap();
        tokio::time::timeout(PATIENCE, self.router.clone().oneshot(request)).await.expect("it answers").unwrap()
    }
}
