//! Checking a text: everything that is wrong with it, at once (definition-language §10).

mod advice;
mod graph;
mod outline;
mod parts;
mod paths;
mod references;
mod registry;
mod resources;
pub mod rules;
pub(crate) mod secrets;

use std::collections::BTreeSet;

use serde_json::Value;

use self::outline::Outline;
pub use self::parts::{PartNames, part_names};
pub use self::registry::{Existence, Offline, Registry, RuleStanding};
pub use self::rules::RULES;
use crate::definition::text::{self, Places};
use crate::definition::{Definition, Format, canonical, decode_with_reads};
use crate::fix::Operation;
use crate::problem::Problem;

/// Problems that are listed; the rest is counted.
const MOST_PROBLEMS: usize = 500;

/// What checking a text found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Errors and warnings, in the order of the text.
    pub problems: Vec<Problem>,
    /// The decoded definition; `None` when there are errors.
    pub definition: Option<Definition>,
    /// The normalised JSON; `None` when the text does not decode.
    pub canonical: Option<Value>,
}

impl Checked {
    /// Whether there are no errors.
    pub fn is_valid(&self) -> bool {
        self.definition.is_some()
    }
}

/// Parses, decodes and checks a text. Never panics, whatever the text.
pub fn check(text: &str, format: Format, known: &dyn Registry) -> Checked {
    let read = match text::read(text, format) {
        Ok(read) => read,
        Err(problem) => {
            return Checked { problems: vec![*problem], definition: None, canonical: None };
        }
    };
    let (definition, found) = decode_with_reads(&read.value);
    let mut finder = Finder { problems: read.problems, left_out: read.left_out + found.left_out };
    finder.problems.extend(found.problems);

    let outline = Outline::of(&read.value);
    references::check(&outline, &mut finder);
    graph::check(&outline, &mut finder);
    resources::registered(&outline, known, &mut finder);
    registry::check(&outline, known, &mut finder);
    if let Some(definition) = &definition {
        paths::check(definition, &read.value, &found.reads, known, &mut finder);
        resources::check(definition, &mut finder);
        secrets::check(definition, &found.reads, &mut finder);
        advice::check(definition, &found.reads, &mut finder);
    }

    let canonical = definition.is_some().then(|| canonical::of(&read.value));
    let problems = finder.finish(text, format);
    let definition = definition.filter(|_| !problems.iter().any(Problem::is_error));
    Checked { problems, definition, canonical }
}

/// The rules that a text names, as far as it can be read: what a [`Registry`] is asked about.
pub fn rule_names(text: &str, format: Format) -> BTreeSet<String> {
    let Ok(read) = text::read(text, format) else { return BTreeSet::new() };
    let outline = Outline::of(&read.value);
    let names = outline.uses.iter().filter_map(|used| match &used.what {
        outline::Used::Rule { slug, .. } => Some((*slug).to_owned()),
        _of_other_things => None,
    });
    names.collect()
}

/// Collects what the checks find.
struct Finder {
    problems: Vec<Problem>,
    /// Problems that decoding counted without keeping them.
    left_out: usize,
}

impl Finder {
    fn add(
        &mut self,
        rule: rules::Rule,
        pointer: String,
        step: Option<&str>,
        message: String,
        suggestion: Option<String>,
    ) {
        self.add_with(rule, pointer, step, (message, suggestion), Vec::new());
    }

    /// The same with a correction; `words` are the message and what to do.
    fn add_with(
        &mut self,
        rule: rules::Rule,
        pointer: String,
        step: Option<&str>,
        words: (String, Option<String>),
        fix: Vec<Operation>,
    ) {
        let (message, suggestion) = words;
        self.problems.push(Problem {
            code: rule.code,
            severity: rule.severity,
            message,
            pointer,
            step: step.filter(|step| !step.is_empty()).map(str::to_owned),
            range: None,
            suggestion,
            fix,
        });
    }

    /// Finds the place of every problem and puts them into the order of the text.
    fn finish(mut self, text: &str, format: Format) -> Vec<Problem> {
        if self.problems.is_empty() {
            return self.problems;
        }
        let wanted = self.problems.iter().map(|problem| problem.pointer.as_str());
        let places = Places::find(text, format, wanted);
        for problem in self.problems.iter_mut().filter(|problem| problem.range.is_none()) {
            problem.range = match problem.code {
                "unknown-key" | "duplicate-key" => places.key(&problem.pointer),
                _ => places.value(&problem.pointer),
            };
        }
        self.problems.sort_by_key(|problem| {
            (problem.range.map(|range| (range.start_line, range.start_column)), problem.severity)
        });
        self.shorten();
        self.problems
    }

    fn shorten(&mut self) {
        let total = self.problems.len() + self.left_out;
        if total <= MOST_PROBLEMS {
            return;
        }
        // Errors first: what is left out must not be the only reason for a refusal.
        self.problems.sort_by_key(|problem| problem.severity);
        self.problems.truncate(MOST_PROBLEMS);
        let message = format!("{} more problems are not listed", total - MOST_PROBLEMS);
        let hint = Some("correct these first".to_owned());
        self.add(rules::TOO_MANY_PROBLEMS, String::new(), None, message, hint);
    }
}
