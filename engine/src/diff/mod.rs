//! What changed between two definitions: step by step, and as JSON Patch (RFC 6902).
//!
//! Both sides are canonical, so what is only written differently is no change. A change is breaking when it can
//! affect those who run or call the workflow: an execution that stands at a step that is gone, a caller whose input
//! is not accepted any more.

mod flow;
mod head;
mod patch;
mod schema;
mod steps;
mod values;

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::fix::Operation;

pub(crate) use self::flow::{Place, places};

/// Sorts of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Another value.
    Changed,
    /// Another place.
    Moved,
    /// A step with another id, and otherwise the same.
    Renamed,
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The step; none for the head of the definition. Of a renamed step, its new id.
    pub step: Option<String>,
    /// JSON Pointer: into the new definition, or into the old one of what is gone.
    pub pointer: String,
    /// What was there.
    pub before: Option<Value>,
    /// What is there now.
    pub after: Option<Value>,
    /// Executions that are under way, or callers, can be affected.
    pub is_breaking: bool,
    /// In words.
    pub summary: String,
}

/// What changed between two definitions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// The head first, then step by step.
    pub changes: Vec<Change>,
    /// What makes the new one of the old one.
    pub patch: Vec<Operation>,
}

impl Difference {
    /// Whether executions that are under way, or callers, can be affected.
    #[must_use]
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.is_breaking)
    }
}

/// What changed from `before` to `after`, both canonical.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Difference {
    let mut changes = Vec::new();
    head::compare(object(before), object(after), &mut changes);
    steps::compare(before, after, &mut changes);
    Difference { changes, patch: patch::patch(before, after) }
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

/// A value in a sentence.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return format!("`{text}`");
    }
    format!("`{}…`", text.chars().take(MOST).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: &Value, after: &Value) -> Vec<String> {
        let difference = difference(before, after);
        let again = crate::fix::apply(before.clone(), &difference.patch);
        assert_eq!(again.as_ref(), Some(after), "{:?}", difference.patch);
        let mark = |change: &Change| if change.is_breaking { "!" } else { " " };
        difference.changes.iter().map(|change| format!("{} {}", mark(change), change.summary)).collect()
    }

    fn flow(steps: &Value) -> Value {
        json!({ "workflow_id": "w", "steps": steps })
    }

    #[test]
    fn what_is_the_same_has_no_difference() {
        let one = flow(&json!([{ "id": "a", "type": "end" }]));
        assert_eq!(difference(&one, &one), Difference::default());
    }

    #[test]
    fn steps_are_told_by_their_ids_wherever_they_stand() {
        let before = flow(&json!([
            { "id": "a", "type": "log", "message": "x", "next": "b" },
            { "id": "b", "type": "wait", "wait": { "for": "1h" } },
            { "id": "c", "type": "end" },
        ]));
        let after = flow(&json!([
            { "id": "c", "type": "end" },
            { "id": "a", "type": "log", "message": "x", "next": "d" },
            { "id": "d", "type": "fail", "code": "NO" },
        ]));
        assert_eq!(
            told(&before, &after),
            [
                "  the flow begins with `c`, no longer with `a`",
                "  step `a` goes on to `d`, no longer to `b` (`next`)",
                "! step `b` is gone",
                "  step `d` is new",
            ]
        );
    }

    #[test]
    fn a_step_that_is_only_called_otherwise_is_renamed_with_what_refers_to_it() {
        let before = flow(&json!([
            { "id": "a", "type": "set", "set": { "n": 1 }, "next": "b" },
            { "id": "b", "type": "wait", "wait": { "for": "1h" }, "next": "c" },
            { "id": "c", "type": "end" },
        ]));
        let after = flow(&json!([
            { "id": "a", "type": "set", "set": { "n": 1 }, "next": "rest" },
            { "id": "rest", "type": "wait", "wait": { "for": "1h" }, "next": "done" },
            { "id": "done", "type": "end" },
        ]));
        assert_eq!(told(&before, &after), ["! step `b` is called `rest` now", "! step `c` is called `done` now"]);
    }

    #[test]
    fn a_step_within_another_moves_changes_its_order_and_its_values() {
        let step = |steps: Value| {
            flow(&json!([{ "id": "all", "type": "foreach", "foreach": { "items": "{{ x }}", "steps": steps } }]))
        };
        let (one, two) =
            (json!({ "id": "one", "type": "end" }), json!({ "id": "two", "type": "set", "set": { "a/b": 1 } }));
        let other = json!({ "id": "two", "type": "set", "set": { "a/b": [1, 2] } });
        assert_eq!(
            told(&step(json!([one, two])), &step(json!([other, one]))),
            [
                "  step `one` comes at place 2 of `all`, no longer at 1",
                "  step `two` comes at place 1 of `all`, no longer at 2",
                "  step `two`: `/set/a~1b` is `[1,2]`, and was `1`",
            ]
        );
        let mut out = step(json!([one]));
        out["steps"].as_array_mut().unwrap().push(two.clone());
        assert_eq!(
            told(&step(json!([one, two])), &out),
            ["! step `two` stands in the flow itself now, no longer in `all`"]
        );
    }

    #[test]
    fn another_type_and_another_event_break_what_stands_there() {
        let before = flow(&json!([{ "id": "a", "type": "wait", "wait": { "event": "x.y", "timeout": "1h" } }]));
        let after = flow(&json!([{ "id": "a", "type": "wait", "wait": { "event": "x.z", "timeout": "2h" } }]));
        assert_eq!(
            told(&before, &after),
            [
                "! step `a`: `/wait/event` is `\"x.z\"`, and was `\"x.y\"`",
                "  step `a`: `/wait/timeout` is `\"2h\"`, and was `\"1h\"`",
            ]
        );
        let after = flow(&json!([{ "id": "a", "type": "end" }]));
        assert_eq!(
            told(&before, &after),
            ["! step `a`: `/type` is `\"end\"`, and was `\"wait\"`", "  step `a`: `/wait` is gone"]
        );
    }

    #[test]
    fn triggers_and_limits_are_told_with_whom_they_concern() {
        let before = json!({ "workflow_id": "w", "concurrency": { "key": "a", "limit": 1 }, "steps": [],
            "triggers": [{ "type": "event", "event": "a.b" }, { "type": "manual" }] });
        let after = json!({ "workflow_id": "w", "concurrency": { "key": "a", "limit": 2 }, "steps": [], "tags": ["x"],
            "triggers": [{ "type": "manual" }, { "type": "schedule", "cron": "0 9 * * *" }] });
        assert_eq!(
            told(&before, &after),
            [
                "! the concurrency limit: `/concurrency/limit` is `2`, and was `1`",
                "  `/tags` is new: `[\"x\"]`",
                "! the trigger `event` of `a.b` is gone",
                "  the trigger `schedule` is new",
            ]
        );
    }
}
