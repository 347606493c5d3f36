//! Service accounts: programs with a membership of their own, in one organization alone.

use entity::membership;
use entity::user_account::{ActiveModel, Column, Entity};
use ids::{OrganizationId, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::members::revoke_keys;
use super::memberships::active_model;
use super::roles;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::identity::MembershipRow;
use crate::organizations;
use crate::store::Store;

impl Store {
    /// Makes a service account and its membership; false when the organization or the role is gone. A role that is
    /// `built_in` has no row.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_service_account(
        &self,
        membership: MembershipRow,
        display_name: String,
        built_in: bool,
    ) -> Result<bool, StoreError> {
        check_texts([("display_name", Some(display_name.as_str()))])?;
        let transaction = self.backend.begin().await?;
        let organization = membership.organization_id;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(false);
        }
        if !built_in && !roles::exists(&transaction, organization, membership.role_id).await? {
            return Ok(false);
        }
        let account = ActiveModel {
            id: Set(membership.user_id.uuid()),
            email: Set(None),
            email_verified_at_ms: Set(None),
            display_name: Set(display_name),
            kind: Set("service".to_owned()),
            password_hash: Set(None),
            password_changed_at_ms: Set(None),
            is_active: Set(true),
            time_zone: Set("UTC".to_owned()),
            preferences: Set("{}".to_owned()),
            created_at_ms: Set(membership.joined_at_ms),
            last_seen_at_ms: Set(None),
        };
        Entity::insert(account).exec_without_returning(&*transaction).await?;
        membership::Entity::insert(active_model(membership)).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a service account of the organization another name; false when it has none such.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn rename_service_account(
        &self,
        organization: OrganizationId,
        user: UserId,
        display_name: String,
    ) -> Result<bool, StoreError> {
        check_texts([("display_name", Some(display_name.as_str()))])?;
        if self.membership_of(organization, user).await?.is_none() {
            return Ok(false);
        }
        let transaction = self.backend.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::DisplayName, Expr::val(display_name))
            .filter(Column::Id.eq(user.uuid()))
            .filter(Column::Kind.eq("service"))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(changed.rows_affected > 0)
    }

    /// Deletes a service account of the organization with its membership; its keys become void. False when there is
    /// none such.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_service_account(
        &self,
        organization: OrganizationId,
        user: UserId,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let left = membership::Entity::delete_many()
            .filter(membership::Column::OrganizationId.eq(organization.uuid()))
            .filter(membership::Column::UserId.eq(user.uuid()))
            .exec(&*transaction)
            .await?;
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(user.uuid()))
            .filter(Column::Kind.eq("service"))
            .exec(&*transaction)
            .await?;
        if left.rows_affected == 0 || deleted.rows_affected == 0 {
            // Dropped, so rolled back: a person, or of another organization.
            return Ok(false);
        }
        revoke_keys(&transaction, organization, user, "its service account was deleted", now_ms).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
