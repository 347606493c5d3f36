//! Creates, changes, switches and deletes rules.

use async_recursion::async_recursion as boxed;
use engine::problem::Problem;
use engine::rule::RuleKind;
use ids::{RuleId, WorkflowId};
use serde_json::{Value, json};
use store::{RuleChange, RuleInserted, RuleRow};

use super::read::{one, unknown};
use super::stored;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::reach;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest title, in characters.
const MAX_NAME: usize = 255;
/// Longest description, in characters.
const MAX_TEXT: usize = 2_000;
/// Largest definition and largest schema, in bytes of JSON.
const MAX_DEFINITION: usize = 64 * 1_024;
/// Places that are looked through for the workflows that use a rule.
const MOST_USES: u64 = 500;
/// Workflows that a refusal names.
const MOST_NAMED: usize = 10;

/// A rule to create.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// Name in definitions.
    pub slug: String,
    /// Title.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub kind: RuleKind,
    /// Conditions and effects.
    pub definition: Value,
    /// JSON Schema of the data that it reads.
    pub input_schema: Option<Value>,
}

/// What to change of a rule; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct RulePatch {
    /// Revision that the change is based on.
    pub expected_revision: Option<i32>,
    /// Title.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Conditions and effects.
    pub definition: Option<Value>,
    /// JSON Schema of the data that it reads.
    pub input_schema: Option<Value>,
}

/// What became of saving a rule.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The rule as it is now; absent when its definition has errors, and nothing was saved.
    pub rule: Option<RuleRow>,
    /// Findings about its definition.
    pub problems: Vec<Problem>,
}

/// Creates a rule, enabled, with version 1.
///
/// # Errors
/// `Forbidden`; mistakes, all at once, `ALREADY_EXISTS` for a slug that is taken; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, new: NewRule) -> Result<Saved, ServiceError> {
    viewer.require(Permission::RuleWrite)?;
    let mut mistakes = check_texts(Some(&new.name), new.description.as_deref(), new.input_schema.as_ref());
    if !engine::definition::is_slug(&new.slug) {
        let message = "a slug has 1 to 100 lower-case letters, digits, `_` and `-`, and begins with a letter or digit";
        mistakes.push(Mistake::new(Code::Invalid, "slug", message));
    }
    let problems = check_definition(new.kind, &new.definition, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    if problems.iter().any(Problem::is_error) {
        return Ok(Saved { rule: None, problems });
    }
    let (now_ms, actor) = (services.now().0, viewer.actor.id.clone());
    let row = RuleRow {
        id: RuleId::new(),
        organization_id: viewer.organization,
        slug: new.slug,
        name: new.name,
        description: new.description,
        kind: stored(new.kind),
        definition: new.definition.to_string(),
        input_schema: new.input_schema.map(|schema| schema.to_string()),
        version: 1,
        is_enabled: true,
        revision: 1,
        created_at_ms: now_ms,
        created_by: actor.clone(),
        updated_at_ms: now_ms,
        updated_by: actor,
    };
    let slug = row.slug.clone();
    let row = match services.store().insert_rule(row).await? {
        RuleInserted::New(row) => row,
        RuleInserted::SlugTaken => {
            let mistake = Mistake::new(Code::AlreadyExists, "slug", format!("there is a rule `{slug}` already"));
            return Err(ServiceError::mistake(
                mistake.with_help("Change that one with `ruleUpdate`, or use another slug."),
            ));
        }
        RuleInserted::NoOrganization => return Err(ServiceError::Unauthenticated),
    };
    services.plans().forget_rule(viewer.organization, &row.slug).await;
    viewer.origin.trail.note(change(&row, "rule.created").after(shown(&row)));
    Ok(Saved { rule: Some(row), problems })
}

