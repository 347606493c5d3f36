//! Tokens that count once. They belong to persons, or to the installation, and to no organization.

use entity::one_time_token::{ActiveModel, Column, Entity, Model};
use ids::UserId;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use sea_orm::{QueryOrder, QuerySelect};

use crate::error::StoreError;
use crate::model::account::{OneTimeTokenRow, TokenPurpose};
use crate::store::Store;

fn row(model: Model, purpose: TokenPurpose) -> OneTimeTokenRow {
    OneTimeTokenRow {
        token_hash: model.token_hash,
        purpose,
        user_id: model.user_id.map(UserId::from_uuid),
        email: model.email,
        created_at_ms: model.created_at_ms,
        expires_at_ms: model.expires_at_ms,
    }
}

/// Uses a token up inside of a transaction: `None` when it was used before, expired, or never made.
pub(super) async fn take<C: ConnectionTrait>(
    connection: &C,
    token_hash: &str,
    purpose: TokenPurpose,
    now_ms: i64,
) -> Result<Option<OneTimeTokenRow>, StoreError> {
    let mut taken = Entity::update_many()
        .col_expr(Column::UsedAtMs, Expr::val(now_ms))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::UsedAtMs.is_null())
        .filter(Column::ExpiresAtMs.gt(now_ms))
        .exec_with_returning(connection)
        .await?;
    Ok(taken.pop().map(|model| row(model, purpose)))
}

impl Store {
    /// Records a token. Those of the same person for the same purpose that were made before count no longer:
    /// only the newest mail holds.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn insert_one_time_token(&self, token: OneTimeTokenRow) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        if let Some(user) = token.user_id {
            Entity::update_many()
                .col_expr(Column::UsedAtMs, Expr::val(token.created_at_ms))
                .filter(Column::UserId.eq(user.uuid()))
                .filter(Column::Purpose.eq(token.purpose.as_str()))
                .filter(Column::UsedAtMs.is_null())
                .exec(&*transaction)
                .await?;
        }
        let model = ActiveModel {
            token_hash: Set(token.token_hash),
            purpose: Set(token.purpose.as_str().to_owned()),
            user_id: Set(token.user_id.map(UserId::uuid)),
            email: Set(token.email),
            created_at_ms: Set(token.created_at_ms),
            expires_at_ms: Set(token.expires_at_ms),
            used_at_ms: NotSet,
        };
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// A token that would count, without using it up.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn one_time_token(
        &self,
        token_hash: &str,
        purpose: TokenPurpose,
        now_ms: i64,
    ) -> Result<Option<OneTimeTokenRow>, StoreError> {
        let known = Entity::find_by_id(token_hash)
            .filter(Column::Purpose.eq(purpose.as_str()))
            .filter(Column::UsedAtMs.is_null())
            .filter(Column::ExpiresAtMs.gt(now_ms));
        Ok(known.one(self.backend.reads()).await?.map(|model| row(model, purpose)))
    }

    /// Uses a token up: `None` when it was used before, expired, or never made. Of two who come at once, one gets it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_one_time_token(
        &self,
        token_hash: &str,
        purpose: TokenPurpose,
        now_ms: i64,
    ) -> Result<Option<OneTimeTokenRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        let taken = take(&*transaction, token_hash, purpose, now_ms).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    /// Removes tokens that expired before `before_ms`, up to `limit`. How many they were. Serves everybody.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_old_one_time_tokens(&self, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let old = Entity::find().filter(Column::ExpiresAtMs.lt(before_ms)).order_by_asc(Column::ExpiresAtMs);
        let old = old.limit(limit).all(self.backend.reads()).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let hashes = old.into_iter().map(|token| token.token_hash);
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_many().filter(Column::TokenHash.is_in(hashes)).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}
