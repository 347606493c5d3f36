//! Services: systems that definitions call by name.

use async_recursion::async_recursion as boxed;
use ids::{SecretId, ServiceId};
use serde_json::{Map, Value, json};
use store::{
    AuthenticationKind, Page, PageRequest, PartInserted, PartKind, PartName, PartSaved, ServiceFilter, ServiceKind,
    ServiceRow,
};

use super::checks::{base_url, check_title, everywhere};
use super::settings::check_settings;
use super::used::{Leaving, settle};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Services of one organization at most: whoever looks for one by its kind or address reads them all.
pub const MAX_SERVICES: u64 = 200;
/// Longest name of a header, in characters.
const MAX_HEADER: usize = 100;
/// The header of a key, unless it is told otherwise.
const KEY_HEADER: &str = "x-api-key";

/// A service to create.
#[derive(Debug, Clone)]
pub struct ServiceCreateInput {
    /// Name in definitions.
    pub name: String,
    /// Title; the name when absent.
    pub title: Option<String>,
    /// Sort of system.
    pub kind: ServiceKind,
    /// Where it is.
    pub base_url: Option<String>,
    /// How it is called; openly when absent.
    pub authentication: Option<ServiceAuthenticationInput>,
    /// Further settings, an object.
    pub settings: Option<Value>,
}

/// What to change of a service; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ServiceUpdateInput {
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
    /// Title.
    pub title: Option<String>,
    /// Where it is.
    pub base_url: Option<String>,
    /// How it is called, as a whole.
    pub authentication: Option<ServiceAuthenticationInput>,
    /// Further settings, an object, as a whole.
    pub settings: Option<Value>,
}

/// How a service is called.
#[derive(Debug, Clone)]
pub struct ServiceAuthenticationInput {
    /// The way.
    pub kind: AuthenticationKind,
    /// The secret; every way but `None` needs one.
    pub secret_id: Option<SecretId>,
    /// Of `ApiKey`: the header, `x-api-key` when absent.
    pub header_name: Option<String>,
}

/// What is stored of the way in which a service is called.
struct Called {
    kind: AuthenticationKind,
    secret: Option<String>,
    header: Option<String>,
}

/// Creates a service.
///
/// # Errors
/// `Forbidden`; mistakes, all at once, `ALREADY_EXISTS` for a name that is taken; the database away.
#[boxed]
pub async fn create(
    services: &Services,
    viewer: &Viewer,
    input: ServiceCreateInput,
) -> Result<ServiceRow, ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let mut mistakes = Vec::new();
    if !engine::definition::is_slug(&input.name) {
        let message = "a name has 1 to 100 lower-case letters, digits, `_` and `-`, and begins with a letter or digit";
        mistakes.push(Mistake::new(Code::Invalid, "name", message));
    }
    check_title(input.title.as_deref(), &mut mistakes);
    let settings = input.settings.unwrap_or_else(|| Value::Object(Map::new()));
    check_settings(&settings, &mut mistakes);
    let called = called(services, viewer, input.authentication, &mut mistakes).await?;
    let base_url = located(input.kind, input.base_url.as_deref(), &called, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    if called.secret.is_some() {
        viewer.require(Permission::SecretUse)?;
    }
    let (now_ms, actor) = (services.now().0, viewer.actor.id.clone());
    let row = ServiceRow {
        id: ServiceId::new(),
        organization_id: viewer.organization,
        title: input.title.unwrap_or_else(|| input.name.clone()),
        name: input.name,
        kind: input.kind,
        base_url,
        auth_kind: called.kind,
        auth_secret: called.secret,
        auth_header: called.header,
        settings: settings.to_string(),
        revision: 1,
        created_at_ms: now_ms,
        created_by: actor.clone(),
        updated_at_ms: now_ms,
        updated_by: actor,
    };
    let name = row.name.clone();
    match services.store().insert_service(row, MAX_SERVICES).await? {
        PartInserted::New(row) => {
            viewer.origin.trail.note(noted(&row, "service.created").after(shown(&row)));
            Ok(row)
        }
        PartInserted::NameTaken => {
            let mistake = Mistake::new(Code::AlreadyExists, "name", format!("there is a service `{name}` already"));
            Err(ServiceError::mistake(mistake.with_help("Change that one with `serviceUpdate`, or use another name.")))
        }
        PartInserted::TooMany => {
            let message = format!("the organization has {MAX_SERVICES} services already");
            let mistake = Mistake::new(Code::TooLarge, "", message);
            Err(ServiceError::mistake(mistake.with_help("Delete one that is not needed.")))
        }
        PartInserted::NoSuchPart => Err(ServiceError::mistake(secret_gone())),
        PartInserted::NoOrganization => Err(ServiceError::Unauthenticated),
    }
}

