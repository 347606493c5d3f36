//! Templates, expressions and conditions (definition-language §5).
//!
//! Plain paths such as `order.total` are looked up by our own code; everything else that is
//! written as an expression is compiled once by minijinja and runs with bounded fuel. Conditions
//! are evaluated by our own evaluator, which explains itself.

mod certain;
mod compare;
mod condition;
mod evaluate;
mod explanation;
mod expression;
mod filters;
mod holds;
pub(crate) mod measure;
mod moment;
mod nesting;
mod operator;
mod ordering;
mod path;
mod scope;
mod size;
mod source;
mod spelling;
mod template;
mod text;
mod turn;

pub use self::compare::equal;
pub use self::condition::Condition;
pub use self::explanation::Explanation;
pub use self::expression::Expression;
pub use self::filters::FILTERS;
pub use self::moment::{is_moment, of_value as moment_of};
pub use self::operator::{canonical_operator, operators};
pub(crate) use self::path::names_below;
pub use self::path::{Path, PathError};
pub use self::scope::{DataScope, Field, Scope, lookup};
pub use self::source::Source;
pub(crate) use self::template::SecretUse;
pub use self::template::Template;
pub use self::text::to_text;
pub use self::turn::Turn;

use crate::fix::Operation;

/// What is wrong with a template, condition or expression as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON Pointer relative to the value that was compiled.
    pub pointer: String,
    /// Stable rule id, such as `bad-template`.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// The correction, when there is a safe one; paths relative to the value that was compiled.
    pub fix: Vec<Operation>,
}

impl Fault {
    fn new(pointer: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), code, message: message.into(), suggestion: None, fix: Vec::new() }
    }

    fn correct(mut self, fix: Vec<Operation>) -> Self {
        self.fix = fix;
        self
    }

    fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

/// Why a template, condition or expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The expression cannot be computed, such as a sum of a text and a list.
    #[error("`{expression}` cannot be computed: {reason}")]
    Failed {
        /// As written, cut to 200 characters.
        expression: String,
        /// Why.
        reason: String,
    },
    /// The expression took more steps, or produced more, than is allowed.
    #[error("`{expression}` is over the limit: {limit}")]
    Limit {
        /// As written, cut to 200 characters.
        expression: String,
        /// Which limit.
        limit: &'static str,
    },
    /// A field is missing, and the definition says `missing_fields: error`.
    #[error("`{field}` is missing")]
    Missing {
        /// The field.
        field: String,
    },
    /// Two values have no order, and the definition says `missing_fields: error`.
    #[error("`{field}`: {reason}")]
    Mismatch {
        /// The field.
        field: String,
        /// Why.
        reason: String,
    },
}

impl EvalError {
    /// Stable code of the failed step.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Failed { .. } => "EXPRESSION_FAILED",
            Self::Limit { .. } => "EXPRESSION_LIMIT",
            Self::Missing { .. } => "FIELD_MISSING",
            Self::Mismatch { .. } => "TYPE_MISMATCH",
        }
    }
}

/// The root below which templates name the organization's secrets.
pub(crate) const SECRETS: &str = "secrets";
/// The root below which its variables are read.
pub(crate) const VARIABLES: &str = "vars";
/// The root below which its services are read.
pub(crate) const INTEGRATIONS: &str = "integrations";

/// Largest text or value that one template may produce, in bytes.
pub(crate) const MAX_OUTPUT: usize = 1024 * 1024;

/// The first 200 characters, for messages.
fn cut(text: &str) -> String {
    cut_to(text, 200)
}

/// The first `most` characters.
pub(crate) fn cut_to(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
