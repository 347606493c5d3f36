//! Reading a value with its place in mind, so that every problem is found and says where it is.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde_json::{Map, Value};

use super::suggest::nearest;
use crate::check::rules::{self, Rule};
use crate::expr::{Condition, Expression, Fault, Template};
use crate::fix::{self, Operation};
use crate::pattern::EventPattern;
use crate::pointer;
use crate::problem::Problem;

/// Paths that a template, condition or expression reads.
#[derive(Debug)]
pub(crate) struct Read {
    pub pointer: String,
    pub step: Option<String>,
    pub paths: Vec<String>,
}

/// Errors, and warnings, that are kept each; a text can have a hundred thousand.
pub(crate) const MOST_KEPT: usize = 1000;

/// Collects what is found while decoding.
#[derive(Default)]
pub(crate) struct Sink {
    errors: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Problems that were not kept.
    left_out: Cell<usize>,
    reads: RefCell<Vec<Read>>,
    /// Patterns of the conditions so far.
    patterns: Cell<usize>,
}

/// Patterns of all conditions together: all are kept compiled, and each may take a mebibyte.
const MOST_PATTERNS: usize = 100;

/// What decoding found.
pub(crate) struct Found {
    pub problems: Vec<Problem>,
    pub left_out: usize,
    pub reads: Vec<Read>,
}

impl Sink {
    pub(crate) fn into_found(self) -> Found {
        let mut problems = self.errors.into_inner();
        problems.append(&mut self.warnings.into_inner());
        Found { problems, left_out: self.left_out.get(), reads: self.reads.into_inner() }
    }

    fn push(&self, problem: Problem) {
        let mut list = if problem.is_error() { self.errors.borrow_mut() } else { self.warnings.borrow_mut() };
        if list.len() < MOST_KEPT {
            list.push(problem);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
    }

    /// Whether errors are only counted from now on, so that looking for suggestions is wasted.
    fn is_full(&self) -> bool {
        self.errors.borrow().len() >= MOST_KEPT
    }
}

/// A value and where it stands.
#[derive(Clone)]
pub(crate) struct At<'a> {
    pub value: &'a Value,
    pub pointer: String,
    pub step: Option<&'a str>,
    pub sink: &'a Sink,
}

impl<'a> At<'a> {
    pub(crate) fn root(value: &'a Value, sink: &'a Sink) -> Self {
        Self { value, pointer: String::new(), step: None, sink }
    }

    pub(crate) fn report(&self, rule: Rule, message: impl Into<String>, suggestion: Option<String>) {
        self.report_at(&self.pointer, rule, message.into(), suggestion);
    }

    pub(crate) fn report_at(&self, pointer: &str, rule: Rule, message: String, suggestion: Option<String>) {
        self.report_with(pointer, rule, (message, suggestion), Vec::new());
    }

    /// Reports a text that is probably another word: `near`, or else what `otherwise` says.
    pub(crate) fn report_meant(
        &self,
        rule: Rule,
        message: String,
        near: Option<&str>,
        otherwise: impl FnOnce() -> String,
    ) {
        let suggestion = near.map_or_else(otherwise, |near| format!("did you mean `{near}`?"));
        let fix = near.map(|near| fix::replace(&self.pointer, near)).unwrap_or_default();
        self.report_with(&self.pointer, rule, (message, Some(suggestion)), fix);
    }

    /// Reports with a correction; `words` are the message and what to do.
    pub(crate) fn report_with(&self, pointer: &str, rule: Rule, words: (String, Option<String>), fix: Vec<Operation>) {
        let (message, suggestion) = words;
        self.sink.push(Problem {
            code: rule.code,
            severity: rule.severity,
            message,
            pointer: pointer.to_owned(),
            step: self.step.map(str::to_owned),
            range: None,
            suggestion,
            fix,
        });
    }

    fn child(&self, value: &'a Value, pointer: String) -> Self {
        Self { value, pointer, step: self.step, sink: self.sink }
    }

    /// The last token of the pointer, for messages.
    fn name(&self) -> String {
        let token = self.pointer.rsplit('/').next().unwrap_or_default();
        if token.is_empty() {
            return "the definition".to_owned();
        }
        if token.bytes().all(|byte| byte.is_ascii_digit()) {
            return "this entry".to_owned();
        }
        format!("`{}`", pointer::unescape(token))
    }

    fn wrong_type(&self, wanted: &str) {
        let (suggestion, meant) = match self.value {
            Value::Number(_) | Value::Bool(_) if wanted == "a text" => {
                (Some(format!("put it in quotes: \"{}\"", self.value)), Some(Value::String(self.value.to_string())))
            }
            Value::Number(number) if wanted == A_DURATION => {
                let hint = format!("write the unit: \"{number}s\" for seconds, \"{number}ms\" for milliseconds");
                (Some(hint), None)
            }
            Value::String(text) => match plain(text, wanted) {
                Some(meant) => (Some(format!("write it without quotes: {meant}")), Some(meant)),
                None => (None, None),
            },
            _ => (None, None),
        };
        let fix = meant.map(|meant| fix::replace(&self.pointer, meant)).unwrap_or_default();
        let message = format!("{} must be {wanted}, not {}", self.name(), type_name(self.value));
        self.report_with(&self.pointer, rules::WRONG_TYPE, (message, suggestion), fix);
    }

