//! One free expression, compiled once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{ErrorKind, Value as Jinja};
use serde_json::{Map, Value};

use super::filters::{ENVIRONMENT, FILTERS, MAX_SOURCE};
use super::measure::take_jinja;
use super::path::Path;
use super::scope::{Scope, lookup};
use super::{EvalError, Fault, MAX_OUTPUT, cut, nesting, ordering, spelling};

/// A compiled expression such as `order.total > 100 and customer.tier == 'gold'`.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    compiled: Compiled,
}

#[derive(Clone)]
enum Compiled {
    /// A plain path needs no interpreter.
    Path(Path),
    Program {
        program: Arc<minijinja::Expression<'static, 'static>>,
        reads: Arc<[Read]>,
    },
}

/// A value that the program reads, and where it finds it.
#[derive(Debug)]
struct Read {
    path: Path,
    names: Vec<String>,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// Names that are values of the language, not roots.
const WORDS: [&str; 11] = ["true", "false", "none", "null", "True", "False", "None", "not", "and", "or", "in"];

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When the text is no expression, or is longer than 16 KiB.
    pub fn compile(source: &str) -> Result<Self, Fault> {
        let text = source.trim();
        if text.is_empty() {
            return Err(
                Fault::new("", "bad-template", "the expression is empty").suggest("write a path such as `order.total`")
            );
        }
        if text.len() > MAX_SOURCE {
            return Err(Fault::new(
                "",
                "bad-template",
                format!("the expression has {} bytes, at most {MAX_SOURCE} are allowed", text.len()),
            ));
        }
        if let Ok(path) = Path::parse(text)
            && !WORDS.contains(&path.root.as_str())
        {
            return Ok(Self { source: Arc::from(text), compiled: Compiled::Path(path) });
        }
        nesting::check(text)?;
        let fault = |problem: minijinja::Error| {
            let reason = problem.detail().unwrap_or("it does not parse").to_owned();
            Fault::new("", "bad-template", format!("`{}` is not an expression: {reason}", cut(text)))
        };
        let rewritten = with_null(&ordering::rewrite(&spelling::rewrite(text)));
        let sliceless = spelling::without_slices(&rewritten);
        let sliceless = sliceless.map(|text| ENVIRONMENT.compile_expression_owned(text).map_err(fault)).transpose()?;
        let program = ENVIRONMENT.compile_expression_owned(rewritten).map_err(fault)?;
        if let Some(unknown) = unknown_filter(text) {
            return Err(unknown);
        }
        let reads = reads_of(sliceless.as_ref().unwrap_or(&program));
        Ok(Self { source: Arc::from(text), compiled: Compiled::Program { program: Arc::new(program), reads } })
    }

    /// The value; a missing one is `null`.
    ///
    /// # Errors
    /// When it cannot be computed, or is over a limit.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        Ok(self.evaluate_if_present(scope)?.unwrap_or(Value::Null))
    }

    /// The value; `None` when it is missing.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_if_present(&self, scope: &dyn Scope) -> Result<Option<Value>, EvalError> {
        match &self.compiled {
            Compiled::Path(path) => Ok(lookup(scope, path).map(std::borrow::Cow::into_owned)),
            Compiled::Program { program, reads } => self.run(program, reads, scope),
        }
    }

    fn run(
        &self,
        program: &minijinja::Expression<'static, 'static>,
        reads: &[Read],
        scope: &dyn Scope,
    ) -> Result<Option<Value>, EvalError> {
        let mut context = Map::new();
        for read in reads {
            if let Some(value) = lookup(scope, &read.path) {
                put(&mut context, &read.names, value.into_owned());
            }
        }
        let result =
            program.eval(Jinja::from(Serde(Value::Object(context)))).map_err(|problem| self.failed(&problem))?;
        if result.is_undefined() {
            return Ok(None);
        }
        // Counted before it is written out: a list of one text a thousand times is small until then.
        if !take_jinja(&result, &mut { MAX_OUTPUT }) {
            return Err(EvalError::Limit { expression: cut(&self.source), limit: "its value has more than 1 MiB" });
        }
        let value = serde_json::to_value(&result).map_err(|_not_plain| EvalError::Failed {
            expression: cut(&self.source),
            reason: "its value cannot be written as JSON".to_owned(),
        })?;
        Ok(Some(value))
    }

    fn failed(&self, problem: &minijinja::Error) -> EvalError {
        let expression = cut(&self.source);
        if problem.kind() == ErrorKind::OutOfFuel {
            return EvalError::Limit {
                expression,
                limit: "it takes more than 100,000 steps, or builds more than 1 MiB",
            };
        }
        EvalError::Failed { expression, reason: problem.detail().map_or_else(|| problem.kind().to_string(), cut) }
    }

    /// The paths it reads, as far as they are fixed.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        match &self.compiled {
            Compiled::Path(path) => vec![path.as_str().to_owned()],
            Compiled::Program { reads, .. } => reads.iter().map(|read| read.path.as_str().to_owned()).collect(),
        }
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    pub(super) const fn as_path(&self) -> Option<&Path> {
        match &self.compiled {
            Compiled::Path(path) => Some(path),
            Compiled::Program { .. } => None,
        }
    }
}

