//! Why a command failed: what, where, and what to do.

use std::fmt;
use std::process::ExitCode;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    what: String,
    help: Option<String>,
    is_usage: bool,
}

impl Failure {
    /// What was asked failed.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None, is_usage: false }
    }

    /// What was asked cannot be asked like that.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(what) }
    }

    /// What an error and its causes say.
    pub fn of(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(format!("{what}: {}", service::chain(error)))
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// 1 when what was asked failed, 2 on wrong usage.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}
