//! Who somebody is at an identity provider. A subject is one person; a person may have several.
//!
//! Providers have ids that are nobody else's, so naming one names its organization.

use entity::{membership, user_identity};
use ids::{IdentityProviderId, OrganizationId, RoleId, UserId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::identity::{memberships, users};
use crate::model::identity::{MembershipRow, UserRow};
use crate::model::single_sign_on::UserIdentityRow;
use crate::store::Store;

fn row(model: user_identity::Model) -> UserIdentityRow {
    UserIdentityRow {
        provider_id: IdentityProviderId::from_uuid(model.provider_id),
        subject: model.subject,
        user_id: UserId::from_uuid(model.user_id),
        created_at_ms: model.created_at_ms,
    }
}

fn model(identity: UserIdentityRow) -> user_identity::ActiveModel {
    user_identity::ActiveModel {
        provider_id: Set(identity.provider_id.uuid()),
        subject: Set(identity.subject),
        user_id: Set(identity.user_id.uuid()),
        created_at_ms: Set(identity.created_at_ms),
    }
}

impl Store {
    /// Who a subject of a provider is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn user_identity(
        &self,
        provider: IdentityProviderId,
        subject: &str,
    ) -> Result<Option<UserIdentityRow>, StoreError> {
        let key = (provider.uuid(), subject.to_owned());
        Ok(user_identity::Entity::find_by_id(key).one(self.backend.reads()).await?.map(row))
    }

    /// Records who a subject is.
    ///
    /// # Errors
    /// `Conflict` when the subject is somebody already; `Invalid`; the database is away.
    pub async fn insert_user_identity(&self, identity: UserIdentityRow) -> Result<(), StoreError> {
        check_texts([("subject", Some(identity.subject.as_str()))])?;
        let transaction = self.backend.begin().await?;
        user_identity::Entity::insert(model(identity)).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Records a person that an identity provider told of, who they are there, and their place in its
    /// organization: all of it or nothing.
    ///
    /// # Errors
    /// `Conflict` when the subject is somebody already, or the address is taken; `Invalid`; the database
    /// is away.
    pub async fn insert_user_of_provider(
        &self,
        user: UserRow,
        identity: UserIdentityRow,
        membership: MembershipRow,
    ) -> Result<(), StoreError> {
        check_texts([("subject", Some(identity.subject.as_str()))])?;
        let transaction = self.backend.begin().await?;
        users::insert(&*transaction, user, None).await?;
        user_identity::Entity::insert(model(identity)).exec_without_returning(&*transaction).await?;
        membership::Entity::insert(memberships::active_model(membership)).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// Gives a member the role that their provider tells, if it made them a member and they have another than
    /// that or `kept`; false when nothing was to be changed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn follow_provider(
        &self,
        organization: OrganizationId,
        user: UserId,
        provider: IdentityProviderId,
        kept: RoleId,
        role: RoleId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let update = membership::Entity::update_many()
            .col_expr(membership::Column::RoleId, Expr::value(role.uuid()))
            .filter(made_by(organization, user, provider, kept))
            .filter(membership::Column::RoleId.ne(role.uuid()));
        let is_changed = update.exec(&*transaction).await?.rows_affected > 0;
        transaction.commit().await?;
        Ok(is_changed)
    }

    /// Ends a membership that a provider made, unless its role is `kept`; false when there is none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn leave_provider(
        &self,
        organization: OrganizationId,
        user: UserId,
        provider: IdentityProviderId,
        kept: RoleId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let delete = membership::Entity::delete_many().filter(made_by(organization, user, provider, kept));
        let is_gone = delete.exec(&*transaction).await?.rows_affected > 0;
        transaction.commit().await?;
        Ok(is_gone)
    }
}

/// The membership that a provider made, and no other.
fn made_by(
    organization: OrganizationId,
    user: UserId,
    provider: IdentityProviderId,
    kept: RoleId,
) -> sea_orm::sea_query::SimpleExpr {
    membership::Column::OrganizationId
        .eq(organization.uuid())
        .and(membership::Column::UserId.eq(user.uuid()))
        .and(membership::Column::InvitedBy.eq(provider.to_string()))
        .and(membership::Column::RoleId.ne(kept.uuid()))
}
