//! Attempts in vain to sign in, by keyed digests of what was tried: of whom is not stored.

use entity::sign_in_failure::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::StoreError;
use crate::model::account::Failures;
use crate::store::Store;

fn row(model: &Model) -> Failures {
    Failures { count: model.failures, last_at_ms: model.last_at_ms }
}

impl Store {
    /// How often something was tried in vain; `None` when it was not lately.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn failures(&self, subject: &str) -> Result<Option<Failures>, StoreError> {
        Ok(Entity::find_by_id(subject).one(self.backend.reads()).await?.as_ref().map(row))
    }

    /// Puts `next` in the place of what was `seen`. False when somebody else was faster: look again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_failure(
        &self,
        subject: &str,
        seen: Option<Failures>,
        next: Failures,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let rows = if let Some(seen) = seen {
            let counted = Entity::update_many()
                .col_expr(Column::Failures, Expr::val(next.count))
                .col_expr(Column::LastAtMs, Expr::val(next.last_at_ms))
                .filter(Column::Subject.eq(subject))
                .filter(Column::Failures.eq(seen.count))
                .filter(Column::LastAtMs.eq(seen.last_at_ms))
                .exec(&*transaction)
                .await?;
            counted.rows_affected
        } else {
            let model = ActiveModel {
                subject: Set(subject.to_owned()),
                failures: Set(next.count),
                first_at_ms: Set(next.last_at_ms),
                last_at_ms: Set(next.last_at_ms),
            };
            let do_nothing = OnConflict::column(Column::Subject).do_nothing().to_owned();
            Entity::insert(model).on_conflict(do_nothing).exec_without_returning(&*transaction).await?
        };
        transaction.commit().await?;
        Ok(rows > 0)
    }

    /// Forgets what was tried in vain.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_failures(&self, subject: &str) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::delete_by_id(subject).exec(&*transaction).await?;
        transaction.commit().await
    }

    /// Forgets what was last tried before `before_ms`, up to `limit`. How many they were. Serves everybody.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_old_failures(&self, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let old = Entity::find().filter(Column::LastAtMs.lt(before_ms)).order_by_asc(Column::Subject);
        let old = old.limit(limit).all(self.backend.reads()).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let subjects = old.into_iter().map(|failure| failure.subject);
        let transaction = self.backend.begin().await?;
        // Those that were counted again since stay.
        let deleted = Entity::delete_many()
            .filter(Column::Subject.is_in(subjects))
            .filter(Column::LastAtMs.lt(before_ms))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}
