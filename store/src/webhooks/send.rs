//! Claims messages that have to be sent, and settles what came of each try.

use entity::webhook_delivery::{Column, Entity};
use entity::{webhook_attempt, webhook_endpoint};
use ids::WebhookEndpointId;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
    Value,
};
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

fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
        // Usually nothing is due, and that is seen in the index.
        let some = due(now_ms).select_only().column(Column::Id).limit(1).into_tuple::<Uuid>();
        if some.one(self.backend.reads()).await?.is_none() {
            return Ok(Vec::new());
        }
        let reads = self.backend.reads();
        let (room, most) = (bound(MAX_UNDER_WAY), bound(limit));
        let values: [Value; 3] = [now_ms.into(), room.into(), most.into()];
        let sql = include_str!("claimable.sql");
        let statement = Statement::from_sql_and_values(reads.get_database_backend(), sql, values);
        let endpoints = reads.query_all_raw(statement).await?;
        let mut claimed = Vec::new();
        for row in endpoints {
            let left = limit.saturating_sub(claimed.len() as u64);
            if left == 0 {
                break;
            }
            let endpoint = WebhookEndpointId::from_uuid(row.try_get("", "id")?);
            claimed.extend(self.claim_webhook_deliveries_to(endpoint, now_ms, lease_until_ms, left).await?);
        }
        Ok(claimed)
    }

    /// [`claim_webhook_deliveries`](Self::claim_webhook_deliveries) of one address.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claim_webhook_deliveries_to(
        &self,
        endpoint: WebhookEndpointId,
        now_ms: i64,
        lease_until_ms: i64,
        limit: u64,
    ) -> Result<Vec<(WebhookDeliveryRow, WebhookEndpointRow)>, StoreError> {
        let transaction = self.backend.begin().await?;
        let under_way = Entity::find()
            .filter(Expr::cust("lease_until_ms > 0"))
            .filter(Column::EndpointId.eq(endpoint.uuid()))
            .filter(Column::LeaseUntilMs.gt(now_ms))
            .count(&*transaction)
            .await?;
        let limit = Ord::min(limit, MAX_UNDER_WAY.saturating_sub(under_way));
        let model = webhook_endpoint::Entity::find_by_id(endpoint.uuid()).one(&*transaction).await?;
        let Some(address) = model.map(endpoint_row).filter(|address| address.is_enabled && limit > 0) else {
            return Ok(Vec::new());
        };
        let models = due(now_ms)
            .filter(Column::EndpointId.eq(endpoint.uuid()))
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
        let WebhookTried { delivery, endpoint_revision, attempt, status, due_at_ms, disables, failing_since_ms } =
            tried;
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
        let address = || {
            webhook_endpoint::Entity::update_many()
                .filter(webhook_endpoint::Column::OrganizationId.eq(delivery.organization_id.uuid()))
                .filter(webhook_endpoint::Column::Id.eq(delivery.endpoint_id.uuid()))
        };
        let mut is_switched_off = false;
        if let Some(reason) = disables {
            let mut switched = address()
                .col_expr(webhook_endpoint::Column::IsEnabled, Expr::val(false))
                .col_expr(webhook_endpoint::Column::DisabledReason, Expr::val(Some(reason.as_str())))
                .filter(webhook_endpoint::Column::IsEnabled.eq(true))
                .filter(webhook_endpoint::Column::Revision.eq(*endpoint_revision));
            if let Some(since) = failing_since_ms {
                switched = switched.filter(webhook_endpoint::Column::FailingSinceMs.eq(*since));
            }
            is_switched_off = switched.exec(&*transaction).await?.rows_affected > 0;
        }
        // Only what changes is written: all that goes to an address would wait for its row.
        let failing = webhook_endpoint::Column::FailingSinceMs;
        let noted = if *status == WebhookStatus::Delivered {
            address().col_expr(failing, Expr::val(None::<i64>)).filter(failing.is_not_null())
        } else {
            address().col_expr(failing, Expr::val(Some(attempt.at_ms))).filter(failing.is_null())
        };
        noted.exec(&*transaction).await?;
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
