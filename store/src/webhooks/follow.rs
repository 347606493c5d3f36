//! How far the journals of organizations have been told.

use entity::{webhook_delivery, webhook_place};
use ids::OrganizationId;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::endpoints::place_text;
use super::record::delivery_model;
use crate::clean::check_texts;
use crate::error::{StoreError, UnreadableRow};
use crate::model::change::ChangeCursor;
use crate::model::webhook::WebhookDeliveryRow;
use crate::store::Store;

/// Rows in one statement: SQLite takes 32,766 parameters.
pub(super) const ROWS: usize = 1_000;

impl Store {
    /// Up to `limit` organizations with addresses behind `after`, in the order of their ids, and how far each has been
    /// told.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn followed_webhooks(
        &self,
        after: Option<OrganizationId>,
        limit: u64,
    ) -> Result<Vec<(OrganizationId, ChangeCursor)>, StoreError> {
        let mut select = webhook_place::Entity::find();
        if let Some(after) = after {
            select = select.filter(webhook_place::Column::OrganizationId.gt(after.uuid()));
        }
        let found =
            select.order_by_asc(webhook_place::Column::OrganizationId).limit(limit).all(self.backend.reads()).await?;
        let place = |model: webhook_place::Model| match serde_json::from_str(&model.place) {
            Ok(cursor) => Ok((OrganizationId::from_uuid(model.organization_id), cursor)),
            Err(_damaged) => Err(UnreadableRow::Transaction { text: model.place }.into()),
        };
        found.into_iter().map(place).collect()
    }

    /// Records messages for what lies between two places of an organization's journals, and that it was told; false,
    /// and nothing recorded, when somebody else has moved on from `from`.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn tell_webhooks(
        &self,
        organization: OrganizationId,
        from: &ChangeCursor,
        to: &ChangeCursor,
        deliveries: &[WebhookDeliveryRow],
    ) -> Result<bool, StoreError> {
        check_texts(deliveries.iter().map(|delivery| ("body", Some(delivery.body.as_str()))))?;
        let transaction = self.backend.begin().await?;
        let moved = webhook_place::Entity::update_many()
            .col_expr(webhook_place::Column::Place, Expr::val(place_text(to)))
            .filter(webhook_place::Column::OrganizationId.eq(organization.uuid()))
            .filter(webhook_place::Column::Place.eq(place_text(from)))
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
