//! Executions that waited when an event came.

use entity::event_told::{ActiveModel, Column, Entity, Model};
use ids::{EventId, ExecutionId, OrganizationId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::error::StoreError;
use crate::model::event::ToldRow;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

fn of(organization: OrganizationId, event: EventId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(Column::EventId.eq(event.uuid()))
}

impl Store {
    /// Notes executions that an event was held against, in this order; what is known of one stays.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn note_told(
        &self,
        organization: OrganizationId,
        event: EventId,
        told: &[ToldRow],
    ) -> Result<(), StoreError> {
        if told.is_empty() {
            return Ok(());
        }
        let models = told.iter().map(|one| ActiveModel {
            id: Set(Uuid::now_v7()),
            organization_id: Set(organization.uuid()),
            event_id: Set(event.uuid()),
            execution_id: Set(one.execution.uuid()),
            is_fitting: Set(one.is_fitting),
        });
        let keep = OnConflict::columns([Column::EventId, Column::ExecutionId]).do_nothing().to_owned();
        let transaction = self.backend.begin().await?;
        Entity::insert_many(models).on_conflict(keep).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// A page of the executions that an event was held against, in the order in which that was done.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn told(
        &self,
        organization: OrganizationId,
        event: EventId,
        request: &PageRequest,
    ) -> Result<Page<ToldRow>, StoreError> {
        let sort = Sort { key: None, table: "event_told", direction: Direction::Ascending };
        let cursor = |(id, _row): &(Uuid, ToldRow)| Cursor { key: SortKey::None(()), id: *id };
        let row = |model: Model| {
            let execution = ExecutionId::from_uuid(model.execution_id);
            Ok((model.id, ToldRow { execution, is_fitting: model.is_fitting }))
        };
        let reads = self.backend.reads_of(organization);
        let page = page::read(&reads, of(organization, event), &sort, request, row, cursor).await?;
        let rows = page.rows.into_iter().map(|(place, (_id, row))| (place, row)).collect();
        Ok(Page { rows, has_next: page.has_next, has_previous: page.has_previous })
    }

    /// How many executions an event was held against, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_told(&self, organization: OrganizationId, event: EventId) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), of(organization, event)).await
    }
}
