//! Claims messages that have to be sent, and settles what came of each try.

use entity::webhook_delivery::{Column, Entity};
use entity::{webhook_attempt, webhook_endpoint};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LockBehavior, LockType, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::record::{attempt_model, delivery_row, endpoint_row};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::webhook::{WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus, WebhookTried};
use crate::store::Store;

/// Messages to one address that are under way at the same moment: one that is slow keeps nobody else waiting.
const MAX_UNDER_WAY: u64 = 4;

fn due(now_ms: i64) -> Select<Entity> {
    Entity::find()
        .filter(Expr::cust("due_at_ms is not null"))
        .filter(Column::DueAtMs.lte(now_ms))
        .filter(Column::LeaseUntilMs.lte(now_ms))
        .filter(Column::EndpointId.in_subquery(enabled()))
}

fn enabled() -> SelectStatement {
    Query::select()
        .column(webhook_endpoint::Column::Id)
        .from(webhook_endpoint::Entity)
        .and_where(webhook_endpoint::Column::IsEnabled.eq(true))
        .to_owned()
}

impl Store {
    /// Claims up to `limit` messages that are due, until `lease_until_ms`, with their addresses; of each address only
    /// so many that few are under way.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claim_webhook_deliveries(
        &self,
        now_ms: i64,
        lease_until_ms: i64,
        limit: u64,
    ) -> Result<Vec<(WebhookDeliveryRow, WebhookEndpointRow)>, StoreError> {
        let first = Func::min(Column::DueAtMs.into_expr());
        let endpoints: Vec<Uuid> = due(now_ms)
            .select_only()
            .column(Column::EndpointId)
            .group_by(Column::EndpointId)
            .order_by_asc(first)
            .limit(limit)
            .into_tuple()
            .all(self.backend.reads())
            .await?;
        let mut claimed = Vec::new();
        for endpoint in endpoints {
            let left = limit.saturating_sub(claimed.len() as u64);
            if left == 0 {
                break;
            }
            claimed.extend(self.claim_of(endpoint, now_ms, lease_until_ms, Ord::min(left, MAX_UNDER_WAY)).await?);
        }
        Ok(claimed)
    }

    async fn claim_of(
        &self,
        endpoint: Uuid,
        now_ms: i64,
        lease_until_ms: i64,
        limit: u64,
    ) -> Result<Vec<(WebhookDeliveryRow, WebhookEndpointRow)>, StoreError> {
        let transaction = self.backend.begin().await?;
        let under_way = Entity::find()
            .filter(Column::EndpointId.eq(endpoint))
            .filter(Column::LeaseUntilMs.gt(now_ms))
            .count(&*transaction)
            .await?;
        let limit = Ord::min(limit, MAX_UNDER_WAY.saturating_sub(under_way));
        let model = webhook_endpoint::Entity::find_by_id(endpoint).one(&*transaction).await?;
        let Some(address) = model.map(endpoint_row).filter(|address| address.is_enabled && limit > 0) else {
            return Ok(Vec::new());
        };
        let models = due(now_ms)
            .filter(Column::EndpointId.eq(endpoint))
            .order_by_asc(Column::DueAtMs)
            .order_by_asc(Column::Id)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&*transaction)
            .await?;
        let mut claimed = Vec::with_capacity(models.len());
        for model in models {
            let row = delivery_row(model)?;
            let epoch = row.epoch + 1;
            Entity::update_many()
                .col_expr(Column::Epoch, Expr::val(epoch))
                .col_expr(Column::LeaseUntilMs, Expr::val(lease_until_ms))
                .filter(Column::Id.eq(row.id.uuid()))
                .exec(&*transaction)
                .await?;
            claimed.push((WebhookDeliveryRow { epoch, lease_until_ms, ..row }, address.clone()));
        }
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Settles a try: what is written says what came of it, whether the message is sent again, and how its address is.
    /// Answers whether the address was switched off by it: not when it was before, or somebody changed it since. None,
    /// and nothing written, when somebody else claimed the message since, or it is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then the message is sent again when its claim runs out.
    pub async fn settle_webhook(&self, tried: &WebhookTried) -> Result<Option<bool>, StoreError> {
        let WebhookTried { delivery, endpoint_revision, attempt, status, due_at_ms, disables } = tried;
        check_texts([("error", attempt.error.as_deref()), ("excerpt", attempt.excerpt.as_deref())])?;
        let transaction = self.backend.begin().await?;
        let settled = Entity::update_many()
            .col_expr(Column::Status, Expr::val(status.code()))
            .col_expr(Column::Tries, Column::Tries.into_expr().add(1))
            .col_expr(Column::Attempts, Column::Attempts.into_expr().add(1))
            .col_expr(Column::LeaseUntilMs, Expr::val(0_i64))
            .col_expr(Column::DueAtMs, Expr::val(*due_at_ms))
            .filter(Column::OrganizationId.eq(delivery.organization_id.uuid()))
            .filter(Column::Id.eq(delivery.id.uuid()))
            .filter(Column::Epoch.eq(delivery.epoch))
            .filter(Column::LeaseUntilMs.gt(0))
            .exec(&*transaction)
            .await?;
        if settled.rows_affected == 0 {
            return Ok(None);
        }
        let model = attempt_model(delivery.organization_id, attempt);
        webhook_attempt::Entity::insert(model).exec_without_returning(&*transaction).await?;
        let since = if *status == WebhookStatus::Delivered {
            Expr::val(None::<i64>)
        } else {
            let known = webhook_endpoint::Column::FailingSinceMs.into_expr();
            Func::coalesce([known, Expr::val(attempt.at_ms)]).into()
        };
        let address = || {
            webhook_endpoint::Entity::update_many()
                .filter(webhook_endpoint::Column::OrganizationId.eq(delivery.organization_id.uuid()))
                .filter(webhook_endpoint::Column::Id.eq(delivery.endpoint_id.uuid()))
        };
        address().col_expr(webhook_endpoint::Column::FailingSinceMs, since).exec(&*transaction).await?;
        let mut is_switched_off = false;
        if let Some(reason) = disables {
            let switched = address()
                .col_expr(webhook_endpoint::Column::IsEnabled, Expr::val(false))
                .col_expr(webhook_endpoint::Column::DisabledReason, Expr::val(Some(reason.as_str())))
                .filter(webhook_endpoint::Column::IsEnabled.eq(true))
                .filter(webhook_endpoint::Column::Revision.eq(*endpoint_revision))
                .exec(&*transaction)
                .await?;
            is_switched_off = switched.rows_affected > 0;
        }
        transaction.commit().await?;
        Ok(Some(is_switched_off))
    }

    /// Deletes up to `limit` messages that were recorded before `before_ms`, with their tries; answers how many.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_webhook_deliveries(&self, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let transaction = self.backend.begin().await?;
        let old: Vec<Uuid> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::CreatedAtMs.lt(before_ms))
            .order_by_asc(Column::CreatedAtMs)
            .limit(limit)
            .into_tuple()
            .all(&*transaction)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        webhook_attempt::Entity::delete_many()
            .filter(webhook_attempt::Column::DeliveryId.is_in(old.iter().copied()))
            .exec(&*transaction)
            .await?;
        let deleted = Entity::delete_many().filter(Column::Id.is_in(old)).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}
