//! Why a document is refused, and where.

use async_graphql::{Pos, ServerError};
use service::Code;

use super::Fault;
use crate::errors;

/// A document that was refused before parsing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Which limit or mistake.
    pub reason: Reason,
    /// Line of the place, from 1.
    pub line: usize,
    /// Column of the place in characters, from 1.
    pub column: usize,
}

/// Which limit a document is over, or which mistake it has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant and field means")]
pub enum Reason {
    #[error("the document has {bytes} bytes; at most {limit} are allowed")]
    TooManyBytes { bytes: usize, limit: usize },
    #[error("the document has more than {limit} tokens")]
    TooManyTokens { limit: usize },
    #[error("brackets are nested more than {limit} deep")]
    TooDeep { limit: usize },
    #[error("a name is longer than {limit} bytes")]
    NameTooLong { limit: usize },
    #[error("the document defines more than {limit} fragments")]
    TooManyFragments { limit: usize },
    #[error("the document spreads fragments more than {limit} times")]
    TooManySpreads { limit: usize },
    #[error("the document selects more than {limit} fields once its fragments are expanded")]
    ExpandsTooFar { limit: u64 },
    #[error("the document has more than {limit} tokens once its fragments are expanded")]
    ExpandsToTooManyTokens { limit: u64 },
    #[error("field `{field}` is selected under more than {limit} aliases")]
    TooManyAliases { field: String, limit: usize },
    #[error("an operation selects more than {limit} root fields")]
    TooManyRootFields { limit: u64 },
    #[error("one place has more than {limit} directives")]
    TooManyDirectivesInOnePlace { limit: usize },
    #[error("the document has more than {limit} directives")]
    TooManyDirectives { limit: usize },
    #[error("`{0}` cannot stand here")]
    UnexpectedCharacter(char),
    #[error("a string does not end on its line")]
    UnterminatedString,
    #[error("a block string does not end")]
    UnterminatedBlockString,
    #[error("`{0}` closes nothing that is open")]
    UnexpectedCloser(char),
    #[error("a bracket opened here is never closed")]
    NeverClosed,
    #[error("expected `query`, `mutation`, `subscription`, `fragment` or `{{`")]
    UnknownDefinition,
    #[error("a definition ends without a selection set")]
    NoSelectionSet,
    #[error("a fragment cannot be named `on`")]
    FragmentNamedOn,
    #[error("fragment `{0}` is defined twice")]
    DuplicateFragment(String),
    #[error("fragment `{0}` contains itself")]
    FragmentCycle(String),
    #[error("the document has no operation")]
    NoOperation,
}

impl Reason {
    /// The code that clients see.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooManyBytes { .. }
            | Self::TooManyTokens { .. }
            | Self::TooDeep { .. }
            | Self::NameTooLong { .. }
            | Self::TooManyFragments { .. }
            | Self::TooManySpreads { .. }
            | Self::ExpandsTooFar { .. }
            | Self::ExpandsToTooManyTokens { .. }
            | Self::TooManyAliases { .. }
            | Self::TooManyRootFields { .. }
            | Self::TooManyDirectivesInOnePlace { .. }
            | Self::TooManyDirectives { .. } => Code::QueryTooComplex,
            Self::UnexpectedCharacter(_)
            | Self::UnterminatedString
            | Self::UnterminatedBlockString
            | Self::UnexpectedCloser(_)
            | Self::NeverClosed
            | Self::UnknownDefinition
            | Self::NoSelectionSet
            | Self::FragmentNamedOn
            | Self::DuplicateFragment(_)
            | Self::FragmentCycle(_)
            | Self::NoOperation => Code::BadDocument,
        }
    }
}

impl Refusal {
    /// Finds line and column; only here, because a document that passes needs neither.
    pub(super) fn locate(document: &str, fault: Fault) -> Self {
        let before = document.get(..fault.offset).unwrap_or(document);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            reason: fault.reason,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The refusal as an entry of `errors`.
    #[must_use]
    pub fn into_server_error(self) -> ServerError {
        let place = Pos { line: self.line, column: self.column };
        let mut error = errors::server_error(self.reason.code(), self.reason.to_string());
        error.locations.push(place);
        error
    }
}
