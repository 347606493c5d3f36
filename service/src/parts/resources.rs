//! Resources: data that definitions declare by name, and how it is fetched.

use async_recursion::async_recursion as boxed;
use engine::expr::Template;
use ids::{ResourceLoaderId, ServiceId};
use serde_json::{Value, json};
use store::{
    Page, PageRequest, PartFilter, PartInserted, PartKind, PartName, PartSaved, ResourceLoaderRow, ServiceKind,
    ServiceRow,
};

use super::checks::{check_description, check_json, check_path, check_resource, check_schema, everywhere};
use super::resolve::stored;
use super::services::kind_name;
use super::used::{Leaving, settle};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Resources of one organization at most.
pub const MAX_RESOURCES: u64 = 500;
/// Longest time that an answer is kept, in milliseconds: a day.
const MAX_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;
/// What a request may have.
const KEYS: [&str; 4] = ["path", "query", "key", "params"];

/// A resource to create.
#[derive(Debug, Clone)]
pub struct ResourceLoaderCreateInput {
    /// Name in `context.load`.
    pub resource: String,
    /// What it gives.
    pub description: Option<String>,
    /// Where it is fetched.
    pub service_id: ServiceId,
    /// Request with templates.
    pub request: Value,
    /// Which part of the answer to keep.
    pub result_path: Option<String>,
    /// JSON Schema of the result.
    pub output_schema: Option<Value>,
    /// Without it the execution fails.
    pub is_required: bool,
    /// How long an answer is kept, in milliseconds; zero: not at all.
    pub time_to_live_ms: i64,
}

/// What to change of a resource; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct ResourceLoaderUpdateInput {
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
    /// What it gives.
    pub description: Option<String>,
    /// Where it is fetched.
    pub service_id: Option<ServiceId>,
    /// Request with templates.
    pub request: Option<Value>,
    /// Which part of the answer to keep.
    pub result_path: Option<String>,
    /// JSON Schema of the result.
    pub output_schema: Option<Value>,
    /// Without it the execution fails.
    pub is_required: Option<bool>,
    /// How long an answer is kept, in milliseconds; zero: not at all.
    pub time_to_live_ms: Option<i64>,
}

/// Creates a resource.
///
/// # Errors
/// `Forbidden`; mistakes, all at once, `ALREADY_EXISTS` for a name that is taken; the database away.
#[boxed]
pub async fn create(
    services: &Services,
    viewer: &Viewer,
    input: ResourceLoaderCreateInput,
) -> Result<ResourceLoaderRow, ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let mut mistakes = Vec::new();
    check_resource(&input.resource, &mut mistakes);
    let service = service(services, viewer, input.service_id, &mut mistakes).await?;
    let (now_ms, actor) = (services.now().0, viewer.actor.id.clone());
    let row = ResourceLoaderRow {
        id: ResourceLoaderId::new(),
        organization_id: viewer.organization,
        name: input.resource,
        description: input.description,
        service: service.as_ref().map(|service| service.name.clone()).unwrap_or_default(),
        request: input.request.to_string(),
        result_path: input.result_path,
        output_schema: input.output_schema.as_ref().map(Value::to_string),
        is_required: input.is_required,
        time_to_live_ms: input.time_to_live_ms,
        revision: 1,
        created_at_ms: now_ms,
        created_by: actor.clone(),
        updated_at_ms: now_ms,
        updated_by: actor,
    };
    let kind = service.map(|service| service.kind);
    check(&row, kind, &input.request, input.output_schema.as_ref(), &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let name = row.name.clone();
    match services.store().insert_resource_loader(row, MAX_RESOURCES).await? {
        PartInserted::New(row) => {
            viewer.origin.trail.note(noted(&row, "resource_loader.created").after(shown(&row)));
            Ok(row)
        }
        PartInserted::NameTaken => {
            let message = format!("there is a resource `{name}` already");
            let mistake = Mistake::new(Code::AlreadyExists, "resource", message);
            let help = "Change that one with `resourceLoaderUpdate`, or use another name.";
            Err(ServiceError::mistake(mistake.with_help(help)))
        }
        PartInserted::TooMany => {
            let message = format!("the organization has {MAX_RESOURCES} resources already");
            let mistake = Mistake::new(Code::TooLarge, "", message);
            Err(ServiceError::mistake(mistake.with_help("Delete one that is not needed.")))
        }
        PartInserted::NoSuchPart => Err(ServiceError::mistake(service_gone())),
        PartInserted::NoOrganization => Err(ServiceError::Unauthenticated),
    }
}

