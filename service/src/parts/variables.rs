//! Variables: named values for definitions, which anybody who reads definitions may read.

use async_recursion::async_recursion as boxed;
use ids::VariableId;
use serde_json::{Value, json};
use store::{Page, PageRequest, PartFilter, PartInserted, PartKind, PartName, PartSaved, VariableRow};

use super::checks::{check_description, check_json, check_name, check_schema, everywhere};
use super::resolve::stored;
use super::used::{Leaving, settle};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Variables of one organization at most.
pub const MAX_VARIABLES: u64 = 1_000;
/// Ways in which a value does not fit that are told.
const MOST_MISFITS: usize = 10;

/// A variable to create, or what to change of it; description and schema stay when they are absent.
#[derive(Debug, Clone)]
pub struct VariableSetInput {
    /// Name in definitions.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// What it is for.
    pub description: Option<String>,
    /// JSON Schema that the value must fit; null for none.
    pub schema: Option<Value>,
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
}

/// Creates a variable, or changes the one of this name. A new value counts for executions that begin after it.
///
/// # Errors
/// `Forbidden`; mistakes, all at once; `CONFLICT` when it was changed meanwhile; the database away.
#[boxed]
pub async fn set(services: &Services, viewer: &Viewer, input: VariableSetInput) -> Result<VariableRow, ServiceError> {
    viewer.require(Permission::VariableWrite)?;
    everywhere(viewer)?;
    let mut mistakes = Vec::new();
    check_name(&input.name, &mut mistakes);
    check_description(input.description.as_deref(), &mut mistakes);
    check_json("value", &input.value, &mut mistakes);
    check_schema("schema", input.schema.as_ref().filter(|schema| !schema.is_null()), &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let known = services.store().variables_by_names(viewer.organization, std::slice::from_ref(&input.name)).await?;
    let before = known.into_iter().next();
    let schema = match &input.schema {
        Some(schema) if schema.is_null() => None,
        Some(schema) => Some(schema.clone()),
        None => before.as_ref().and_then(|before| before.schema.as_deref()).map(stored).transpose()?,
    };
    fits(schema.as_ref(), &input.value)?;
    let schema = schema.map(|schema| schema.to_string());
    match before {
        Some(before) => change(services, viewer, before, input, schema).await,
        None => create(services, viewer, input, schema).await,
    }
}

async fn create(
    services: &Services,
    viewer: &Viewer,
    input: VariableSetInput,
    schema: Option<String>,
) -> Result<VariableRow, ServiceError> {
    if input.expected_revision.is_some() {
        return Err(moved_on(&input.name));
    }
    let (now_ms, actor) = (services.now().0, viewer.actor.id.clone());
    let row = VariableRow {
        id: VariableId::new(),
        organization_id: viewer.organization,
        name: input.name,
        description: input.description,
        value: input.value.to_string(),
        schema,
        revision: 1,
        created_at_ms: now_ms,
        created_by: actor.clone(),
        updated_at_ms: now_ms,
        updated_by: actor,
    };
    let name = row.name.clone();
    match services.store().insert_variable(row, MAX_VARIABLES).await? {
        PartInserted::New(row) => {
            viewer.origin.trail.note(noted(&row, "variable.created").after(shown(&row)));
            Ok(row)
        }
        // Somebody else created it at this moment.
        PartInserted::NameTaken => Err(moved_on(&name)),
        PartInserted::TooMany => {
            let message = format!("the organization has {MAX_VARIABLES} variables already");
            let mistake = Mistake::new(Code::TooLarge, "", message);
            Err(ServiceError::mistake(mistake.with_help("Delete one that is not needed.")))
        }
        PartInserted::NoSuchPart | PartInserted::NoOrganization => Err(ServiceError::Unauthenticated),
    }
}

async fn change(
    services: &Services,
    viewer: &Viewer,
    before: VariableRow,
    input: VariableSetInput,
    schema: Option<String>,
) -> Result<VariableRow, ServiceError> {
    if input.expected_revision.is_some_and(|expected| expected != before.revision) {
        return Err(moved_on(&before.name));
    }
    let new = VariableRow {
        value: input.value.to_string(),
        schema,
        description: input.description.or_else(|| before.description.clone()),
        updated_at_ms: services.now().0,
        updated_by: viewer.actor.id.clone(),
        ..before.clone()
    };
    match services.store().save_variable(new, before.revision).await? {
        PartSaved::Saved(row) => {
            viewer.origin.trail.note(noted(&row, "variable.updated").before(shown(&before)).after(shown(&row)));
            Ok(row)
        }
        PartSaved::NoSuchPart | PartSaved::MovedOn => Err(moved_on(&before.name)),
    }
}

/// Deletes a variable.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions, which are named; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: VariableId) -> Result<(), ServiceError> {
    viewer.require(Permission::VariableWrite)?;
    everywhere(viewer)?;
    let row = services.store().variables_by_ids(viewer.organization, &[id]).await?.pop().ok_or_else(|| unknown(id))?;
    let outcome = services.store().delete_variable(viewer.organization, id).await?;
    let part = PartName { kind: PartKind::Variable, name: row.name.clone() };
    settle(services, viewer, outcome, Leaving { part: &part, called: "the variable", absent: unknown(id) }).await?;
    viewer.origin.trail.note(noted(&row, "variable.deleted").before(shown(&row)));
    Ok(())
}

