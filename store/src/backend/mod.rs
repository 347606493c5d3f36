//! The two databases behind the facade: connections, transactions, what differs between them.

pub mod postgres;
pub mod sqlite;

use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait};
use tokio::sync::OwnedMutexGuard;

use crate::config::{Location, StoreConfig};
use crate::error::StoreError;

pub use postgres::Postgres;
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
    transaction: DatabaseTransaction,
    /// SQLite has one writer at a time: held until the transaction is over, hence the field order.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl WriteTransaction {
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}

impl std::ops::Deref for WriteTransaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

impl Backend {
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        Ok(match &config.url.0 {
            Location::Postgres(options) => Self::Postgres(Postgres::connect(options, config).await?),
            Location::Sqlite(path) => Self::Sqlite(Sqlite::connect(path, config).await?),
        })
    }

    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// For queries that only read.
    pub const fn reads(&self) -> &DatabaseConnection {
        match self {
            Self::Postgres(postgres) => &postgres.queries,
            Self::Sqlite(sqlite) => &sqlite.reads,
        }
    }

    /// A transaction that may write.
    pub async fn begin(&self) -> Result<WriteTransaction, StoreError> {
        match self {
            Self::Postgres(postgres) => {
                Ok(WriteTransaction { transaction: postgres.queries.begin().await?, _turn: None })
            }
            Self::Sqlite(sqlite) => {
                let turn = sqlite.turn().await;
                Ok(WriteTransaction { transaction: sqlite.writes.begin().await?, _turn: Some(turn) })
            }
        }
    }

    pub async fn close(&self) {
        match self {
            Self::Postgres(postgres) => postgres.close().await,
            Self::Sqlite(sqlite) => sqlite.close().await,
        }
    }
}
