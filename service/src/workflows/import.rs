//! Brings definitions in: each file becomes a draft, or a published version, or is refused whole.

use async_recursion::async_recursion as boxed;
use engine::definition::{Definition, Format};
use engine::problem::Problem;
use ids::{HookId, WorkflowId, WorkflowVersionId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{HookTrigger, NewRuleUse, NewVersion, NewWorkflow, PartName, TriggerRow, WorkflowChanges, WorkflowRow};

use super::check::{Known, checked};
use super::state::{not_published, writable};
use crate::audit::Change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::hooks::Verification;
use crate::schedules;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// One file.
#[derive(Debug, Clone)]
pub struct ImportFile {
    /// Name; its ending tells the format.
    pub path: String,
    /// Text.
    pub content: String,
}

/// What to import, and how far.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The files.
    pub files: Vec<ImportFile>,
    /// Publish each file without errors, instead of saving it as a draft.
    pub publish: bool,
    /// Only check.
    pub dry_run: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// New workflow.
    Created,
    /// New draft or version.
    Updated,
    /// Same as before.
    Unchanged,
    /// Has errors; nothing was saved.
    Rejected,
}

/// The result for one file.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its name.
    pub path: String,
    /// What became of it.
    pub outcome: ImportOutcome,
    /// The workflow as it is now; absent when rejected, or when it does not exist and `dry_run`.
    pub workflow: Option<WorkflowRow>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

/// Most files in one import.
const MAX_FILES: usize = 200;

/// Imports definitions, file by file: one that is refused does not hold up the others.
///
/// # Errors
/// `Forbidden`, too many files, the database away.
#[boxed]
pub async fn import(
    services: &Services,
    viewer: &Viewer,
    request: ImportRequest,
) -> Result<Vec<Imported>, ServiceError> {
    viewer.require(Permission::WorkflowWrite)?;
    if request.publish {
        viewer.require(Permission::WorkflowPublish)?;
    }
    if request.files.is_empty() || request.files.len() > MAX_FILES {
        let message = format!("an import has 1 to {MAX_FILES} files, not {}", request.files.len());
        return Err(ServiceError::mistake(Mistake::new(Code::Invalid, "files", message)));
    }
    let mut results = Vec::with_capacity(request.files.len());
    for file in request.files {
        results.push(import_file(services, viewer, file, request.publish, request.dry_run).await?);
    }
    Ok(results)
}

async fn import_file(
    services: &Services,
    viewer: &Viewer,
    file: ImportFile,
    publish: bool,
    dry_run: bool,
) -> Result<Imported, ServiceError> {
    let format = Format::guess(&file.content, Some(&file.path));
    let (checked, known) = checked(services, viewer.organization, &file.content, format).await?;
    let (Some(definition), Some(canonical)) = (checked.definition, checked.canonical) else {
        return Ok(Imported {
            path: file.path,
            outcome: ImportOutcome::Rejected,
            workflow: None,
            problems: checked.problems,
        });
    };
    let store = services.store();
    let existing = store.workflow_by_slug(viewer.organization, &definition.workflow_id).await?;
    let folder = existing.as_ref().map_or_else(|| first_folder(viewer), |workflow| workflow.namespace.clone());
    if !viewer.reaches(&folder) {
        let message =
            format!("{}: the folder of workflow `{}` is out of your reach", file.path, definition.workflow_id);
        let mistake = Mistake::new(Code::Invalid, "files", message);
        return Err(ServiceError::mistake(
            mistake.with_help("Give it another `workflow_id`, or ask somebody whose role reaches it."),
        ));
    }
    existing.as_ref().map_or(Ok(()), writable)?;
    if publish {
        known.parts.allow(viewer)?;
    }
    let content = Content::new(file.content, format, definition, &canonical, &checked.problems).naming(&known);
    let outcome = match &existing {
        None => ImportOutcome::Created,
        Some(workflow) if content.is_in(services, viewer, workflow, publish).await? => ImportOutcome::Unchanged,
        Some(_other_content) => ImportOutcome::Updated,
    };
    if dry_run || outcome == ImportOutcome::Unchanged {
        return Ok(Imported { path: file.path, outcome, workflow: existing, problems: checked.problems });
    }
    let (checksum, slug) = (content.checksum.clone(), content.definition.workflow_id.clone());
    let row = content.workflow_row(services, viewer, existing.as_ref().map(|workflow| workflow.id));
    let workflow = if publish {
        let enable = content.definition.enabled;
        let version = content.version(services, viewer, row.id, None, None);
        let triggers = content.triggers();
        store.save_and_publish(row, version, triggers, enable).await.map_err(not_published(&slug))?
    } else {
        store.upsert_draft(row).await.map_err(not_published(&slug))?
    };
    let named = if publish { "workflow.published" } else { "workflow.drafted" };
    let number = |row: &WorkflowRow| json!({ "versionNumber": row.published_number, "isEnabled": row.is_enabled });
    let mut after = number(&workflow);
    after["checksum"] = Value::String(checksum);
    let before = existing.as_ref().map_or(Value::Null, number);
    let change = Change::of("workflow", workflow.id, &workflow.slug).named(named);
    viewer.origin.trail.note(change.before(before).after(after));
    services.plans().forget(viewer.organization, workflow.id, &workflow.slug).await;
    Ok(Imported { path: file.path, outcome, workflow: Some(workflow), problems: checked.problems })
}

