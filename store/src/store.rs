//! The facade.

use std::fmt;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, Statement};

use crate::audit::AuditKey;
use crate::backend::{Backend, Dialect};
use crate::breaker::{Breaker, BreakerStatus};
use crate::commit::Committers;
use crate::config::StoreConfig;
use crate::error::StoreError;

/// The database of one installation; cheap to clone.
///
/// Every query takes the organization whose rows it may see. The exceptions say so: claims and
/// checkpoints of workers, and reconcilers, which serve all organizations.
#[derive(Clone)]
pub struct Store {
    pub(crate) backend: Arc<Backend>,
    pub(crate) committers: Arc<Committers>,
    pub(crate) audit_key: AuditKey,
    breaker: Breaker,
    name: Arc<str>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.name).finish()
    }
}

impl Store {
    /// Connects once, and starts the committers. Trying again is the caller's.
    ///
    /// # Errors
    /// When the database is away. The error does not name it; [`Store::describe`] and the URL's
    /// text do, without the password.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let breaker = Breaker::new(config.url.to_string());
        let backend = Arc::new(Backend::connect(config, &breaker).await?);
        let committers = Arc::new(Committers::start(&backend, config, &breaker));
        Ok(Self { backend, committers, audit_key: config.audit_key, breaker, name: config.url.to_string().into() })
    }

    /// Which database it is, for people; without the password.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.name
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.backend.reads().execute_unprepared("select 1").await?;
        Ok(())
    }

    /// What time the database has, Unix milliseconds: the processes of a fleet take theirs from it. An embedded
    /// database has that of its process.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn now_ms(&self) -> Result<i64, StoreError> {
        let reads = self.backend.reads();
        let sql = match self.backend.dialect() {
            Dialect::Postgres => "select (extract(epoch from clock_timestamp()) * 1000)::int8 as now_ms",
            Dialect::Sqlite => "select cast(unixepoch('subsec') * 1000 as integer) as now_ms",
        };
        let row = reads.query_one_raw(Statement::from_string(reads.get_database_backend(), sql)).await?;
        Ok(row.map(|row| row.try_get("", "now_ms")).transpose()?.unwrap_or_default())
    }

    /// The breaker in front of the database: closed while it answers.
    #[must_use]
    pub fn breaker(&self) -> BreakerStatus {
        self.breaker.status()
    }

    /// Writes what was handed in, then ends the committers and closes every connection. Writes of
    /// executions that come later are refused with [`StoreError::Closed`].
    pub async fn close(&self) {
        self.committers.close().await;
        self.backend.close().await;
    }
}
