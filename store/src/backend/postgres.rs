//! PostgreSQL: a pool for ordinary queries, and a connection for each committer.

mod dedicated;

use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::config::StoreConfig;
use crate::error::StoreError;

pub use dedicated::Dedicated;

/// Connections to PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    /// For ordinary queries by the query builder.
    pub queries: DatabaseConnection,
    /// The same connections, for raw SQL.
    pub pool: PgPool,
    /// For reconcilers; planned by [`BY_KEY`].
    pub updates: PgPool,
    /// For the committer of starts.
    pub starts: Dedicated,
    /// For the committer of checkpoints; planned by [`BY_KEY`].
    pub checkpoints: Dedicated,
    /// For the committer of claims; planned by [`BY_KEY`]. Its commits do not wait for the disk: a claim that is lost in a
    /// crash of the database leaves its execution queued, and what the worker writes meanwhile
    /// misses the epoch or the worker. Nothing was promised to anybody by a claim.
    pub claims: Dedicated,
}

/// Connections that lay idle for longer are tried before they are used, so that a restart of the
/// database costs the first caller nothing; busy ones are spared the round trip.
const TRY_AFTER: Duration = Duration::from_secs(1);

/// Every statement of these connections reaches few rows by an index, in its order. A plan that is
/// kept from when the tables were small must not join by reading all of them: nobody would notice
/// before they are large.
const BY_KEY: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("enable_sort", "off")];

impl Postgres {
    pub async fn connect(options: &PgConnectOptions, config: &StoreConfig) -> Result<Self, StoreError> {
        let statement_timeout = config.statement_timeout.as_millis().to_string();
        let options = options
            .clone()
            .application_name("sluice")
            // Compiling a statement costs more than any of ours takes, and forbidden plans count as so
            // expensive that each would be compiled.
            .options([("statement_timeout", statement_timeout.as_str()), ("jit", "off")]);
        // Lists have many shapes and sizes: each is planned for its parameters and for the tables as
        // they are now, at the price of some 0.1 ms.
        let pool = connections(config, config.pool_size)
            .connect_with(options.clone().options([("plan_cache_mode", "force_custom_plan")]))
            .await?;
        let by_key = options.clone().options(BY_KEY);
        let updates = connections(config, 2).connect_lazy_with(by_key.clone());
        let dedicated = |options| Dedicated::new(options, config.acquire_timeout);
        let starts = dedicated(options);
        let checkpoints = dedicated(by_key.clone());
        let claims = dedicated(by_key.options([("synchronous_commit", "off")]));
        let queries = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        Ok(Self { queries, pool, updates, starts, checkpoints, claims })
    }

    pub async fn close(&self) {
        self.starts.close().await;
        self.checkpoints.close().await;
        self.updates.close().await;
        self.claims.close().await;
        self.pool.close().await;
    }
}

fn connections(config: &StoreConfig, size: u32) -> PgPoolOptions {
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
