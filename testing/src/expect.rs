//! What is expected of a run, and how it is judged.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::compare::{Extent, Reading, compare};
use crate::seen::Seen;
use crate::visits;

/// What is expected; what is absent may be anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Status at the end.
    pub status: Option<String>,
    /// What it came to.
    pub result: Option<String>,
    /// What its decision says.
    pub reason: Option<String>,
    /// Further data of the decision.
    pub metadata: Option<Value>,
    /// Step that failed.
    pub failed_step: Option<String>,
    /// Code of the error.
    pub error_code: Option<String>,
    /// Parts of the error's code and message.
    pub error_contains: Option<Vec<String>>,
    /// Steps in the order in which they began.
    pub steps_visited: Option<Vec<String>>,
    /// Approvals in the order in which they were opened.
    pub approvals: Option<Vec<Value>>,
    /// Messages that arrived, one for each recipient.
    pub notifications: Option<Vec<Value>>,
    /// HTTP calls and GraphQL requests, one for each attempt.
    pub http_calls: Option<Vec<Value>>,
    /// Calls to systems of records, one for each attempt.
    pub records: Option<Vec<Value>>,
    /// Questions to models, one for each attempt.
    pub llm_calls: Option<Vec<Value>>,
    /// Executions of other workflows that were started.
    pub started: Option<Vec<Value>>,
    /// Events that were emitted.
    pub events: Option<Vec<Value>>,
    /// Lines that were logged.
    pub logs: Option<Vec<Value>>,
    /// Values of its data.
    pub context: Option<Map<String, Value>>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, such as `http_calls[0].body.total`.
    pub place: String,
    /// What was expected; nothing for what is too much.
    pub expected: Option<String>,
    /// What was seen; nothing for what is missing.
    pub seen: Option<String>,
}

impl Difference {
    pub(crate) fn other(place: &str, expected: &Value, seen: &Value) -> Self {
        Self { place: place.to_owned(), expected: Some(expected.to_string()), seen: Some(seen.to_string()) }
    }

    pub(crate) fn missing(place: &str, expected: &Value) -> Self {
        Self { place: place.to_owned(), expected: Some(expected.to_string()), seen: None }
    }

    pub(crate) fn surplus(place: &str, seen: &Value) -> Self {
        Self { place: place.to_owned(), expected: None, seen: Some(seen.to_string()) }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |text: &str| {
            if text.chars().count() > 400 {
                text.chars().take(400).collect::<String>() + " …"
            } else {
                text.to_owned()
            }
        };
        match (&self.expected, &self.seen) {
            (Some(expected), Some(seen)) => {
                write!(f, "{}: expected {}, saw {}", self.place, shown(expected), shown(seen))
            }
            (Some(expected), None) => write!(f, "{}: expected {}, which is missing", self.place, shown(expected)),
            (None, Some(seen)) => write!(f, "{}: saw {}, which is not expected", self.place, shown(seen)),
            (None, None) => write!(f, "{}", self.place),
        }
    }
}

/// What of `seen` is not as `case` expects.
#[must_use]
pub fn judge(case: &Case, seen: &Seen) -> Vec<Difference> {
    let mut found = Vec::new();
    let expect = &case.expect;
    let reading = Reading { began: seen.began, secrets: &seen.secrets };
    let mut hold = |place: &str, expected: Option<Value>, seen: Value, extent: Extent| {
        if let Some(expected) = expected {
            compare(&expected, &seen, extent, place, reading, &mut found);
        }
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    hold("status", text(&expect.status), json!(seen.status), Extent::Whole);
    hold("result", text(&expect.result), json!(seen.result), Extent::Whole);
    hold("reason", text(&expect.reason), json!(seen.reason), Extent::Whole);
    hold("metadata", expect.metadata.clone(), seen.metadata.clone(), Extent::Whole);
    hold("failed_step", text(&expect.failed_step), json!(seen.failed_step), Extent::Whole);
    hold("error_code", text(&expect.error_code), json!(seen.error_code), Extent::Whole);
    let list = |list: &Option<Vec<Value>>| list.as_ref().map(|list| json!(list));
    hold("approvals", list(&expect.approvals), json!(seen.approvals), Extent::Part);
    hold("llm_calls", list(&expect.llm_calls), json!(seen.llm_calls), Extent::Part);
    hold("logs", list(&expect.logs), json!(seen.logs), Extent::Part);
    hold("context", expect.context.as_ref().map(|context| json!(context)), seen.context.clone(), Extent::Part);
    let calls = expect.http_calls.as_ref().map(|calls| calls.iter().map(with_plain_headers).collect());
    for (place, expected, seen, whole) in [
        ("notifications", expect.notifications.clone(), json!(seen.notifications), "data"),
        ("http_calls", calls, json!(seen.http_calls), "body"),
        ("records", expect.records.clone(), json!(seen.records), "data"),
        ("started", expect.started.clone(), json!(seen.started), "input"),
        ("events", expect.events.clone(), json!(seen.events), "payload"),
    ] {
        if let Some(expected) = expected {
            lists(&expected, &seen, place, whole, reading, &mut found);
        }
    }
    for part in expect.error_contains.iter().flatten() {
        let whole = format!(
            "{}: {}",
            seen.error_code.as_deref().unwrap_or("no error"),
            seen.error.as_deref().unwrap_or_default()
        );
        if !whole.contains(part) {
            found.push(Difference::other("error_contains", &json!(part), &json!(whole)));
        }
    }
    if let Some(expected) = &expect.steps_visited {
        found.extend(visits::differences(expected, seen));
    }
    for checkpoint in &case.checkpoints {
        let status = seen.statuses.get(checkpoint.after_signals).map_or("", String::as_str);
        if checkpoint.status != status {
            let place = format!("status after {} signals", checkpoint.after_signals);
            found.push(Difference::other(&place, &json!(checkpoint.status), &json!(status)));
        }
    }
    for (index, (signal, effect)) in case.signals.iter().zip(&seen.signals).enumerate() {
        if signal.expected() != *effect {
            let place = format!("signals[{index}] ({})", signal.name());
            found.push(Difference::other(&place, &json!(signal.expected().name()), &json!(effect.name())));
        }
    }
    found
}

/// Lists of the same length, whose members have one part that counts as a whole.
fn lists(
    expected: &[Value],
    seen: &Value,
    place: &str,
    whole: &str,
    reading: Reading<'_>,
    found: &mut Vec<Difference>,
) {
    let empty = Vec::new();
    let seen = seen.as_array().unwrap_or(&empty);
    for (index, expected) in expected.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let Some(seen) = seen.get(index) else {
            found.push(Difference::missing(&place, expected));
            continue;
        };
        let mut rest = expected.clone();
        if let Some(body) = rest.as_object_mut().and_then(|fields| fields.remove(whole)) {
            compare(&body, &seen[whole], Extent::Whole, &format!("{place}.{whole}"), reading, found);
        }
        compare(&rest, seen, Extent::Part, &place, reading, found);
    }
    for (index, seen) in seen.iter().enumerate().skip(expected.len()) {
        found.push(Difference::surplus(&format!("{place}[{index}]"), seen));
    }
}

/// Header names are the same in upper and lower case, and so are methods.
fn with_plain_headers(call: &Value) -> Value {
    let mut call = call.clone();
    if let Some(headers) = call["headers"].as_object() {
        let lower: Map<String, Value> =
            headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        call["headers"] = Value::Object(lower);
    }
    if let Some(method) = call["method"].as_str() {
        call["method"] = Value::String(method.to_uppercase());
    }
    call
}
