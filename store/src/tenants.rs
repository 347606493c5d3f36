//! Whether the database itself keeps organizations apart.

use crate::backend::Backend;
use crate::error::StoreError;
use crate::store::Store;

/// The second wall between tenants; the first is that every query names the organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantWall {
    /// Reads on behalf of an organization run under a role to which the policies of the tables apply.
    Stands,
    /// The database has no such thing: SQLite.
    NotOffered,
    /// The queries alone keep organizations apart.
    Missing {
        /// What is missing, without names of people, machines or databases.
        why: String,
    },
}

impl TenantWall {
    /// What puts it up when it is missing.
    pub const REMEDY: &'static str = "let an administrator of PostgreSQL run `create role sluice_tenant nologin`, if \
         there is none, and `grant sluice_tenant to` this user; then run `sluice migrate up`";

    /// Name in readiness.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stands => "on",
            Self::NotOffered => "not_offered",
            Self::Missing { .. } => "missing",
        }
    }

    /// Whether the database keeps organizations apart.
    #[must_use]
    pub const fn stands(&self) -> bool {
        matches!(self, Self::Stands)
    }
}

impl Store {
    /// Finds out whether the database itself keeps organizations apart.
    ///
    /// # Errors
    /// When it is away.
    pub async fn tenant_wall(&self) -> Result<TenantWall, StoreError> {
        match &*self.backend {
            Backend::Postgres(postgres) => Ok(postgres.tenants.pass(postgres.tenants.look()).await?),
            Backend::Sqlite(_) => Ok(TenantWall::NotOffered),
        }
    }

    /// What was found last, without asking the database; `None` before the first read on behalf of an organization.
    #[must_use]
    pub fn last_tenant_wall(&self) -> Option<TenantWall> {
        match &*self.backend {
            Backend::Postgres(postgres) => postgres.tenants.seen(),
            Backend::Sqlite(_) => Some(TenantWall::NotOffered),
        }
    }

    /// Whether policies apply to this user beyond the reads on behalf of organizations: then it does not own the
    /// tables, and workers and reconcilers would find nothing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_walled_in(&self) -> Result<bool, StoreError> {
        match &*self.backend {
            Backend::Postgres(postgres) => {
                let (is_walled_in,): (bool,) =
                    sqlx::query_as(include_str!("tenants/walled_in_postgres.sql")).fetch_one(&postgres.pool).await?;
                Ok(is_walled_in)
            }
            Backend::Sqlite(_) => Ok(false),
        }
    }
}
