//! Names: of workflows, steps, queues, context paths.

use super::reader::At;
use crate::check::rules;
use crate::fix;

/// Roots that belong to the engine; a definition cannot write below them.
const RESERVED_ROOTS: &[&str] = &[
    "steps",
    "trigger",
    "event",
    "vars",
    "secrets",
    "integrations",
    "workflow",
    "execution",
    "approval_url",
    "error",
    "now",
    "today",
];

/// `[a-z0-9][a-z0-9_-]{0,99}`.
pub(super) fn workflow_id(at: &At<'_>) -> Option<String> {
    slug(at, "a workflow id")
}

/// A queue is named as a workflow is.
pub(super) fn queue(at: &At<'_>) -> Option<String> {
    slug(at, "a queue")
}

/// A rule is named as a workflow is.
pub(super) fn rule(at: &At<'_>) -> Option<String> {
    slug(at, "the name of a rule")
}

fn slug(at: &At<'_>, what: &str) -> Option<String> {
    let text = at.name_text()?;
    if !is_slug(text) {
        let message = format!(
            "`{}` is not {what}: it has 1 to 100 lower-case letters, digits, `_` and `-`, and \
             begins with a letter or digit",
            shorten(text)
        );
        let slug = slug_of(text);
        let fix = slug.as_deref().map(|slug| fix::replace(&at.pointer, slug)).unwrap_or_default();
        let words = (message, slug.map(|slug| format!("use `{slug}`")));
        at.report_with(&at.pointer, rules::BAD_NAME, words, fix);
        return None;
    }
    Some(text.to_owned())
}

/// Whether a text is `[a-z0-9][a-z0-9_-]{0,99}`, as workflows, queues and rules are named.
pub fn is_slug(text: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 100
        && text.bytes().next().is_some_and(lower)
        && text.bytes().all(|byte| lower(byte) || matches!(byte, b'_' | b'-'))
}

/// The nearest slug to a text, if it has any letters.
fn slug_of(text: &str) -> Option<String> {
    let mut slug = String::new();
    for c in text.chars().take(100) {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9' | '-') => slug.push(c),
            _ => slug.push('_'),
        }
    }
    let slug = slug.trim_matches(['_', '-']);
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// Whether a text can be a step's id: readable as `steps.<id>` and as a part of a step path.
pub(crate) fn is_step_id(text: &str) -> bool {
    text.len() <= 100
        && text.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

pub(super) fn step_id(at: &At<'_>) -> Option<String> {
    let text = at.name_text()?;
    if !is_step_id(text) {
        let message = format!(
            "`{}` cannot be a step's id: it has 1 to 100 letters, digits, `_` and `-`, and begins \
             with a letter, digit or `_`",
            shorten(text)
        );
        at.report(rules::BAD_NAME, message, slug_of(text).map(|slug| format!("use `{slug}`")));
        return None;
    }
    Some(text.to_owned())
}

/// Parts of a path that is written to: each makes a level of what is stored.
const MOST_PARTS: usize = 32;

/// A path that is written to: names separated by dots.
pub(super) fn written_path(at: &At<'_>, text: &str) -> Option<String> {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let is_deep = text.split('.').count() > MOST_PARTS;
    if text.len() > 500 || is_deep || !text.split('.').all(is_part) {
        let what = if text.is_empty() { "an empty path".to_owned() } else { format!("`{}`", shorten(text)) };
        let message = format!("{what} cannot be written to: a path is names joined by dots");
        let hint = if is_deep {
            format!("a path that is written to has at most {MOST_PARTS} parts")
        } else {
            "write it as `order.total`, without brackets, braces or spaces".to_owned()
        };
        at.report(rules::BAD_PATH, message, Some(hint));
        return None;
    }
    let root = text.split('.').next().unwrap_or_default();
    if RESERVED_ROOTS.contains(&root) {
        let message = format!("`{root}` belongs to the engine and cannot be written to");
        at.report(rules::BAD_PATH, message, Some("choose another path".to_owned()));
        return None;
    }
    Some(text.to_owned())
}

/// The name of a variable in a loop.
pub(super) fn variable(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    let path = written_path(at, text)?;
    if path.contains('.') {
        at.report(rules::BAD_PATH, format!("`{text}` must be a single name"), None);
        return None;
    }
    Some(path)
}

/// A list of texts.
pub(super) fn list(at: &At<'_>) -> Option<Vec<String>> {
    let names: Vec<_> = at.list()?.iter().map(|at| at.name_text().map(str::to_owned)).collect();
    names.into_iter().collect()
}

/// What of a long text a message shows.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.escape_debug().to_string();
    }
    let start: String = text.chars().take(57).collect();
    format!("{}...", start.escape_debug())
}
