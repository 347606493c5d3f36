//! From what a caller asks for to the row that is recorded: every check, no side effect.

use std::sync::Arc;

use engine::machine;
use ids::{EventId, ExecutionId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::{NewExecution, StartKey};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::{LoadedVersion, Published, WorkflowRef};
use crate::reach;
use crate::services::Services;
use crate::viewer::Viewer;

/// A searchable pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Lower case, at most 63 characters.
    pub name: String,
    /// At most 255 characters.
    pub value: String,
}

/// What a caller asks to start.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Which workflow.
    pub workflow: WorkflowRef,
    /// Which version; the published one when absent.
    pub version: Option<i32>,
    /// The payload, an object; empty when absent.
    pub input: Option<Value>,
    /// Business key, such as an order number.
    pub key: Option<String>,
    /// Same key within 24 hours, same execution.
    pub idempotency_key: Option<String>,
    /// Searchable pairs.
    pub labels: Vec<Label>,
    /// 0 to 9; the workflow's own when absent.
    pub priority: Option<i32>,
    /// What starts it.
    pub trigger: Trigger,
}

/// What starts an execution.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// A person or program.
    Manual {
        /// Why, for the record.
        reason: Option<String>,
    },
    /// A matching event.
    Event {
        /// The event.
        id: EventId,
        /// Its name.
        event: String,
        /// Who sent it.
        source: String,
        /// When it was accepted, RFC 3339.
        received_at: String,
        /// How many executions in a row led to it.
        depth: i16,
    },
    /// Another execution.
    Workflow {
        /// Which.
        execution: ExecutionId,
        /// How many executions in a row led to that one, itself included.
        depth: i16,
        /// Path of its step.
        step: String,
        /// Whether that one waits for the end of this one.
        waits: bool,
    },
}

impl Trigger {
    const fn depth(&self) -> i16 {
        match self {
            Self::Manual { .. } => 0,
            Self::Event { depth, .. } | Self::Workflow { depth, .. } => *depth,
        }
    }
}

/// Longest business or idempotency key, in characters.
const MAX_KEY: usize = 255;
/// Most labels on one execution.
const MAX_LABELS: usize = 32;

/// A start that passed every check.
pub(super) struct Prepared {
    pub(super) execution: NewExecution,
}

/// Checks `request` and builds the row.
pub(super) async fn prepare(
    services: &Services,
    viewer: &Viewer,
    request: StartRequest,
) -> Result<Prepared, ServiceError> {
    let published = services
        .plans()
        .published(services.store(), viewer.organization, &request.workflow)
        .await?
        .ok_or_else(|| ServiceError::mistake(unknown_workflow(&request.workflow)))?;
    if !reach::workflow(services, viewer, published.workflow).await? {
        return Err(ServiceError::mistake(unknown_workflow(&request.workflow)));
    }
    let version = chosen_version(services, viewer, &published, request.version).await?;
    let mut mistakes = check_keys_and_labels(&request);
    let input = match checked_input(services, &version, request.input) {
        Ok(input) => Some(input),
        Err(wrong) => {
            mistakes.extend(wrong);
            None
        }
    };
    let Some(input) = input.filter(|_| mistakes.is_empty()) else {
        return Err(ServiceError::Mistakes(mistakes));
    };
    let now = services.now();
    let definition = version.plan.definition();
    let priority = request.priority.unwrap_or_else(|| default_priority(definition.priority));
    let (trigger_type, event_id, parent_id) = match &request.trigger {
        Trigger::Manual { .. } => (store::TriggerType::Manual, None, None),
        Trigger::Event { id, .. } => (store::TriggerType::Event, Some(*id), None),
        Trigger::Workflow { execution, .. } => (store::TriggerType::Workflow, None, Some(*execution)),
    };
    let start_key = request.idempotency_key.map(|key| StartKey {
        fingerprint: fingerprint(&version, &input, request.key.as_deref(), &request.labels),
        key,
    });
    let execution = NewExecution {
        id: ExecutionId::new(),
        organization_id: viewer.organization,
        workflow_id: version.workflow,
        version_id: version.id,
        version_number: version.number,
        key: request.key,
        priority: i16::try_from(priority).unwrap_or(5),
        queue: definition.queue.clone(),
        trigger_type,
        trigger: trigger_json(&request.trigger, viewer, now).to_string(),
        event_id,
        started_by: viewer.actor.id.clone(),
        input,
        labels: request.labels.into_iter().map(|label| store::Label { name: label.name, value: label.value }).collect(),
        events: serde_json::to_string(&machine::accepted()).expect("events are plain data"),
        start_key,
        queued_at_ms: now.0,
        deadline_at_ms: definition.deadline.map(|deadline| now.plus(deadline).0),
        depth: request.trigger.depth(),
        parent_id,
    };
    Ok(Prepared { execution })
}

fn unknown_workflow(reference: &WorkflowRef) -> Mistake {
    let (field, name) = match reference {
        WorkflowRef::Id(id) => ("workflow.id", id.to_string()),
        WorkflowRef::Slug(slug) => ("workflow.slug", slug.chars().take(100).collect()),
    };
    Mistake::new(Code::NotFound, field, format!("there is no workflow `{name}`"))
        .with_help("List what there is with `workflows`, or import a definition with `workflowImport`.")
}