/// Several variables, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_ids(
    services: &Services,
    viewer: &Viewer,
    ids: &[VariableId],
) -> Result<Vec<VariableRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().variables_by_ids(viewer.organization, ids).await?)
}

/// Several variables by name, in any order; unknown ones are left out.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn by_names(
    services: &Services,
    viewer: &Viewer,
    names: &[String],
) -> Result<Vec<VariableRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().variables_by_names(viewer.organization, names).await?)
}

/// A page of the variables that fit, newest first.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn page(
    services: &Services,
    viewer: &Viewer,
    filter: &PartFilter,
    request: &PageRequest,
) -> Result<Page<VariableRow>, ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().variables(viewer.organization, filter, request).await?)
}

/// How many variables fit, counted up to 10,000; false when counting stopped there.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn count(services: &Services, viewer: &Viewer, filter: &PartFilter) -> Result<(u64, bool), ServiceError> {
    viewer.require(Permission::WorkflowRead)?;
    Ok(services.store().count_variables(viewer.organization, filter).await?)
}

/// Refuses a value that does not fit its schema.
fn fits(schema: Option<&Value>, value: &Value) -> Result<(), ServiceError> {
    let Some(schema) = schema else { return Ok(()) };
    let problems = engine::plan::check_value(schema, value).map_err(|error| {
        let mistake = Mistake::new(Code::Invalid, "schema", error.to_string());
        ServiceError::mistake(mistake)
    })?;
    if problems.is_empty() {
        return Ok(());
    }
    let mistakes = problems.into_iter().take(MOST_MISFITS).map(|problem| {
        let message = format!("the value does not fit its schema at `{}`: {}", problem.pointer, problem.message);
        Mistake::new(Code::InputSchemaMismatch, "value", message)
    });
    Err(ServiceError::Mistakes(mistakes.collect()))
}

fn noted(row: &VariableRow, named: &'static str) -> Change {
    Change::of("variable", row.id, row.name.as_str()).named(named)
}

/// What the audit log shows of a variable: that it changed, and not to what.
fn shown(row: &VariableRow) -> Value {
    json!({ "description": row.description, "hasSchema": row.schema.is_some(), "revision": row.revision })
}

fn unknown(id: VariableId) -> ServiceError {
    let mistake = Mistake::new(Code::NotFound, "id", format!("there is no variable `{id}`"));
    ServiceError::mistake(mistake.with_help("List what there is with `variables`."))
}

fn moved_on(name: &str) -> ServiceError {
    let message = format!("the variable `{name}` was changed meanwhile");
    let mistake = Mistake::new(Code::Conflict, "expectedRevision", message);
    ServiceError::mistake(mistake.with_help("Read it again and decide anew."))
}
