//! Actions `create_record`, `update_record`, `delete_record` and `get_record`: `ENTITY/ID` behind a service.

use engine::definition::RecordOperation;
use engine::machine::{Body, EffectOutcome, HttpRequest, RecordCall, StepError};
use serde_json::{Map, Value, json};
use service::parts::{Service, ServiceKind};

use super::call::Call;
use super::service_call::{self, segment};

const NOT_FOUND: u16 = 404;

/// `key` tells the call from others of the same effect.
pub(super) async fn run(call: &Call<'_>, asked: &RecordCall, key: &str) -> EffectOutcome {
    match answered(call, asked, key).await {
        Ok(outcome) => outcome,
        Err(problem) => EffectOutcome::Failed(problem),
    }
}

async fn answered(call: &Call<'_>, asked: &RecordCall, key: &str) -> Result<EffectOutcome, StepError> {
    let service = match &asked.service {
        Some(name) => call.service(name).await?,
        None => that_has(&asked.entity, call.services().await?)?,
    };
    let request = request(&service, asked)?;
    Ok(match call.send(request, key, Some(&service)).await {
        EffectOutcome::Succeeded { output } => EffectOutcome::Succeeded { output: read(output, asked) },
        EffectOutcome::Failed(error) if error.status == Some(NOT_FOUND) => absent(error, asked),
        other => other,
    })
}

/// The service that says that it has the entity, or the only one that has records at all.
pub(super) fn that_has(entity: &str, services: Vec<Service>) -> Result<Service, StepError> {
    let has = |service: &Service| {
        let entities = service.settings.get("entities").and_then(Value::as_array);
        entities.is_some_and(|entities| entities.iter().any(|known| known.as_str() == Some(entity)))
    };
    let (having, others): (Vec<_>, Vec<_>) = services.into_iter().partition(has);
    if let Some(service) = having.into_iter().next() {
        return Ok(service);
    }
    let mut keeping = others.into_iter().filter(|service| service.kind == ServiceKind::Records);
    match (keeping.next(), keeping.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(service_call::unknown(&format!(
            "no service has the entity `{entity}` among its `entities`, and there is none of kind RECORDS"
        ))),
        (Some(_), Some(_)) => Err(StepError::other(
            "UNKNOWN_SERVICE",
            format!(
                "several services are of kind RECORDS and none has the entity `{entity}`; name it in the `entities` of \
                 one, or name the `service` in the action"
            ),
        )),
    }
}

fn request(service: &Service, asked: &RecordCall) -> Result<HttpRequest, StepError> {
    let entity = segment(&asked.entity, "`entity`")?;
    let id = asked.entity_id.as_deref().map(|id| segment(id, "`entity_id`")).transpose()?;
    let whole = || match &asked.data {
        Value::Null => Body::Json(Value::Object(Map::new())),
        data => Body::Json(data.clone()),
    };
    let given = || (!asked.data.is_null()).then(|| Body::Json(asked.data.clone()));
    let (method, body) = match (asked.operation, &id) {
        (RecordOperation::Create, None) => ("POST", Some(whole())),
        (RecordOperation::Create, Some(_)) => ("PUT", Some(whole())),
        (RecordOperation::Update, _) => ("PATCH", Some(whole())),
        (RecordOperation::Delete, _) => ("DELETE", given()),
        (RecordOperation::Get, _) => ("GET", None),
    };
    let path = match (&id, asked.operation) {
        (Some(id), _) => format!("/{entity}/{id}"),
        (None, RecordOperation::Create) => format!("/{entity}"),
        (None, RecordOperation::Update | RecordOperation::Delete | RecordOperation::Get) => {
            return Err(StepError::other("INVALID_ACTION", "`entity_id` is missing: it says which record"));
        }
    };
    let mut request = service_call::request(service, method, &path, body)?;
    if let (RecordOperation::Get, Value::Object(fields)) = (asked.operation, &asked.data) {
        let given = fields.iter().filter(|(_, value)| !value.is_null());
        request.query = given.map(parameter).collect::<Result<_, _>>()?;
    }
    Ok(request)
}

fn parameter((name, value): (&String, &Value)) -> Result<(String, String), StepError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            let what =
                format!("the parameter `{name}` is a list or an object; an address takes texts, numbers, booleans");
            return Err(StepError::other("INVALID_ACTION", what));
        }
    };
    Ok((name.clone(), text))
}

/// What a call over HTTP answers, and the id: so the body is `data` as that of any other call.
fn read(mut output: Value, asked: &RecordCall) -> Value {
    let (headers, body) = (output["headers"].take(), output["body"].take());
    let id = asked.entity_id.clone().map_or_else(|| body["id"].clone(), Value::String);
    json!({ "status": output["status"], "headers": headers, "body": body, "id": id })
}

/// There is no such record: what was to be deleted is gone, and anything else fails.
fn absent(error: StepError, asked: &RecordCall) -> EffectOutcome {
    match asked.operation {
        RecordOperation::Delete => {
            let output = json!({ "status": NOT_FOUND, "headers": {}, "body": null, "id": asked.entity_id });
            EffectOutcome::Succeeded { output }
        }
        RecordOperation::Get => {
            let id = asked.entity_id.as_deref().unwrap_or_default();
            let message = format!("there is no record `{id}` of the entity `{}`", asked.entity);
            EffectOutcome::Failed(StepError { code: "RECORD_NOT_FOUND".to_owned(), message, ..error })
        }
        RecordOperation::Create | RecordOperation::Update => EffectOutcome::Failed(error),
    }
}