async fn chosen_version(
    services: &Services,
    viewer: &Viewer,
    published: &Published,
    wanted: Option<i32>,
) -> Result<Arc<LoadedVersion>, ServiceError> {
    if !published.is_enabled {
        let mistake =
            Mistake::new(Code::WorkflowDisabled, "workflow", format!("workflow `{}` is disabled", published.slug));
        return Err(ServiceError::mistake(mistake.with_help("Enable it with `workflowEnable`.")));
    }
    let Some(current) = &published.version else {
        let mistake = Mistake::new(
            Code::NotPublished,
            "workflow",
            format!("workflow `{}` has no published version", published.slug),
        );
        return Err(ServiceError::mistake(mistake.with_help("Publish its draft with `workflowPublish`.")));
    };
    match wanted {
        None => Ok(Arc::clone(current)),
        Some(number) if number == current.number => Ok(Arc::clone(current)),
        Some(number) => {
            let row = services.store().version_by_number(viewer.organization, published.workflow, number).await?;
            let loaded = match row {
                Some(row) => services.plans().version(services.store(), viewer.organization, row.id).await?,
                None => None,
            };
            loaded.ok_or_else(|| {
                let message = format!("workflow `{}` has no version {number}", published.slug);
                ServiceError::mistake(Mistake::new(Code::NotFound, "version", message))
            })
        }
    }
}

fn check_keys_and_labels(request: &StartRequest) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (field, key) in [("key", &request.key), ("idempotencyKey", &request.idempotency_key)] {
        if key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > MAX_KEY || key.contains('\0')) {
            mistakes.push(Mistake::new(
                Code::Invalid,
                field,
                format!("`{field}` must have 1 to {MAX_KEY} characters, none of them NUL"),
            ));
        }
    }
    if let Some(priority) = request.priority.filter(|priority| !(0..=9).contains(priority)) {
        mistakes.push(Mistake::new(Code::Invalid, "priority", format!("`priority` must be 0 to 9, not {priority}")));
    }
    if request.labels.len() > MAX_LABELS {
        mistakes.push(Mistake::new(Code::TooLarge, "labels", format!("an execution has at most {MAX_LABELS} labels")));
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, label) in request.labels.iter().enumerate() {
        let is_name = (1..=63).contains(&label.name.len())
            && label.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/'));
        if !is_name {
            let message = "a label's name has 1 to 63 characters of a-z, 0-9, `_`, `-`, `.` and `/`";
            mistakes.push(Mistake::new(Code::Invalid, &format!("labels.{index}.name"), message));
        } else if !names.insert(label.name.as_str()) {
            let message = format!("the label `{}` is given twice", label.name);
            mistakes.push(Mistake::new(Code::Invalid, &format!("labels.{index}.name"), message));
        }
        if label.value.chars().count() > 255 || label.value.contains('\0') {
            let message = "a label's value has at most 255 characters, none of them NUL";
            mistakes.push(Mistake::new(Code::Invalid, &format!("labels.{index}.value"), message));
        }
    }
    mistakes
}

/// The input as JSON text, when it is an object of an acceptable size that fits the schema.
fn checked_input(services: &Services, version: &LoadedVersion, input: Option<Value>) -> Result<String, Vec<Mistake>> {
    let input = input.unwrap_or_else(|| Value::Object(Map::new()));
    if !input.is_object() {
        let message = "the input must be an object: its keys are what templates and conditions read";
        return Err(vec![Mistake::new(Code::Invalid, "input", message)]);
    }
    let text = input.to_string();
    let limit = services.settings().max_payload_bytes;
    if text.len() > limit {
        let message = format!("the input has {} bytes, the limit is {limit}", text.len());
        return Err(vec![
            Mistake::new(Code::TooLarge, "input", message)
                .with_help("Pass a reference to large data and load it in a step, or raise SLUICE_MAX_PAYLOAD."),
        ]);
    }
    version.plan.check_input(&input).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| {
                let pointer = problem.pointer.trim_start_matches('/').replace('/', ".");
                let field = if pointer.is_empty() { "input".to_owned() } else { format!("input.{pointer}") };
                Mistake::new(Code::InputSchemaMismatch, &field, problem.message)
            })
            .collect::<Vec<_>>()
    })?;
    Ok(text)
}

const fn default_priority(priority: engine::definition::Priority) -> i32 {
    match priority {
        engine::definition::Priority::Low => 2,
        engine::definition::Priority::Normal => 5,
        engine::definition::Priority::High => 8,
    }
}

/// The queue's priority class of a priority from 0 to 9.
#[must_use]
pub const fn queue_priority(priority: i16) -> queue::Priority {
    match priority {
        ..=3 => queue::Priority::Low,
        4..=6 => queue::Priority::Normal,
        7.. => queue::Priority::High,
    }
}

fn trigger_json(trigger: &Trigger, viewer: &Viewer, now: engine::Timestamp) -> Value {
    match trigger {
        Trigger::Manual { reason } => json!({
            "type": "manual", "actor": viewer.actor.id, "reason": reason, "received_at": now.to_rfc3339(),
        }),
        Trigger::Event { id, event, source, received_at, depth: _ } => json!({
            "type": "event", "event": event, "id": id, "source": source, "received_at": received_at,
        }),
        Trigger::Workflow { execution, step, waits, depth: _ } => json!({
            "type": "workflow", "execution": execution, "step": step, "waits": waits, "received_at": now.to_rfc3339(),
        }),
    }
}

/// Tells two requests with the same idempotency key apart: SHA-256 over what they ask for.
fn fingerprint(version: &LoadedVersion, input: &str, key: Option<&str>, labels: &[Label]) -> String {
    let mut hash = Sha256::new();
    // Lengths first, so that no two different requests hash the same bytes.
    for part in [version.workflow.to_string().as_str(), input, key.unwrap_or_default()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    for label in labels {
        hash.update(label.name.len().to_le_bytes());
        hash.update(&label.name);
        hash.update(label.value.len().to_le_bytes());
        hash.update(&label.value);
    }
    crate::hex(&hash.finalize())
}
