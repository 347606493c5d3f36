//! Why the database did not do what it was asked.

use std::sync::Arc;

use sea_orm::{DbErr, RuntimeErr};

use crate::breaker::{Evidence, Refusal, refusal_in};
use crate::model::code::UnknownCode;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is away, shutting down or overloaded; the same call may succeed later. What was under way
    /// may have been committed although its answer was lost.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Cause),
    /// A constraint was violated.
    #[error("the constraint `{constraint}` does not hold")]
    Conflict {
        /// Name of the constraint or index; on SQLite the columns for want of a name.
        constraint: String,
        /// What the database said.
        #[source]
        source: Cause,
    },
    /// A value that the database cannot hold, such as a text with a NUL character in it.
    #[error("{what}")]
    Invalid {
        /// What is wrong with which value.
        what: String,
    },
    /// A filter whose `and`, `or` and `not` nest too deep.
    #[error("the filter nests deeper than {limit} levels")]
    FilterTooDeep {
        /// Deepest nesting allowed.
        limit: usize,
    },
    /// The database holds something that this version of the program cannot read.
    #[error("a stored row cannot be read")]
    Unreadable(#[source] UnreadableRow),
    /// The program and the database do not fit together, or the database refused for another reason.
    #[error("the database refused")]
    Internal(#[source] Cause),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What the driver said; shared, because one failure can answer a whole group.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// No connection could be made, so nothing was asked.
#[derive(Debug, thiserror::Error)]
#[error("no connection can be made")]
pub struct NotConnected(#[source] pub sqlx::Error);

impl From<NotConnected> for StoreError {
    fn from(problem: NotConnected) -> Self {
        if problem.0.fault().is_some() { Self::Unavailable(Arc::new(problem)) } else { problem.0.into() }
    }
}

/// A fault of this program on the way to the database; what was asked may have been done.
#[derive(Debug, thiserror::Error)]
#[error("the write panicked; the log has the backtrace")]
pub struct Panicked;

/// What a failed write leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    /// Nothing was written, and nothing would be if it were tried again now.
    NotNow,
    /// Nothing was written, for the sake of another transaction.
    Victim,
    /// It may have been written, or not.
    Unknown,
    /// Nothing was written, because of what was to be written.
    Own,
}

/// What cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UnreadableRow {
    /// A number without a meaning.
    #[error(transparent)]
    Code(#[from] UnknownCode),
    /// A list of labels, tags or queues that is no such list.
    #[error("a list in column `{column}` is not readable")]
    List {
        /// The column.
        column: &'static str,
        /// Why.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// A transaction number that is no number.
    #[error("`{text}` is no transaction number")]
    Transaction {
        /// What was read.
        text: String,
    },
}

impl From<UnreadableRow> for StoreError {
    fn from(row: UnreadableRow) -> Self {
        Self::Unreadable(row)
    }
}

impl From<UnknownCode> for StoreError {
    fn from(code: UnknownCode) -> Self {
        Self::Unreadable(code.into())
    }
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::FilterTooDeep { .. }
            | Self::Unreadable(_)
            | Self::Internal(_)
            | Self::Closed => false,
        }
    }

    /// What this failure of a write leaves open.
    pub(crate) fn aftermath(&self) -> Aftermath {
        let cause: &(dyn std::error::Error + 'static) = match self {
            Self::Unavailable(cause) => &**cause,
            Self::Internal(cause) if cause.is::<Panicked>() => return Aftermath::Unknown,
            Self::Closed => return Aftermath::NotNow,
            _of_its_own => return Aftermath::Own,
        };
        match cause.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Io(problem)) => match refusal_in(problem) {
                None | Some(Refusal::NoAnswer { .. }) => Aftermath::Unknown,
                Some(_not_asked) => Aftermath::NotNow,
            },
            Some(sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed) => Aftermath::Unknown,
            Some(sqlx::Error::Database(problem)) => match problem.code().unwrap_or_default().as_ref() {
                code if code.len() == 5 && code.starts_with("40") => Aftermath::Victim,
                // The server said farewell, perhaps between the commit and the answer.
                code if code.starts_with("57P") || code.starts_with("08") => Aftermath::Unknown,
                _refused => Aftermath::NotNow,
            },
            _no_connection => Aftermath::NotNow,
        }
    }

    /// The same failure for another member of a group.
    pub(crate) fn for_another(&self) -> Self {
        match self {
            Self::Unavailable(cause) => Self::Unavailable(cause.clone()),
            Self::Conflict { constraint, source } => {
                Self::Conflict { constraint: constraint.clone(), source: source.clone() }
            }
            Self::Invalid { what } => Self::Invalid { what: what.clone() },
            Self::FilterTooDeep { limit } => Self::FilterTooDeep { limit: *limit },
            Self::Unreadable(row) => Self::Unreadable(row.clone()),
            Self::Internal(cause) => Self::Internal(cause.clone()),
            Self::Closed => Self::Closed,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        classify(Arc::new(error))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error {
            DbErr::ConnectionAcquire(_) => Self::Unavailable(Arc::new(error)),
            DbErr::Conn(RuntimeErr::SqlxError(inner))
            | DbErr::Exec(RuntimeErr::SqlxError(inner))
            | DbErr::Query(RuntimeErr::SqlxError(inner)) => classify(inner),
            other => Self::Internal(Arc::new(other)),
        }
    }
}

fn classify(error: Arc<sqlx::Error>) -> StoreError {
    use sqlx::Error;
    match &*error {
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreError::Unavailable(error),
        Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            if database.is_unique_violation() || database.is_check_violation() || database.is_foreign_key_violation() {
                let constraint = database.constraint().map_or_else(|| columns_of(database.message()), str::to_owned);
                StoreError::Conflict { constraint, source: error }
            } else if is_away(&code) {
                StoreError::Unavailable(error)
            } else if code.starts_with("22") {
                // Data exceptions of PostgreSQL: their messages name the problem without the value.
                StoreError::Invalid { what: database.message().to_owned() }
            } else {
                StoreError::Internal(error)
            }
        }
        _ => StoreError::Internal(error),
    }
}

/// SQLite says `UNIQUE constraint failed: execution.id`.
fn columns_of(message: &str) -> String {
    message.split_once("failed: ").map_or(message, |(_, columns)| columns).to_owned()
}

/// Codes that say "not now": of PostgreSQL by class (connection, resources, operator, conflicts
/// between transactions), of SQLite busy (5), locked (6), disk errors and a full disk (10, 13).
fn is_away(code: &str) -> bool {
    let is_postgres =
        code.len() == 5 && ["08", "53", "57", "40", "58"].contains(&&code[..2]) || code == "55P03" || code == "25006";
    // Extended codes of SQLite carry the primary one in their low byte.
    let is_sqlite = code.len() < 5 && code.parse::<u32>().is_ok_and(|code| [5, 6, 10, 13].contains(&(code & 0xff)));
    is_postgres || is_sqlite
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_mean_not_now_are_told_from_those_that_mean_never() {
        for code in ["08006", "53300", "57014", "57P01", "40P01", "40001", "5", "6", "261", "266", "13"] {
            assert!(is_away(code), "{code}");
        }
        for code in ["23505", "42P01", "22021", "1", "19", "2067", ""] {
            assert!(!is_away(code), "{code}");
        }
    }
}
