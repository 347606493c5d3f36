//! The outer keys of a definition, in its three shapes (definition-language §1).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use super::model::{Concurrency, Definition, MissingFields, OnConflict, RateLimit};
use super::reader::At;
use super::{context, names, schema_check, step, trigger, words};
use crate::check::rules;

/// Queue of a definition that names none.
pub const DEFAULT_QUEUE: &str = "default";

/// Longest time that a rate may state, in days.
const MAX_RATE_DAYS: u64 = 31;

/// Longest life of an execution that a definition may state, in days.
const MAX_DEADLINE_DAYS: u64 = 3660;

pub(super) fn decode(at: &At<'_>) -> Option<Definition> {
    let mut object = at.object("a definition")?;
    if let Some(inner) = object.take("definition")
        && inner.members().is_some()
    {
        if inner.value.get("definition").is_some() {
            let message = "a `definition` cannot contain another `definition`";
            inner.report(rules::CONFLICTING_KEYS, message, None);
        }
        object.merge(&inner);
    }

    let workflow_id = object.need("workflow_id").and_then(|at| names::workflow_id(&at));
    let version = object.take("version").and_then(|at| label(&at));
    let name = object.take("name").and_then(|at| at.name_text().map(str::to_owned));
    let description = object.take("description").and_then(|at| at.string().map(str::to_owned));
    let enabled = object.take("enabled").map_or(Some(true), |at| at.boolean());
    let tags = object.take("tags").map_or(Some(Vec::new()), |at| names::list(&at));
    let queue = object.take("queue").map_or(Some(DEFAULT_QUEUE.to_owned()), |at| names::queue(&at));
    let priority = object.take("priority").map_or(Some(super::Priority::default()), |at| at.word(words::PRIORITIES));
    let timeout = object.take("timeout").and_then(|at| at.duration());
    let deadline = object.take("deadline").and_then(|at| {
        let longest = Duration::from_hours(24 * MAX_DEADLINE_DAYS);
        at.duration().filter(|duration| {
            let fits = *duration <= longest;
            if !fits {
                let message = format!("a deadline is at most {MAX_DEADLINE_DAYS}d");
                at.report(rules::BAD_DURATION, message, None);
            }
            fits
        })
    });

    let triggers = trigger::decode(&mut object);
    let input = object.take("input");
    if let Some(input) = &input {
        schema_check::check(input);
    }
    let context = object.take("context").map_or(Some(Vec::new()), |at| context::decode(&at));
    let missing_fields = object.take("missing_fields").map_or(Some(MissingFields::default()), |at| missing(&at));
    let concurrency = object.take("concurrency").and_then(|at| decode_concurrency(&at));
    let rate_limit = object.take("rate_limit").map_or(Some(None), |at| decode_rate_limit(&at).map(Some));
    let metadata = object.take("metadata").map_or(Some(Map::new()), |at| metadata(&at));
    let steps = object.need("steps").and_then(|at| step::list(&at));
    object.finish(|key| {
        words::STEP_TYPES.iter().any(|(_, keys)| keys.contains(&key)).then(|| format!("`{key}` belongs to a step"))
    });

    Some(Definition {
        workflow_id: workflow_id?,
        version,
        name,
        description,
        enabled: enabled?,
        tags: tags?,
        queue: queue?,
        priority: priority?,
        timeout,
        deadline,
        triggers: triggers?,
        input: input.map(|at| at.value.clone()),
        context: context?,
        missing_fields: missing_fields?,
        concurrency,
        rate_limit: rate_limit?,
        steps: steps?,
        // Known when everything is read.
        variables: BTreeSet::new(),
        integrations: BTreeSet::new(),
        metadata: metadata?,
    })
}

/// The author's label; a bare number is taken as it is written.
fn label(at: &At<'_>) -> Option<String> {
    match at.value {
        Value::Number(number) => Some(number.to_string()),
        _ => at.name_text().map(str::to_owned),
    }
}

/// `false` may be the word or, as YAML reads it, the boolean.
fn missing(at: &At<'_>) -> Option<MissingFields> {
    match at.value {
        Value::Bool(false) => Some(MissingFields::False),
        _ => at.word(words::MISSING_FIELDS),
    }
}

fn decode_concurrency(at: &At<'_>) -> Option<Concurrency> {
    let mut object = at.object("`concurrency`")?;
    let key = object.need("key").and_then(|at| at.text_template());
    let limit = object.take("limit").map_or(Some(1), |at| at.integer(1, 1_000_000));
    let on_conflict = object.take("on_conflict").map_or(Some(OnConflict::Queue), |at| at.word(words::ON_CONFLICT));
    object.finish_plain();
    Some(Concurrency { key: key?, limit: limit?, on_conflict: on_conflict? })
}

fn decode_rate_limit(at: &At<'_>) -> Option<RateLimit> {
    let mut object = at.object("`rate_limit`")?;
    let limit = object.need("limit").and_then(|at| at.integer(1, 1_000_000));
    let per = object.need("per").and_then(|at| {
        let length = at.duration()?;
        let longest = Duration::from_hours(24 * MAX_RATE_DAYS);
        let fits = (Duration::from_secs(1)..=longest).contains(&length);
        if !fits {
            at.report(rules::BAD_DURATION, format!("the time of a rate is between 1s and {MAX_RATE_DAYS}d"), None);
        }
        fits.then_some(length)
    });
    let key = object.take("key").map_or(Some(None), |at| at.text_template().map(Some));
    let burst = object.take("burst").map_or(Some(1), |at| at.integer(1, 1_000_000));
    object.finish_plain();
    Some(RateLimit { limit: limit?, per: per?, key: key?, burst: burst? })
}

/// `metadata` is free, as long as it is an object.
pub(super) fn metadata(at: &At<'_>) -> Option<Map<String, Value>> {
    at.members()?;
    at.value.as_object().cloned()
}
