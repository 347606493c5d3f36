//! From a text to a value, with the limits that keep any text harmless.

mod place_json;
mod place_yaml;
mod places;
mod value;

use serde::de::DeserializeSeed as _;
use serde_json::Value;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

pub(crate) use self::places::Places;
use self::value::{Findings, ValueSeed};
use super::{Format, MAX_DEFINITION_BYTES, MAX_DEPTH};
use crate::check::rules::{self, Rule};
use crate::problem::{Problem, Range};

/// A text that could be read.
pub(crate) struct Text {
    pub value: Value,
    /// What is wrong without being a fault of syntax.
    pub problems: Vec<Problem>,
    /// Problems that were not kept.
    pub left_out: usize,
}

/// Reads a text; the error says why there is no value at all.
pub(crate) fn read(text: &str, format: Format) -> Result<Text, Box<Problem>> {
    if text.len() > MAX_DEFINITION_BYTES {
        return Err(Box::new(Problem {
            suggestion: Some("split it into several workflows, or move data out of it".to_owned()),
            ..problem(
                rules::TOO_LARGE,
                format!("the definition has {} bytes; at most {MAX_DEFINITION_BYTES} are allowed", text.len()),
            )
        }));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Box::new(problem(rules::SYNTAX, "the definition is empty".to_owned())));
    }
    match format {
        Format::Json => read_json(text),
        Format::Yaml => read_yaml(text),
    }
}

fn read_json(text: &str) -> Result<Text, Box<Problem>> {
    let findings = Findings::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = ValueSeed::new(&findings).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => {
            let (problems, left_out) = findings.into_problems();
            Ok(Text { value, problems, left_out })
        }
        Err(error) => {
            let place = json_point(text, &error);
            // serde_json stops at 128 levels by itself, ValueSeed before that.
            if findings.is_too_deep() {
                return Err(Box::new(Problem { range: place, ..too_deep() }));
            }
            Err(Box::new(Problem { range: place, ..problem(rules::SYNTAX, json_message(&error)) }))
        }
    }
}

/// serde_json counts columns in bytes.
fn json_point(text: &str, error: &serde_json::Error) -> Option<Range> {
    let line = text.lines().nth(error.line().checked_sub(1)?).unwrap_or_default();
    let letters = line.char_indices().take_while(|(at, _)| *at < error.column()).count();
    point(error.line() as u64, letters as u64)
}

/// The parser's words without the place, which the problem has of its own.
fn json_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let words = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]);
    format!("this is not valid JSON: {words}")
}

fn read_yaml(text: &str) -> Result<Text, Box<Problem>> {
    let findings = Findings::default();
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            // The budget counts the document itself as a level.
            max_depth: MAX_DEPTH + 2,
            flow_nesting_limit: MAX_DEPTH + 2,
            max_nodes: 200_000,
            max_documents: 1,
        },
        // ValueSeed sees every key and reports all that are repeated, not only the first.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, |reader| {
        ValueSeed::new(&findings).deserialize(reader)
    });
    match value {
        Ok(value) => {
            let (problems, left_out) = findings.into_problems();
            Ok(Text { value, problems, left_out })
        }
        Err(error) => {
            let place = error.location().and_then(|at| point(at.line(), at.column()));
            if findings.is_too_deep() || is_depth(&error) {
                return Err(Box::new(Problem { range: place, ..too_deep() }));
            }
            Err(Box::new(Problem { range: place, ..problem(rules::SYNTAX, yaml_message(&error)) }))
        }
    }
}

fn is_depth(error: &serde_saphyr::Error) -> bool {
    match error.without_snippet() {
        serde_saphyr::Error::Budget { breach, .. } => matches!(breach, BudgetBreach::Depth { .. }),
        // The scanner stops a little earlier than the budget, in words of its own.
        other => other.to_string().starts_with("recursion limit exceeded"),
    }
}

fn yaml_message(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    if message.contains("document") {
        return "a definition is one YAML document, and this text holds several".to_owned();
    }
    if message.contains("budget") {
        return "this YAML stands for more than it may: its aliases repeat too much".to_owned();
    }
    let words = message.lines().next().unwrap_or_default();
    let words = words.rfind(" at line ").map_or(words, |end| &words[..end]);
    format!("this is not valid YAML: {words}")
}

pub(crate) fn too_deep() -> Problem {
    Problem {
        suggestion: Some("use fewer levels of nesting".to_owned()),
        ..problem(rules::TOO_DEEP, format!("lists and objects are nested over {MAX_DEPTH} deep"))
    }
}

fn duplicate_key(pointer: &str) -> Problem {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    Problem {
        pointer: pointer.to_owned(),
        suggestion: Some("remove one of them".to_owned()),
        ..problem(rules::DUPLICATE_KEY, format!("the key `{}` stands here twice", crate::pointer::unescape(key)))
    }
}

fn problem(rule: Rule, message: String) -> Problem {
    Problem {
        code: rule.code,
        severity: rule.severity,
        message,
        pointer: String::new(),
        step: None,
        range: None,
        suggestion: None,
        fix: Vec::new(),
    }
}

fn point(line: u64, column: u64) -> Option<Range> {
    let line = u32::try_from(line).ok().filter(|line| *line > 0)?;
    let column = u32::try_from(column).ok()?.max(1);
    Some(Range { start_line: line, start_column: column, end_line: line, end_column: column + 1 })
}
