//! Who belongs to which organization, and as what.

use entity::membership::{ActiveModel, Column, Entity, Model};
use ids::{MembershipId, OrganizationId, RoleId, UserId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::error::StoreError;
use crate::model::identity::MembershipRow;
use crate::store::Store;

pub(super) fn row(model: Model) -> MembershipRow {
    MembershipRow {
        id: MembershipId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        user_id: UserId::from_uuid(model.user_id),
        role_id: RoleId::from_uuid(model.role_id),
        invited_by: model.invited_by,
        joined_at_ms: model.joined_at_ms,
    }
}

/// As it is written.
pub fn active_model(membership: MembershipRow) -> ActiveModel {
    ActiveModel {
        id: Set(membership.id.uuid()),
        organization_id: Set(membership.organization_id.uuid()),
        user_id: Set(membership.user_id.uuid()),
        role_id: Set(membership.role_id.uuid()),
        invited_by: Set(membership.invited_by),
        joined_at_ms: Set(membership.joined_at_ms),
    }
}

impl Store {
    /// Makes somebody a member.
    ///
    /// # Errors
    /// `Conflict` when they are one already; the database is away.
    pub async fn insert_membership(&self, membership: MembershipRow) -> Result<(), StoreError> {
        let model = active_model(membership);
        let transaction = self.backend.begin().await?;
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Somebody's place in an organization.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn membership_of(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<MembershipRow>, StoreError> {
        let select = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::UserId.eq(user.uuid()));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// Everywhere that somebody belongs to, oldest first. Serves all organizations: it is about one person.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn memberships_of(&self, user: UserId) -> Result<Vec<MembershipRow>, StoreError> {
        let select = Entity::find().filter(Column::UserId.eq(user.uuid())).order_by_asc(Column::Id);
        Ok(select.all(self.backend.reads()).await?.into_iter().map(row).collect())
    }
}
