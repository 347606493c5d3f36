//! Changes in the order in which they were committed, each exactly once.

use ids::{ExecutionId, OrganizationId};
use sqlx::types::Uuid;

use crate::backend::Backend;
use crate::error::{StoreError, UnreadableRow};
use crate::model::change::{ChangeCursor, ChangeRow};
use crate::store::Store;

impl Store {
    /// Up to `limit` changes of the organization's executions after `cursor`, in order of commit.
    ///
    /// On PostgreSQL a change is shown once every transaction that began before it is over; asking
    /// again later shows it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn changes_after(
        &self,
        organization: OrganizationId,
        cursor: &ChangeCursor,
        limit: u64,
    ) -> Result<Vec<ChangeRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match &*self.backend {
            Backend::Postgres(postgres) => {
                let tenants = &postgres.tenants;
                let call = async {
                    let mut lease = tenants.lease(organization).await?;
                    let rows = sqlx::query_as(include_str!("changes/after_postgres.sql"))
                        .bind(organization.uuid())
                        .bind(cursor.transaction.to_string())
                        .bind(cursor.position)
                        .bind(limit)
                        .fetch_all(lease.connection())
                        .await;
                    lease.end(&rows);
                    rows
                };
                let rows: Vec<(String, i64, Uuid, i32)> = tenants.pass(call).await?;
                rows.into_iter()
                    .map(|(transaction, position, id, seq)| Ok(change(number(transaction)?, position, id, seq)))
                    .collect()
            }
            Backend::Sqlite(sqlite) => {
                let rows: Vec<(i64, Uuid, i32)> = sqlx::query_as(include_str!("changes/after_sqlite.sql"))
                    .bind(organization.uuid())
                    .bind(cursor.position)
                    .bind(limit)
                    .fetch_all(&sqlite.read_pool)
                    .await?;
                Ok(rows.into_iter().map(|(position, id, seq)| change(0, position, id, seq)).collect())
            }
        }
    }

    /// A cursor that misses nothing that is committed from now on; what was committed just before
    /// may be shown again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn current_change_cursor(&self, organization: OrganizationId) -> Result<ChangeCursor, StoreError> {
        match &*self.backend {
            Backend::Postgres(postgres) => {
                // A number of the server, of no table.
                let (oldest_open,): (String,) =
                    sqlx::query_as(include_str!("changes/current_postgres.sql")).fetch_one(&postgres.pool).await?;
                Ok(ChangeCursor { transaction: number(oldest_open)?, position: 0 })
            }
            Backend::Sqlite(sqlite) => {
                let (position,): (i64,) = sqlx::query_as(include_str!("changes/current_sqlite.sql"))
                    .bind(organization.uuid())
                    .fetch_one(&sqlite.read_pool)
                    .await?;
                Ok(ChangeCursor { transaction: 0, position })
            }
        }
    }
}

fn change(transaction: u64, position: i64, id: Uuid, seq: i32) -> ChangeRow {
    ChangeRow { cursor: ChangeCursor { transaction, position }, execution_id: ExecutionId::from_uuid(id), seq }
}

pub fn number(text: String) -> Result<u64, StoreError> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_not_a_number) => Err(UnreadableRow::Transaction { text }.into()),
    }
}