    pub(crate) fn string(&self) -> Option<&'a str> {
        if let Value::String(text) = self.value {
            return Some(text);
        }
        self.wrong_type("a text");
        None
    }

    /// A text that says something.
    pub(crate) fn name_text(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.report(rules::BAD_NAME, format!("{} cannot be empty", self.name()), None);
            return None;
        }
        Some(text)
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if let Value::Bool(value) = self.value {
            return Some(*value);
        }
        self.wrong_type("true or false");
        None
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn integer<N: TryFrom<u64>>(&self, least: u64, most: u64) -> Option<N> {
        if !self.value.is_number() {
            self.wrong_type("a whole number");
            return None;
        }
        let number = self.value.as_u64().filter(|number| (least..=most).contains(number));
        let converted = number.and_then(|number| N::try_from(number).ok());
        if converted.is_none() {
            let message = format!("{} must be a whole number from {least} to {most}, not {}", self.name(), self.value);
            self.report(rules::OUT_OF_RANGE, message, None);
        }
        converted
    }

    pub(crate) fn list(&self) -> Option<Vec<Self>> {
        if let Value::Array(entries) = self.value {
            let entry = |(index, value)| self.child(value, pointer::join_index(&self.pointer, index));
            return Some(entries.iter().enumerate().map(entry).collect());
        }
        self.wrong_type("a list");
        None
    }

    /// The members of an object, in the order of their keys.
    pub(crate) fn members(&self) -> Option<Vec<(&'a str, Self)>> {
        if let Value::Object(map) = self.value {
            let member = |(key, value): (&'a String, &'a Value)| {
                (key.as_str(), self.child(value, pointer::join(&self.pointer, key)))
            };
            return Some(map.iter().map(member).collect());
        }
        self.wrong_type("an object");
        None
    }

    /// An object whose keys all have a meaning. `what` is its name in messages: "a trigger".
    pub(crate) fn object(&self, what: &'static str) -> Option<Object<'a>> {
        if let Value::Object(map) = self.value {
            return Some(Object {
                at: self.clone(),
                parts: vec![(map, self.pointer.clone())],
                what: what.to_owned(),
                known: Vec::new(),
                missing: Vec::new(),
            });
        }
        self.wrong_type("an object");
        None
    }

    /// A duration of at least a millisecond.
    pub(crate) fn duration(&self) -> Option<Duration> {
        let Value::String(text) = self.value else {
            self.wrong_type(A_DURATION);
            return None;
        };
        match crate::duration::parse(text) {
            Ok(duration) if duration.is_zero() => {
                let message = format!("{} must be longer than nothing", self.name());
                self.report(rules::BAD_DURATION, message, None);
                None
            }
            Ok(duration) => Some(duration),
            Err(error) => {
                let meant = super::suggest::duration(text);
                let hint = meant.as_ref().map(|written| format!("write `{written}`"));
                let fix = meant.map(|written| fix::replace(&self.pointer, written)).unwrap_or_default();
                self.report_with(&self.pointer, rules::BAD_DURATION, (error.to_string(), hint), fix);
                None
            }
        }
    }

    /// One of the words of a table.
    pub(crate) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let known = || words.iter().map(|(word, _)| *word);
        let message = format!("{} cannot be `{text}`", self.name());
        self.report_meant(rules::UNKNOWN_WORD, message, nearest(text, known()), || {
            format!("use one of {}", known().collect::<Vec<_>>().join(", "))
        });
        None
    }

    pub(crate) fn template(&self) -> Option<Template> {
        match Template::compile(self.value) {
            Ok(template) => {
                self.read(template.reads());
                Some(template)
            }
            Err(faults) => {
                self.faults(faults);
                None
            }
        }
    }

    /// A template that is a text.
    pub(crate) fn text_template(&self) -> Option<Template> {
        self.string()?;
        self.template()
    }

    /// A template for an object: an object, or a text that stands for one.
    pub(crate) fn object_template(&self) -> Option<Template> {
        if self.value.is_object() || self.value.is_string() {
            return self.template();
        }
        self.wrong_type("an object or a template");
        None
    }

    pub(crate) fn condition(&self) -> Option<Condition> {
        let patterns = self.sink.patterns.get() + Condition::patterns(self.value);
        if patterns > MOST_PATTERNS {
            let message = format!("the conditions of a definition have at most {MOST_PATTERNS} patterns");
            self.report(rules::BAD_REGEX, message, None);
            return None;
        }
        self.sink.patterns.set(patterns);
        match Condition::compile(self.value) {
            Ok(condition) => {
                self.read(condition.reads());
                if let Some(outcome) = condition.constant() {
                    let message = format!("this condition is always {outcome}");
                    self.report(rules::CONSTANT_CONDITION, message, None);
                }
                Some(condition)
            }
            Err(faults) => {
                self.faults(faults);
                None
            }
        }
    }

    pub(crate) fn expression(&self) -> Option<Expression> {
        match Expression::compile(self.string()?) {
            Ok(expression) => {
                self.read(expression.reads());
                Some(expression)
            }
            Err(fault) => {
                self.faults(vec![fault]);
                None
            }
        }
    }

    pub(crate) fn event_pattern(&self) -> Option<EventPattern> {
        let text = self.string()?;
        EventPattern::parse(text).map_err(|error| self.report(rules::BAD_EVENT, error.to_string(), None)).ok()
    }

    fn read(&self, paths: Vec<String>) {
        if !paths.is_empty() {
            self.sink.reads.borrow_mut().push(Read {
                pointer: self.pointer.clone(),
                step: self.step.map(str::to_owned),
                paths,
            });
        }
    }

    fn faults(&self, faults: Vec<Fault>) {
        for fault in faults {
            let pointer = format!("{}{}", self.pointer, fault.pointer);
            let rule = rules::rule(fault.code);
            debug_assert!(rule.is_some(), "{} is not in the list of rules", fault.code);
            let rule = rule.unwrap_or(rules::BAD_TEMPLATE);
            let fix = fix::below(&self.pointer, fault.fix);
            self.report_with(&pointer, rule, (fault.message, fault.suggestion), fix);
        }
    }
}

