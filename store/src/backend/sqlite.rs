//! SQLite: many readers, one writer at a time, every commit on the disk before it is reported.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::config::StoreConfig;
use crate::error::StoreError;

/// Connections to a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    /// For queries that only read, by the query builder.
    pub reads: DatabaseConnection,
    /// The same connections, for raw SQL.
    pub read_pool: SqlitePool,
    /// The one connection that writes, by the query builder.
    pub writes: DatabaseConnection,
    /// The same connection, for raw SQL.
    pub write_pool: SqlitePool,
    /// A second one whose commits do not wait for the disk, for claims: when the machine goes down,
    /// the worker that claimed goes down with it, and the execution is still queued.
    pub claim_pool: SqlitePool,
    /// Whose turn it is to write: waiting here is fair and wakes at once, waiting in SQLite is neither.
    turns: Arc<Mutex<()>>,
}

/// How long to wait for another process, such as a backup, that writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Sqlite {
    pub async fn connect(path: &Path, config: &StoreConfig) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        // The writer first: it makes the file and its journal.
        let write_pool = pool(config, 1).connect_with(options.clone()).await?;
        let claim_options = options.clone().synchronous(SqliteSynchronous::Normal);
        let claim_pool = pool(config, 1).connect_lazy_with(claim_options);
        let read_pool = pool(config, config.pool_size.max(1)).connect_lazy_with(options);
        Ok(Self {
            reads: SqlxSqliteConnector::from_sqlx_sqlite_pool(read_pool.clone()),
            read_pool,
            writes: SqlxSqliteConnector::from_sqlx_sqlite_pool(write_pool.clone()),
            write_pool,
            claim_pool,
            turns: Arc::new(Mutex::new(())),
        })
    }

    /// Waits for the turn to write.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turns).lock_owned().await
    }

    pub async fn close(&self) {
        self.read_pool.close().await;
        self.claim_pool.close().await;
        self.write_pool.close().await;
    }
}

fn pool(config: &StoreConfig, size: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        // Statements stay prepared for as long as the process lives.
        .idle_timeout(None)
        .max_lifetime(None)
}
