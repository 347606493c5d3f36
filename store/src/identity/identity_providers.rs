//! Identity providers of organizations.

use entity::identity_provider::{ActiveModel, Column, Entity, Model};
use entity::user_identity;
use ids::{IdentityProviderId, OrganizationId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::single_sign_on::IdentityProviderRow;
use crate::store::Store;

/// How many of one organization are listed; use cases refuse more.
const MAX_LISTED: u64 = 100;

fn row(model: Model) -> IdentityProviderRow {
    IdentityProviderRow {
        id: IdentityProviderId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        name: model.name,
        issuer: model.issuer,
        client_id: model.client_id,
        client_secret: model.client_secret,
        role_mapping: model.role_mapping,
        is_enabled: model.is_enabled,
        created_at_ms: model.created_at_ms,
        updated_at_ms: model.updated_at_ms,
    }
}

impl Store {
    /// Records an identity provider, or what changed about it. Organization and moment of making stay.
    ///
    /// # Errors
    /// `Invalid`; the database is away.
    pub async fn put_identity_provider(&self, provider: IdentityProviderRow) -> Result<(), StoreError> {
        check_texts([
            ("name", Some(provider.name.as_str())),
            ("issuer", Some(provider.issuer.as_str())),
            ("client_id", Some(provider.client_id.as_str())),
            ("role_mapping", Some(provider.role_mapping.as_str())),
        ])?;
        let model = ActiveModel {
            id: Set(provider.id.uuid()),
            organization_id: Set(provider.organization_id.uuid()),
            name: Set(provider.name),
            issuer: Set(provider.issuer),
            client_id: Set(provider.client_id),
            client_secret: Set(provider.client_secret),
            role_mapping: Set(provider.role_mapping),
            is_enabled: Set(provider.is_enabled),
            created_at_ms: Set(provider.created_at_ms),
            updated_at_ms: Set(provider.updated_at_ms),
        };
        let changed = [
            Column::Name,
            Column::Issuer,
            Column::ClientId,
            Column::ClientSecret,
            Column::RoleMapping,
            Column::IsEnabled,
            Column::UpdatedAtMs,
        ];
        let mut update = OnConflict::column(Column::Id);
        // An id of another organization is nobody's to overwrite.
        update.update_columns(changed).action_and_where(Column::OrganizationId.eq(provider.organization_id.uuid()));
        let transaction = self.backend.begin().await?;
        Entity::insert(model).on_conflict(update).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// One identity provider of an organization.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn identity_provider(
        &self,
        organization: OrganizationId,
        id: IdentityProviderId,
    ) -> Result<Option<IdentityProviderRow>, StoreError> {
        let select = Entity::find_by_id(id.uuid()).filter(Column::OrganizationId.eq(organization.uuid()));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// One identity provider that is enabled. Serves all organizations: whoever signs in is in none yet.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn enabled_identity_provider(
        &self,
        id: IdentityProviderId,
    ) -> Result<Option<IdentityProviderRow>, StoreError> {
        let select = Entity::find_by_id(id.uuid()).filter(Column::IsEnabled.eq(true));
        Ok(select.one(self.backend.reads()).await?.map(row))
    }

    /// The first 100 of an organization, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn identity_providers(
        &self,
        organization: OrganizationId,
    ) -> Result<Vec<IdentityProviderRow>, StoreError> {
        let select = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .order_by_asc(Column::Id)
            .limit(MAX_LISTED);
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect())
    }

    /// Removes one, and who was known by it; false when there is none. Sign-ins that have begun with it
    /// find it no more, and are swept when they expire.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_identity_provider(
        &self,
        organization: OrganizationId,
        id: IdentityProviderId,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let provider = Entity::delete_by_id(id.uuid()).filter(Column::OrganizationId.eq(organization.uuid()));
        let is_gone = provider.exec(&*transaction).await?.rows_affected > 0;
        if is_gone {
            let known = user_identity::Entity::delete_many();
            known.filter(user_identity::Column::ProviderId.eq(id.uuid())).exec(&*transaction).await?;
        }
        transaction.commit().await?;
        Ok(is_gone)
    }
}
