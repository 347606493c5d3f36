//! Corrections that a program can make: JSON Patch (RFC 6902), as far as corrections need it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pointer;

/// One operation of RFC 6902.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts a value where there is none.
    Add { path: String, value: Value },
    /// Takes a value away.
    Remove { path: String },
    /// Puts a value in place of another.
    Replace { path: String, value: Value },
}

impl Operation {
    /// JSON Pointer of the value it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Remove { path } | Self::Replace { path, .. } => path,
        }
    }

    fn path_mut(&mut self) -> &mut String {
        match self {
            Self::Add { path, .. } | Self::Remove { path } | Self::Replace { path, .. } => path,
        }
    }
}

/// Puts `value` in place of what is at `path`.
pub(crate) fn replace(path: impl Into<String>, value: impl Into<Value>) -> Vec<Operation> {
    vec![Operation::Replace { path: path.into(), value: value.into() }]
}

/// Gives the member at `path`, which holds `value`, another key.
pub(crate) fn rename(path: &str, key: &str, value: &Value) -> Vec<Operation> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    vec![
        Operation::Remove { path: path.to_owned() },
        Operation::Add { path: pointer::join(parent, key), value: value.clone() },
    ]
}

/// The same below `base`.
pub(crate) fn below(base: &str, mut fix: Vec<Operation>) -> Vec<Operation> {
    for operation in &mut fix {
        operation.path_mut().insert_str(0, base);
    }
    fix
}

/// A correction in words: ``replace with `on_true` ``.
#[must_use]
pub fn in_words(fix: &[Operation]) -> Option<String> {
    let shown = |value: &Value| match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    };
    let key = |path: &str| pointer::unescape(path.rsplit('/').next().unwrap_or_default()).into_owned();
    match fix {
        [Operation::Replace { value, .. }] => Some(format!("replace with {}", shown(value))),
        [Operation::Remove { .. }, Operation::Add { path, .. }] => Some(format!("replace with `{}`", key(path))),
        [Operation::Add { path, value }] => Some(format!("add `\"{}\": {value}`", key(path))),
        [Operation::Remove { path }] => Some(format!("remove `{}`", key(path))),
        _several => None,
    }
}

/// The value with the correction made; `None` when it does not fit the value.
#[must_use]
pub fn apply(mut root: Value, fix: &[Operation]) -> Option<Value> {
    for operation in fix {
        let (parent, token) = operation.path().rsplit_once('/')?;
        let token = pointer::unescape(token).into_owned();
        let parent = root.pointer_mut(parent)?;
        match (parent, operation) {
            (Value::Object(fields), Operation::Add { value, .. }) => drop(fields.insert(token, value.clone())),
            (Value::Object(fields), Operation::Replace { value, .. }) => *fields.get_mut(&token)? = value.clone(),
            (Value::Object(fields), Operation::Remove { .. }) => drop(fields.remove(&token)?),
            (Value::Array(members), Operation::Replace { value, .. }) => {
                *members.get_mut(token.parse::<usize>().ok()?)? = value.clone();
            }
            (Value::Array(members), Operation::Remove { .. }) => {
                let index = token.parse::<usize>().ok().filter(|index| *index < members.len())?;
                members.remove(index);
            }
            (Value::Array(members), Operation::Add { value, .. }) => {
                let index = token.parse::<usize>().ok().filter(|index| *index <= members.len())?;
                members.insert(index, value.clone());
            }
            (_, _) => return None,
        }
    }
    Some(root)
}
