//! The two databases behind the facade: connections, transactions, what differs between them.

pub mod postgres;
mod scoped;
pub mod sqlite;

use std::time::Duration;

use ids::OrganizationId;
use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::OwnedMutexGuard;

use crate::breaker::{Breaker, Door, Guarded};
use crate::config::{Location, StoreConfig};
use crate::error::StoreError;

pub use postgres::Postgres;
pub use scoped::Scoped;
pub use sqlite::Sqlite;

/// The database in use.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Backend {
    /// PostgreSQL.
    Postgres(Postgres),
    /// SQLite.
    Sqlite(Sqlite),
}

/// What to write differently in ordinary queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A transaction that writes; rolled back when dropped without a commit.
pub struct WriteTransaction {
    transaction: Guarded<DatabaseTransaction>,
    /// SQLite has one writer at a time: held until the transaction is over, hence the field order.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl WriteTransaction {
    pub async fn commit(self) -> Result<(), StoreError> {
        let (transaction, breaker, limit) = self.transaction.into_parts();
        Ok(breaker.run_always(limit, transaction.commit()).await?)
    }
}

impl std::ops::Deref for WriteTransaction {
    type Target = Guarded<DatabaseTransaction>;

    fn deref(&self) -> &Guarded<DatabaseTransaction> {
        &self.transaction
    }
}

/// The server ends a statement that takes too long; when nothing has come for this much longer, the
/// server or the way to it is dead.
pub const ANSWER_GRACE: Duration = Duration::from_secs(2);

impl Backend {
    pub async fn connect(config: &StoreConfig, breaker: &Breaker) -> Result<Self, StoreError> {
        Ok(match &config.url.0 {
            Location::Postgres(options) => Self::Postgres(Postgres::connect(options, config, breaker).await?),
            Location::Sqlite(path) => Self::Sqlite(Sqlite::connect(path, config, breaker).await?),
        })
    }

    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Where this process counts what it adds to the statistics.
    pub const fn shard(&self) -> i16 {
        match self {
            Self::Postgres(postgres) => postgres.shard,
            // One writes at a time.
            Self::Sqlite(_) => 0,
        }
    }

    /// For queries that only read, on behalf of one organization.
    pub const fn reads_of(&self, organization: OrganizationId) -> Scoped<'_> {
        match self {
            Self::Postgres(postgres) => Scoped::Walled { tenants: &postgres.tenants, organization },
            Self::Sqlite(sqlite) => Scoped::Plain(&sqlite.reads),
        }
    }

    /// For queries that only read and serve all organizations: `cargo xtask tidy` has the list of the files that
    /// may, each with its reason.
    pub const fn reads(&self) -> &Guarded<DatabaseConnection> {
        match self {
            Self::Postgres(postgres) => &postgres.reads,
            Self::Sqlite(sqlite) => &sqlite.reads,
        }
    }

    /// A transaction that may write.
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let (connection, turn) = match self {
            Self::Postgres(postgres) => (&postgres.writes, None),
            Self::Sqlite(sqlite) => {
                let turn = sqlite.turn().await;
                (&sqlite.writes, Some(turn))
            }
        };
        let (breaker, limit) = connection.breaker();
        // SQLite lets nobody write behind what he read before somebody else wrote: so the lock comes first.
        let immediate = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: immediate, ..TransactionOptions::default() };
        let transaction = breaker.run(limit, connection.bare().begin_with_options(options)).await?;
        let transaction = Guarded::new(transaction, breaker.clone(), limit, Door::Witness);
        Ok(WriteTransaction { transaction, _turn: turn })
    }

    /// Changes of the schema go to this one: they may take longer than any call.
    pub const fn schema_connection(&self) -> &DatabaseConnection {
        match self {
            Self::Postgres(postgres) => postgres.writes.bare(),
            Self::Sqlite(sqlite) => sqlite.writes.bare(),
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Postgres(postgres) => postgres.close().await,
            Self::Sqlite(sqlite) => sqlite.close().await,
        }
    }
}
