//! Links by which one person decides one approval once.

use entity::approval_link::{ActiveModel, Column, Entity, Model};
use ids::{ApprovalId, OrganizationId, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::backend::WriteTransaction;
use crate::error::StoreError;
use crate::model::approval_hands::LinkRow;
use crate::store::Store;

pub(super) fn model(link: LinkRow) -> ActiveModel {
    ActiveModel {
        token_hash: Set(link.token_hash),
        organization_id: Set(link.organization_id.uuid()),
        approval_id: Set(link.approval_id.uuid()),
        user_id: Set(link.user_id.uuid()),
        created_at_ms: Set(link.created_at_ms),
        expires_at_ms: Set(link.expires_at_ms),
        used_at_ms: Set(link.used_at_ms),
    }
}

fn row(model: Model) -> LinkRow {
    LinkRow {
        token_hash: model.token_hash,
        organization_id: OrganizationId::from_uuid(model.organization_id),
        approval_id: ApprovalId::from_uuid(model.approval_id),
        user_id: UserId::from_uuid(model.user_id),
        created_at_ms: model.created_at_ms,
        expires_at_ms: model.expires_at_ms,
        used_at_ms: model.used_at_ms,
    }
}

impl Store {
    /// The link with this token, used or not. Serves all organizations: the token tells which one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_link(&self, token_hash: &str) -> Result<Option<LinkRow>, StoreError> {
        Ok(Entity::find_by_id(token_hash).one(self.backend.reads()).await?.map(row))
    }
}

/// Uses a link up; false when it was used before, or its time is over.
pub(super) async fn take(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    approval: ApprovalId,
    token_hash: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let taken = Entity::update_many()
        .col_expr(Column::UsedAtMs, Expr::val(now_ms))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::ApprovalId.eq(approval.uuid()))
        .filter(Column::UsedAtMs.is_null())
        .filter(Column::ExpiresAtMs.gt(now_ms))
        .exec(&**transaction)
        .await?;
    Ok(taken.rows_affected == 1)
}
