//! A JSON value read by serde, with an eye on what `serde_json::Value` would let pass.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::super::MAX_DEPTH;
use super::super::reader::MOST_KEPT;
use super::{duplicate_key, problem};
use crate::check::rules;
use crate::pointer;
use crate::problem::Problem;

/// Longest keys on the way from the root to a value together, in bytes. Everything that is said of a
/// value names the way to it, and one long key may stand around a hundred thousand values.
const MAX_WAY: usize = 4 * 1024;

/// What was noticed on the way.
#[derive(Default)]
pub(super) struct Findings {
    problems: RefCell<Vec<Problem>>,
    /// Problems that were not kept.
    left_out: Cell<usize>,
    too_deep: Cell<bool>,
}

impl Findings {
    pub(super) fn is_too_deep(&self) -> bool {
        self.too_deep.get()
    }

    pub(super) fn into_problems(self) -> (Vec<Problem>, usize) {
        (self.problems.into_inner(), self.left_out.get())
    }
}

/// Where the reader stands: a key or an index on the way from the root.
enum Step<'p> {
    Root,
    Key(&'p Step<'p>, &'p str),
    Index(&'p Step<'p>, usize),
}

impl Step<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(parent, key) => pointer::join(&parent.pointer(), key),
            Self::Index(parent, index) => pointer::join_index(&parent.pointer(), *index),
        }
    }
}

/// Reads one value.
pub(super) struct ValueSeed<'p> {
    findings: &'p Findings,
    at: Step<'p>,
    depth: usize,
    /// Bytes of the keys on the way from the root.
    way: usize,
}

impl<'p> ValueSeed<'p> {
    pub(super) fn new(findings: &'p Findings) -> Self {
        Self { findings, at: Step::Root, depth: 0, way: 0 }
    }

    fn note(&self, found: Problem) {
        let mut problems = self.findings.problems.borrow_mut();
        if problems.len() < MOST_KEPT {
            problems.push(found);
        } else {
            self.findings.left_out.set(self.findings.left_out.get() + 1);
        }
    }

    fn check_text(&self, text: &str) {
        if text.contains('\0') {
            self.note(Problem {
                pointer: self.at.pointer(),
                suggestion: Some("remove the NUL character".to_owned()),
                ..problem(rules::BAD_TEXT, "a text contains a NUL character".to_owned())
            });
        }
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= MAX_DEPTH {
            self.findings.too_deep.set(true);
            return Err(E::custom("nested too deep"));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        if number.is_none() {
            self.note(Problem {
                pointer: self.at.pointer(),
                suggestion: Some("write a finite number, or a text in quotes".to_owned()),
                ..problem(rules::OUT_OF_RANGE, "this number is not finite".to_owned())
            });
        }
        Ok(number.map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        self.check_text(value);
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        self.check_text(&value);
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut list = Vec::new();
        while let Some(value) = entries.next_element_seed(ValueSeed {
            findings: self.findings,
            at: Step::Index(&self.at, list.len()),
            depth: self.depth + 1,
            way: self.way,
        })? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom("a key contains a NUL character"));
            }
            let way = self.way + key.len();
            if way > MAX_WAY {
                return Err(A::Error::custom(format!("keys around a value have over {MAX_WAY} bytes together")));
            }
            let value = entries.next_value_seed(ValueSeed {
                findings: self.findings,
                at: Step::Key(&self.at, &key),
                depth: self.depth + 1,
                way,
            })?;
            if map.contains_key(&key) {
                self.note(duplicate_key(&pointer::join(&self.at.pointer(), &key)));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
