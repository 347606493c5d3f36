//! What use cases refuse with, and how a chain of causes is written.

use std::fmt;
use std::time::Duration;

use crate::code::Code;
use crate::viewer::Forbidden;

/// A mistake of the caller in one place of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, for programs.
    pub code: Code,
    /// What is wrong, in one sentence, without internal detail.
    pub message: String,
    /// Path into the input, such as `["labels", "2", "name"]`.
    pub field: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake in `field`, a path with dots such as `labels.2.name`; empty for the whole input.
    #[must_use]
    pub fn new(code: Code, field: &str, message: impl Into<String>) -> Self {
        let field = if field.is_empty() { Vec::new() } else { field.split('.').map(str::to_owned).collect() };
        Self { code, message: message.into(), field, help: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Why a use case did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Nobody signed in, or what was signed in with does not count any more.
    #[error("this needs a sign-in or an API key")]
    Unauthenticated,
    /// The viewer lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Too much was tried in too short a time; the same request may succeed after `wait`.
    #[error("too many attempts; try again in {} seconds", shown(.wait))]
    RateLimited {
        /// How long to wait.
        wait: Duration,
    },
    /// The caller can correct this; all mistakes at once.
    #[error("the input has {} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// The database is away or overloaded; the same request may succeed later.
    #[error("the database cannot be reached")]
    Unavailable(#[source] store::StoreError),
    /// More is being accepted than the process has memory for; the same request may succeed later.
    #[error("too much is being accepted at this moment")]
    Overloaded,
    /// Something broke on our side.
    #[error("{what}")]
    Internal {
        /// What could not be done.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn shown(wait: &Duration) -> u64 {
    wait_seconds(*wait)
}

/// Whole seconds, at least one, after which `wait` is over.
#[must_use]
pub fn wait_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

impl ServiceError {
    /// One mistake of the caller.
    #[must_use]
    pub fn mistake(mistake: Mistake) -> Self {
        Self::Mistakes(vec![mistake])
    }

    /// Something that broke on our side while doing `what`.
    pub fn internal(what: &'static str) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| Self::Internal { what, source }
    }

    /// The code of a top-level error; mistakes have codes of their own.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Forbidden(_) => Code::Forbidden,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::Mistakes(mistakes) => mistakes.first().map_or(Code::Invalid, |mistake| mistake.code),
            Self::Unavailable(_) | Self::Overloaded => Code::Unavailable,
            Self::Internal { .. } => Code::Internal,
        }
    }
}

impl From<store::StoreError> for ServiceError {
    fn from(error: store::StoreError) -> Self {
        match error {
            // Of the caller's making: their texts say what, and nothing of ours.
            store::StoreError::Invalid { .. } | store::StoreError::FilterTooDeep { .. } => {
                Self::mistake(Mistake::new(Code::Invalid, "", error.to_string()))
            }
            error if error.is_retryable() => Self::Unavailable(error),
            error => Self::Internal { what: "the database refused", source: Box::new(error) },
        }
    }
}

/// An error with its causes, on one line: `cannot record: the database is away: timed out`.
#[must_use]
pub fn chain<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl fmt::Display + 'a {
    Chain(error)
}

struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