/// Changes a service; the change counts for the next call.
///
/// # Errors
/// `Forbidden`, also when a secret would go elsewhere, or in another way, than before and the viewer may not use
/// secrets; `NOT_FOUND`; `CONFLICT` when it was changed meanwhile; mistakes, all at once; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: ServiceId,
    input: ServiceUpdateInput,
) -> Result<ServiceRow, ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let before = one(services, viewer, id).await?;
    if input.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(moved_on(&before));
    }
    let mut mistakes = Vec::new();
    check_title(input.title.as_deref(), &mut mistakes);
    if let Some(settings) = &input.settings {
        check_settings(settings, &mut mistakes);
    }
    let called = match input.authentication {
        Some(authentication) => called(services, viewer, Some(authentication), &mut mistakes).await?,
        None => {
            Called { kind: before.auth_kind, secret: before.auth_secret.clone(), header: before.auth_header.clone() }
        }
    };
    let wanted = input.base_url.as_deref().or(before.base_url.as_deref());
    let base_url = located(before.kind, wanted, &called, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let goes_elsewhere = called.secret != before.auth_secret
        || base_url != before.base_url
        || called.kind != before.auth_kind
        || called.header != before.auth_header;
    if called.secret.is_some() && goes_elsewhere {
        viewer.require(Permission::SecretUse)?;
    }
    let new = ServiceRow {
        title: input.title.unwrap_or_else(|| before.title.clone()),
        base_url,
        auth_kind: called.kind,
        auth_secret: called.secret,
        auth_header: called.header,
        settings: input.settings.map_or_else(|| before.settings.clone(), |settings| settings.to_string()),
        updated_at_ms: services.now().0,
        updated_by: viewer.actor.id.clone(),
        ..before.clone()
    };
    match services.store().save_service(new, before.revision).await? {
        PartSaved::Saved(row) => {
            viewer.origin.trail.note(noted(&row, "service.updated").before(shown(&before)).after(shown(&row)));
            Ok(row)
        }
        PartSaved::NoSuchPart => Err(ServiceError::mistake(secret_gone())),
        PartSaved::MovedOn => Err(moved_on(&before)),
    }
}

/// Deletes a service.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions or resources, which are named; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: ServiceId) -> Result<(), ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let row = one(services, viewer, id).await?;
    let outcome = services.store().delete_service(viewer.organization, id).await?;
    let part = PartName { kind: PartKind::Service, name: row.name.clone() };
    settle(services, viewer, outcome, Leaving { part: &part, called: "the service", absent: unknown(id) }).await?;
    viewer.origin.trail.note(noted(&row, "service.deleted").before(shown(&row)));
    Ok(())
}

/// Several services, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(services: &Services, viewer: &Viewer, ids: &[ServiceId]) -> Result<Vec<ServiceRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().services_by_ids(viewer.organization, ids).await?)
}

/// Several services by name, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_names(services: &Services, viewer: &Viewer, names: &[String]) -> Result<Vec<ServiceRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().services_by_names(viewer.organization, names).await?)
}

/// A page of the services that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &ServiceFilter,
    request: &PageRequest,
) -> Result<Page<ServiceRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().services(viewer.organization, filter, request).await?)
}

/// How many services fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &ServiceFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().count_services(viewer.organization, filter).await?)
}

/// Name of a kind, as the API has it.
#[must_use]
pub const fn kind_name(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Http => "HTTP",
        ServiceKind::Graphql => "GRAPHQL",
        ServiceKind::Sql => "SQL",
        ServiceKind::Redis => "REDIS",
        ServiceKind::Email => "EMAIL",
        ServiceKind::Chat => "CHAT",
        ServiceKind::Ai => "AI",
        ServiceKind::Records => "RECORDS",
    }
}

/// Name of a way of authentication, as the API has it.
#[must_use]
pub const fn authentication_name(kind: AuthenticationKind) -> &'static str {
    match kind {
        AuthenticationKind::None => "NONE",
        AuthenticationKind::Basic => "BASIC",
        AuthenticationKind::Bearer => "BEARER",
        AuthenticationKind::ApiKey => "API_KEY",
        AuthenticationKind::Hmac => "HMAC",
    }
}

/// The service that is to be changed or named.
pub(super) async fn one(services: &Services, viewer: &Viewer, id: ServiceId) -> Result<ServiceRow, ServiceError> {
    services.store().services_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))
}