/// Where new workflows go: into the first folder that the viewer is limited to.
pub(super) fn first_folder(viewer: &Viewer) -> String {
    viewer.folders.as_ref().and_then(|folders| folders.first().cloned()).unwrap_or_default()
}

/// A checked definition on its way into the database.
pub(super) struct Content {
    source: String,
    format: Format,
    pub(super) definition: Definition,
    canonical: String,
    checksum: String,
    problems: String,
    /// Where it names rules.
    rules: Vec<NewRuleUse>,
    /// The secrets, variables, services and resources that it names.
    parts: Vec<PartName>,
}

impl Content {
    pub(super) fn new(
        source: String,
        format: Format,
        definition: Definition,
        canonical: &Value,
        problems: &[Problem],
    ) -> Self {
        let canonical = canonical.to_string();
        let checksum = crate::hex(&Sha256::digest(&canonical));
        let problems = serde_json::to_string(problems).expect("problems are plain data");
        Self { source, format, definition, canonical, checksum, problems, rules: Vec::new(), parts: Vec::new() }
    }

    /// With the rules and parts that it was checked against.
    pub(super) fn naming(mut self, known: &Known) -> Self {
        self.rules = known.rules.uses(&self.definition);
        self.parts = known.parts.uses();
        self
    }

    /// Whether the workflow has this content already, where it would be put.
    async fn is_in(
        &self,
        services: &Services,
        viewer: &Viewer,
        workflow: &WorkflowRow,
        publish: bool,
    ) -> Result<bool, ServiceError> {
        if !publish && workflow.draft_source.is_some() {
            return Ok(workflow.draft_source.as_deref() == Some(self.source.as_str()));
        }
        let Some(published) = workflow.published_version_id else { return Ok(false) };
        let version = services.store().version(viewer.organization, published).await?;
        Ok(version.is_some_and(|version| version.checksum == self.checksum && version.source == self.source))
    }

    fn workflow_row(&self, services: &Services, viewer: &Viewer, id: Option<WorkflowId>) -> NewWorkflow {
        let definition = &self.definition;
        NewWorkflow {
            id: id.unwrap_or_else(WorkflowId::new),
            organization_id: viewer.organization,
            slug: definition.workflow_id.clone(),
            name: definition.name.clone().unwrap_or_else(|| definition.workflow_id.clone()),
            description: definition.description.clone(),
            namespace: first_folder(viewer),
            tags: definition.tags.clone(),
            draft_source: self.source.clone(),
            draft_format: format_name(self.format).to_owned(),
            actor: viewer.actor.id.clone(),
            now_ms: services.now().0,
        }
    }

    pub(super) fn version(
        &self,
        services: &Services,
        viewer: &Viewer,
        workflow_id: WorkflowId,
        label: Option<String>,
        changelog: Option<String>,
    ) -> NewVersion {
        NewVersion {
            id: WorkflowVersionId::new(),
            organization_id: viewer.organization,
            workflow_id,
            label: label.or_else(|| self.definition.version.clone()),
            changelog,
            definition: self.canonical.clone(),
            source: self.source.clone(),
            format: format_name(self.format).to_owned(),
            checksum: self.checksum.clone(),
            problems: self.problems.clone(),
            published_at_ms: services.now().0,
            published_by: viewer.actor.id.clone(),
            hooks: self.hooks(),
            schedules: schedules::of_definition(&self.definition),
            rules: self.rules.clone(),
            parts: self.parts.clone(),
            head: self.head(),
        }
    }

    /// What the definition says of its workflow; what it leaves open stays.
    fn head(&self) -> WorkflowChanges {
        let definition = &self.definition;
        WorkflowChanges {
            name: definition.name.clone(),
            description: definition.description.clone(),
            namespace: None,
            tags: Some(definition.tags.clone()).filter(|tags| !tags.is_empty()),
        }
    }

    /// The webhook triggers, as rows that a call is looked up in.
    fn hooks(&self) -> Vec<HookTrigger> {
        let triggers = self.definition.triggers.iter().enumerate();
        triggers
            .filter_map(|(ordinal, trigger)| match &trigger.kind {
                engine::definition::TriggerKind::Webhook(hook) => Some(HookTrigger {
                    id: HookId::new(),
                    ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
                    path: hook.path.clone(),
                    method: hook.method.clone(),
                    verification: Verification::of(&hook.verify).name().to_owned(),
                }),
                _started_otherwise => None,
            })
            .collect()
    }

    /// The event triggers, as rows that an event's name is looked up in.
    pub(super) fn triggers(&self) -> Vec<TriggerRow> {
        let triggers = self.definition.triggers.iter().enumerate();
        triggers
            .filter_map(|(ordinal, trigger)| match &trigger.kind {
                engine::definition::TriggerKind::Event { pattern, .. } => Some(TriggerRow {
                    ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
                    pattern: pattern.as_str().to_owned(),
                    is_exact: pattern.is_exact(),
                }),
                _started_otherwise => None,
            })
            .collect()
    }
}

/// Name of a format in the database.
pub(super) const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Yaml => "yaml",
    }
}

/// The format that [`format_name`] named.
pub(super) fn format_from_name(name: &str) -> Format {
    if name == "json" { Format::Json } else { Format::Yaml }
}
