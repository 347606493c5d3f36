//! Sessions of people. They belong to no organization: each stands in one at a time.

use entity::session::{ActiveModel, Column, Entity, Model};
use ids::{OrganizationId, SessionId, UserId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::account::SessionRow;
use crate::store::Store;

fn row(model: Model) -> SessionRow {
    SessionRow {
        id: SessionId::from_uuid(model.id),
        user_id: UserId::from_uuid(model.user_id),
        organization_id: model.organization_id.map(OrganizationId::from_uuid),
        generation: model.generation,
        user_agent: model.user_agent,
        remote_address: model.remote_address,
        created_at_ms: model.created_at_ms,
        last_seen_at_ms: model.last_seen_at_ms,
        expires_at_ms: model.expires_at_ms,
        revoked_at_ms: model.revoked_at_ms,
        revoked_reason: model.revoked_reason,
    }
}

/// Neither ended nor expired.
fn live(now_ms: i64) -> Condition {
    Condition::all().add(Column::RevokedAtMs.is_null()).add(Column::ExpiresAtMs.gt(now_ms))
}

impl Store {
    /// Records a session.
    ///
    /// # Errors
    /// `Invalid`; the database is away.
    pub async fn insert_session(&self, session: SessionRow) -> Result<(), StoreError> {
        check_texts([
            ("user_agent", session.user_agent.as_deref()),
            ("remote_address", session.remote_address.as_deref()),
        ])?;
        let model = ActiveModel {
            id: Set(session.id.uuid()),
            user_id: Set(session.user_id.uuid()),
            organization_id: Set(session.organization_id.map(OrganizationId::uuid)),
            generation: Set(session.generation),
            user_agent: Set(session.user_agent),
            remote_address: Set(session.remote_address),
            created_at_ms: Set(session.created_at_ms),
            last_seen_at_ms: Set(session.last_seen_at_ms),
            expires_at_ms: Set(session.expires_at_ms),
            revoked_at_ms: Set(session.revoked_at_ms),
            revoked_reason: Set(session.revoked_reason),
        };
        let transaction = self.backend.begin().await?;
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// One session, whether it is over or not.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
        Ok(Entity::find_by_id(id.uuid()).one(self.backend.reads()).await?.map(row))
    }

    /// Somebody's sessions that are not over, newest first, up to `limit`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn live_sessions_of(&self, user: UserId, now_ms: i64, limit: u64) -> Result<Vec<SessionRow>, StoreError> {
        let select = Entity::find().filter(Column::UserId.eq(user.uuid())).filter(live(now_ms));
        let models = select.order_by_desc(Column::Id).limit(limit).all(self.backend.reads()).await?;
        Ok(models.into_iter().map(row).collect())
    }

    /// Raises the generation of a live session that stands at `seen.generation`, and moves its end and its
    /// organization. The row then; `None` when somebody else was faster, or the session is over.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rotate_session(
        &self,
        seen: &SessionRow,
        organization: OrganizationId,
        expires_at_ms: i64,
        now_ms: i64,
    ) -> Result<Option<SessionRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        let updated = Entity::update_many()
            .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
            .col_expr(Column::OrganizationId, Expr::val(organization.uuid()))
            .col_expr(Column::LastSeenAtMs, Expr::val(now_ms))
            .col_expr(Column::ExpiresAtMs, Expr::val(expires_at_ms))
            .filter(Column::Id.eq(seen.id.uuid()))
            .filter(Column::Generation.eq(seen.generation))
            .filter(live(now_ms))
            .exec(&*transaction)
            .await?;
        if updated.rows_affected == 0 {
            return Ok(None);
        }
        let rotated = Entity::find_by_id(seen.id.uuid()).one(&*transaction).await?;
        transaction.commit().await?;
        Ok(rotated.map(row))
    }

    /// Ends one session of somebody. False when it is not theirs, or was over already.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        reason: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let updated = Entity::update_many()
            .col_expr(Column::RevokedAtMs, Expr::val(now_ms))
            .col_expr(Column::RevokedReason, Expr::val(reason))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::UserId.eq(user.uuid()))
            .filter(live(now_ms))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(updated.rows_affected > 0)
    }

    /// Ends all sessions of somebody but one. Those that were ended.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn revoke_sessions_of(
        &self,
        user: UserId,
        except: Option<SessionId>,
        reason: &str,
        now_ms: i64,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut theirs = Condition::all().add(Column::UserId.eq(user.uuid())).add(live(now_ms));
        if let Some(except) = except {
            theirs = theirs.add(Column::Id.ne(except.uuid()));
        }
        let transaction = self.backend.begin().await?;
        let ended = Entity::update_many()
            .col_expr(Column::RevokedAtMs, Expr::val(now_ms))
            .col_expr(Column::RevokedReason, Expr::val(reason))
            .filter(theirs)
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(ended.into_iter().map(|session| SessionId::from_uuid(session.id)).collect())
    }

    /// Removes sessions that expired before `before_ms`, up to `limit`. How many they were. Serves everybody.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_old_sessions(&self, before_ms: i64, limit: u64) -> Result<u64, StoreError> {
        let old = Entity::find().filter(Column::ExpiresAtMs.lt(before_ms)).order_by_asc(Column::ExpiresAtMs);
        let ids: Vec<_> = old.limit(limit).all(self.backend.reads()).await?.into_iter().map(|old| old.id).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_many().filter(Column::Id.is_in(ids)).exec(&*transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}
