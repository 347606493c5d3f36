//! Signals that people and programs send to one execution.

use async_recursion::async_recursion as boxed;
use engine::machine::Signal;
use ids::{EventId, ExecutionId};
use serde_json::{Value, json};
use store::{ExecutionFilter, ExecutionOrder, ExecutionRow, ExecutionStatus, PageRequest, StringFilter};

use super::control::{has_ended, note};
use super::known::found;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::events::{MAX_NAME, is_event_name};
use crate::plans::WorkflowRef;
use crate::reach;
use crate::services::Services;
use crate::signals::{Told, tell};
use crate::viewer::{Permission, Viewer};

/// Longest idempotency key, in characters.
const MAX_KEY: usize = 200;

/// Who is sent a signal.
#[derive(Debug, Clone)]
pub enum SignalTarget {
    /// This one.
    Execution(ExecutionId),
    /// The live one of the workflow with this business key.
    Key {
        /// The workflow.
        workflow: WorkflowRef,
        /// The key.
        key: String,
    },
}

/// A signal as its sender states it.
#[derive(Debug, Clone)]
pub struct SignalRequest {
    /// Who is sent it.
    pub target: SignalTarget,
    /// Its name, as that of the event that is waited for.
    pub name: String,
    /// Its data, an object.
    pub data: Option<Value>,
    /// The same key, taken once by an execution.
    pub idempotency_key: Option<String>,
}

/// Sends a signal. A step that waits for an event of this name takes it, whatever it is to match; when none waits
/// yet, it is kept for the first that will.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; mistakes of the caller; `WRONG_STATE` when it has ended; the database away.
#[boxed]
pub async fn signal(
    services: &Services,
    viewer: &Viewer,
    request: SignalRequest,
) -> Result<ExecutionRow, ServiceError> {
    viewer.require(Permission::ExecutionControl)?;
    let data = request.data.unwrap_or_else(|| json!({}));
    check(services, &request.name, &data, request.idempotency_key.as_deref())?;
    let row = match request.target {
        SignalTarget::Execution(id) => found(services, viewer, id).await?,
        SignalTarget::Key { workflow, key } => of_key(services, viewer, &workflow, key).await?,
    };
    if row.status.is_ended() {
        return Err(has_ended(&row, "sent a signal"));
    }
    let id = request.idempotency_key.map_or_else(|| EventId::new().to_string(), |key| format!("signal/{key}"));
    note(viewer, &row, "execution.signalled", None, json!({ "name": request.name }));
    let what = Signal::Named { id, name: request.name, data, at: Some(services.now()) };
    let told = Told::Signal { what };
    tell(services, vec![told.row(viewer.organization, row.id)]).await?;
    Ok(row)
}

fn check(services: &Services, name: &str, data: &Value, key: Option<&str>) -> Result<(), ServiceError> {
    let mut mistakes = Vec::new();
    if !is_event_name(name) {
        let message = format!(
            "a signal's name has parts of a-z, A-Z, 0-9, `_` and `-`, joined by dots, {MAX_NAME} bytes at most"
        );
        mistakes.push(Mistake::new(Code::Invalid, "name", message).with_help("Such as `order.paid`."));
    }
    if !data.is_object() {
        let message = "the data must be an object: its keys are merged over the data of the execution";
        mistakes.push(Mistake::new(Code::Invalid, "data", message));
    }
    let (bytes, limit) = (data.to_string().len(), services.settings().max_payload_bytes);
    if bytes > limit {
        let message = format!("the data have {bytes} bytes, the limit is {limit}");
        mistakes.push(Mistake::new(Code::TooLarge, "data", message));
    }
    if key.is_some_and(|key| key.is_empty() || key.chars().count() > MAX_KEY || key.contains('\0')) {
        let message = format!("`idempotencyKey` must have 1 to {MAX_KEY} characters, none of them NUL");
        mistakes.push(Mistake::new(Code::Invalid, "idempotencyKey", message));
    }
    if mistakes.is_empty() { Ok(()) } else { Err(ServiceError::Mistakes(mistakes)) }
}

/// The one live execution of a workflow with this key.
async fn of_key(
    services: &Services,
    viewer: &Viewer,
    workflow: &WorkflowRef,
    key: String,
) -> Result<ExecutionRow, ServiceError> {
    let store = services.store();
    let known = match workflow {
        WorkflowRef::Id(id) => store.workflow(viewer.organization, *id).await?,
        WorkflowRef::Slug(slug) => store.workflow_by_slug(viewer.organization, slug).await?,
    };
    let Some(known) = known.filter(|workflow| reach::has(viewer, workflow)) else {
        return Err(mistake(Code::NotFound, "workflow", "there is no such workflow"));
    };
    let live = ExecutionStatus::ALL.iter().copied().filter(|status| !status.is_ended());
    let filter = ExecutionFilter {
        workflow_ids: Some(vec![known.id]),
        statuses: Some(live.collect()),
        key: Some(StringFilter { eq: Some(key), ..StringFilter::default() }),
        ..ExecutionFilter::default()
    };
    let page =
        store.executions(viewer.organization, &filter, ExecutionOrder::default(), &PageRequest::first(2)).await?;
    let mut items = page.rows.into_iter().map(|(_, row)| row);
    match (items.next(), items.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(mistake(Code::NotFound, "key", "no live execution of the workflow has this key")),
        (Some(_), Some(_)) => {
            Err(mistake(Code::WrongState, "key", "several live executions have this key: name one by its id"))
        }
    }
}

fn mistake(code: Code, field: &str, message: &str) -> ServiceError {
    ServiceError::mistake(Mistake::new(code, field, message))
}