/// Changes a rule. Another definition is its next version: executions that are started from now on use it, those that
/// began before keep theirs.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `CONFLICT` when it was changed meanwhile; `IN_USE` for workflows out of reach; mistakes;
/// the database away.
#[boxed]
pub async fn update(services: &Services, viewer: &Viewer, id: RuleId, patch: RulePatch) -> Result<Saved, ServiceError> {
    viewer.require(Permission::RuleWrite)?;
    let row = one(services, viewer, id).await?;
    if patch.expected_revision.is_some_and(|expected| expected != row.revision) {
        return Err(moved_on(&row));
    }
    reach_of_all(services, viewer, &row).await?;
    let mut mistakes = check_texts(patch.name.as_deref(), patch.description.as_deref(), patch.input_schema.as_ref());
    let problems = match &patch.definition {
        Some(definition) => check_definition(super::kind_of(row.kind), definition, &mut mistakes),
        None => Vec::new(),
    };
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    if problems.iter().any(Problem::is_error) {
        return Ok(Saved { rule: None, problems });
    }
    let definition = patch.definition.map_or_else(|| row.definition.clone(), |definition| definition.to_string());
    let new = RuleRow {
        name: patch.name.unwrap_or_else(|| row.name.clone()),
        description: patch.description.or_else(|| row.description.clone()),
        input_schema: patch.input_schema.map(|schema| schema.to_string()).or_else(|| row.input_schema.clone()),
        version: if definition == row.definition { row.version } else { row.version + 1 },
        definition,
        updated_at_ms: services.now().0,
        updated_by: viewer.actor.id.clone(),
        ..row.clone()
    };
    let saved = services.store().save_rule(new, row.revision).await?.ok_or_else(|| moved_on(&row))?;
    services.plans().forget_rule(viewer.organization, &saved.slug).await;
    viewer.origin.trail.note(change(&saved, "rule.updated").before(shown(&row)).after(shown(&saved)));
    Ok(Saved { rule: Some(saved), problems })
}

/// Switches a rule on; one that is on stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; the database away.
#[boxed]
pub async fn enable(services: &Services, viewer: &Viewer, id: RuleId) -> Result<RuleRow, ServiceError> {
    switch(services, viewer, id, true).await
}

/// Switches a rule off: no version that names it can be published. One that is off stays so.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions, which are named; the database away.
#[boxed]
pub async fn disable(services: &Services, viewer: &Viewer, id: RuleId) -> Result<RuleRow, ServiceError> {
    switch(services, viewer, id, false).await
}

async fn switch(services: &Services, viewer: &Viewer, id: RuleId, is_enabled: bool) -> Result<RuleRow, ServiceError> {
    viewer.require(Permission::RuleWrite)?;
    let row = one(services, viewer, id).await?;
    if row.is_enabled == is_enabled {
        return Ok(row);
    }
    let (store, actor) = (services.store(), viewer.actor.id.as_str());
    match store.switch_rule(viewer.organization, id, is_enabled, actor, services.now().0).await? {
        RuleChange::Done(saved) => {
            services.plans().forget_rule(viewer.organization, &saved.slug).await;
            let named = if is_enabled { "rule.enabled" } else { "rule.disabled" };
            viewer.origin.trail.note(change(&saved, named).after(json!({ "isEnabled": is_enabled })));
            Ok(saved)
        }
        RuleChange::InUse => Err(in_use(services, viewer, &row, "disabled").await?),
        RuleChange::Absent => Err(unknown(id)),
    }
}

/// Deletes a rule. Executions that began with it go on with it.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `IN_USE` by published versions, which are named; the database away.
#[boxed]
pub async fn delete(services: &Services, viewer: &Viewer, id: RuleId) -> Result<(), ServiceError> {
    viewer.require(Permission::RuleWrite)?;
    let row = one(services, viewer, id).await?;
    match services.store().delete_rule(viewer.organization, id).await? {
        RuleChange::Done(()) => {
            services.plans().forget_rule(viewer.organization, &row.slug).await;
            viewer.origin.trail.note(change(&row, "rule.deleted").before(shown(&row)));
            Ok(())
        }
        RuleChange::InUse => Err(in_use(services, viewer, &row, "deleted").await?),
        RuleChange::Absent => Err(unknown(id)),
    }
}

/// Whoever is limited to folders does not change what workflows elsewhere use.
async fn reach_of_all(services: &Services, viewer: &Viewer, row: &RuleRow) -> Result<(), ServiceError> {
    if viewer.folders.is_none() {
        return Ok(());
    }
    let uses = services.store().rule_uses(viewer.organization, row.id, MOST_USES).await?;
    let mut workflows: Vec<WorkflowId> = uses.iter().map(|used| used.workflow_id).collect();
    workflows.dedup();
    let rows = services.store().workflows_by_ids(viewer.organization, &workflows).await?;
    let within = rows.iter().filter(|row| reach::has(viewer, row)).count();
    // Of what was not looked at nobody knows whether it is within reach.
    if uses.len() as u64 == MOST_USES || within < workflows.len() {
        let message = format!("the rule `{}` is used by workflows out of your reach", row.slug);
        return Err(ServiceError::mistake(Mistake::new(Code::InUse, "id", message)));
    }
    Ok(())
}

