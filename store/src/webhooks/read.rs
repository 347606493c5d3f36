//! Reads addresses, messages and tries on behalf of one organization.

use entity::webhook_endpoint::{Column, Entity, Model};
use entity::{journal, webhook_attempt, webhook_delivery};
use ids::{ExecutionId, OrganizationId, WebhookDeliveryId, WebhookEndpointId};
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select};

use super::record::{attempt_row, delivery_row, endpoint_row};
use crate::error::StoreError;
use crate::model::journal::JournalRow;
use crate::model::webhook::{WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

fn deliveries(
    organization: OrganizationId,
    endpoint: WebhookEndpointId,
    failed_only: bool,
) -> Select<webhook_delivery::Entity> {
    let select = webhook_delivery::Entity::find()
        .filter(webhook_delivery::Column::OrganizationId.eq(organization.uuid()))
        .filter(webhook_delivery::Column::EndpointId.eq(endpoint.uuid()));
    if !failed_only {
        return select;
    }
    // As the index has it, so that it is used: status 1 is delivered.
    select.filter(Expr::cust("status <> 1 and attempts > 0"))
}

impl Store {
    /// One address.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn webhook_endpoint(
        &self,
        organization: OrganizationId,
        id: WebhookEndpointId,
    ) -> Result<Option<WebhookEndpointRow>, StoreError> {
        let found = of(organization).filter(Column::Id.eq(id.uuid()));
        Ok(found.one(&self.backend.reads_of(organization)).await?.map(endpoint_row))
    }

    /// All addresses, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn all_webhook_endpoints(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<WebhookEndpointRow>, StoreError> {
        let found = of(organization).order_by_asc(Column::Id).all(&self.backend.reads_of(organization)).await?;
        Ok(found.into_iter().map(endpoint_row).collect())
    }

    /// A page of the addresses, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn webhook_endpoints(
        &self,
        organization: OrganizationId,
        request: &PageRequest,
    ) -> Result<Page<WebhookEndpointRow>, StoreError> {
        let sort = Sort { key: None, table: "webhook_endpoint", direction: Direction::Descending };
        let cursor = |row: &WebhookEndpointRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let row = |model: Model| Ok(endpoint_row(model));
        page::read(&self.backend.reads_of(organization), of(organization), &sort, request, row, cursor).await
    }

    /// How many addresses there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_webhook_endpoints(&self, organization: OrganizationId) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), of(organization)).await
    }

    /// One message.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn webhook_delivery(
        &self,
        organization: OrganizationId,
        id: WebhookDeliveryId,
    ) -> Result<Option<WebhookDeliveryRow>, StoreError> {
        let found = webhook_delivery::Entity::find()
            .filter(webhook_delivery::Column::OrganizationId.eq(organization.uuid()))
            .filter(webhook_delivery::Column::Id.eq(id.uuid()));
        found.one(&self.backend.reads_of(organization)).await?.map(delivery_row).transpose()
    }

    /// A page of the messages to an address, or of those with a try that failed and none that came through, newest
    /// first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn webhook_deliveries(
        &self,
        organization: OrganizationId,
        endpoint: WebhookEndpointId,
        failed_only: bool,
        request: &PageRequest,
    ) -> Result<Page<WebhookDeliveryRow>, StoreError> {
        let sort = Sort { key: None, table: "webhook_delivery", direction: Direction::Descending };
        let cursor = |row: &WebhookDeliveryRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let select = deliveries(organization, endpoint, failed_only);
        page::read(&self.backend.reads_of(organization), select, &sort, request, delivery_row, cursor).await
    }

    /// How many messages there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_webhook_deliveries(
        &self,
        organization: OrganizationId,
        endpoint: WebhookEndpointId,
        failed_only: bool,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), deliveries(organization, endpoint, failed_only)).await
    }

    /// The last `limit` tries of each of some messages: those of a message stand together, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn webhook_attempts_of(
        &self,
        organization: OrganizationId,
        deliveries: &[WebhookDeliveryId],
        limit: i32,
    ) -> Result<Vec<WebhookAttemptRow>, StoreError> {
        use webhook_attempt::Column as Try;
        use webhook_delivery::{Column as Message, Entity as Messages};
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        // Tries are numbered without gaps, and a message knows how many there were.
        let is_late = Query::select()
            .expr(Expr::val(1))
            .from(Messages)
            .and_where(Expr::col((Messages, Message::OrganizationId)).eq(organization.uuid()))
            .and_where(Expr::col((Messages, Message::Id)).equals((webhook_attempt::Entity, Try::DeliveryId)))
            .and_where(
                Expr::col((webhook_attempt::Entity, Try::Number))
                    .gt(Expr::col((Messages, Message::Attempts)).sub(limit)),
            )
            .to_owned();
        let found = webhook_attempt::Entity::find()
            .filter(Try::OrganizationId.eq(organization.uuid()))
            .filter(Try::DeliveryId.is_in(deliveries.iter().map(|id| id.uuid())))
            .filter(Expr::exists(is_late))
            .order_by_asc(Try::DeliveryId)
            .order_by_asc(Try::Number)
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(found.into_iter().map(attempt_row).collect())
    }

    /// Rows of journals, each by its execution and number, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn journal_rows(
        &self,
        organization: OrganizationId,
        rows: &[(ExecutionId, i32)],
    ) -> Result<Vec<JournalRow>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let key = Expr::tuple([journal::Column::ExecutionId.into_expr(), journal::Column::Seq.into_expr()]);
        let found = journal::Entity::find()
            .filter(journal::Column::OrganizationId.eq(organization.uuid()))
            .filter(key.in_tuples(rows.iter().map(|(id, seq)| (id.uuid(), *seq))))
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(found.into_iter().map(crate::journal::row).collect())
    }
}
