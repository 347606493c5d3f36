//! PostgreSQL: a pool for ordinary queries, and a connection for each committer.

use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::config::StoreConfig;
use crate::error::StoreError;

/// Connections to PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    /// For ordinary queries by the query builder.
    pub queries: DatabaseConnection,
    /// The same connections, for raw SQL.
    pub pool: PgPool,
    /// For the committers of starts and checkpoints.
    pub commits: PgPool,
    /// For the committer of claims. Its commits do not wait for the disk: a claim that is lost in a
    /// crash of the database leaves its execution queued, and what the worker writes meanwhile
    /// misses the epoch or the worker. Nothing was promised to anybody by a claim.
    pub claims: PgPool,
}

/// Connections that lay idle for longer are tried before they are used, so that a restart of the
/// database costs the first caller nothing; busy ones are spared the round trip.
const TRY_AFTER: Duration = Duration::from_secs(1);

impl Postgres {
    pub async fn connect(options: &PgConnectOptions, config: &StoreConfig) -> Result<Self, StoreError> {
        let statement_timeout = config.statement_timeout.as_millis().to_string();
        let options = options
            .clone()
            .application_name("sluice")
            .options([("statement_timeout", statement_timeout.as_str())])
            // Slow statements and their causes are in the metrics; statements are not logged one by one.
            .disable_statement_logging();
        let pool = pool(config, config.pool_size).connect_with(options.clone()).await?;
        let commits = pool_of_committers(config, 2).connect_lazy_with(options.clone());
        let claims = pool_of_committers(config, 1).connect_lazy_with(options.options([("synchronous_commit", "off")]));
        Ok(Self { queries: SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()), pool, commits, claims })
    }

    pub async fn close(&self) {
        self.commits.close().await;
        self.claims.close().await;
        self.pool.close().await;
    }
}

fn pool(config: &StoreConfig, size: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(size.max(1))
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRY_AFTER {
                    // A connection that does not answer is thrown away and the next one is tried.
                    return Ok(connection.ping().await.is_ok());
                }
                Ok(true)
            })
        })
}

fn pool_of_committers(config: &StoreConfig, size: u32) -> PgPoolOptions {
    pool(config, size).min_connections(size).idle_timeout(None).max_lifetime(None)
}