/// The workflows whose published versions name a rule, each with the steps that do.
async fn workflows_of(
    services: &Services,
    viewer: &Viewer,
    row: &RuleRow,
) -> Result<Vec<(WorkflowId, Vec<String>)>, ServiceError> {
    let mut workflows: Vec<(WorkflowId, Vec<String>)> = Vec::new();
    for used in services.store().rule_uses(viewer.organization, row.id, MOST_USES).await? {
        match workflows.last_mut() {
            Some((workflow, steps)) if *workflow == used.workflow_id => {
                if !steps.contains(&used.step) {
                    steps.push(used.step);
                }
            }
            _another => workflows.push((used.workflow_id, vec![used.step])),
        }
    }
    Ok(workflows)
}

/// Names who uses a rule, as far as the viewer reaches them.
async fn in_use(services: &Services, viewer: &Viewer, row: &RuleRow, done: &str) -> Result<ServiceError, ServiceError> {
    let users = workflows_of(services, viewer, row).await?;
    let ids: Vec<WorkflowId> = users.iter().map(|(id, _)| *id).take(MOST_NAMED).collect();
    let rows = services.store().workflows_by_ids(viewer.organization, &ids).await?;
    let named = |(id, steps): &(WorkflowId, Vec<String>)| {
        let workflow = rows.iter().find(|workflow| workflow.id == *id && reach::has(viewer, workflow))?;
        Some(format!("`{}` ({})", workflow.slug, steps.join(", ")))
    };
    let mut names: Vec<String> = users.iter().take(MOST_NAMED).filter_map(named).collect();
    let others = users.len().saturating_sub(names.len());
    if others > 0 || names.is_empty() {
        names.push(format!("{others} others"));
    }
    let slug = &row.slug;
    let message = format!("the rule `{slug}` cannot be {done}: published versions use it, of {}", names.join(", "));
    let help = "Publish versions of these workflows that do not name the rule.";
    Ok(ServiceError::mistake(Mistake::new(Code::InUse, "id", message).with_help(help)))
}

fn change(row: &RuleRow, named: &'static str) -> Change {
    Change::of("rule", row.id, row.slug.as_str()).named(named)
}

/// What the audit log shows of a rule; every definition that it had is kept with its version.
fn shown(row: &RuleRow) -> Value {
    let kind = super::kind_of(row.kind).name();
    json!({ "name": row.name, "kind": kind, "version": row.version, "isEnabled": row.is_enabled })
}

fn check_definition(kind: RuleKind, definition: &Value, mistakes: &mut Vec<Mistake>) -> Vec<Problem> {
    if definition.to_string().len() > MAX_DEFINITION {
        let message = format!("the definition of a rule has at most {MAX_DEFINITION} bytes");
        mistakes.push(Mistake::new(Code::TooLarge, "definition", message));
        return Vec::new();
    }
    engine::rule::check(kind, definition).problems
}

fn check_texts(name: Option<&str>, description: Option<&str>, schema: Option<&Value>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > MAX_NAME || name.contains('\0')) {
        let message = format!("a name has 1 to {MAX_NAME} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "name", message));
    }
    if description.is_some_and(|text| text.chars().count() > MAX_TEXT || text.contains('\0')) {
        let message = format!("a description has at most {MAX_TEXT} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "description", message));
    }
    if let Some(schema) = schema {
        if schema.to_string().len() > MAX_DEFINITION {
            let message = format!("the schema has at most {MAX_DEFINITION} bytes");
            mistakes.push(Mistake::new(Code::TooLarge, "inputSchema", message));
        } else {
            let wrong = engine::rule::check_schema(schema).into_iter().map(|problem| {
                let message = format!("{} at `{}`", problem.message, problem.pointer);
                let mistake = Mistake::new(Code::Invalid, "inputSchema", message);
                if let Some(hint) = problem.suggestion { mistake.with_help(hint) } else { mistake }
            });
            mistakes.extend(wrong);
        }
    }
    mistakes
}

fn moved_on(row: &RuleRow) -> ServiceError {
    let message = format!("rule `{}` was changed meanwhile: it is at revision {}", row.slug, row.revision);
    ServiceError::mistake(
        Mistake::new(Code::Conflict, "expectedRevision", message).with_help("Read it again and decide anew."),
    )
}
