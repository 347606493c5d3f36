//! Values and names that are written once and read in several places.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// An id or a path of a step: short ones stand in place, so that every event may have its own without memory of its own.
pub type Name = smol_str::SmolStr;

/// A value that nobody changes: the event that brings it, the state that remembers it and whatever else has it read
/// the same one.
#[derive(Clone, Default)]
pub struct Shared(Option<Arc<Value>>);

/// What an empty one reads as.
static NULL: Value = Value::Null;

impl Shared {
    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        Value::is_null(self)
    }

    /// The value by itself; copied if somebody else has it too.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0.map_or(Value::Null, Arc::unwrap_or_clone)
    }
}

impl Deref for Shared {
    type Target = Value;

    fn deref(&self) -> &Value {
        self.0.as_deref().unwrap_or(&NULL)
    }
}

impl From<Value> for Shared {
    fn from(value: Value) -> Self {
        if value.is_null() { Self(None) } else { Self(Some(Arc::new(value))) }
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shared {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shared_value_is_written_and_read_like_the_value_itself() {
        for value in [json!(null), json!(3), json!({ "a": [1, null] })] {
            let shared = Shared::from(value.clone());
            assert_eq!(serde_json::to_value(&shared).expect("it is a value"), value);
            assert_eq!(serde_json::from_value::<Shared>(value.clone()).expect("it is a value"), shared);
            assert_eq!(shared.into_value(), value);
        }
    }

    #[test]
    fn taking_the_value_of_one_leaves_the_others_as_they_are() {
        let one = Shared::from(json!([1, 2]));
        let another = one.clone();
        assert_eq!(one.into_value(), json!([1, 2]));
        assert_eq!(*another, json!([1, 2]));
    }
}
