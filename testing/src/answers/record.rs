//! Systems of records: what the flow made is there again, and stubs say otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::definition::RecordOperation;
use engine::machine::{EffectOutcome, RecordCall, StepError};
use serde_json::{Value, json};

use super::http::headers;
use super::{Asked, Came, lost, unexpected};
use crate::seen::SeenRecord;
use crate::stubs::{OperationName, RecordStub, StubbedAnswer, is_for_step};

/// The records that were made, by service, kind and id.
#[derive(Debug, Default)]
pub(super) struct Records {
    known: BTreeMap<(Option<String>, String, String), Value>,
    made: u32,
}

impl RecordStub {
    fn fits(&self, step: &str, call: &RecordCall) -> bool {
        is_for_step(self.step.as_ref(), step)
            && self.operation.is_none_or(|operation| operation == OperationName::of(call.operation))
            && self.entity.as_ref().is_none_or(|entity| *entity == call.entity)
            && self.entity_id.as_ref().is_none_or(|id| call.entity_id.as_ref() == Some(id))
            && self.service.as_ref().is_none_or(|service| call.service.as_ref() == Some(service))
    }
}

impl Records {
    /// What a stub says, or what follows from what was made before.
    pub(super) fn answer(
        &mut self,
        stubs: &[RecordStub],
        asked: &mut Asked,
        step: &str,
        call: &RecordCall,
        timeout: Duration,
    ) -> Came {
        let stub = asked.next(stubs, |stub| stub.fits(step, call), |stub| stub.responses.as_slice());
        let Some(answer) = stub else { return (self.by_itself(call), Duration::ZERO) };
        let what = told(call);
        if let Some(lost) = lost(answer, &what, timeout) {
            return lost;
        }
        let outcome = outcome(call, answer, &what);
        if call.operation == RecordOperation::Delete
            && let (EffectOutcome::Succeeded { .. }, Some(id)) = (&outcome, &call.entity_id)
        {
            self.known.remove(&(call.service.clone(), call.entity.clone(), id.clone()));
        }
        (outcome, Duration::from_millis(answer.delay_ms))
    }

    fn by_itself(&mut self, call: &RecordCall) -> EffectOutcome {
        let id = call.entity_id.clone().unwrap_or_else(|| {
            self.made += 1;
            format!("rec_test_{}", self.made)
        });
        let place = (call.service.clone(), call.entity.clone(), id.clone());
        match call.operation {
            RecordOperation::Create => {
                let mut record = if call.data.is_object() { call.data.clone() } else { json!({}) };
                record["id"] = json!(id);
                self.known.insert(place, record.clone());
                succeeded(201, record, &id)
            }
            RecordOperation::Update => {
                let mut record = self.known.remove(&place).unwrap_or_else(|| json!({ "id": id }));
                for (name, value) in call.data.as_object().into_iter().flatten() {
                    record[name] = value.clone();
                }
                self.known.insert(place, record.clone());
                succeeded(200, record, &id)
            }
            RecordOperation::Delete => {
                self.known.remove(&place);
                succeeded(204, Value::Null, &id)
            }
            RecordOperation::Get => match self.known.get(&place) {
                Some(record) => succeeded(200, record.clone(), &id),
                None => EffectOutcome::Failed(not_found(call)),
            },
        }
    }
}

fn succeeded(status: u16, body: Value, id: &str) -> EffectOutcome {
    EffectOutcome::Succeeded { output: json!({ "status": status, "headers": {}, "body": body, "id": id }) }
}

/// What an answer means: a record that is gone already was deleted.
fn outcome(call: &RecordCall, answer: &StubbedAnswer, what: &str) -> EffectOutcome {
    let is_gone = answer.status == 404 && call.operation == RecordOperation::Delete;
    if answer.status == 404 && call.operation == RecordOperation::Get {
        return EffectOutcome::Failed(StepError { status: Some(404), ..not_found(call) });
    }
    if !is_gone && !(200..300).contains(&answer.status) {
        return EffectOutcome::Failed(unexpected(answer, what));
    }
    let id = call.entity_id.as_ref().map_or_else(|| answer.body["id"].clone(), |id| json!(id));
    let output = json!({ "status": answer.status, "headers": headers(answer), "body": answer.body, "id": id });
    EffectOutcome::Succeeded { output }
}

fn not_found(call: &RecordCall) -> StepError {
    let id = call.entity_id.as_deref().unwrap_or_default();
    let message = format!("there is no {} `{id}`; `stubs.records` can give one", call.entity);
    StepError::other("RECORD_NOT_FOUND", message)
}

fn told(call: &RecordCall) -> String {
    let service = call.service.as_ref().map_or_else(String::new, |name| format!(" in {name}"));
    let id = call.entity_id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
    format!("{} {}{id}{service}", OperationName::of(call.operation).name(), call.entity)
}

/// A call as it can be expected.
pub(super) fn seen(step: &str, call: &RecordCall) -> SeenRecord {
    SeenRecord {
        step: step.to_owned(),
        operation: OperationName::of(call.operation).name().to_owned(),
        entity: call.entity.clone(),
        entity_id: call.entity_id.clone(),
        data: call.data.clone(),
        service: call.service.clone(),
    }
}
