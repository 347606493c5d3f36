//! Creates workflows, each with a first draft.

use async_recursion::async_recursion as boxed;
use engine::check::{Offline, check};
use engine::definition::{Format, MAX_DEFINITION_BYTES};
use ids::WorkflowId;
use serde_json::{Value, json};
use store::{NewWorkflow, StoreError, WorkflowChanges, WorkflowRow};

use super::import::{first_folder, format_name};
use super::publish::{PublishRequest, publish};
use super::update;
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Longest idempotency key, in characters.
const MAX_KEY: usize = 255;

/// A workflow to create.
#[derive(Debug, Clone)]
pub struct CreateRequest {
    /// Name for people and files; that of the definition, or made from the title, when absent.
    pub slug: Option<String>,
    /// Title; that of the definition when absent.
    pub name: Option<String>,
    /// Folder.
    pub namespace: Option<String>,
    /// Tags; those of the definition when absent.
    pub tags: Option<Vec<String>>,
    /// Definition; a smallest one when absent.
    pub source: Option<String>,
    /// Its format.
    pub format: Format,
    /// Publish and enable it at once, if there is no error.
    pub publish: bool,
    /// Same key, same workflow.
    pub idempotency_key: Option<String>,
}

/// Creates a workflow with a first draft, or finds the one that was created with the same idempotency key.
///
/// # Errors
/// `Forbidden`; mistakes of the caller, `ALREADY_EXISTS` when the slug is taken; the database away.
#[boxed]
pub async fn create(services: &Services, viewer: &Viewer, request: CreateRequest) -> Result<WorkflowRow, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    if request.publish {
        viewer.require(Permission::WorkflowPublish)?;
    }
    let (publishes, key) = (request.publish, request.idempotency_key.clone());
    let new = new_row(services, viewer, request)?;
    let row = match insert(services, viewer, new, key).await? {
        Inserted::Known(row) => return Ok(row),
        Inserted::New(row) => row,
    };
    if !publishes {
        return Ok(row);
    }
    let request = PublishRequest {
        workflow: row.id,
        expected_revision: Some(row.revision),
        label: None,
        changelog: None,
        enable: true,
        dry_run: false,
    };
    Ok(publish(services, viewer, request).await?.workflow)
}

enum Inserted {
    New(WorkflowRow),
    /// It was created with the same key before.
    Known(WorkflowRow),
}

async fn insert(
    services: &Services,
    viewer: &Viewer,
    new: NewWorkflow,
    key: Option<String>,
) -> Result<Inserted, ServiceError> {
    let slug = new.slug.clone();
    match services.store().insert_workflow(new, key.clone()).await {
        Ok(row) => {
            let change = Change::of("workflow", row.id, row.slug.as_str()).named("workflow.created");
            viewer.origin.trail.note(change.after(json!({ "slug": row.slug, "namespace": row.namespace })));
            services.plans().forget(viewer.organization, row.id, &row.slug).await;
            Ok(Inserted::New(row))
        }
        Err(StoreError::Conflict { .. }) => {
            let known = match &key {
                Some(key) => services.store().workflow_by_key(viewer.organization, key).await?,
                None => None,
            };
            match known {
                Some(row) if row.slug == slug && viewer.reaches(&row.namespace) => Ok(Inserted::Known(row)),
                Some(_other) => {
                    let message = "the idempotency key was used before, for another workflow";
                    Err(ServiceError::mistake(Mistake::new(Code::Duplicate, "idempotencyKey", message)))
                }
                None => {
                    let message = format!("there is a workflow `{slug}` already");
                    let mistake = Mistake::new(Code::AlreadyExists, "slug", message);
                    Err(ServiceError::mistake(
                        mistake.with_help("Choose another slug, or save a draft of that workflow."),
                    ))
                }
            }
        }
        Err(problem) => Err(problem.into()),
    }
}

