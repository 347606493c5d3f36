//! Starts what a call of a hook asks for.

use async_recursion::async_recursion as boxed;
use std::borrow::Cow;
use std::time::Duration;

use engine::Timestamp;
use engine::definition::Webhook;
use engine::expr::Scope;
use serde_json::{Map, Value};

use super::{Call, Hook, Proof, Verification};
use crate::bounded_key;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::executions::{StartRequest, Started, Trigger, WaitFor, start};
use crate::plans::WorkflowRef;
use crate::services::Services;
use crate::viewer::Viewer;

/// How deep the JSON of a body may nest.
const MAX_NESTING: usize = 64;
/// Headers that no workflow reads: they prove who calls.
const HIDDEN: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "webhook-signature"];

impl Hook {
    /// Starts the workflow with what the call says, and answers when that is durable; what was started by the same
    /// call before is found.
    ///
    /// # Errors
    /// Mistakes of the caller: no JSON, a payload that does not fit, a disabled workflow; the database away.
    #[boxed]
    pub async fn deliver(&self, services: &Services, call: Call, proof: Proof) -> Result<Started, ServiceError> {
        let webhook = self.webhook().ok_or_else(|| ServiceError::Internal {
            what: "a hook has no trigger",
            source: self.row.id.to_string().into(),
        })?;
        let input = input(webhook, &call, services.now())?;
        let key = proof.delivery.as_ref().map(|id| bounded_key(&format!("hook:{}:{id}", self.row.id)));
        let request = StartRequest {
            workflow: WorkflowRef::Id(self.row.workflow_id),
            version: None,
            input: Some(input),
            key: None,
            idempotency_key: key,
            labels: Vec::new(),
            priority: None,
            trigger: Trigger::Webhook {
                path: self.row.path.clone(),
                method: self.row.method.clone(),
                delivery: proof.delivery,
                remote_address: call.origin.address.map(|address| address.to_string()),
            },
        };
        let viewer = Viewer { origin: call.origin, ..Viewer::system(self.row.organization_id) };
        let (started, _row) = start(services, &viewer, request, WaitFor::Nothing, Duration::ZERO).await?;
        Ok(started)
    }
}

/// The payload of the execution: what the trigger's template makes of the call, or the body.
fn input(webhook: &Webhook, call: &Call, now: Timestamp) -> Result<Value, ServiceError> {
    let body = body(&call.body)?;
    let Some(template) = &webhook.input else {
        return match body {
            Value::Null => Ok(Value::Object(Map::new())),
            Value::Object(_) => Ok(body),
            _no_object => {
                let message = "the body is no JSON object, whose keys a workflow could read";
                let help = "Send an object, or give the trigger an `input` such as { items: \"{{ body }}\" }.";
                Err(ServiceError::mistake(Mistake::new(Code::Invalid, "", message).with_help(help)))
            }
        };
    };
    let scope = CallScope::new(webhook, call, body, now);
    template.render(&scope).map_err(|problem| {
        let message = format!("the `input` of the trigger cannot be computed from this call: {problem}");
        ServiceError::mistake(Mistake::new(Code::Invalid, "", message))
    })
}

/// The JSON in a body; null when it is empty.
fn body(bytes: &[u8]) -> Result<Value, ServiceError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|problem| {
        // Where, and nothing of what stands there.
        let message = format!("the body is no JSON: line {}, column {}", problem.line(), problem.column());
        ServiceError::mistake(Mistake::new(Code::BadRequest, "", message))
    })?;
    if is_deeper(&value, MAX_NESTING) {
        let message = format!("the JSON of the body is nested over {MAX_NESTING} deep");
        return Err(ServiceError::mistake(Mistake::new(Code::TooLarge, "", message)));
    }
    Ok(value)
}

/// Whether more than `levels` lists and objects stand in each other.
fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|member| is_deeper(member, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What the `input` of a trigger may read: `body`, `query`, `headers`, `path` and `method`.
struct CallScope {
    roots: Map<String, Value>,
    now: Timestamp,
}

impl CallScope {
    fn new(webhook: &Webhook, call: &Call, body: Value, now: Timestamp) -> Self {
        let pairs = form_urlencoded::parse(call.query.as_deref().unwrap_or_default().as_bytes());
        let query: Map<String, Value> =
            pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
        let proves = match &webhook.verify {
            engine::definition::Verify::HmacSha256 { header, .. } => Some(header.as_str()),
            engine::definition::Verify::None | engine::definition::Verify::StandardWebhooks { .. } => None,
        };
        let shown = call.headers.iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str()) && proves != Some(name));
        let headers: Map<String, Value> =
            shown.map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        let roots = [
            ("body", body),
            ("query", Value::Object(query)),
            ("headers", Value::Object(headers)),
            ("path", Value::String(webhook.path.clone())),
            ("method", Value::String(webhook.method.clone())),
        ];
        Self { roots: roots.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), now }
    }
}

impl Scope for CallScope {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.roots.get(name).map(Cow::Borrowed)
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Hook {
    /// How callers prove themselves.
    #[must_use]
    pub fn verification(&self) -> Verification {
        Verification::from_name(&self.row.verification)
    }
}