/// An object being read: what is left at the end has no meaning.
pub(crate) struct Object<'a> {
    pub at: At<'a>,
    /// Objects read as one, each with its pointer; the first that has a key wins.
    parts: Vec<(&'a Map<String, Value>, String)>,
    what: String,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// What messages call this object from now on.
    pub(crate) fn call(&mut self, what: String) {
        self.what = what;
    }

    /// Reads the keys of `inner` too, unless this object has them.
    pub(crate) fn merge(&mut self, inner: &At<'a>) {
        if let Value::Object(map) = inner.value {
            self.parts.push((map, inner.pointer.clone()));
        }
    }

    /// A member that may be absent; `null` counts as absent.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<At<'a>> {
        self.take_value(key).filter(|at| !at.value.is_null())
    }

    /// A member that may be absent, where `null` is a value.
    pub(crate) fn take_value(&mut self, key: &'static str) -> Option<At<'a>> {
        self.known.push(key);
        self.parts
            .iter()
            .find_map(|(map, base)| map.get(key).map(|value| self.at.child(value, pointer::join(base, key))))
    }

    /// A member that has to be there.
    pub(crate) fn need(&mut self, key: &'static str) -> Option<At<'a>> {
        let found = self.take(key);
        if found.is_none() {
            self.missing.push(key);
        }
        found
    }

    /// Whether a key is there, without taking it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.parts.iter().any(|(map, _)| map.get(key).is_some_and(|value| !value.is_null()))
    }

    /// Reports what is missing and what has no meaning. `elsewhere` says where a key would have one.
    pub(crate) fn finish(self, elsewhere: impl Fn(&str) -> Option<String>) {
        let mut excused = Vec::new();
        for (map, base) in &self.parts {
            for (key, value) in map.iter().filter(|(key, _)| !self.is_free(key)) {
                // A key that has a meaning elsewhere is hardly a typing error.
                let mut suggestion = elsewhere(key);
                let mut fix = Vec::new();
                let pointer = pointer::join(base, key);
                if suggestion.is_none() && !self.at.sink.is_full() {
                    let absent = self.known.iter().copied().filter(|known| !self.has(known));
                    let near = nearest(key, absent);
                    if let Some(near) = near.filter(|near| !excused.contains(near)) {
                        fix = fix::rename(&pointer, near, value);
                    }
                    excused.extend(near);
                    suggestion = near.map(|near| format!("did you mean `{near}`?"));
                }
                let message = format!("`{key}` is not a key of {}", self.what);
                self.at.report_with(&pointer, rules::UNKNOWN_KEY, (message, suggestion), fix);
            }
        }
        // A misspelt key is one problem, not two.
        for key in self.missing.iter().filter(|key| !excused.contains(key)) {
            let message = format!("{} needs `{key}`", self.what);
            self.at.report(rules::MISSING_KEY, message, None);
        }
    }

    pub(crate) fn finish_plain(self) {
        self.finish(|_| None);
    }

    fn is_free(&self, key: &str) -> bool {
        key == "metadata" || key.starts_with("x-") || self.known.contains(&key)
    }
}

const A_DURATION: &str = "a text such as \"30s\"";

/// What a text in quotes would be without them, if that is what is wanted.
fn plain(text: &str, wanted: &str) -> Option<Value> {
    match wanted {
        "a whole number" => text.trim().parse::<u64>().ok().map(Value::from),
        "true or false" => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(Value::Bool(true)),
            "false" | "no" | "off" => Some(Value::Bool(false)),
            _neither => None,
        },
        _other => None,
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
