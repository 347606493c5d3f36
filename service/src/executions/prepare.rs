//! From what a caller asks for to the row that is recorded: every check, no side effect.

use std::sync::Arc;

use engine::Timestamp;
use engine::machine;
use ids::{EventId, ExecutionId, ScheduleId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::{NewExecution, StartKey};

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::plans::{LoadedVersion, Published, WorkflowRef};
use crate::reach;
use crate::rules;
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
    /// A call of a hook.
    Webhook {
        /// Path that was called.
        path: String,
        /// HTTP method.
        method: String,
        /// What the sender calls this call, if it names it.
        delivery: Option<String>,
        /// Address of the caller.
        remote_address: Option<String>,
    },
    /// A point in time.
    Schedule {
        /// Of which schedule.
        schedule: ScheduleId,
        /// The point in time.
        scheduled_for: Timestamp,
        /// It came too late and is made up for.
        is_catch_up: bool,
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
    /// A person or program who lets another execution be repeated.
    Rerun(Box<Repeat>),
}

/// What an execution repeats.
#[derive(Debug, Clone)]
pub struct Repeat {
    /// The other execution.
    pub execution: ExecutionId,
    /// What started that one: templates read the same.
    pub trigger: Value,
    /// Why, for the record.
    pub reason: Option<String>,
    /// The step to begin with.
    pub from_step: Option<String>,
    /// What had been found out before the step.
    pub taken_over: Option<machine::Event>,
}

impl Trigger {
    const fn depth(&self) -> i16 {
        match self {
            Self::Manual { .. } | Self::Schedule { .. } | Self::Webhook { .. } | Self::Rerun(_) => 0,
            Self::Event { depth, .. } | Self::Workflow { depth, .. } => *depth,
        }
    }
}

/// Longest business or idempotency key, in characters.
const MAX_KEY: usize = 255;
/// In place of a fingerprint: calls of a hook are told apart by their ids alone.
const WEBHOOK_FINGERPRINT: &str = "webhook";
/// Most labels on one execution.
pub(super) const MAX_LABELS: usize = 32;

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
    mistakes.extend(check_first_step(&version, &request.trigger));
    let rules = match rules::pin(services, viewer.organization, &version).await {
        Ok(rules) => rules,
        Err(ServiceError::Mistakes(wrong)) => {
            mistakes.extend(wrong);
            None
        }
        Err(error) => return Err(error),
    };
    let Some(input) = input.filter(|_| mistakes.is_empty()) else {
        return Err(ServiceError::Mistakes(mistakes));
    };
    let now = services.now();
    let definition = version.plan.definition();
    let priority = request.priority.unwrap_or_else(|| default_priority(definition.priority));
    let (trigger_type, event_id, parent_id) = match &request.trigger {
        Trigger::Manual { .. } => (store::TriggerType::Manual, None, None),
        Trigger::Schedule { .. } => (store::TriggerType::Schedule, None, None),
        Trigger::Event { id, .. } => (store::TriggerType::Event, Some(*id), None),
        Trigger::Webhook { .. } => (store::TriggerType::Webhook, None, None),
        Trigger::Workflow { execution, .. } => (store::TriggerType::Workflow, None, Some(*execution)),
        Trigger::Rerun(_) => (store::TriggerType::Manual, None, None),
    };
    let awaited = matches!(&request.trigger, Trigger::Workflow { waits: true, .. });
    let repeat = if let Trigger::Rerun(repeat) = &request.trigger { Some(&**repeat) } else { None };
    let mut events = machine::accepted();
    events.extend(repeat.and_then(|repeat| repeat.taken_over.clone()));
    let start_key = request.idempotency_key.map(|key| StartKey {
        fingerprint: match &request.trigger {
            // A sender that repeats itself may write the same differently, or meet a version that reads it differently.
            Trigger::Webhook { .. } => WEBHOOK_FINGERPRINT.to_owned(),
            Trigger::Manual { .. }
            | Trigger::Schedule { .. }
            | Trigger::Event { .. }
            | Trigger::Workflow { .. }
            | Trigger::Rerun(_) => fingerprint(&version, &input, request.key.as_deref(), &request.labels, repeat),
        },
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
        events: serde_json::to_string(&events).expect("events are plain data"),
        start_key,
        queued_at_ms: now.0,
        deadline_at_ms: definition.deadline.map(|deadline| now.plus(deadline).0),
        depth: request.trigger.depth(),
        parent_id,
        awaited,
        rerun_of: repeat.map(|repeat| repeat.execution),
        rules,
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
    mistakes.extend(check_labels(&request.labels, "labels"));
    mistakes
}

/// What is wrong with labels that are given in `field`.
pub(super) fn check_labels(labels: &[Label], field: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if labels.len() > MAX_LABELS {
        mistakes.push(Mistake::new(Code::TooLarge, field, format!("an execution has at most {MAX_LABELS} labels")));
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, label) in labels.iter().enumerate() {
        let is_name = (1..=63).contains(&label.name.len())
            && label.name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/'));
        if !is_name {
            let message = "a label's name has 1 to 63 characters of a-z, 0-9, `_`, `-`, `.` and `/`";
            mistakes.push(Mistake::new(Code::Invalid, &format!("{field}.{index}.name"), message));
        } else if !names.insert(label.name.as_str()) {
            let message = format!("the label `{}` is given twice", label.name);
            mistakes.push(Mistake::new(Code::Invalid, &format!("{field}.{index}.name"), message));
        }
        if label.value.chars().count() > 255 || label.value.contains('\0') {
            let message = "a label's value has at most 255 characters, none of them NUL";
            mistakes.push(Mistake::new(Code::Invalid, &format!("{field}.{index}.value"), message));
        }
    }
    mistakes
}

/// A step to begin with stands at the top level of the flow.
fn check_first_step(version: &LoadedVersion, trigger: &Trigger) -> Option<Mistake> {
    let Trigger::Rerun(repeat) = trigger else { return None };
    let step = repeat.from_step.as_ref()?;
    let is_there = version.plan.step(step).is_some() && !version.plan.is_nested(step);
    let message = format!("version {} has no step `{step}` at the top level of its flow", version.number);
    (!is_there).then(|| Mistake::new(Code::Invalid, "fromStep", message))
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
        Trigger::Webhook { path, method, delivery, remote_address } => json!({
            "type": "webhook", "path": path, "method": method, "id": delivery, "remote_address": remote_address,
            "received_at": now.to_rfc3339(),
        }),
        Trigger::Schedule { schedule, scheduled_for, is_catch_up } => json!({
            "type": "schedule", "schedule_id": schedule, "scheduled_for": scheduled_for.to_rfc3339(),
            "is_catch_up": is_catch_up, "received_at": now.to_rfc3339(),
        }),
        Trigger::Workflow { execution, step, waits, depth: _ } => json!({
            "type": "workflow", "execution": execution, "step": step, "waits": waits, "received_at": now.to_rfc3339(),
        }),
        Trigger::Rerun(repeat) => repeated(repeat, viewer),
    }
}

/// What started the execution that is repeated, with who repeats it. Nobody waits for the end.
fn repeated(repeat: &Repeat, viewer: &Viewer) -> Value {
    let mut trigger = match &repeat.trigger {
        Value::Object(trigger) => trigger.clone(),
        _none_of_ours => Map::new(),
    };
    trigger.remove("waits");
    trigger.insert("actor".to_owned(), json!(viewer.actor.id));
    trigger.insert("reason".to_owned(), json!(repeat.reason));
    trigger.insert("rerun_of".to_owned(), json!(repeat.execution));
    trigger.insert("from_step".to_owned(), json!(repeat.from_step));
    Value::Object(trigger)
}

/// Tells two requests with the same idempotency key apart: SHA-256 over what they ask for.
fn fingerprint(
    version: &LoadedVersion,
    input: &str,
    key: Option<&str>,
    labels: &[Label],
    repeat: Option<&Repeat>,
) -> String {
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
    if let Some(repeat) = repeat {
        hash.update(repeat.execution.to_string());
        hash.update(repeat.from_step.as_deref().unwrap_or_default());
    }
    crate::hex(&hash.finalize())
}
