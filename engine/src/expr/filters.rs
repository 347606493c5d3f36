//! The environment of expressions: filters of the language, and the bounds on what they may cost.

use std::sync::LazyLock;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, tests};

use super::measure::take_jinja;
use super::ordering;
use super::path::Path;
use super::scope::{Scope, lookup};
use crate::Timestamp;

/// Steps that one evaluation may take.
const FUEL: u64 = 100_000;
/// Longest expression, in bytes.
pub(super) const MAX_SOURCE: usize = 16 * 1024;
/// Largest text or list that an operation inside an expression may build.
const MAX_BUILT: usize = super::MAX_OUTPUT;

/// The filters that expressions have.
pub const FILTERS: &[&str] = &[
    "upper",
    "lower",
    "trim",
    "default",
    "round",
    "join",
    "first",
    "last",
    "sum",
    "min",
    "max",
    "unique",
    "sort",
    "map",
    "date",
    "json",
    "slugify",
    "list",
    "length",
    "int",
    "float",
    "abs",
    "string",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "replace",
    "tojson",
];

/// The environment that all expressions share.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    // A missing value is nothing, however deep; whether that is an error is decided elsewhere.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("default", filters::default);
    environment.add_filter("round", filters::round);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("sum", filters::sum);
    environment.add_filter("min", filters::min);
    environment.add_filter("max", filters::max);
    environment.add_filter("unique", filters::unique);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("map", filters::map);
    environment.add_filter("list", filters::list);
    environment.add_filter("length", filters::length);
    environment.add_filter("int", filters::int);
    environment.add_filter("float", filters::float);
    environment.add_filter("abs", filters::abs);
    environment.add_filter("string", string);
    environment.add_filter("select", filters::select);
    environment.add_filter("reject", filters::reject);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("replace", replace);
    environment.add_filter("join", join);
    environment.add_filter("json", json);
    environment.add_filter("tojson", json);
    environment.add_filter("slugify", slugify);
    environment.add_filter("date", date);
    environment.add_filter("__length", length);
    environment.add_filter("__each", each);
    environment.add_filter(ordering::FILTER, ordering::ordered);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("null", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("string", tests::is_string);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
    environment
});

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn plain(value: &Value) -> Result<serde_json::Value, Error> {
    if !take_jinja(value, &mut { MAX_BUILT }) {
        return Err(Error::new(ErrorKind::OutOfFuel, "the value is over 1 MiB"));
    }
    serde_json::to_value(value).map_err(|_not_plain| refuse("the value cannot be written as JSON"))
}

fn join(values: Value, separator: Option<String>) -> Result<String, Error> {
    let separator = separator.unwrap_or_default();
    let mut text = String::new();
    for (index, value) in values.try_iter()?.enumerate() {
        if index > 0 {
            text.push_str(&separator);
        }
        super::text::push(&mut text, &plain(&value)?);
        if text.len() > MAX_BUILT {
            return Err(Error::new(ErrorKind::OutOfFuel, "the joined text is over 1 MiB"));
        }
    }
    Ok(text)
}

fn replace(text: String, from: String, to: String) -> Result<String, Error> {
    let found = if from.is_empty() { text.chars().count() + 1 } else { text.matches(&from).count() };
    if text.len().saturating_add(found.saturating_mul(to.len())) > MAX_BUILT {
        return Err(Error::new(ErrorKind::OutOfFuel, "the replaced text is over 1 MiB"));
    }
    Ok(text.replace(&from, &to))
}

/// The text that the value becomes inside a longer text.
fn string(value: Value) -> Result<String, Error> {
    Ok(super::to_text(&plain(&value)?))
}

fn json(value: Value) -> Result<String, Error> {
    Ok(plain(&value)?.to_string())
}

/// Lower case letters and digits, everything else as single hyphens.
fn slugify(text: String) -> String {
    let mut slug = String::with_capacity(text.len());
    for next in text.chars().flat_map(char::to_lowercase) {
        if next.is_alphanumeric() {
            slug.push(next);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// A moment in the given `strftime` format, UTC; the calendar day when there is none.
fn date(moment: Value, format: Option<String>) -> Result<String, Error> {
    let value = plain(&moment)?;
    // The present was resolved before: a relative text cannot reach this filter with another meaning.
    let Timestamp(millis) =
        super::moment::of_value(&value, Timestamp(0)).ok_or_else(|| refuse("`date` needs a moment as in RFC 3339"))?;
    let moment = chrono::DateTime::from_timestamp_millis(millis).ok_or_else(|| refuse("the moment is out of range"))?;
    let format = format.unwrap_or_else(|| "%Y-%m-%d".to_owned());
    let items: Vec<_> = chrono::format::StrftimeItems::new(&format).collect();
    if items.contains(&chrono::format::Item::Error) {
        return Err(refuse(format!("`{format}` is not a date format")));
    }
    Ok(moment.format_with_items(items.into_iter()).to_string())
}

/// `.length`: of a list, a text or an object; a field of that name wins.
fn length(value: Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Map {
        let own = value.get_attr("length")?;
        if !own.is_undefined() {
            return Ok(own);
        }
    }
    Ok(value.len().map_or_else(Value::default, Value::from))
}

/// `.*.path`: the value at `path` of every member that has one.
fn each(values: Value, path: String) -> Result<Value, Error> {
    struct Member(serde_json::Value);
    impl Scope for Member {
        fn root(&self, name: &str) -> Option<std::borrow::Cow<'_, serde_json::Value>> {
            self.0.get(name).map(std::borrow::Cow::Borrowed)
        }
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }
    if values.kind() != ValueKind::Seq && values.kind() != ValueKind::Iterable {
        return Ok(Value::default());
    }
    let path = Path::parse(&path).map_err(|problem| refuse(problem.to_string()))?;
    let mut collected = Vec::new();
    for value in values.try_iter()? {
        let member = Member(plain(&value)?);
        if let Some(found) = lookup(&member, &path) {
            collected.push(Value::from(Serde(found.into_owned())));
        }
    }
    Ok(Value::from(collected))
}
