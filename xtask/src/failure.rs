//! How a command of this crate ends badly.

use std::fmt;
use std::io;

/// Why a command cannot go on. The text is for a person and says what to do where that is known.
#[derive(Debug)]
pub enum Failure {
    /// Something did not work; the text says what.
    Message(String),
    /// The command line is wrong.
    Usage(String),
    /// A signal asked for the end; its number.
    Interrupted(i32),
}

impl Failure {
    pub fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// An input or output error, with what was being done.
    pub fn io(doing: impl fmt::Display, error: &io::Error) -> Self {
        Self::Message(format!("{doing}: {error}"))
    }

    /// The exit code of the process: 1 failed, 2 wrong usage, 128 + n for signal n.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Message(_) => 1,
            Self::Usage(_) => 2,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(text) | Self::Usage(text) => f.write_str(text),
            Self::Interrupted(signal) => write!(f, "stopped by signal {signal}"),
        }
    }
}
