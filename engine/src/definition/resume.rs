//! At which event a paused execution goes on by itself: written like a wait, and checked like one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reader::{At, Sink};
use super::text::too_deep;
use super::trigger::optional;
use super::{MAX_DEPTH, Test, names};
use crate::Timestamp;
use crate::check::rules;
use crate::expr::Path;
use crate::expr::measure::is_deeper;
use crate::problem::Problem;

/// Paths that are compared at most.
const MOST_PATHS: usize = 20;

/// At which event a paused execution goes on by itself, as somebody asked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumeWhen {
    /// Name or pattern of the event.
    pub event: String,
    /// What it must be about; absent, as for a wait without `match`.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<ResumeMatch>,
    /// What must hold besides, as it is written: see [`resume_test`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Events from before do not count; absent, those from before it is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What an event must be about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ResumeMatch {
    /// At these paths it has the values that the execution has.
    Paths(Vec<String>),
    /// At these paths it has these values.
    Values(BTreeMap<String, Value>),
}

/// Reads at which event to resume; all problems at once, with pointers such as `/condition/and/0/operator`.
///
/// # Errors
/// What is wrong.
pub fn resume_when(
    event: &str,
    matching: Option<&Value>,
    condition: Option<&Value>,
) -> Result<ResumeWhen, Vec<Problem>> {
    let given = [matching, condition];
    if given.iter().flatten().any(|value| is_deeper(value, MAX_DEPTH)) {
        return Err(vec![too_deep()]);
    }
    let written = json!({ "event": event, "match": matching, "condition": condition });
    let sink = Sink::default();
    let decoded = decode(&At::root(&written, &sink));
    let mut problems = sink.into_found().problems;
    problems.retain(Problem::is_error);
    match decoded {
        Some(decoded) if problems.is_empty() => Ok(decoded),
        _has_problems => Err(problems),
    }
}

/// What has to hold for an event, compiled: a condition, or `{ "rule_id": … }`. None for what does not compile.
#[must_use]
pub fn resume_test(condition: &Value) -> Option<Test> {
    let sink = Sink::default();
    test(&At::root(condition, &sink))
}

fn decode(at: &At<'_>) -> Option<ResumeWhen> {
    let mut object = at.object("an awaited event")?;
    let event = object.need("event").and_then(|at| at.event_pattern());
    let matching = optional(object.take("match"), matching);
    let condition = optional(object.take("condition"), |at| test(at).map(|_compiles| at.value.clone()));
    Some(ResumeWhen { event: event?.as_str().to_owned(), matching, condition, since: None })
}

fn matching(at: &At<'_>) -> Option<ResumeMatch> {
    if at.value.is_array() {
        let entries = at.list()?;
        let paths: Vec<Option<String>> = entries.iter().map(path).collect();
        let is_few = is_few(at, paths.len());
        return paths.into_iter().collect::<Option<Vec<String>>>().filter(|_| is_few).map(ResumeMatch::Paths);
    }
    if at.value.is_string() {
        let message = "`match` is a list of paths, or an object of paths and values".to_owned();
        let hint = "write an expression as `condition`: { \"expression\": … }".to_owned();
        at.report_with(&at.pointer, rules::WRONG_TYPE, (message, Some(hint)), Vec::new());
        return None;
    }
    let members = at.members()?;
    let mut values = BTreeMap::new();
    for (path, at) in &members {
        if is_path(at, path) {
            values.insert((*path).to_owned(), at.value.clone());
        }
    }
    is_few(at, members.len()).then_some(ResumeMatch::Values(values))
}

/// A path of a list.
fn path(at: &At<'_>) -> Option<String> {
    at.name_text().filter(|text| is_path(at, text)).map(str::to_owned)
}

fn is_path(at: &At<'_>, text: &str) -> bool {
    let fault = Path::parse(text).err();
    if let Some(fault) = &fault {
        at.report(rules::BAD_PATH, fault.to_string(), None);
    }
    fault.is_none()
}

fn is_few(at: &At<'_>, count: usize) -> bool {
    if count > MOST_PATHS {
        let message = format!("`match` has at most {MOST_PATHS} paths, not {count}");
        at.report(rules::OUT_OF_RANGE, message, None);
    }
    count <= MOST_PATHS
}

fn test(at: &At<'_>) -> Option<Test> {
    if at.value.get("rule_id").is_none() {
        return at.condition().map(Test::Condition);
    }
    let mut object = at.object("a condition with a rule")?;
    let rule = object.need("rule_id").and_then(|at| names::rule(&at));
    object.finish_plain();
    rule.map(Test::Rule)
}

impl ResumeWhen {
    /// The rule that its condition names.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.condition.as_ref()?.get("rule_id")?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(matching: Value, condition: Value) -> Vec<String> {
        let problems = resume_when("order.paid", Some(&matching), Some(&condition)).unwrap_err();
        problems.into_iter().map(|problem| problem.pointer).collect()
    }

    #[test]
    fn it_is_read_as_it_is_written_and_stored_the_same_way() {
        let condition =
            json!({ "and": [{ "field": "event.amount", "operator": "gte", "value": 5 }, { "expression": "n > 1" }] });
        let when = resume_when("order.*", Some(&json!({ "order.id": 7 })), Some(&condition)).unwrap();
        assert_eq!(when.matching, Some(ResumeMatch::Values([("order.id".to_owned(), json!(7))].into())));
        let stored = serde_json::to_value(&when).unwrap();
        assert_eq!(serde_json::from_value::<ResumeWhen>(stored).unwrap(), when);
        let paths = resume_when("order.paid", Some(&json!(["order.id"])), None).unwrap();
        let stored = serde_json::to_value(&paths).unwrap();
        assert_eq!(stored, json!({ "event": "order.paid", "match": ["order.id"] }));
        assert_eq!(serde_json::from_value::<ResumeWhen>(stored).unwrap(), paths);
        let rule = resume_when("a", None, Some(&json!({ "rule_id": "is-vip" }))).unwrap();
        assert_eq!(rule.rule(), Some("is-vip"));
    }

    #[test]
    fn what_is_wrong_says_where() {
        assert!(resume_when("order..paid", None, None).is_err());
        assert_eq!(pointers(json!("order.id == 7"), json!(true)), ["/match"]);
        let unknown = json!({ "and": [{ "field": "event.a", "operator": "resembles", "value": 1 }] });
        assert_eq!(pointers(json!({}), unknown), ["/condition/and/0/operator"]);
        assert_eq!(pointers(json!({}), json!({ "rule_id": "Not A Slug" })), ["/condition/rule_id"]);
        assert_eq!(pointers(json!(7), json!({ "expression": "1 +" })).len(), 2, "all at once");
        let fine = json!({ "expression": "1 == 1" });
        assert_eq!(
            pointers(json!(["order.id", "order..id", 7, "7"]), fine.clone()),
            ["/match/1", "/match/2", "/match/3"]
        );
        assert_eq!(pointers(json!({ "order..id": 1 }), fine), ["/match/order..id"]);
    }
}
