//! The definition language: from a text to a decoded [`Definition`].

mod action;
mod approval;
pub(crate) mod canonical;
mod context;
mod cron;
mod flow;
mod method;
mod model;
mod model_call;
mod names;
pub(crate) mod reader;
mod resume;
mod retry;
mod root;
pub(crate) mod rule;
mod schema;
pub(crate) mod schema_check;
mod secrets;
mod step;
pub(crate) mod suggest;
pub(crate) mod text;
mod trigger;
pub(crate) mod words;

use serde_json::Value;

pub use self::flow::DEFAULT_MAX_ITERATIONS;
pub use self::model::*;
pub use self::names::is_slug;
use self::reader::Found;
pub(crate) use self::reader::{At, Sink};
pub use self::resume::{ResumeMatch, ResumeWhen, resume_test, resume_when};
pub(crate) use self::retry::standard as standard_retry;
pub use self::retry::{DEFAULT_DELAY, DEFAULT_MAX_ATTEMPTS};
pub use self::root::DEFAULT_QUEUE;
pub use self::schema::json_schema;
pub use self::schema_check::compile_schema;
pub(crate) use self::secrets::secret_parts;
pub use self::trigger::DEFAULT_CATCH_UP_LIMIT;
pub use self::words::{action_types, backoffs, decisions, step_types, strategies};
use crate::expr::measure::is_deeper;
use crate::expr::{INTEGRATIONS, VARIABLES, names_below};
use crate::problem::Problem;

/// Longest text of a definition, in bytes.
pub const MAX_DEFINITION_BYTES: usize = 1024 * 1024;

/// Deepest nesting of lists and objects in a definition.
pub const MAX_DEPTH: usize = 64;

/// How a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Yaml,
}

impl Format {
    /// The format that a file's name says, else the one the text looks like.
    pub fn guess(text: &str, file_name: Option<&str>) -> Self {
        let extension = file_name.and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
        match extension {
            Some(extension) if extension.eq_ignore_ascii_case("json") => Self::Json,
            Some(extension) if extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml") => {
                Self::Yaml
            }
            // A definition is an object; in YAML hardly anybody begins it with a brace.
            _ if text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']) => Self::Json,
            _ => Self::Yaml,
        }
    }
}

/// Decodes a definition that is already a value, such as stored canonical JSON.
///
/// Errors are those of decoding alone: that references lead somewhere is `check`'s business.
pub fn decode(value: &Value) -> Result<Definition, Vec<Problem>> {
    if is_deeper(value, MAX_DEPTH) {
        return Err(vec![text::too_deep()]);
    }
    let (definition, found) = decode_with_reads(value);
    definition.ok_or(found.problems)
}

/// A canonical definition as a text that reads back as the same.
#[must_use]
pub fn write(value: &Value, format: Format) -> String {
    let json = || format!("{value:#}\n");
    match format {
        Format::Json => json(),
        // Every JSON text is YAML too: what the writer has no words for is written as that.
        Format::Yaml => {
            let text = serde_saphyr::to_string(value).ok();
            text.filter(|text| text::read(text, Format::Yaml).is_ok_and(|read| read.value == *value))
                .unwrap_or_else(json)
        }
    }
}

/// The definition if there are no errors, and everything found on the way.
pub(crate) fn decode_with_reads(value: &Value) -> (Option<Definition>, Found) {
    let sink = Sink::default();
    let definition = root::decode(&At::root(value, &sink));
    let found = sink.into_found();
    let mut definition = definition.filter(|_| !found.problems.iter().any(Problem::is_error));
    if let Some(definition) = &mut definition {
        // What is read outside of steps is read before anything was loaded.
        let of_steps = found.reads.iter().filter(|read| read.step.is_some());
        let paths: Vec<&String> = of_steps.flat_map(|read| &read.paths).collect();
        definition.variables = names_below(&paths, VARIABLES);
        definition.integrations = names_below(&paths, INTEGRATIONS);
    }
    (definition, found)
}
