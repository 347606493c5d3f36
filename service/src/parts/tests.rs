//! Secrets, variables, services and resources on a clock that stands still, over SQLite.

use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::definition::Format;
use ids::{MembershipId, OrganizationId, RoleId, SecretId, ServiceId, UserId};
use queue::{Notices, WorkQueue};
use serde_json::{Value, json};
use store::{
    DatabaseUrl, MembershipRow, PageRequest, PartFilter, ResourceLoaderRow, SecretRow, ServiceRow, Store, StoreConfig,
    UserRow,
};

use super::resources::{ResourceLoaderCreateInput, ResourceLoaderUpdateInput};
use super::secrets::SecretSetInput;
use super::services::{ServiceAuthenticationInput, ServiceCreateInput, ServiceUpdateInput};
use super::variables::VariableSetInput;
use super::{
    AuthenticationKind, Recipient, ServiceKind, UsableSecret, addresses, resource, resources, secrets, service,
    services, variables,
};
use crate::Clock;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::identity::BuiltInRole;
use crate::sealed::Secret;
use crate::services::{Services, Settings};
use crate::viewer::{Permission, Permissions, Viewer};
use crate::workflows::{self, ImportFile, ImportOutcome, ImportRequest, Imported};

mod secret_use;

const NOW: i64 = 1_767_225_600_000;

struct Bed {
    services: Services,
    clock: Clock,
    viewer: Viewer,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let clock = Clock::fake(Timestamp(NOW));
        let services = Services::new(store, queue, notices, clock.clone(), Settings::default()).await.unwrap();
        let viewer = Viewer::owner(services.default_organization());
        Self { services, clock, viewer, _folder: folder }
    }

    const fn organization(&self) -> OrganizationId {
        self.viewer.organization
    }

    /// The same without some permissions.
    fn without(&self, permissions: &[Permission]) -> Viewer {
        let left = Permissions::all().without(permissions.iter().copied().collect());
        Viewer { permissions: left, ..self.viewer.clone() }
    }

    async fn secret(&self, name: &str, value: &str) -> SecretRow {
        secrets::set(&self.services, &self.viewer, set(name, Some(value))).await.unwrap()
    }

    async fn service(&self, name: &str, kind: ServiceKind, base_url: &str) -> ServiceRow {
        services::create(&self.services, &self.viewer, new_service(name, kind, base_url)).await.unwrap()
    }

    async fn resource(&self, name: &str, of: ServiceId, request: Value) -> Result<ResourceLoaderRow, ServiceError> {
        resources::create(&self.services, &self.viewer, new_resource(name, of, request)).await
    }

    async fn published(&self, viewer: &Viewer, source: &str) -> Result<Imported, ServiceError> {
        let file = ImportFile { path: "a.yaml".to_owned(), content: source.to_owned() };
        let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
        Ok(workflows::import(&self.services, viewer, request).await?.remove(0))
    }

    async fn usable(&self, name: &str) -> Option<UsableSecret> {
        secrets(&self.services, self.organization(), &[name.to_owned()]).await.unwrap().remove(name)
    }

    async fn member(&self, name: &str, role: RoleId, is_confirmed: bool) -> UserId {
        let user = UserRow {
            id: UserId::new(),
            email: Some(format!("{name}@example.com")),
            email_verified_at_ms: is_confirmed.then_some(1),
            display_name: name.to_owned(),
            is_service: false,
            is_active: true,
            time_zone: "UTC".to_owned(),
            preferences: "{}".to_owned(),
            created_at_ms: 1,
            last_seen_at_ms: None,
        };
        self.services.store().insert_user(user.clone(), None).await.unwrap();
        let membership = MembershipRow {
            id: MembershipId::new(),
            organization_id: self.organization(),
            user_id: user.id,
            role_id: role,
            invited_by: None,
            joined_at_ms: 1,
        };
        self.services.store().insert_membership(membership).await.unwrap();
        user.id
    }
}

fn set(name: &str, value: Option<&str>) -> SecretSetInput {
    SecretSetInput {
        name: name.to_owned(),
        value: value.map(Secret::new),
        description: None,
        allowed_hosts: None,
        rotate_at_ms: None,
        expected_revision: None,
    }
}

