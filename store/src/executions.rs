//! Reads executions: one, many, pages, counts.

mod labels;
mod record;

use std::collections::HashSet;

use entity::execution::{Column, Entity};
use ids::{EventId, ExecutionId, OrganizationId};
use sea_orm::sea_query::{Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use sqlx::types::Uuid;

use crate::error::StoreError;
use crate::filter::ExecutionFilter;
use crate::model::execution::ExecutionRow;
use crate::page::{self, Cursor, ExecutionOrder, ExecutionOrderField, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

pub use labels::LabelsOutcome;
use record::ExecutionRecord;

/// Executions of the organization, with every column that is shown.
fn shown(organization: OrganizationId) -> Select<Entity> {
    Entity::find().select_only().columns(record::SHOWN).filter(Column::OrganizationId.eq(organization.uuid()))
}

impl Store {
    /// One execution.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn execution(
        &self,
        organization: OrganizationId,
        id: ExecutionId,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        let select = shown(organization).filter(Column::Id.eq(id.uuid()));
        select
            .into_model::<ExecutionRecord>()
            .one(&self.backend.reads_of(organization))
            .await?
            .map(ExecutionRow::try_from)
            .transpose()
    }

    /// Several executions, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn executions_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ExecutionId],
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = shown(organization).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        let records = select.into_model::<ExecutionRecord>().all(&self.backend.reads_of(organization)).await?;
        records.into_iter().map(ExecutionRow::try_from).collect()
    }

    /// A page of the executions that fit `filter`.
    ///
    /// The default order, by acceptance, is read from an index; the others sort what fits.
    ///
    /// # Errors
    /// `FilterTooDeep`, `Invalid` for a cursor of another order, or the database is away.
    pub async fn executions(
        &self,
        organization: OrganizationId,
        filter: &ExecutionFilter,
        order: ExecutionOrder,
        request: &PageRequest,
    ) -> Result<Page<ExecutionRow>, StoreError> {
        let select = shown(organization).filter(filter.condition(organization, self.backend.dialect())?);
        let sort = Sort { key: sort_key(order.field), table: "execution", direction: order.direction };
        let cursor = |row: &ExecutionRow| Cursor { key: key_of(row, order.field), id: row.id.uuid() };
        page::read(
            &self.backend.reads_of(organization),
            select,
            &sort,
            request,
            |record: ExecutionRecord| ExecutionRow::try_from(record),
            cursor,
        )
        .await
    }

    /// How many executions fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// `FilterTooDeep`, or the database is away.
    pub async fn count_executions(
        &self,
        organization: OrganizationId,
        filter: &ExecutionFilter,
    ) -> Result<(u64, bool), StoreError> {
        let condition = filter.condition(organization, self.backend.dialect())?;
        let select = Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(condition);
        page::count(&self.backend.reads_of(organization), select).await
    }

    /// Those of `ids` that fit `filter`, in any order.
    ///
    /// # Errors
    /// `FilterTooDeep`, or the database is away.
    pub async fn filter_executions(
        &self,
        organization: OrganizationId,
        ids: &[ExecutionId],
        filter: &ExecutionFilter,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fitting: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(filter.condition(organization, self.backend.dialect())?)
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(fitting.into_iter().map(ExecutionId::from_uuid).collect())
    }

    /// Those of these executions that are repeated by one that was started under the key that stands with them, also
    /// when that key counts no more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn repeated_under(
        &self,
        organization: OrganizationId,
        repeats: &[(ExecutionId, String)],
    ) -> Result<Vec<ExecutionId>, StoreError> {
        if repeats.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<(Option<Uuid>, Option<String>)> = Entity::find()
            .select_only()
            .columns([Column::RerunOf, Column::IdempotencyKey])
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::RerunOf.is_in(repeats.iter().map(|(id, _key)| id.uuid())))
            .filter(Column::IdempotencyKey.is_in(repeats.iter().map(|(_id, key)| key.as_str())))
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        let found: HashSet<(Uuid, &str)> =
            found.iter().filter_map(|(id, key)| Some(((*id)?, key.as_deref()?))).collect();
        let is_found = |(id, key): &&(ExecutionId, String)| found.contains(&(id.uuid(), key.as_str()));
        Ok(repeats.iter().filter(is_found).map(|(id, _key)| *id).collect())
    }

    /// The executions that each of several events started, in order of acceptance; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn executions_of_events(
        &self,
        organization: OrganizationId,
        events: &[EventId],
        limit: u64,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let select = shown(organization).filter(Column::EventId.is_in(events.iter().map(|id| id.uuid())));
        let records = select
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_model::<ExecutionRecord>()
            .all(&self.backend.reads_of(organization))
            .await?;
        records.into_iter().map(ExecutionRow::try_from).collect()
    }

    /// The executions that an event started, in order of acceptance; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn executions_of_event(
        &self,
        organization: OrganizationId,
        event: EventId,
        limit: u64,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        self.executions_of_events(organization, &[event], limit).await
    }
}

/// Stands for a moment that has not come yet.
const NOT_YET: i64 = i64::MAX;

fn sort_key(field: ExecutionOrderField) -> Option<SimpleExpr> {
    let or_not_yet = |value: SimpleExpr| SimpleExpr::from(Func::coalesce([value, Expr::val(NOT_YET)]));
    match field {
        // Ids are UUIDv7, so they sort by acceptance.
        ExecutionOrderField::QueuedAt => None,
        ExecutionOrderField::StartedAt => Some(or_not_yet(Column::StartedAtMs.into_expr())),
        ExecutionOrderField::EndedAt => Some(or_not_yet(Column::EndedAtMs.into_expr())),
        ExecutionOrderField::Duration => {
            Some(or_not_yet(Column::EndedAtMs.into_expr().sub(Column::StartedAtMs.into_expr())))
        }
        ExecutionOrderField::Priority => Some(Column::Priority.into_expr()),
    }
}

fn key_of(row: &ExecutionRow, field: ExecutionOrderField) -> SortKey {
    match field {
        ExecutionOrderField::QueuedAt => SortKey::None(()),
        ExecutionOrderField::StartedAt => SortKey::Number(row.started_at_ms.unwrap_or(NOT_YET)),
        ExecutionOrderField::EndedAt => SortKey::Number(row.ended_at_ms.unwrap_or(NOT_YET)),
        ExecutionOrderField::Duration => {
            let duration = row.ended_at_ms.zip(row.started_at_ms).map(|(ended, started)| ended - started);
            SortKey::Number(duration.unwrap_or(NOT_YET))
        }
        ExecutionOrderField::Priority => SortKey::Number(i64::from(row.priority)),
    }
}
