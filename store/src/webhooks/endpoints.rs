//! What people change about addresses and messages.

use entity::webhook_endpoint::{Column, Entity};
use entity::{webhook_attempt, webhook_delivery, webhook_place};
use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::record::{check, delivery_model, delivery_row, endpoint_model, endpoint_row};
use crate::error::StoreError;
use crate::model::change::ChangeCursor;
use crate::model::webhook::{WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};
use crate::organizations;
use crate::store::Store;

/// Messages of an address that is gone, deleted in one transaction.
const DELETED_AT_ONCE: u64 = 500;

impl Store {
    /// Records an address; its organization is followed from `from` on, and its approvals from `approvals`, unless it is
    /// already. False when the organization is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_webhook_endpoint(
        &self,
        row: WebhookEndpointRow,
        from: &ChangeCursor,
        approvals: &ChangeCursor,
    ) -> Result<bool, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(false);
        }
        let place = webhook_place::ActiveModel {
            organization_id: Set(row.organization_id.uuid()),
            place: Set(place_text(from)),
            approval_place: Set(Some(place_text(approvals))),
        };
        let known = OnConflict::column(webhook_place::Column::OrganizationId).do_nothing().to_owned();
        webhook_place::Entity::insert(place).on_conflict(known).exec_without_returning(&*transaction).await?;
        Entity::insert(endpoint_model(row)).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Writes what people may change of an address, if it is at `expected_revision`; answers it as it is then. One
    /// that is enabled has not failed yet.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_webhook_endpoint(
        &self,
        row: WebhookEndpointRow,
        expected_revision: i32,
    ) -> Result<Option<WebhookEndpointRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::Url, Expr::val(row.url))
            .col_expr(Column::Description, Expr::val(row.description))
            .col_expr(Column::EventTypes, Expr::val(row.event_types))
            .col_expr(Column::WorkflowIds, Expr::val(row.workflow_ids))
            .col_expr(Column::IsEnabled, Expr::val(row.is_enabled))
            .col_expr(Column::DisabledReason, Expr::val(row.disabled_reason))
            .col_expr(Column::FailingSinceMs, Expr::val(row.failing_since_ms))
            .col_expr(Column::Revision, Expr::val(expected_revision + 1))
            .col_expr(Column::UpdatedAtMs, Expr::val(row.updated_at_ms))
            .filter(Column::OrganizationId.eq(row.organization_id.uuid()))
            .filter(Column::Id.eq(row.id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed.into_iter().next().map(endpoint_row))
    }

    /// Gives an address another secret; messages are signed with the one before too until `previous_until_ms`. `None`
    /// if the organization has no such address.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_webhook_secret(
        &self,
        organization: OrganizationId,
        id: WebhookEndpointId,
        secret: String,
        previous_until_ms: i64,
        now_ms: i64,
    ) -> Result<Option<WebhookEndpointRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        // Every expression reads the row as it was.
        let changed = Entity::update_many()
            .col_expr(Column::PreviousSecret, Column::Secret.into_expr())
            .col_expr(Column::PreviousUntilMs, Expr::val(previous_until_ms))
            .col_expr(Column::Secret, Expr::val(secret))
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed.into_iter().next().map(endpoint_row))
    }

    /// Deletes an address with all its messages; after the last one, its organization is followed no more. False when
    /// there is no such address.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_webhook_endpoint(
        &self,
        organization: OrganizationId,
        id: WebhookEndpointId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(false);
        }
        let deleted = Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        let left = Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).count(&*transaction).await?;
        if left == 0 {
            webhook_place::Entity::delete_by_id(organization.uuid()).exec(&*transaction).await?;
        }
        transaction.commit().await?;
        // There may be very many of them, and nobody sends them any more. What is left by a crash goes with its age.
        while self.delete_messages_to(organization, id).await? {}
        Ok(true)
    }

    /// Deletes some of the messages to an address that is gone; false when there are none left.
    async fn delete_messages_to(
        &self,
        organization: OrganizationId,
        endpoint: WebhookEndpointId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let some: Vec<Uuid> = webhook_delivery::Entity::find()
            .select_only()
            .column(webhook_delivery::Column::Id)
            .filter(webhook_delivery::Column::OrganizationId.eq(organization.uuid()))
            .filter(webhook_delivery::Column::EndpointId.eq(endpoint.uuid()))
            .limit(DELETED_AT_ONCE)
            .into_tuple()
            .all(&*transaction)
            .await?;
        if some.is_empty() {
            return Ok(false);
        }
        let attempts = webhook_attempt::Column::DeliveryId.is_in(some.iter().copied());
        webhook_attempt::Entity::delete_many().filter(attempts).exec(&*transaction).await?;
        let messages = webhook_delivery::Column::Id.is_in(some);
        webhook_delivery::Entity::delete_many().filter(messages).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Records a message that nobody's journal tells.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_webhook_delivery(&self, row: &WebhookDeliveryRow) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        webhook_delivery::Entity::insert(delivery_model(row)).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Begins another round for a message that is not being sent at this moment; answers it as it is then.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retry_webhook_delivery(
        &self,
        organization: OrganizationId,
        id: WebhookDeliveryId,
        now_ms: i64,
    ) -> Result<Option<WebhookDeliveryRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        let changed = webhook_delivery::Entity::update_many()
            .col_expr(webhook_delivery::Column::Status, Expr::val(WebhookStatus::Pending.code()))
            .col_expr(webhook_delivery::Column::Tries, Expr::val(0))
            .col_expr(webhook_delivery::Column::DueAtMs, Expr::val(Some(now_ms)))
            .filter(webhook_delivery::Column::OrganizationId.eq(organization.uuid()))
            .filter(webhook_delivery::Column::Id.eq(id.uuid()))
            .filter(webhook_delivery::Column::LeaseUntilMs.lte(now_ms))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        changed.into_iter().next().map(delivery_row).transpose()
    }
}

pub(super) fn place_text(cursor: &ChangeCursor) -> String {
    serde_json::to_string(cursor).expect("cursors are plain data")
}
