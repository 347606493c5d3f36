//! Finished steps, as `steps.<id>` shows them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{Name, Shared};

/// Names under which the outcomes of a step that holds others stand too.
const OTHER_NAMES: [&str; 2] = ["branches", "items"];

/// Finished steps by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Steps(BTreeMap<Name, Finished>);

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    Skipped,
    Failed,
}

/// What is known of a finished step. Its output is that of the event that said so.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finished {
    pub(super) ending: Ending,
    pub(super) attempts: u32,
    pub(super) output: Option<Shared>,
    /// The output is readable under this name too.
    pub(super) known_as: Option<Name>,
    pub(super) error: Option<Value>,
}

impl Ending {
    const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl Finished {
    /// As `steps.<id>`.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.fields().map(|(name, value)| (name.to_owned(), value.into_owned())).collect())
    }

    /// One field of `steps.<id>`.
    pub(super) fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        match name {
            "output" => self.output.as_deref().map(Cow::Borrowed),
            "error" => self.error.as_ref().map(Cow::Borrowed),
            "attempts" => Some(Cow::Owned(Value::from(self.attempts))),
            "status" => Some(Cow::Owned(Value::from(self.ending.name()))),
            other if self.known_as.as_ref().is_some_and(|known_as| known_as == other) => self.field("output"),
            _absent => None,
        }
    }

    fn fields(&self) -> impl Iterator<Item = (&str, Cow<'_, Value>)> {
        let names = ["attempts", "error", "output", "status"].into_iter().chain(self.known_as.as_deref());
        names.filter_map(|name| Some((name, self.field(name)?)))
    }

    fn of(value: Value) -> Self {
        let mut fields = match value {
            Value::Object(fields) => fields,
            _no_object => Map::new(),
        };
        let known_as = OTHER_NAMES.into_iter().find(|name| fields.contains_key(*name));
        let ending = match fields.get("status").and_then(Value::as_str) {
            Some("skipped") => Ending::Skipped,
            Some("failed") => Ending::Failed,
            _succeeded => Ending::Succeeded,
        };
        let attempts = fields.get("attempts").and_then(Value::as_u64);
        Self {
            ending,
            attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or_default(),
            output: fields.remove("output").map(Shared::from),
            known_as: known_as.map(Name::new_static),
            error: fields.remove("error"),
        }
    }
}

impl Steps {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Finished> {
        self.0.get(id)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn insert(&mut self, id: Name, finished: Finished) {
        self.0.insert(id, finished);
    }

    /// Adds those of `others`; what both have is theirs.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// As `steps`: an object.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.fields().collect())
    }

    /// The fields of `steps`.
    pub(super) fn fields(&self) -> impl Iterator<Item = (String, Value)> {
        self.0.iter().map(|(id, finished)| (id.to_string(), finished.value()))
    }

    /// What [`Self::value`] was made of.
    pub(super) fn of(value: &Value) -> Self {
        let fields = value.as_object().into_iter().flatten();
        Self(fields.map(|(id, finished)| (Name::new(id), Finished::of(finished.clone()))).collect())
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let steps = BTreeMap::<Name, Value>::deserialize(deserializer)?;
        Ok(Self(steps.into_iter().map(|(id, finished)| (id, Finished::of(finished))).collect()))
    }
}

impl Serialize for Finished {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        for (name, value) in self.fields() {
            fields.serialize_entry(name, &*value)?;
        }
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps() -> Value {
        json!({
            "charge": { "attempts": 2, "status": "failed", "error": { "code": "DECLINED", "message": "no" } },
            "each": { "attempts": 1, "status": "succeeded", "output": [1, 2], "items": [1, 2] },
            "both": { "attempts": 1, "status": "succeeded", "output": { "a": 1 }, "branches": { "a": 1 } },
            "left_out": { "attempts": 0, "status": "skipped" },
            "silent": { "attempts": 1, "status": "succeeded", "output": null },
        })
    }

    #[test]
    fn finished_steps_are_written_and_read_as_templates_see_them() {
        let read: Steps = serde_json::from_value(steps()).expect("they are steps");
        assert_eq!(serde_json::to_value(&read).expect("they are steps"), steps());
        assert_eq!(read.value(), steps());
        assert_eq!(Steps::of(&steps()), read);
    }

    #[test]
    fn each_field_of_a_finished_step_is_read_by_itself_as_in_the_whole() {
        let read = Steps::of(&steps());
        for (id, whole) in steps().as_object().expect("it is one") {
            for name in ["attempts", "branches", "error", "items", "output", "status", "other"] {
                let field = read.get(id).and_then(|finished| finished.field(name));
                assert_eq!(field.as_deref(), whole.get(name), "{id}.{name}");
            }
        }
    }
}
