//! Who stands in for whom.

use entity::approval_substitution::{ActiveModel, Column, Entity, Model};
use ids::{OrganizationId, SubstitutionId, UserId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::error::StoreError;
use crate::model::approval_hands::{SubstitutionFilter, SubstitutionRow};
use crate::store::Store;

fn row(model: Model) -> SubstitutionRow {
    SubstitutionRow {
        id: SubstitutionId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        user_id: UserId::from_uuid(model.user_id),
        substitute_id: UserId::from_uuid(model.substitute_id),
        starts_at_ms: model.starts_at_ms,
        ends_at_ms: model.ends_at_ms,
        created_by: model.created_by,
        created_at_ms: model.created_at_ms,
    }
}

impl Store {
    /// Records a substitution in place of those of the same person that overlap it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_substitution(&self, new: SubstitutionRow) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(new.organization_id.uuid()))
            .filter(Column::UserId.eq(new.user_id.uuid()))
            .filter(Column::StartsAtMs.lt(new.ends_at_ms))
            .filter(Column::EndsAtMs.gt(new.starts_at_ms))
            .exec(&*transaction)
            .await?;
        let model = ActiveModel {
            id: Set(new.id.uuid()),
            organization_id: Set(new.organization_id.uuid()),
            user_id: Set(new.user_id.uuid()),
            substitute_id: Set(new.substitute_id.uuid()),
            starts_at_ms: Set(new.starts_at_ms),
            ends_at_ms: Set(new.ends_at_ms),
            created_by: Set(new.created_by),
            created_at_ms: Set(new.created_at_ms),
        };
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// One substitution.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn substitution(
        &self,
        organization: OrganizationId,
        id: SubstitutionId,
    ) -> Result<Option<SubstitutionRow>, StoreError> {
        let found = Entity::find_by_id(id.uuid()).filter(Column::OrganizationId.eq(organization.uuid()));
        Ok(found.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// The substitutions that fit, by their beginning; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn substitutions(
        &self,
        organization: OrganizationId,
        filter: SubstitutionFilter,
        limit: u64,
    ) -> Result<Vec<SubstitutionRow>, StoreError> {
        let mut select = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::EndsAtMs.gt(filter.not_over_at_ms));
        if let Some(user) = filter.user {
            select = select.filter(Column::UserId.eq(user.uuid()));
        }
        if let Some(substitute) = filter.substitute {
            select = select.filter(Column::SubstituteId.eq(substitute.uuid()));
        }
        if let Some(begun_at_ms) = filter.begun_at_ms {
            select = select.filter(Column::StartsAtMs.lte(begun_at_ms));
        }
        let select = select.order_by_asc(Column::StartsAtMs).order_by_asc(Column::Id).limit(limit);
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect())
    }

    /// Ends a substitution; false when there is none such.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_substitution(
        &self,
        organization: OrganizationId,
        id: SubstitutionId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_by_id(id.uuid())
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected > 0)
    }
}
