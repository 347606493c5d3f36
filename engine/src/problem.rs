//! Findings about a definition: what is wrong, where, and what to do.

use std::fmt;

use serde::Serialize;

use crate::fix::Operation;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing with an error is ever saved as enabled.
    Error,
    Warning,
}

/// Place in a text. Lines and columns start at 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Range {
    pub start_line: u32,
    pub start_column: u32,
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// Stable rule id, such as `unknown-key`; each has a section in `docs/problems.md`.
    pub code: &'static str,
    pub severity: Severity,
    /// One sentence: what is wrong.
    pub message: String,
    /// JSON Pointer into the definition; empty for the whole.
    pub pointer: String,
    /// Step it is about.
    pub step: Option<String>,
    /// Where it stands in the text, when the text is known.
    pub range: Option<Range>,
    /// What to do about it.
    pub suggestion: Option<String>,
    /// The correction as a program makes it, when there is a safe one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<Operation>,
}

impl Problem {
    /// Whether it stands in the way of publishing.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `3:14: error[unknown-step]: message (suggestion)`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(range) = self.range {
            write!(f, "{}:{}: ", range.start_line, range.start_column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " ({suggestion})"),
            None => Ok(()),
        }
    }
}
