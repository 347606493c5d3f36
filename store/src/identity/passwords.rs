//! What people sign in with, and what they say about themselves.

use entity::membership;
use entity::user_account::{Column, Entity};
use ids::UserId;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};

use super::users::row;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::account::UserPatch;
use crate::model::identity::UserRow;
use crate::store::Store;

impl Store {
    /// The PHC string of somebody's password; `None` when they have none, or do not exist.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn password_of(&self, user: UserId) -> Result<Option<String>, StoreError> {
        let known = Entity::find_by_id(user.uuid()).one(self.backend.reads()).await?;
        Ok(known.and_then(|known| known.password_hash))
    }

    /// Puts another PHC string in the place of `seen`. False when it is another one by now.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn replace_password(
        &self,
        user: UserId,
        seen: &str,
        hash: &str,
        changed_at_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut update = Entity::update_many().col_expr(Column::PasswordHash, Expr::val(hash));
        if let Some(changed_at_ms) = changed_at_ms {
            update = update.col_expr(Column::PasswordChangedAtMs, Expr::val(changed_at_ms));
        }
        let transaction = self.backend.begin().await?;
        let theirs = update.filter(Column::Id.eq(user.uuid())).filter(Column::PasswordHash.eq(seen));
        let updated = theirs.exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(updated.rows_affected > 0)
    }

    /// Sets the password of whoever proved the address `email`, which is proven with it. False when it is not
    /// theirs any more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reset_password(&self, user: UserId, email: &str, hash: &str, now_ms: i64) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let updated = Entity::update_many()
            .col_expr(Column::PasswordHash, Expr::val(hash))
            .col_expr(Column::PasswordChangedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(user.uuid()))
            .filter(Column::Email.eq(email))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected > 0)
    }

    /// Notes that somebody proved their address. False when it is not theirs any more, or was proven before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn verify_email(&self, user: UserId, email: &str, now_ms: i64) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let updated = Entity::update_many()
            .col_expr(Column::EmailVerifiedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(user.uuid()))
            .filter(Column::Email.eq(email))
            .filter(Column::EmailVerifiedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected > 0)
    }

    /// Gives an account whose address nobody has proven, and which is a member nowhere, to whoever signs up with
    /// its address now. False for any other account.
    ///
    /// # Errors
    /// `Invalid`; the database is away.
    pub async fn reclaim_user(
        &self,
        user: UserId,
        display_name: &str,
        hash: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        check_texts([("display_name", Some(display_name))])?;
        let places = Query::select()
            .column(membership::Column::UserId)
            .from(membership::Entity)
            .and_where(membership::Column::UserId.eq(user.uuid()))
            .to_owned();
        let transaction = self.backend.begin().await?;
        let updated = Entity::update_many()
            .col_expr(Column::DisplayName, Expr::val(display_name))
            .col_expr(Column::PasswordHash, Expr::val(hash))
            .col_expr(Column::PasswordChangedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(user.uuid()))
            .filter(Column::EmailVerifiedAtMs.is_null())
            .filter(Column::Id.not_in_subquery(places))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected > 0)
    }

    /// Changes what somebody says about themselves. The row then; `None` when they do not exist.
    ///
    /// # Errors
    /// `Invalid`; the database is away.
    pub async fn update_user(&self, user: UserId, patch: UserPatch) -> Result<Option<UserRow>, StoreError> {
        check_texts([
            ("display_name", patch.display_name.as_deref()),
            ("time_zone", patch.time_zone.as_deref()),
            ("preferences", patch.preferences.as_deref()),
        ])?;
        let set = [
            (Column::DisplayName, patch.display_name),
            (Column::TimeZone, patch.time_zone),
            (Column::Preferences, patch.preferences),
        ];
        let changes: Vec<_> = set.into_iter().filter_map(|(column, value)| Some((column, value?))).collect();
        let transaction = self.backend.begin().await?;
        if !changes.is_empty() {
            let update = changes
                .into_iter()
                .fold(Entity::update_many(), |update, (column, value)| update.col_expr(column, Expr::val(value)));
            update.filter(Column::Id.eq(user.uuid())).exec(&*transaction).await?;
        }
        let updated = Entity::find_by_id(user.uuid()).one(&*transaction).await?;
        transaction.commit().await?;
        Ok(updated.map(row))
    }

    /// Notes that somebody was here, to the minute.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn touch_user(&self, user: UserId, now_ms: i64) -> Result<(), StoreError> {
        let seen_before = Condition::any()
            .add(Column::LastSeenAtMs.is_null())
            .add(Column::LastSeenAtMs.lt(now_ms.saturating_sub(60_000)));
        let transaction = self.backend.begin().await?;
        Entity::update_many()
            .col_expr(Column::LastSeenAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(user.uuid()))
            .filter(seen_before)
            .exec(&*transaction)
            .await?;
        transaction.commit().await
    }
}
