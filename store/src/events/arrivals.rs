//! Events in the order in which they were committed, each exactly once.

use entity::event::{Column, Entity};
use ids::{EventId, OrganizationId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use sqlx::types::Uuid;

use super::row;
use crate::backend::Backend;
use crate::changes::number;
use crate::error::StoreError;
use crate::filter::EventFilter;
use crate::model::event::{EventCursor, EventRow};
use crate::store::Store;

impl Store {
    /// Up to `limit` events of the organization that were committed after `cursor`, in order of commit.
    ///
    /// On PostgreSQL one is shown once every transaction that began before it is over; asking again later shows it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn event_arrivals_after(
        &self,
        organization: OrganizationId,
        cursor: &EventCursor,
        limit: u64,
    ) -> Result<Vec<(EventCursor, EventId)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match &*self.backend {
            Backend::Postgres(postgres) => {
                let tenants = &postgres.tenants;
                let call = async {
                    let mut lease = tenants.lease(organization).await?;
                    let rows = sqlx::query_as(include_str!("arrivals_postgres.sql"))
                        .bind(organization.uuid())
                        .bind(cursor.transaction.to_string())
                        .bind(cursor.id)
                        .bind(limit)
                        .fetch_all(lease.connection())
                        .await;
                    lease.end(&rows);
                    rows
                };
                let rows: Vec<(String, Uuid)> = tenants.pass(call).await?;
                let arrival = |(transaction, id): (String, Uuid)| {
                    let cursor = EventCursor { transaction: number(transaction)?, position: 0, id };
                    Ok((cursor, EventId::from_uuid(id)))
                };
                rows.into_iter().map(arrival).collect()
            }
            Backend::Sqlite(sqlite) => {
                let rows: Vec<(i64, Uuid)> = sqlx::query_as(include_str!("arrivals_sqlite.sql"))
                    .bind(organization.uuid())
                    .bind(cursor.position)
                    .bind(limit)
                    .fetch_all(&sqlite.read_pool)
                    .await?;
                let arrival = |(position, id): (i64, Uuid)| {
                    (EventCursor { transaction: 0, position, id }, EventId::from_uuid(id))
                };
                Ok(rows.into_iter().map(arrival).collect())
            }
        }
    }

    /// A cursor that misses nothing that is committed from now on; what was committed just before may be shown again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn current_event_cursor(&self, organization: OrganizationId) -> Result<EventCursor, StoreError> {
        match &*self.backend {
            // A number of the server, of no table.
            Backend::Postgres(_postgres) => {
                let current = self.current_change_cursor(organization).await?;
                Ok(EventCursor { transaction: current.transaction, position: 0, id: Uuid::nil() })
            }
            Backend::Sqlite(sqlite) => {
                // The counter rather than the last row, which may have been deleted.
                let sql = "select coalesce(max(seq), 0) from sqlite_sequence where name = 'event_arrival'";
                let (position,): (i64,) = sqlx::query_as(sql).fetch_one(&sqlite.read_pool).await?;
                Ok(EventCursor { transaction: 0, position, id: Uuid::nil() })
            }
        }
    }

    /// Those of `ids` that fit `filter`, in any order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn filter_events(
        &self,
        organization: OrganizationId,
        ids: &[EventId],
        filter: &EventFilter,
    ) -> Result<Vec<EventRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fitting = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(filter.condition(organization, self.backend.dialect()))
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(fitting.into_iter().map(row).collect())
    }
}
