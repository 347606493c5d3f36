//! What an error says about the database: that it answers, or that it does not.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// A call that came to nothing on this side.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The database did not answer lately, so it was not asked.
    #[error("it did not answer lately ({last_error}), so it was not asked")]
    BreakerOpen {
        /// The kind of the last failure.
        last_error: String,
    },
    /// It did not answer in time. It may have done what it was asked.
    #[error("it did not answer within {limit:?}")]
    NoAnswer {
        /// How long it was waited for.
        limit: Duration,
    },
    /// No connection could be had in time.
    #[error("no connection could be had within {limit:?}")]
    NoConnection {
        /// How long was tried.
        limit: Duration,
    },
    /// More waits to be written than is kept in memory.
    #[error("{waiting} writes wait already")]
    QueueFull {
        /// How many wait.
        waiting: usize,
    },
}

/// A failure that speaks against the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Short name without names or addresses.
    pub kind: String,
    /// How much it counts.
    pub weight: u32,
}

/// A failure that came quickly.
const LIGHT: u32 = 1;
/// Somebody has waited for a connection in vain.
const TIME_OUT: u32 = 3;
/// Somebody has waited in vain for an answer: one such is enough.
const HEAVY: u32 = u32::MAX;

/// An error of a call to the database.
pub trait Evidence {
    /// What speaks against the database; `None` when the database has answered, or was not asked.
    fn fault(&self) -> Option<Fault>;

    /// The error for a call that came to nothing on this side.
    fn refused(refusal: Refusal) -> Self;
}

fn fault(kind: &str, weight: u32) -> Fault {
    Fault { kind: kind.to_owned(), weight }
}

impl Evidence for sqlx::Error {
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::Io(problem) => match refusal_in(problem) {
                None => Some(fault("connection", LIGHT)),
                Some(Refusal::NoAnswer { .. }) => Some(fault("no_answer", HEAVY)),
                Some(Refusal::NoConnection { .. }) => Some(fault("no_connection", TIME_OUT)),
                Some(Refusal::BreakerOpen { .. } | Refusal::QueueFull { .. }) => None,
            },
            Self::Tls(_) | Self::Protocol(_) | Self::WorkerCrashed | Self::BeginFailed => {
                Some(fault("connection", LIGHT))
            }
            Self::PoolTimedOut => Some(fault("no_connection", TIME_OUT)),
            Self::Database(problem) => fault_of_code(&problem.code().unwrap_or_default()),
            _an_answer => None,
        }
    }

    fn refused(refusal: Refusal) -> Self {
        Self::Io(std::io::Error::new(std::io::ErrorKind::NotConnected, refusal))
    }
}

impl Evidence for DbErr {
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::ConnectionAcquire(ConnAcquireErr::Timeout) => Some(fault("no_connection", TIME_OUT)),
            Self::Conn(RuntimeErr::SqlxError(problem))
            | Self::Exec(RuntimeErr::SqlxError(problem))
            | Self::Query(RuntimeErr::SqlxError(problem)) => problem.fault(),
            _an_answer => None,
        }
    }

    fn refused(refusal: Refusal) -> Self {
        Self::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::refused(refusal))))
    }
}

/// What stands in an error that this side made.
pub fn refusal_in(problem: &std::io::Error) -> Option<&Refusal> {
    problem.get_ref()?.downcast_ref()
}

/// Codes that say that the database is away, full or going down. That two transactions were in each
/// other's way, or that it may only be read, is an answer that came at once.
fn fault_of_code(code: &str) -> Option<Fault> {
    if code.len() == 5 {
        return ["08", "53", "57", "58"].contains(&&code[..2]).then(|| fault(code, LIGHT));
    }
    // SQLite: the low byte is the primary code. Busy (5) and locked (6) come after the busy time-out.
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some(fault("busy", HEAVY)),
        10 => Some(fault("disk_error", LIGHT)),
        13 => Some(fault("disk_full", LIGHT)),
        _an_answer => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_says_no_does_not_speak_against_the_database() {
        for code in ["23505", "40001", "40P01", "25006", "55P03", "42P01", "19", "2067", ""] {
            assert_eq!(fault_of_code(code), None, "{code}");
        }
        for code in ["08006", "53100", "53300", "57014", "57P01", "57P03", "58030", "13", "266"] {
            assert!(fault_of_code(code).is_some_and(|fault| fault.weight == LIGHT), "{code}");
        }
        assert_eq!(sqlx::Error::RowNotFound.fault(), None);
        assert_eq!(sqlx::Error::PoolClosed.fault(), None, "that was us");
    }

    #[test]
    fn a_call_that_was_not_made_says_nothing_about_the_database() {
        let refused = sqlx::Error::refused(Refusal::BreakerOpen { last_error: "connection".to_owned() });
        assert_eq!(refused.fault(), None);
        let silent = DbErr::refused(Refusal::NoAnswer { limit: Duration::from_secs(1) });
        assert_eq!(silent.fault(), Some(fault("no_answer", HEAVY)));
    }
}
