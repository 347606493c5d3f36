//! What stands around the steps: triggers, the input schema, limits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::values::{self, Differs};
use super::{Change, ChangeKind, schema, shown};
use crate::pointer;

/// What an execution under way holds, or callers rely on.
const BREAKING: [&str; 3] = ["workflow_id", "concurrency", "rate_limit"];

pub(super) fn compare(before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Vec<Change>) {
    let mut keys: Vec<&String> = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))).collect();
    keys.sort_unstable();
    for key in keys.into_iter().filter(|key| !matches!(key.as_str(), "steps" | "triggers")) {
        let pointer = pointer::join("", key);
        let (old, new) = (before.get(key), after.get(key));
        if key == "input" {
            input(old, new, changes);
            continue;
        }
        let words = if key == "concurrency" { "the concurrency limit: " } else { "" };
        let is_breaking = BREAKING.contains(&key.as_str());
        match (old, new) {
            (Some(old), Some(new)) => {
                let mut found = Vec::new();
                values::compare(old, new, &pointer, &mut found);
                changes.extend(found.into_iter().map(|differs| told(differs, words, is_breaking)));
            }
            (Some(old), None) => {
                let differs = Differs { kind: ChangeKind::Removed, pointer, before: Some(old), after: None };
                changes.push(told(differs, words, is_breaking));
            }
            (None, Some(new)) => {
                let differs = Differs { kind: ChangeKind::Added, pointer, before: None, after: Some(new) };
                changes.push(told(differs, words, is_breaking));
            }
            (None, None) => {}
        }
    }
    triggers(list(before), list(after), changes);
}

fn told(differs: Differs<'_>, words: &str, is_breaking: bool) -> Change {
    let Differs { kind, pointer, before, after } = differs;
    let summary = format!("{words}{}", in_words(&pointer, before, after));
    Change { kind, step: None, pointer, before: before.cloned(), after: after.cloned(), is_breaking, summary }
}

/// What is at a place now, and what was there.
pub(super) fn in_words(pointer: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("`{pointer}` is {}, and was {}", shown(after), shown(before)),
        (None, Some(after)) => format!("`{pointer}` is new: {}", shown(after)),
        (Some(_) | None, None) => format!("`{pointer}` is gone"),
    }
}

fn input(before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let kind = match (before, after) {
        (None, _) => ChangeKind::Added,
        (_, None) => ChangeKind::Removed,
        (_, _) => ChangeKind::Changed,
    };
    let narrows = schema::narrows(before, after);
    let summary = match &narrows {
        None => "the input schema accepts what it accepted before".to_owned(),
        Some(why) => format!("the input schema may refuse what it accepted before: {why}"),
    };
    changes.push(Change {
        kind,
        step: None,
        pointer: "/input".to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        is_breaking: narrows.is_some(),
        summary,
    });
}

fn list(definition: &Map<String, Value>) -> &[Value] {
    definition.get("triggers").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn kind_of(trigger: &Value) -> Option<&str> {
    trigger.get("type").and_then(Value::as_str)
}

/// A trigger is the same wherever it stands; of the others, one of the same type was changed.
fn triggers(before: &[Value], after: &[Value], changes: &mut Vec<Change>) {
    let mut same: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    for (index, trigger) in after.iter().enumerate() {
        same.entry(trigger.to_string()).or_default().push_back(index);
    }
    let mut old: Vec<(usize, &Value)> = Vec::new();
    for (index, trigger) in before.iter().enumerate() {
        if same.get_mut(&trigger.to_string()).and_then(VecDeque::pop_front).is_none() {
            old.push((index, trigger));
        }
    }
    let mut new: BTreeSet<usize> = same.into_values().flatten().collect();
    let mut of_type: BTreeMap<Option<&str>, VecDeque<usize>> = BTreeMap::new();
    for index in &new {
        of_type.entry(kind_of(&after[*index])).or_default().push_back(*index);
    }
    for (index, trigger) in old {
        let changed = of_type.get_mut(&kind_of(trigger)).and_then(VecDeque::pop_front);
        let (kind, pointer, after, summary) = if let Some(at) = changed {
            new.remove(&at);
            let other = &after[at];
            let mut found = Vec::new();
            values::compare(trigger, other, "", &mut found);
            let what: Vec<String> =
                found.iter().map(|differs| in_words(&differs.pointer, differs.before, differs.after)).collect();
            let summary = format!("the trigger {}: {}", named(trigger), what.join("; "));
            (ChangeKind::Changed, pointer::join_index("/triggers", at), Some(other.clone()), summary)
        } else {
            let summary = format!("the trigger {} is gone", named(trigger));
            (ChangeKind::Removed, pointer::join_index("/triggers", index), None, summary)
        };
        let before = Some(trigger.clone());
        changes.push(Change { kind, step: None, pointer, before, after, is_breaking: true, summary });
    }
    for index in new {
        let trigger = &after[index];
        changes.push(Change {
            kind: ChangeKind::Added,
            step: None,
            pointer: pointer::join_index("/triggers", index),
            before: None,
            after: Some(trigger.clone()),
            is_breaking: false,
            summary: format!("the trigger {} is new", named(trigger)),
        });
    }
}

fn named(trigger: &Value) -> String {
    let text = |key: &str| trigger.get(key).and_then(Value::as_str);
    let kind = text("type").unwrap_or("?");
    match text("event").or_else(|| text("path")) {
        Some(what) => format!("`{kind}` of `{what}`"),
        None => format!("`{kind}`"),
    }
}