fn new_row(services: &Services, viewer: &Viewer, request: CreateRequest) -> Result<NewWorkflow, ServiceError> {
    // Of a draft with problems as much as can be read.
    let definition = request.source.as_deref().and_then(|source| check(source, request.format, &Offline).canonical);
    let text = |key: &str| definition.as_ref().and_then(|value| value.get(key)?.as_str()).map(str::to_owned);
    let of_definition = text("workflow_id");
    let name = request.name.or_else(|| text("name"));
    let slug = request.slug.or_else(|| of_definition.clone()).or_else(|| name.as_deref().and_then(slug_of));
    let mut mistakes = Vec::new();
    let slug = match slug {
        Some(slug) if is_slug(&slug) => slug,
        Some(slug) => {
            let message = format!(
                "`{slug}` is no slug: it has 1 to 100 lower-case letters, digits, `_` and `-`, and begins with a \
                 letter or digit"
            );
            mistakes.push(Mistake::new(Code::Invalid, "slug", message));
            slug
        }
        None => {
            let mistake = Mistake::new(Code::Required, "slug", "a workflow needs a slug");
            mistakes.push(mistake.with_help("Give `slug`, or `name`, or a definition with `workflow_id`."));
            String::new()
        }
    };
    if let Some(other) = of_definition.filter(|other| *other != slug) {
        let message = format!("the definition is of workflow `{other}`, not of `{slug}`");
        mistakes
            .push(Mistake::new(Code::Invalid, "slug", message).with_help("Leave `slug` out, or make both the same."));
    }
    if request.source.as_ref().is_some_and(|source| source.len() > MAX_DEFINITION_BYTES) {
        let message = format!("a definition has at most {MAX_DEFINITION_BYTES} bytes");
        mistakes.push(Mistake::new(Code::TooLarge, "source", message));
    }
    if request.idempotency_key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > MAX_KEY) {
        let message = format!("an idempotency key has 1 to {MAX_KEY} characters");
        mistakes.push(Mistake::new(Code::Invalid, "idempotencyKey", message));
    }
    let listed = definition.as_ref().and_then(|value| value.get("tags")?.as_array());
    let tags = listed.map(|tags| tags.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let tags: Option<Vec<String>> = request.tags.or(tags);
    let description = text("description");
    let namespace = request.namespace.unwrap_or_else(|| first_folder(viewer));
    let head = WorkflowChanges {
        name: name.clone(),
        description: description.clone(),
        namespace: Some(namespace.clone()),
        tags: tags.clone(),
    };
    mistakes.extend(update::check(viewer, &head));
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let format = if request.source.is_some() { request.format } else { Format::Yaml };
    Ok(NewWorkflow {
        id: WorkflowId::new(),
        organization_id: viewer.organization,
        name: name.unwrap_or_else(|| slug.clone()),
        description,
        namespace,
        tags: tags.unwrap_or_default(),
        draft_source: request.source.unwrap_or_else(|| format!("workflow_id: {slug}\nsteps: []\n")),
        draft_format: format_name(format).to_owned(),
        actor: viewer.actor.id.clone(),
        now_ms: services.now().0,
        slug,
    })
}

/// `[a-z0-9][a-z0-9_-]{0,99}`, as definitions have it.
fn is_slug(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 100
        && text.bytes().next().is_some_and(lower)
        && text.bytes().all(|byte| lower(byte) || matches!(byte, b'_' | b'-'))
}

/// A slug that is like a title.
fn slug_of(title: &str) -> Option<String> {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let words: String = title.chars().map(plain).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(100).collect();
    let slug = slug.trim_end_matches('-').to_owned();
    (!slug.is_empty()).then_some(slug)
}

#[cfg(test)]
mod tests {
    use super::{is_slug, slug_of};

    #[test]
    fn a_slug_is_made_from_a_title() {
        assert_eq!(slug_of("Check  orders (EU)").as_deref(), Some("check-orders-eu"));
        assert_eq!(slug_of("Übung").as_deref(), Some("bung"));
        assert_eq!(slug_of("!?"), None);
        assert!(slug_of(&"long ".repeat(100)).is_some_and(|slug| is_slug(&slug)));
        assert!(!is_slug("-a") && !is_slug("A") && !is_slug("") && is_slug("a_1-b"));
    }
}