/// Changes a resource; the change counts for executions that begin after it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT` when it was changed meanwhile; mistakes, all at once; the database away.
#[boxed]
pub async fn update(
    services: &Services,
    viewer: &Viewer,
    id: ResourceLoaderId,
    input: ResourceLoaderUpdateInput,
) -> Result<ResourceLoaderRow, ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let before = one(services, viewer, id).await?;
    if input.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(moved_on(&before));
    }
    let mut mistakes = Vec::new();
    let service = if let Some(id) = input.service_id {
        service(services, viewer, id, &mut mistakes).await?
    } else {
        let names = std::slice::from_ref(&before.service);
        services.store().services_by_names(viewer.organization, names).await?.pop()
    };
    let request: Value = match input.request {
        Some(request) => request,
        None => stored(&before.request)?,
    };
    let schema: Option<Value> = match input.output_schema {
        Some(schema) => Some(schema),
        None => before.output_schema.as_deref().map(stored).transpose()?,
    };
    let new = ResourceLoaderRow {
        description: input.description.or_else(|| before.description.clone()),
        service: service.as_ref().map_or_else(|| before.service.clone(), |service| service.name.clone()),
        request: request.to_string(),
        result_path: input.result_path.or_else(|| before.result_path.clone()),
        output_schema: schema.as_ref().map(Value::to_string),
        is_required: input.is_required.unwrap_or(before.is_required),
        time_to_live_ms: input.time_to_live_ms.unwrap_or(before.time_to_live_ms),
        updated_at_ms: services.now().0,
        updated_by: viewer.actor.id.clone(),
        ..before.clone()
    };
    check(&new, service.map(|service| service.kind), &request, schema.as_ref(), &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    match services.store().save_resource_loader(new, before.revision).await? {
        PartSaved::Saved(row) => {
            viewer.origin.trail.note(noted(&row, "resource_loader.updated").before(shown(&before)).after(shown(&row)));
            Ok(row)
        }
        PartSaved::NoSuchPart => Err(ServiceError::mistake(service_gone())),
        PartSaved::MovedOn => Err(moved_on(&before)),
    }
}

/// Deletes a resource.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions, which are named; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: ResourceLoaderId) -> Result<(), ServiceError> {
    viewer.require(Permission::ServiceWrite)?;
    everywhere(viewer)?;
    let row = one(services, viewer, id).await?;
    let outcome = services.store().delete_resource_loader(viewer.organization, id).await?;
    let part = PartName { kind: PartKind::Resource, name: row.name.clone() };
    settle(services, viewer, outcome, Leaving { part: &part, called: "the resource", absent: unknown(id) }).await?;
    viewer.origin.trail.note(noted(&row, "resource_loader.deleted").before(shown(&row)));
    Ok(())
}

/// Several resources, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[ResourceLoaderId],
) -> Result<Vec<ResourceLoaderRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().resource_loaders_by_ids(viewer.organization, ids).await?)
}

/// Several resources by name, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_names(
    services: &Services,
    viewer: &Viewer,
    names: &[String],
) -> Result<Vec<ResourceLoaderRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().resource_loaders_by_names(viewer.organization, names).await?)
}

/// A page of the resources that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &PartFilter,
    request: &PageRequest,
) -> Result<Page<ResourceLoaderRow>, ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().resource_loaders(viewer.organization, filter, request).await?)
}

/// How many resources fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &PartFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::ServiceRead)?;
    Ok(services.store().count_resource_loaders(viewer.organization, filter).await?)
}

async fn one(services: &Services, viewer: &Viewer, id: ResourceLoaderId) -> Result<ResourceLoaderRow, ServiceError> {
    services.store().resource_loaders_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))
}

