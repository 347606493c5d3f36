//! What happened to approvals, in the order in which it was committed, each exactly once.

use ids::{ApprovalId, OrganizationId};
use sqlx::types::Uuid;

use crate::backend::Backend;
use crate::changes::number;
use crate::error::StoreError;
use crate::model::approval::ApprovalChangeRow;
use crate::model::change::ChangeCursor;
use crate::store::Store;

impl Store {
    /// Up to `limit` things that happened to the organization's approvals after `cursor`, in order of commit.
    ///
    /// On PostgreSQL one is shown once every transaction that began before it is over; asking again later shows it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_changes_after(
        &self,
        organization: OrganizationId,
        cursor: &ChangeCursor,
        limit: u64,
    ) -> Result<Vec<ApprovalChangeRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match &*self.backend {
            Backend::Postgres(postgres) => {
                let tenants = &postgres.tenants;
                let call = async {
                    let mut lease = tenants.lease(organization).await?;
                    let rows = sqlx::query_as(include_str!("changes_after_postgres.sql"))
                        .bind(organization.uuid())
                        .bind(cursor.transaction.to_string())
                        .bind(cursor.position)
                        .bind(limit)
                        .fetch_all(lease.connection())
                        .await;
                    lease.end(&rows);
                    rows
                };
                let rows: Vec<(String, i64, Uuid, String)> = tenants.pass(call).await?;
                rows.into_iter()
                    .map(|(transaction, position, id, kind)| Ok(change(number(transaction)?, position, id, &kind)))
                    .collect()
            }
            Backend::Sqlite(sqlite) => {
                let rows: Vec<(i64, Uuid, String)> = sqlx::query_as(include_str!("changes_after_sqlite.sql"))
                    .bind(organization.uuid())
                    .bind(cursor.position)
                    .bind(limit)
                    .fetch_all(&sqlite.read_pool)
                    .await?;
                Ok(rows.into_iter().map(|(position, id, kind)| change(0, position, id, &kind)).collect())
            }
        }
    }

    /// A cursor that misses nothing that is committed from now on; what was committed just before may be shown
    /// again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn current_approval_cursor(&self, organization: OrganizationId) -> Result<ChangeCursor, StoreError> {
        match &*self.backend {
            // A number of the server, of no table.
            Backend::Postgres(_postgres) => self.current_change_cursor(organization).await,
            Backend::Sqlite(sqlite) => {
                let (position,): (i64,) = sqlx::query_as(include_str!("changes_current_sqlite.sql"))
                    .bind(organization.uuid())
                    .fetch_one(&sqlite.read_pool)
                    .await?;
                Ok(ChangeCursor { transaction: 0, position })
            }
        }
    }
}

fn change(transaction: u64, position: i64, id: Uuid, kind: &str) -> ApprovalChangeRow {
    ApprovalChangeRow {
        cursor: ChangeCursor { transaction, position },
        approval_id: ApprovalId::from_uuid(id),
        opens: kind == "requested",
        withdraws: kind == "cancelled",
    }
}
