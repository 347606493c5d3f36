//! PostgreSQL: a pool for ordinary queries, and a connection for each committer.

mod dedicated;
mod tenants;

use std::time::Duration;

use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Postgres as Driver};

use super::ANSWER_GRACE;
use crate::breaker::{Breaker, Door, Guarded, GuardedPool};
use crate::commit::rollup::SHARDS;
use crate::config::StoreConfig;
use crate::error::StoreError;

pub use dedicated::Dedicated;
pub use tenants::Tenants;

/// Connections to PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    /// For ordinary queries by the query builder.
    pub reads: Guarded<DatabaseConnection>,
    /// The same connections, to begin transactions.
    pub writes: Guarded<DatabaseConnection>,
    /// The same connections, for raw SQL.
    pub pool: GuardedPool<Driver>,
    /// For reads on behalf of one organization.
    pub tenants: Tenants,
    /// For reconcilers; planned by [`BY_KEY`].
    pub updates: GuardedPool<Driver>,
    /// One connection for heartbeats alone, so that no load keeps them waiting; never refused by the
    /// breaker, but heard by it.
    pub renewals: Guarded<DatabaseConnection>,
    /// For the committer of the audit log.
    pub audits: Dedicated,
    /// For the committer of starts.
    pub starts: Dedicated,
    /// For the committer of checkpoints; planned by [`BY_KEY`].
    pub checkpoints: Dedicated,
    /// For the committer of claims; planned by [`BY_KEY`]. Its commits do not wait for the disk: a claim that is lost in a
    /// crash of the database leaves its execution queued, and what the worker writes meanwhile
    /// misses the epoch or the worker. Nothing was promised to anybody by a claim.
    pub claims: Dedicated,
    /// Where this process counts: a few that write the same number have a row of it each.
    pub shard: i16,
}

/// Connections that lay idle for longer are tried before they are used, so that a restart of the
/// database costs the first caller nothing; busy ones are spared the round trip.
const TRY_AFTER: Duration = Duration::from_secs(1);

/// A transaction that does nothing for so long was left behind: it holds locks.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// Every statement of these connections reaches few rows by an index, in its order. A plan that is
/// kept from when the tables were small must not join by reading all of them: nobody would notice
/// before they are large.
const BY_KEY: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("enable_sort", "off")];

impl Postgres {
    pub async fn connect(
        options: &PgConnectOptions,
        config: &StoreConfig,
        breaker: &Breaker,
    ) -> Result<Self, StoreError> {
        let millis = |limit: Duration| limit.as_millis().to_string();
        let options = options
            .clone()
            .application_name("sluice")
            // Compiling a statement costs more than any of ours takes, and forbidden plans count as so
            // expensive that each would be compiled.
            .options([("jit", "off")])
            .options([
                ("statement_timeout", millis(config.statement_timeout)),
                ("lock_timeout", millis(config.lock_timeout)),
                ("idle_in_transaction_session_timeout", millis(IDLE_IN_TRANSACTION)),
            ]);
        // Lists have many shapes and sizes: each is planned for its parameters and for the tables as
        // they are now, at the price of some 0.1 ms.
        let planned_anew = options.clone().options([("plan_cache_mode", "force_custom_plan")]);
        let pool = connections(config, config.pool_size.saturating_sub(of_tenants(config)))
            .connect_with(planned_anew.clone())
            .await?;
        let by_key = options.clone().options(BY_KEY);
        let updates = connections(config, 2).connect_lazy_with(by_key.clone());
        // Committers' statements take milliseconds, and everybody waits for them.
        let of_committer =
            |options: PgConnectOptions| options.options([("statement_timeout", millis(config.commit_timeout))]);
        let dedicated = |options| Dedicated::new(of_committer(options), config.acquire_timeout, breaker.clone());
        let renewals = connections(config, 1).connect_lazy_with(of_committer(options.clone()));
        let audits = dedicated(options.clone());
        let starts = dedicated(options);
        let checkpoints = dedicated(by_key.clone());
        let claims = dedicated(by_key.options([("synchronous_commit", "off")]));
        let limit = config.acquire_timeout + config.statement_timeout + ANSWER_GRACE;
        let connection = || SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        let guarded = |connection, limit, door| Guarded::new(connection, breaker.clone(), limit, door);
        Ok(Self {
            reads: guarded(connection(), limit, Door::Breaker),
            writes: guarded(connection(), limit, Door::Breaker),
            renewals: guarded(
                SqlxPostgresConnector::from_sqlx_postgres_pool(renewals),
                config.acquire_timeout + config.commit_timeout + ANSWER_GRACE,
                Door::Witness,
            ),
            pool: GuardedPool::new(pool.clone(), breaker.clone(), limit),
            tenants: Tenants::new(planned_anew, limit, breaker.clone(), config),
            updates: GuardedPool::new(updates, breaker.clone(), limit),
            shard: any_shard(),
            audits,
            starts,
            checkpoints,
            claims,
        })
    }

    pub async fn close(&self) {
        self.audits.close().await;
        self.starts.close().await;
        self.checkpoints.close().await;
        self.updates.close().await;
        self.claims.close().await;
        self.tenants.close().await;
        self.renewals.bare().get_postgres_connection_pool().close().await;
        self.pool.close().await;
    }
}

/// How many of the pool's connections read on behalf of organizations: half of them.
fn of_tenants(config: &StoreConfig) -> u32 {
    (config.pool_size / 2).max(1)
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

/// Any answer shows that the connection lives, but for the one that says farewell (class 57P), and the
/// one that says that the server only reads (25006): another one has taken its place.
fn is_alive<T>(outcome: &Result<T, sqlx::Error>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(sqlx::Error::Database(problem)) => {
            problem.code().is_some_and(|code| !code.starts_with("57P") && code != "25006")
        }
        Err(_no_answer) => false,
    }
}

/// One of the shards, whichever: the last bits of an id are random.
fn any_shard() -> i16 {
    let [.., last] = ids::uuid::Uuid::now_v7().into_bytes();
    i16::from(last % SHARDS)
}