/// The service that a resource is fetched from.
async fn service(
    services: &Services,
    viewer: &Viewer,
    id: ServiceId,
    mistakes: &mut Vec<Mistake>,
) -> Result<Option<ServiceRow>, ServiceError> {
    let found = services.store().services_by_ids(viewer.organization, &[id]).await?.pop();
    if found.is_none() {
        mistakes.push(Mistake::new(Code::NotFound, "serviceId", format!("there is no service `{id}`")));
    }
    Ok(found)
}

/// Finds what is wrong with a resource of a service of this kind.
fn check(
    row: &ResourceLoaderRow,
    kind: Option<ServiceKind>,
    request: &Value,
    schema: Option<&Value>,
    mistakes: &mut Vec<Mistake>,
) {
    check_description(row.description.as_deref(), mistakes);
    check_path("resultPath", row.result_path.as_deref(), mistakes);
    check_schema("outputSchema", schema, mistakes);
    if !(0..=MAX_KEPT_MS).contains(&row.time_to_live_ms) {
        mistakes.push(Mistake::new(Code::Invalid, "timeToLive", "an answer is kept for a day at most"));
    }
    if check_json("request", request, mistakes) {
        check_request(kind, request, mistakes);
    }
}

fn check_request(kind: Option<ServiceKind>, request: &Value, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |place: &str, message: String| {
        let field = if place.is_empty() { "request".to_owned() } else { format!("request.{place}") };
        mistakes.push(Mistake::new(Code::Invalid, &field, message));
    };
    let Value::Object(fields) = request else {
        return wrong("", "a request is an object".to_owned());
    };
    for key in fields.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let shown: String = key.chars().take(64).collect();
        wrong("", format!("a request has no `{shown}`, only {}", KEYS.join(", ")));
    }
    match Template::compile(request) {
        Err(faults) => {
            for fault in faults {
                wrong("", format!("{} at `{}`", fault.message, fault.pointer));
            }
        }
        Ok(template) => {
            let is_secret = |path: &String| path.split(['.', '[']).next() == Some("secrets");
            if template.reads().iter().any(is_secret) {
                wrong("", "a request names no secrets: the service has the one that it is called with".to_owned());
            }
        }
    }
    let needed: &[&str] = match kind {
        // Of a service that there is not nobody knows; that is told already.
        None | Some(ServiceKind::Http) => &[],
        Some(ServiceKind::Graphql | ServiceKind::Sql) => &["query"],
        Some(ServiceKind::Redis) => &["key"],
        Some(ServiceKind::Records) => &["path", "key"],
        Some(kind @ (ServiceKind::Email | ServiceKind::Chat | ServiceKind::Ai)) => {
            return wrong("", format!("nothing is fetched from a service of kind {}", kind_name(kind)));
        }
    };
    for &key in needed {
        if fields.get(key).is_none_or(|value| value.as_str().is_none_or(str::is_empty)) {
            wrong(key, format!("a request to a service of this kind needs `{key}`, a text"));
        }
    }
    let is_fixed = |query: &Value| Template::compile(query).is_ok_and(|template| template.is_literal());
    let is_statement = matches!(kind, Some(ServiceKind::Sql | ServiceKind::Graphql));
    if is_statement && fields.get("query").is_some_and(|query| !is_fixed(query)) {
        // Data within a statement could become a part of it.
        wrong("query", "`query` has no templates here: put values into `params`".to_owned());
    }
}

fn noted(row: &ResourceLoaderRow, named: &'static str) -> Change {
    Change::of("resource_loader", row.id, row.name.as_str()).named(named)
}

/// What the audit log shows of a resource.
fn shown(row: &ResourceLoaderRow) -> Value {
    json!({ "service": row.service, "isRequired": row.is_required, "revision": row.revision })
}

fn service_gone() -> Mistake {
    Mistake::new(Code::NotFound, "serviceId", "the service was deleted meanwhile")
}

fn unknown(id: ResourceLoaderId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no resource loader `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `resourceLoaders`."))
}

fn moved_on(row: &ResourceLoaderRow) -> ServiceError {
    let message = format!("the resource `{}` was changed meanwhile", row.name);
    let mistake = Mistake::new(Code::Conflict, "expectedRevision", message);
    ServiceError::mistake(mistake.with_help("Read it again and decide anew."))
}