/// `null` is our word for what minijinja calls `none`.
fn with_null(expression: &str) -> String {
    if !expression.contains("null") {
        return expression.to_owned();
    }
    let mut output = String::with_capacity(expression.len());
    let mut quote: Option<char> = None;
    let mut word = String::new();
    for next in expression.chars().chain(std::iter::once(' ')) {
        if quote.is_none() && (next.is_alphanumeric() || next == '_' || next == '.') {
            word.push(next);
            continue;
        }
        output.push_str(if word == "null" { "none" } else { &word });
        word.clear();
        output.push(next);
        match quote {
            Some(open) if open == next => quote = None,
            None if next == '"' || next == '\'' => quote = Some(next),
            _unchanged => {}
        }
    }
    output.pop();
    output
}

/// minijinja finds unknown filters only when they run; an author wants to know before.
fn unknown_filter(text: &str) -> Option<Fault> {
    let mut quote: Option<char> = None;
    let mut characters = text.char_indices();
    while let Some((at, next)) = characters.next() {
        match (quote, next) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), _) if open == next => quote = None,
            (None, '"' | '\'') => quote = Some(next),
            (None, '|') => {
                let rest = text[at + 1..].trim_start();
                let end = rest.find(|next: char| !(next.is_alphanumeric() || next == '_')).unwrap_or(rest.len());
                let name = &rest[..end];
                if !name.is_empty() && !FILTERS.contains(&name) {
                    let near = FILTERS
                        .iter()
                        .min_by_key(|known| strsim::levenshtein(known, name))
                        .copied()
                        .unwrap_or_default();
                    return Some(
                        Fault::new("", "bad-template", format!("there is no filter `{name}`"))
                            .suggest(format!("did you mean `{near}`?")),
                    );
                }
            }
            _other => {}
        }
    }
    None
}

/// Filters that authors may use.
fn reads_of(program: &minijinja::Expression<'static, 'static>) -> Arc<[Read]> {
    // Sorted, and without what lies below something that is read as a whole.
    let names: BTreeSet<String> = program.undeclared_variables(true).into_iter().collect();
    let mut reads: Vec<Read> = Vec::new();
    for name in &names {
        let covered = names
            .iter()
            .any(|other| name.len() > other.len() && name.starts_with(other) && name.as_bytes()[other.len()] == b'.');
        if covered {
            continue;
        }
        if let Ok(path) = Path::parse(name) {
            reads.push(Read { path, names: name.split('.').map(str::to_owned).collect() });
        }
    }
    reads.into()
}

/// Puts `value` where the program looks for it.
fn put(context: &mut Map<String, Value>, names: &[String], value: Value) {
    let Some((first, rest)) = names.split_first() else { return };
    if rest.is_empty() {
        context.insert(first.clone(), value);
        return;
    }
    let inner = context.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(fields) = inner {
        put(fields, rest, value);
    }
}
