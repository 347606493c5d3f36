//! Reads journals.

use entity::journal::{Column, Entity, Model};
use ids::{ExecutionId, OrganizationId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::StoreError;
use crate::model::journal::JournalRow;
use crate::store::Store;

pub fn row(model: Model) -> JournalRow {
    JournalRow {
        execution_id: ExecutionId::from_uuid(model.execution_id),
        seq: model.seq,
        epoch: model.epoch,
        events: model.events,
        at_ms: model.at_ms,
    }
}

impl Store {
    /// Up to `limit` journal rows of one execution after number `after_seq`, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn journal(
        &self,
        organization: OrganizationId,
        execution: ExecutionId,
        after_seq: i32,
        limit: u64,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let rows = Entity::find()
            .filter(Column::ExecutionId.eq(execution.uuid()))
            .filter(Column::Seq.gt(after_seq))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .order_by_asc(Column::Seq)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(rows.into_iter().map(row).collect())
    }

    /// The whole journals of several executions, by execution, then in order; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn journals(
        &self,
        organization: OrganizationId,
        executions: &[ExecutionId],
        limit: u64,
    ) -> Result<Vec<JournalRow>, StoreError> {
        let rows = Entity::find()
            .filter(Column::ExecutionId.is_in(executions.iter().map(|id| id.uuid())))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .order_by_asc(Column::ExecutionId)
            .order_by_asc(Column::Seq)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(rows.into_iter().map(row).collect())
    }
}
