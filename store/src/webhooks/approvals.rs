//! How far addresses have been told of what happened to approvals that no journal tells.

use entity::{webhook_delivery, webhook_place};
use ids::OrganizationId;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::endpoints::place_text;
use super::follow::ROWS;
use super::record::delivery_model;
use crate::clean::check_texts;
use crate::error::{StoreError, UnreadableRow};
use crate::model::change::ChangeCursor;
use crate::model::webhook::WebhookDeliveryRow;
use crate::store::Store;

impl Store {
    /// How far an organization has been told of its approvals; none when it is not followed, or has been followed since
    /// before that was told.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn webhook_approval_place(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<ChangeCursor>, StoreError> {
        let found = webhook_place::Entity::find()
            .filter(webhook_place::Column::OrganizationId.eq(organization.uuid()))
            .one(&self.backend.reads_of(organization))
            .await?;
        let Some(text) = found.and_then(|model| model.approval_place) else { return Ok(None) };
        match serde_json::from_str(&text) {
            Ok(cursor) => Ok(Some(cursor)),
            Err(_damaged) => Err(UnreadableRow::Transaction { text }.into()),
        }
    }

    /// Records messages for what happened to approvals between two places, and that it was told; false, and nothing
    /// recorded, when somebody else has moved on from `from`, or the organization is not followed.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn tell_approval_webhooks(
        &self,
        organization: OrganizationId,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[WebhookDeliveryRow],
    ) -> Result<bool, StoreError> {
        check_texts(deliveries.iter().map(|delivery| ("body", Some(delivery.body.as_str()))))?;
        let is_there = match from {
            Some(from) => webhook_place::Column::ApprovalPlace.eq(place_text(from)),
            None => webhook_place::Column::ApprovalPlace.is_null(),
        };
        let transaction = self.backend.begin().await?;
        let moved = webhook_place::Entity::update_many()
            .col_expr(webhook_place::Column::ApprovalPlace, Expr::val(place_text(to)))
            .filter(webhook_place::Column::OrganizationId.eq(organization.uuid()))
            .filter(is_there)
            .exec(&*transaction)
            .await?;
        if moved.rows_affected == 0 {
            return Ok(false);
        }
        for part in deliveries.chunks(ROWS) {
            let models = part.iter().map(delivery_model);
            webhook_delivery::Entity::insert_many(models).exec_without_returning(&*transaction).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
