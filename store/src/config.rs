//! Which database, and how to talk to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::audit::AuditKey;

/// Where the data is. Its text never shows a password.
#[derive(Clone)]
pub struct DatabaseUrl(pub(crate) Location);

#[derive(Clone)]
pub(crate) enum Location {
    Postgres(Box<PgConnectOptions>),
    Sqlite(PathBuf),
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Neither PostgreSQL nor SQLite.
    #[error("a database URL begins with `postgres://`, `postgresql://` or `sqlite:`")]
    UnknownScheme,
    /// A PostgreSQL URL that cannot be read.
    #[error("the PostgreSQL URL cannot be read")]
    Postgres(#[source] sqlx::Error),
    /// A SQLite URL without a file, or with one in memory, which several connections cannot share.
    #[error("a SQLite URL names a file, such as `sqlite:data/sluice.db`")]
    NoFile,
}

impl DatabaseUrl {
    /// A SQLite file; made if it does not exist.
    #[must_use]
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self(Location::Sqlite(path.as_ref().to_owned()))
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            let path = path.split('?').next().unwrap_or_default();
            if path.is_empty() || path == ":memory:" {
                return Err(DatabaseUrlError::NoFile);
            }
            return Ok(Self::sqlite(path));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(text).map_err(DatabaseUrlError::Postgres)?;
            return Ok(Self(Location::Postgres(Box::new(options))));
        }
        Err(DatabaseUrlError::UnknownScheme)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Location::Postgres(options) => {
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                write!(f, "PostgreSQL database `{database}` at {}:{}", options.get_host(), options.get_port())
            }
            Location::Sqlite(path) => write!(f, "SQLite file {}", path.display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Which one.
    pub url: DatabaseUrl,
    /// Connections for ordinary queries; the committers have their own.
    pub pool_size: u32,
    /// Longest time that PostgreSQL works on one statement.
    pub statement_timeout: Duration,
    /// Longest time that PostgreSQL works on one group of a committer, and on a heartbeat.
    pub commit_timeout: Duration,
    /// Longest time that a statement waits for a lock; in SQLite for another process that writes.
    pub lock_timeout: Duration,
    /// Longest time to wait for a connection, and for a place in front of a committer.
    pub acquire_timeout: Duration,
    /// Whether reads on behalf of organizations are refused when PostgreSQL does not keep organizations apart.
    pub require_tenant_wall: bool,
    /// What the audit log is chained with.
    pub audit_key: AuditKey,
}

impl StoreConfig {
    /// Defaults: 10 connections; 30 s for a statement, 10 s for a commit, 5 s for a lock, 5 s for a connection.
    ///
    /// The key of the audit log is one that everybody knows: whoever runs an installation gives another.
    #[must_use]
    pub const fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            pool_size: 10,
            statement_timeout: Duration::from_secs(30),
            commit_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(5),
            require_tenant_wall: false,
            audit_key: AuditKey::new([0; 32]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: DatabaseUrl = "postgres://sluice:hunter2@db.example:5433/flows".parse().unwrap();
        assert_eq!(format!("{url} {url:?}").matches("hunter2").count(), 0);
        assert_eq!(url.to_string(), "PostgreSQL database `flows` at db.example:5433");
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        let url: DatabaseUrl = "sqlite:data/sluice.db".parse().unwrap();
        assert_eq!(url.to_string(), "SQLite file data/sluice.db");
        let url: DatabaseUrl = "sqlite:///var/lib/sluice.db?mode=rwc".parse().unwrap();
        assert_eq!(url.to_string(), "SQLite file /var/lib/sluice.db");
        for text in ["sqlite:", "sqlite::memory:", "mysql://x/y", "", "postgres//x"] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }
}