fn variable(name: &str, value: Value) -> VariableSetInput {
    VariableSetInput { name: name.to_owned(), value, description: None, schema: None, expected_revision: None }
}

fn new_service(name: &str, kind: ServiceKind, base_url: &str) -> ServiceCreateInput {
    ServiceCreateInput {
        name: name.to_owned(),
        title: None,
        kind,
        base_url: Some(base_url.to_owned()),
        authentication: None,
        settings: None,
    }
}

fn bearer(secret: SecretId) -> ServiceAuthenticationInput {
    ServiceAuthenticationInput { kind: AuthenticationKind::Bearer, secret_id: Some(secret), header_name: None }
}

fn new_resource(name: &str, service_id: ServiceId, request: Value) -> ResourceLoaderCreateInput {
    ResourceLoaderCreateInput {
        resource: name.to_owned(),
        description: None,
        service_id,
        request,
        result_path: None,
        output_schema: None,
        is_required: false,
        time_to_live_ms: 0,
    }
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

fn is_forbidden<T: std::fmt::Debug>(outcome: Result<T, ServiceError>, permission: Permission) -> bool {
    matches!(outcome.unwrap_err(), ServiceError::Forbidden(forbidden) if forbidden.0 == permission)
}

#[tokio::test]
async fn a_secret_is_sealed_and_opens_only_for_a_call() {
    let bed = Bed::new().await;
    let hosts = Some(vec!["API.example.com".to_owned(), "*.example.org".to_owned()]);
    let input = SecretSetInput { allowed_hosts: hosts, ..set("token", Some("hunter2")) };
    assert!(!format!("{input:?}").contains("hunter2"));
    let row = secrets::set(&bed.services, &bed.viewer, input).await.unwrap();
    assert!(!format!("{row:?}").contains("hunter2"), "{row:?}");
    let usable = bed.usable("token").await.unwrap();
    assert_eq!((usable.value.reveal(), usable.allowed_hosts.len()), ("hunter2", 2));
    assert!(!format!("{usable:?}").contains("hunter2"));
    assert_eq!(secrets::allowed_hosts(&row).unwrap(), ["api.example.com", "*.example.org"]);
    let noted = bed.viewer.origin.trail.take();
    assert_eq!(noted.iter().map(|change| change.action).collect::<Vec<_>>(), [Some("secret.created")]);
    assert!(!format!("{noted:?}").contains("hunter2"), "{noted:?}");

    let same = bed.secret("same", "hunter2").await;
    let other = bed.secret("other", "hunter3").await;
    assert_eq!(row.fingerprint, same.fingerprint);
    assert_ne!(row.fingerprint, other.fingerprint);
    let stranger = bed.services.store().ensure_organization("stranger", "Stranger", 1).await.unwrap();
    let foreign = secrets(&bed.services, stranger, &["token".to_owned()]).await.unwrap();
    assert!(foreign.is_empty(), "the organization of others has none");
    let theirs = secrets::set(&bed.services, &Viewer::owner(stranger), set("token", Some("hunter2"))).await.unwrap();
    assert_ne!(theirs.fingerprint, row.fingerprint, "nobody finds out who else has the same value");
}

#[tokio::test]
async fn a_value_that_was_moved_to_another_secret_does_not_open_there() {
    let bed = Bed::new().await;
    let (one, two) = (bed.secret("one", "hunter2").await, bed.secret("two", "hunter3").await);
    let moved = SecretRow { value: one.value, ..two };
    bed.services.store().save_secret(moved, 1).await.unwrap();
    let opened = secrets(&bed.services, bed.organization(), &["two".to_owned()]).await;
    assert!(matches!(opened, Err(ServiceError::Internal { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_new_value_counts_for_the_next_call_and_what_is_not_given_stays() {
    let bed = Bed::new().await;
    assert_eq!(code(secrets::set(&bed.services, &bed.viewer, set("token", None)).await), Code::Required);
    let first = SecretSetInput { description: Some("For orders".to_owned()), ..set("token", Some("first")) };
    let first = secrets::set(&bed.services, &bed.viewer, first).await.unwrap();
    let second = bed.secret("token", "second").await;
    assert_eq!((second.id, second.version, second.revision), (first.id, 2, 2));
    assert_eq!(second.description.as_deref(), Some("For orders"));
    assert_eq!(bed.usable("token").await.unwrap().value.reveal(), "second");
    let bound = SecretSetInput { allowed_hosts: Some(vec!["a.com".to_owned()]), ..set("token", None) };
    let bound = secrets::set(&bed.services, &bed.viewer, bound).await.unwrap();
    assert_eq!((bound.version, bound.revision, bound.fingerprint.as_str()), (2, 3, second.fingerprint.as_str()));
    let late = SecretSetInput { expected_revision: Some(2), ..set("token", Some("third")) };
    assert_eq!(code(secrets::set(&bed.services, &bed.viewer, late).await), Code::Conflict);
    let gone = SecretSetInput { expected_revision: Some(2), ..set("gone", Some("third")) };
    assert_eq!(code(secrets::set(&bed.services, &bed.viewer, gone).await), Code::Conflict);
    let open = SecretSetInput { allowed_hosts: Some(Vec::new()), ..set("token", None) };
    let open = secrets::set(&bed.services, &bed.viewer, open).await.unwrap();
    assert_eq!(secrets::allowed_hosts(&open).unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn all_mistakes_of_a_secret_are_told_at_once_and_none_shows_the_value() {
    let bed = Bed::new().await;
    let hosts = Some(vec!["https://a.com".to_owned()]);
    let long = "hunter2".repeat(10_000);
    let input = SecretSetInput { allowed_hosts: hosts, ..set("1 name", Some(&long)) };
    let told = mistakes(secrets::set(&bed.services, &bed.viewer, input).await);
    let fields: Vec<String> = told.iter().map(|mistake| mistake.field.join(".")).collect();
    assert_eq!(fields, ["name", "value", "allowedHosts.0"]);
    assert!(!format!("{told:?}").contains("hunter2"));
}

#[tokio::test]
async fn when_a_secret_was_used_is_known_to_an_hour() {
    let bed = Bed::new().await;
    bed.secret("token", "hunter2").await;
    let seen = async || {
        let page = PageRequest::first(10);
        let page = secrets::page(&bed.services, &bed.viewer, &PartFilter::default(), &page).await.unwrap();
        page.rows[0].1.last_used_at_ms
    };
    assert_eq!(seen().await, None);
    bed.usable("token").await.unwrap();
    assert_eq!(seen().await, Some(NOW));
    bed.clock.advance(Duration::from_mins(59));
    bed.usable("token").await.unwrap();
    assert_eq!(seen().await, Some(NOW));
    bed.clock.advance(Duration::from_mins(1));
    bed.usable("token").await.unwrap();
    assert_eq!(seen().await, Some(NOW + 3_600_000));
}

#[tokio::test]
async fn each_kind_of_part_has_its_permission_and_whoever_is_limited_to_folders_changes_none() {
    let bed = Bed::new().await;
    let lacking = bed.without(&[
        Permission::SecretWrite,
        Permission::SecretUse,
        Permission::VariableWrite,
        Permission::ServiceWrite,
        Permission::ServiceRead,
    ]);
    let (services, page) = (&bed.services, PageRequest::first(10));
    assert!(is_forbidden(secrets::set(services, &lacking, set("a", Some("b"))).await, Permission::SecretWrite));
    let listed = secrets::page(services, &lacking, &PartFilter::default(), &page).await;
    assert!(is_forbidden(listed, Permission::SecretUse));
    let written = variables::set(services, &lacking, variable("a", json!(1))).await;
    assert!(is_forbidden(written, Permission::VariableWrite));
    let created = services::create(services, &lacking, new_service("a", ServiceKind::Http, "https://a.com")).await;
    assert!(is_forbidden(created, Permission::ServiceWrite));
    let listed = resources::page(services, &lacking, &PartFilter::default(), &page).await;
    assert!(is_forbidden(listed, Permission::ServiceRead));
    let limited = Viewer { folders: Some(Arc::from(vec!["sales".to_owned()])), ..bed.viewer.clone() };
    assert_eq!(code(secrets::set(services, &limited, set("a", Some("b"))).await), Code::WrongState);
    assert_eq!(code(variables::set(services, &limited, variable("a", json!(1))).await), Code::WrongState);
}

#[tokio::test]
async fn a_variable_fits_its_schema_and_keeps_it() {
    let bed = Bed::new().await;
    let schema = Some(json!({ "type": "number", "minimum": 0 }));
    let limit = VariableSetInput { schema: schema.clone(), ..variable("limit", json!(10)) };
    let limit = variables::set(&bed.services, &bed.viewer, limit).await.unwrap();
    let wrong = mistakes(variables::set(&bed.services, &bed.viewer, variable("limit", json!(-1))).await);
    assert_eq!((wrong[0].code, wrong[0].field.join(".").as_str()), (Code::InputSchemaMismatch, "value"));
    let more = variables::set(&bed.services, &bed.viewer, variable("limit", json!(20))).await.unwrap();
    assert_eq!((more.id, more.revision, more.schema), (limit.id, 2, schema.map(|schema| schema.to_string())));
    let free = VariableSetInput { schema: Some(Value::Null), ..variable("limit", json!("none")) };
    let free = variables::set(&bed.services, &bed.viewer, free).await.unwrap();
    assert_eq!((free.revision, free.schema), (3, None));
    let broken = VariableSetInput { schema: Some(json!({ "type": 5 })), ..variable("limit", json!(1)) };
    assert_eq!(mistakes(variables::set(&bed.services, &bed.viewer, broken).await)[0].field, ["schema"]);
    let names = ["limit".to_owned(), "gone".to_owned()];
    let values = variables(&bed.services, bed.organization(), &names).await.unwrap();
    assert_eq!(Value::Object(values), json!({ "limit": "none" }));
    let noted = format!("{:?}", bed.viewer.origin.trail.take());
    assert!(noted.contains("variable.created") && !noted.contains("none"), "values are not in the audit log: {noted}");
}

#[tokio::test]
async fn a_service_is_called_with_a_secret_of_the_organization() {
    let bed = Bed::new().await;
    let token = bed.secret("token", "hunter2").await;
    let new = ServiceCreateInput {
        authentication: Some(bearer(token.id)),
        settings: Some(json!({ "timeout": "10s" })),
        ..new_service("billing", ServiceKind::Http, "https://api.example.com/v1/")
    };
    let row = services::create(&bed.services, &bed.viewer, new.clone()).await.unwrap();
    assert_eq!((row.title.as_str(), row.base_url.as_deref()), ("billing", Some("https://api.example.com/v1")));
    assert_eq!(code(services::create(&bed.services, &bed.viewer, new.clone()).await), Code::AlreadyExists);
    let called = service(&bed.services, bed.organization(), "billing").await.unwrap().unwrap();
    assert_eq!(called.authentication.secret.as_deref(), Some("token"));
    assert_eq!((called.kind, called.settings.get("timeout")), (ServiceKind::Http, Some(&json!("10s"))));
    assert_eq!(service(&bed.services, bed.organization(), "gone").await.unwrap(), None);
    let refused = mistakes(secrets::delete(&bed.services, &bed.viewer, token.id).await);
    assert_eq!(refused[0].code, Code::InUse);
    assert!(refused[0].message.contains("the service `billing`"), "{refused:?}");

    let key = ServiceAuthenticationInput { kind: AuthenticationKind::ApiKey, ..bearer(token.id) };
    let change = ServiceUpdateInput { authentication: Some(key), ..ServiceUpdateInput::default() };
    let keyed = services::update(&bed.services, &bed.viewer, row.id, change).await.unwrap();
    assert_eq!(keyed.auth_header.as_deref(), Some("x-api-key"));
    let open = ServiceAuthenticationInput { kind: AuthenticationKind::None, secret_id: None, header_name: None };
    let change = ServiceUpdateInput { authentication: Some(open), expected_revision: Some(2), ..Default::default() };
    services::update(&bed.services, &bed.viewer, row.id, change.clone()).await.unwrap();
    assert_eq!(code(services::update(&bed.services, &bed.viewer, row.id, change).await), Code::Conflict);
    secrets::delete(&bed.services, &bed.viewer, token.id).await.unwrap();
    let lost = mistakes(services::create(&bed.services, &bed.viewer, new).await);
    assert_eq!(lost[0].field, ["authentication", "secretId"]);
}

#[tokio::test]
async fn a_service_is_where_its_kind_can_be_and_holds_no_password() {
    let bed = Bed::new().await;
    let fields = async |new: ServiceCreateInput| {
        let told = mistakes(services::create(&bed.services, &bed.viewer, new).await);
        told.iter().map(|mistake| mistake.field.join(".")).collect::<Vec<_>>()
    };
    assert_eq!(fields(new_service("Billing", ServiceKind::Http, "ftp://a.com")).await, ["name", "baseUrl"]);
    assert_eq!(fields(new_service("db", ServiceKind::Sql, "postgres://u:p@db/shop")).await, ["baseUrl"]);
    let nowhere = ServiceCreateInput { base_url: None, ..new_service("db", ServiceKind::Sql, "") };
    assert_eq!(fields(nowhere).await, ["baseUrl"]);
    bed.service("mail", ServiceKind::Email, "").await;
    let headers = Some(json!({ "headers": { "authorization": "Bearer hunter2" } }));
    let shown = ServiceCreateInput { settings: headers, ..new_service("a", ServiceKind::Http, "https://a.com") };
    assert_eq!(fields(shown).await, ["settings.headers"]);
    let unsigned = ServiceAuthenticationInput { kind: AuthenticationKind::Hmac, secret_id: None, header_name: None };
    let unsigned =
        ServiceCreateInput { authentication: Some(unsigned), ..new_service("a", ServiceKind::Http, "https://a.com") };
    assert_eq!(fields(unsigned).await, ["authentication.secretId"]);
}

#[tokio::test]
async fn a_resource_asks_a_service_for_what_its_kind_can_give() {
    let bed = Bed::new().await;
    let http = bed.service("shop", ServiceKind::Http, "https://shop.example.com").await;
    let sql = bed.service("db", ServiceKind::Sql, "postgres://reader@db/shop").await;
    let graphql = bed.service("api", ServiceKind::Graphql, "https://api.example.com/graphql").await;
    let chat = bed.service("chat", ServiceKind::Chat, "https://chat.example.com").await;
    let row = bed.resource("order.details", http.id, json!({ "path": "/orders/{{order.id}}" })).await.unwrap();
    assert_eq!(code(bed.resource("order.details", http.id, json!({ "path": "/" })).await), Code::AlreadyExists);
    let found = resource(&bed.services, bed.organization(), "order.details").await.unwrap().unwrap();
    assert_eq!((found.service.as_str(), &found.request["path"]), ("shop", &json!("/orders/{{order.id}}")));
    bed.resource("customer", sql.id, json!({ "query": "select 1 where $1", "params": { "a": "{{b}}" } }))
        .await
        .unwrap();
    for (of, request) in [
        (http.id, json!({ "path": "/{{secrets.token}}" })),
        (http.id, json!({ "path": "/{{" })),
        (http.id, json!({ "method": "POST" })),
        (http.id, json!("/orders")),
        (sql.id, json!({ "path": "/" })),
        (sql.id, json!({ "query": "select {{order.id}}" })),
        (graphql.id, json!({ "query": "{ order(id: {{order.id}}) { total } }" })),
        (chat.id, json!({ "path": "/" })),
    ] {
        let told = mistakes(bed.resource("other", of, request.clone()).await);
        assert_eq!(told[0].field[0], "request", "{request}: {told:?}");
    }
    assert_eq!(mistakes(bed.resource("a..b", ServiceId::new(), json!({})).await).len(), 2);
    let moved = ResourceLoaderUpdateInput { service_id: Some(sql.id), ..Default::default() };
    assert_eq!(mistakes(resources::update(&bed.services, &bed.viewer, row.id, moved).await)[0].field[0], "request");
    let kept = ResourceLoaderUpdateInput { time_to_live_ms: Some(60_000), ..Default::default() };
    let kept = resources::update(&bed.services, &bed.viewer, row.id, kept).await.unwrap();
    assert_eq!((kept.revision, kept.time_to_live_ms), (2, 60_000));
    let refused = mistakes(services::delete(&bed.services, &bed.viewer, http.id).await);
    assert!(refused[0].message.contains("the resource `order.details`"), "{refused:?}");
    resources::delete(&bed.services, &bed.viewer, row.id).await.unwrap();
    services::delete(&bed.services, &bed.viewer, http.id).await.unwrap();
}

const USING: &str = r#"
workflow_id: orders
steps:
  - id: call
    type: execute
    execute:
      - type: http_request
        url: "https://api.example.com/{{vars.region}}"
        headers: { authorization: "Bearer {{secrets.token}}" }
      - { type: create_record, entity: order, service: crm, data: {} }
"#;

#[tokio::test]
async fn a_definition_is_checked_against_the_parts_of_its_organization() {
    let bed = Bed::new().await;
    let codes = async || {
        let checked = workflows::check(&bed.services, &bed.viewer, USING, Format::Yaml).await.unwrap();
        checked.problems.iter().map(|problem| problem.code).collect::<Vec<_>>()
    };
    let before = codes().await;
    for missing in ["unknown-secret", "unknown-variable", "unknown-service"] {
        assert!(before.contains(&missing), "{before:?}");
    }
    bed.secret("token", "hunter2").await;
    variables::set(&bed.services, &bed.viewer, variable("region", json!("eu"))).await.unwrap();
    bed.service("crm", ServiceKind::Records, "https://crm.example.com").await;
    let after = codes().await;
    assert!(!after.iter().any(|code| code.starts_with("unknown-")), "{after:?}");
}

#[tokio::test]
async fn what_a_published_version_names_is_not_deleted_and_the_workflow_is_told() {
    let bed = Bed::new().await;
    let token = bed.secret("token", "hunter2").await;
    let region = variables::set(&bed.services, &bed.viewer, variable("region", json!("eu"))).await.unwrap();
    let crm = bed.service("crm", ServiceKind::Records, "https://crm.example.com").await;
    let lacking = bed.without(&[Permission::SecretUse]);
    assert!(is_forbidden(bed.published(&lacking, USING).await, Permission::SecretUse));
    let imported = bed.published(&bed.viewer, USING).await.unwrap();
    assert_eq!(imported.outcome, ImportOutcome::Created, "{:?}", imported.problems);
    let refused = mistakes(secrets::delete(&bed.services, &bed.viewer, token.id).await);
    assert_eq!(refused[0].code, Code::InUse);
    assert!(refused[0].message.contains("`orders`"), "{refused:?}");
    assert_eq!(code(variables::delete(&bed.services, &bed.viewer, region.id).await), Code::InUse);
    assert_eq!(code(services::delete(&bed.services, &bed.viewer, crm.id).await), Code::InUse);
    let without = "workflow_id: orders\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n";
    bed.published(&lacking, without).await.unwrap();
    secrets::delete(&bed.services, &bed.viewer, token.id).await.unwrap();
    variables::delete(&bed.services, &bed.viewer, region.id).await.unwrap();
    services::delete(&bed.services, &bed.viewer, crm.id).await.unwrap();
    assert_eq!(code(services::delete(&bed.services, &bed.viewer, crm.id).await), Code::NotFound);
}

#[tokio::test]
async fn mail_goes_to_members_whose_address_is_proven() {
    let bed = Bed::new().await;
    let (admin, approver) = (BuiltInRole::Admin.id(), BuiltInRole::Approver.id());
    let ada = bed.member("ada", approver, true).await;
    bed.member("bob", approver, true).await;
    bed.member("eve", approver, false).await;
    bed.member("cy", admin, true).await;
    let of = async |who: Recipient<'static>| {
        let mut found = addresses(&bed.services, bed.organization(), who).await.unwrap();
        found.sort();
        found
    };
    assert_eq!(of(Recipient::Role("approver")).await, ["ada@example.com", "bob@example.com"]);
    assert_eq!(of(Recipient::Role("nobody")).await, Vec::<String>::new());
    assert_eq!(of(Recipient::User("ADA@example.com")).await, ["ada@example.com"]);
    let by_id = ada.to_string();
    let found = addresses(&bed.services, bed.organization(), Recipient::User(&by_id)).await.unwrap();
    assert_eq!(found, ["ada@example.com"]);
    assert_eq!(of(Recipient::User("eve@example.com")).await, Vec::<String>::new());
    let stranger = bed.services.store().ensure_organization("stranger", "Stranger", 1).await.unwrap();
    let foreign = addresses(&bed.services, stranger, Recipient::User(&by_id)).await.unwrap();
    assert_eq!(foreign, Vec::<String>::new(), "a member of others is none");
}
