//! Roles that organizations made. The built-in ones are no rows.

use std::collections::HashMap;

use entity::role::{ActiveModel, Column, Entity, Model};
use entity::{invitation, membership};
use ids::{OrganizationId, RoleId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::access::RoleRow;
use crate::organizations;
use crate::store::Store;

/// Roles that are listed at most; no more can be made than the use case allows.
const MOST: u64 = 1_000;

fn row(model: Model) -> RoleRow {
    RoleRow {
        id: RoleId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        name: model.name,
        description: model.description,
        permissions: model.permissions,
        folders: model.folders,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        updated_at_ms: model.updated_at_ms,
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

fn check(role: &RoleRow) -> Result<(), StoreError> {
    check_texts([
        ("name", Some(role.name.as_str())),
        ("description", role.description.as_deref()),
        ("permissions", Some(role.permissions.as_str())),
        ("folders", role.folders.as_deref()),
    ])
}

/// Whether the organization has this role, as the transaction sees it.
pub(super) async fn exists(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    id: RoleId,
) -> Result<bool, StoreError> {
    Ok(of(organization).filter(Column::Id.eq(id.uuid())).one(&**transaction).await?.is_some())
}

impl Store {
    /// One role.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn role(&self, organization: OrganizationId, id: RoleId) -> Result<Option<RoleRow>, StoreError> {
        Ok(of(organization).filter(Column::Id.eq(id.uuid())).one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// All roles that the organization made, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn roles(&self, organization: OrganizationId) -> Result<Vec<RoleRow>, StoreError> {
        let select = of(organization).order_by_asc(Column::Name).limit(MOST);
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect())
    }

    /// How many members hold each of `ids`; those that nobody holds are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_members_by_role(
        &self,
        organization: OrganizationId,
        ids: &[RoleId],
    ) -> Result<HashMap<RoleId, u64>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let counts: Vec<(Uuid, i64)> = membership::Entity::find()
            .select_only()
            .column(membership::Column::RoleId)
            .column_as(membership::Column::Id.count(), "members")
            .filter(membership::Column::OrganizationId.eq(organization.uuid()))
            .filter(membership::Column::RoleId.is_in(ids.iter().map(|id| id.uuid())))
            .group_by(membership::Column::RoleId)
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        let count = |(id, count): (Uuid, i64)| (RoleId::from_uuid(id), u64::try_from(count).unwrap_or(0));
        Ok(counts.into_iter().map(count).collect())
    }

    /// Records a role.
    ///
    /// # Errors
    /// `Conflict` when the name is taken; `Invalid`; the database is away.
    pub async fn insert_role(&self, role: RoleRow) -> Result<(), StoreError> {
        check(&role)?;
        let model = ActiveModel {
            id: Set(role.id.uuid()),
            organization_id: Set(role.organization_id.uuid()),
            name: Set(role.name),
            description: Set(role.description),
            permissions: Set(role.permissions),
            folders: Set(role.folders),
            revision: Set(role.revision),
            created_at_ms: Set(role.created_at_ms),
            updated_at_ms: Set(role.updated_at_ms),
        };
        let transaction = self.backend.begin().await?;
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Writes description, permissions and folders of `role` over the row that still has its revision, which grows;
    /// `None` when it has another one, or is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn update_role(&self, role: RoleRow) -> Result<Option<RoleRow>, StoreError> {
        check(&role)?;
        let transaction = self.backend.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::Description, Expr::val(role.description))
            .col_expr(Column::Permissions, Expr::val(role.permissions))
            .col_expr(Column::Folders, Expr::val(role.folders))
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(role.updated_at_ms))
            .filter(Column::OrganizationId.eq(role.organization_id.uuid()))
            .filter(Column::Id.eq(role.id.uuid()))
            .filter(Column::Revision.eq(role.revision))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed.into_iter().next().map(row))
    }

    /// Deletes a role that no member holds and no open invitation offers; false when somebody does, or it is gone.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_role(&self, organization: OrganizationId, id: RoleId, now_ms: i64) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(false);
        }
        let member = membership::Entity::find()
            .filter(membership::Column::OrganizationId.eq(organization.uuid()))
            .filter(membership::Column::RoleId.eq(id.uuid()));
        let invited = invitation::Entity::find()
            .filter(invitation::Column::OrganizationId.eq(organization.uuid()))
            .filter(invitation::Column::RoleId.eq(id.uuid()))
            .filter(invitation::Column::AcceptedAtMs.is_null())
            .filter(invitation::Column::ExpiresAtMs.gt(now_ms));
        if member.one(&*transaction).await?.is_some() || invited.one(&*transaction).await?.is_some() {
            return Ok(false);
        }
        let deleted = Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected > 0)
    }
}
