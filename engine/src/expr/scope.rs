//! Where values come from: roots by name, and paths below them.

use std::borrow::Cow;

use serde_json::Value;

use super::moment;
use super::path::{Part, Path};
use crate::Timestamp;

/// Values that expressions may read. Roots are looked up by name; for a plain path none is copied.
pub trait Scope {
    /// The value of a root, such as `order`, `steps` or `item`.
    fn root(&self, name: &str) -> Option<Cow<'_, Value>>;

    /// A field of a root that is too large to be put together as a whole each time, such as `steps.<id>`, and perhaps
    /// what stands `below` it; `None` when the root is read as a whole, and `Some(None)` when there is no such field.
    fn field(&self, _root: &str, _name: &str, _below: Option<&str>) -> Option<Option<Field<'_>>> {
        None
    }

    /// The moment that `now` stands for, the same throughout one step attempt.
    fn now(&self) -> Timestamp;

    /// Whether a missing field or an impossible comparison is an error (`missing_fields: error`).
    fn missing_is_error(&self) -> bool {
        false
    }
}

/// A value that was found below a root.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    /// The value.
    pub value: Cow<'a, Value>,
    /// How many parts of the path behind the root lead to it: 1 or 2.
    pub parts: usize,
}

/// An object whose fields are the roots: what a rule or an expression is tried on.
#[derive(Debug, Clone, Copy)]
pub struct DataScope<'a> {
    /// The fields.
    pub data: &'a Value,
    /// The moment that `now` stands for.
    pub now: Timestamp,
}

impl Scope for DataScope<'_> {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        // `event` is the payload, as in an execution that was started with these data.
        let own = self.data.get(name);
        own.or_else(|| (name == "event").then_some(self.data)).map(Cow::Borrowed)
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// The value at `path`; `None` when there is none.
pub fn lookup<'a>(scope: &'a dyn Scope, path: &Path) -> Option<Cow<'a, Value>> {
    let field = match path.parts.as_slice() {
        [Part::Key(name), Part::Key(below), ..] => scope.field(&path.root, name, Some(below)),
        [Part::Key(name), ..] => scope.field(&path.root, name, None),
        _whole => None,
    };
    let (found, parts) = match field {
        Some(None) => return None,
        Some(Some(Field { value, parts })) => (value, path.parts.get(parts..).unwrap_or_default()),
        None => (root(scope, &path.root)?, path.parts.as_slice()),
    };
    match found {
        Cow::Borrowed(value) => below(value, parts),
        Cow::Owned(value) => below(&value, parts).map(|found| Cow::Owned(found.into_owned())),
    }
}

/// A root, or one of the names that stand for the present.
pub(super) fn root<'a>(scope: &'a dyn Scope, name: &str) -> Option<Cow<'a, Value>> {
    if (name.starts_with("now") || name == "today")
        && let Some(text) = moment::named(name, scope.now())
    {
        return Some(Cow::Owned(Value::String(text)));
    }
    scope.root(name)
}

fn below<'a>(value: &'a Value, parts: &[Part]) -> Option<Cow<'a, Value>> {
    let mut value = value;
    for (at, part) in parts.iter().enumerate() {
        value = match part {
            Part::Key(key) => match (value, value.get(key.as_str())) {
                (_, Some(found)) => found,
                (Value::Array(members), None) if key.bytes().all(|byte| byte.is_ascii_digit()) => {
                    members.get(key.parse::<usize>().ok()?)?
                }
                (Value::Array(members), None) if key == "length" => return length(members.len(), &parts[at + 1..]),
                (Value::Object(fields), None) if key == "length" => return length(fields.len(), &parts[at + 1..]),
                (Value::String(text), None) if key == "length" => {
                    return length(text.chars().count(), &parts[at + 1..]);
                }
                _absent => return None,
            },
            Part::Index(index) => value.get(*index)?,
            Part::Each => {
                let rest = &parts[at + 1..];
                let members = value.as_array()?;
                let collected = members.iter().filter_map(|member| below(member, rest)).map(Cow::into_owned);
                return Some(Cow::Owned(Value::Array(collected.collect())));
            }
        };
    }
    Some(Cow::Borrowed(value))
}

fn length(length: usize, rest: &[Part]) -> Option<Cow<'static, Value>> {
    rest.is_empty().then(|| Cow::Owned(Value::from(length)))
}
