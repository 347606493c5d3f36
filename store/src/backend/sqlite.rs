//! SQLite: many readers, one writer at a time, every commit on the disk before it is reported.

use std::path::Path;
use std::sync::Arc;

use sea_orm::{DatabaseConnection, SqlxSqliteConnector};
use sqlx::Sqlite as Driver;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::ANSWER_GRACE;
use crate::breaker::{Breaker, Door, Guarded, GuardedPool};
use crate::config::StoreConfig;
use crate::error::StoreError;

/// Connections to a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    /// For queries that only read, by the query builder. They wait for no writer, so they pass the
    /// breaker by: it tells whether the file can be written.
    pub reads: Guarded<DatabaseConnection>,
    /// The same connections, for raw SQL.
    pub read_pool: SqlitePool,
    /// The one connection that writes, by the query builder.
    pub writes: Guarded<DatabaseConnection>,
    /// The same connection, for raw SQL.
    pub write_pool: GuardedPool<Driver>,
    /// A second one whose commits do not wait for the disk, for claims: when the machine goes down,
    /// the worker that claimed goes down with it, and the execution is still queued.
    pub claim_pool: GuardedPool<Driver>,
    /// Whose turn it is to write: waiting here is fair and wakes at once, waiting in SQLite is neither.
    turns: Arc<Mutex<()>>,
}

impl Sqlite {
    pub async fn connect(path: &Path, config: &StoreConfig, breaker: &Breaker) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // For another process, such as a backup, that writes to the file.
            .busy_timeout(config.lock_timeout)
            .foreign_keys(true);
        // The writer first: it makes the file and its journal.
        let write_pool = pool(config, 1).connect_with(options.clone()).await?;
        let claim_options = options.clone().synchronous(SqliteSynchronous::Normal);
        let claim_pool = pool(config, 1).connect_lazy_with(claim_options);
        let read_pool = pool(config, config.pool_size.max(1)).connect_lazy_with(options);
        let limit = config.acquire_timeout + config.lock_timeout + config.statement_timeout + ANSWER_GRACE;
        let guarded = |pool: &SqlitePool, door| {
            let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone());
            Guarded::new(connection, breaker.clone(), limit, door)
        };
        Ok(Self {
            reads: guarded(&read_pool, Door::Open),
            read_pool,
            writes: guarded(&write_pool, Door::Breaker),
            write_pool: GuardedPool::new(write_pool, breaker.clone(), limit),
            claim_pool: GuardedPool::new(claim_pool, breaker.clone(), limit),
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
