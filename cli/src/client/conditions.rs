//! Conditions over executions, as the command line has them and as the API takes them.

use serde_json::{Map, Value, json};

use super::start::labels;
use super::values::{optional_json, workflow_ref};
use crate::arguments::executions::WhichOptions;
use crate::failure::Failure;

/// The conditions as an `ExecutionFilter`; none when nothing was said.
pub fn filter(which: &WhichOptions) -> Result<Option<Value>, Failure> {
    let mut conditions = Map::new();
    if let Some(workflow) = &which.workflow {
        conditions.insert("workflow".to_owned(), workflow_ref(workflow));
    }
    if !which.statuses.is_empty() {
        conditions.insert("statuses".to_owned(), upper(&which.statuses));
    }
    if !which.labels.is_empty() {
        let labels = labels(&which.labels, "--label name=value")?;
        let labels: Vec<Value> =
            labels.into_iter().map(|label| json!({ "name": label["name"], "eq": label["value"] })).collect();
        conditions.insert("labels".to_owned(), json!(labels));
    }
    if let Some(key) = &which.key {
        conditions.insert("key".to_owned(), json!({ "eq": key }));
    }
    if let Some(schedule) = &which.schedule {
        conditions.insert("scheduleId".to_owned(), json!(schedule));
    }
    let given = optional_json("--filter", which.filter.as_deref())?;
    match (given.is_null(), conditions.is_empty()) {
        (false, true) => Ok(Some(given)),
        (false, false) => {
            conditions.insert("and".to_owned(), json!([given]));
            Ok(Some(Value::Object(conditions)))
        }
        (true, false) => Ok(Some(Value::Object(conditions))),
        (true, true) => Ok(None),
    }
}

/// Words of the command line as names of the API.
pub fn upper(words: &[String]) -> Value {
    json!(words.iter().map(|word| word.to_ascii_uppercase().replace('-', "_")).collect::<Vec<_>>())
}