/// What is stored of an authentication: the secret by its name.
async fn called(
    services: &Services,
    viewer: &Viewer,
    input: Option<ServiceAuthenticationInput>,
    mistakes: &mut Vec<Mistake>,
) -> Result<Called, ServiceError> {
    let open = Called { kind: AuthenticationKind::None, secret: None, header: None };
    let Some(input) = input else { return Ok(open) };
    let kind = input.kind;
    if kind == AuthenticationKind::None {
        if input.secret_id.is_some() || input.header_name.is_some() {
            let message = "a service that is called openly needs neither a secret nor a header";
            let mistake = Mistake::new(Code::Invalid, "authentication", message);
            mistakes.push(mistake.with_help("Say with `kind` how it is called."));
        }
        return Ok(open);
    }
    let secret = match input.secret_id {
        None => {
            let message = format!("a service that is called with {} needs a secret", authentication_name(kind));
            mistakes.push(Mistake::new(Code::Required, "authentication.secretId", message));
            None
        }
        Some(id) => {
            let found = services.store().secrets_by_ids(viewer.organization, &[id]).await?.pop();
            if found.is_none() {
                let message = format!("there is no secret `{id}`");
                mistakes.push(Mistake::new(Code::NotFound, "authentication.secretId", message));
            }
            found.map(|row| row.name)
        }
    };
    let header = header(kind, input.header_name, mistakes);
    Ok(Called { kind, secret, header })
}

/// The header of a key; other ways of authentication have their own.
fn header(kind: AuthenticationKind, given: Option<String>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    if kind != AuthenticationKind::ApiKey {
        if given.is_some() {
            let message = format!("the header of {} is not to be chosen", authentication_name(kind));
            mistakes.push(Mistake::new(Code::Invalid, "authentication.headerName", message));
        }
        return None;
    }
    let name = given.unwrap_or_else(|| KEY_HEADER.to_owned()).trim().to_ascii_lowercase();
    if !is_header(&name) {
        let message = format!("the name of a header has 1 to {MAX_HEADER} letters, digits and `-`");
        mistakes.push(Mistake::new(Code::Invalid, "authentication.headerName", message));
    }
    Some(name)
}

/// Whether this can be the name of a header that requests may bring.
pub(super) fn is_header(name: &str) -> bool {
    const OF_THE_CONNECTION: [&str; 7] =
        ["host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade"];
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
    !name.is_empty()
        && name.len() <= MAX_HEADER
        && name.bytes().all(is_token)
        && !OF_THE_CONNECTION.contains(&name.to_ascii_lowercase().as_str())
}

/// Where the service is, if it can be there.
fn located(kind: ServiceKind, text: Option<&str>, called: &Called, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let is_http_way = matches!(called.kind, AuthenticationKind::ApiKey | AuthenticationKind::Hmac);
    let schemes: &[&str] = match kind {
        ServiceKind::Sql => &["postgres", "postgresql"],
        ServiceKind::Redis => &["redis", "rediss"],
        ServiceKind::Http
        | ServiceKind::Graphql
        | ServiceKind::Email
        | ServiceKind::Chat
        | ServiceKind::Ai
        | ServiceKind::Records => &["https", "http"],
    };
    if matches!(kind, ServiceKind::Sql | ServiceKind::Redis) && is_http_way {
        let name = authentication_name(called.kind);
        let message = format!("a service of kind {} is not called with {name}", kind_name(kind));
        let mistake = Mistake::new(Code::Invalid, "authentication.kind", message);
        mistakes.push(mistake.with_help("Use BASIC, with the user in `settings.username`."));
    }
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Some(base_url(text, schemes, mistakes)),
        // Mail goes through the installation's own server.
        None if kind == ServiceKind::Email => None,
        None => {
            let message = format!("a service of kind {} needs an address", kind_name(kind));
            mistakes.push(Mistake::new(Code::Required, "baseUrl", message));
            None
        }
    }
}

fn noted(row: &ServiceRow, named: &'static str) -> Change {
    Change::of("service", row.id, row.name.as_str()).named(named)
}

/// What the audit log shows of a service: where it is and what it is called with, without its further settings.
fn shown(row: &ServiceRow) -> Value {
    json!({
        "title": row.title,
        "kind": kind_name(row.kind),
        "baseUrl": row.base_url,
        "authentication": authentication_name(row.auth_kind),
        "secret": row.auth_secret,
        "revision": row.revision,
    })
}

fn secret_gone() -> Mistake {
    Mistake::new(Code::NotFound, "authentication.secretId", "the secret was deleted meanwhile")
}

fn unknown(id: ServiceId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no service `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `services`."))
}

fn moved_on(row: &ServiceRow) -> ServiceError {
    let message = format!("the service `{}` was changed meanwhile", row.name);
    let mistake = Mistake::new(Code::Conflict, "expectedRevision", message);
    ServiceError::mistake(mistake.with_help("Read it again and decide anew."))
}
