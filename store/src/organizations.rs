//! Tenants.

use entity::organization::{ActiveModel, Column, Entity, Model};
use ids::OrganizationId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::organization::OrganizationRow;
use crate::store::Store;

fn row(model: Model) -> OrganizationRow {
    OrganizationRow {
        id: OrganizationId::from_uuid(model.id),
        slug: model.slug,
        name: model.name,
        created_at_ms: model.created_at_ms,
    }
}

impl Store {
    /// The organization with this slug; made if there is none.
    ///
    /// # Errors
    /// When the database is away or not migrated.
    pub async fn ensure_organization(&self, slug: &str, name: &str, now_ms: i64) -> Result<OrganizationId, StoreError> {
        check_texts([("slug", Some(slug)), ("name", Some(name))])?;
        let by_slug = || Entity::find().filter(Column::Slug.eq(slug));
        if let Some(known) = by_slug().one(self.backend.reads()).await? {
            return Ok(OrganizationId::from_uuid(known.id));
        }
        let new = ActiveModel {
            id: Set(OrganizationId::new().uuid()),
            slug: Set(slug.to_owned()),
            name: Set(name.to_owned()),
            created_at_ms: Set(now_ms),
        };
        let transaction = self.backend.begin().await?;
        // Several processes may start at once: whoever comes second finds the row of the first.
        let do_nothing = OnConflict::column(Column::Slug).do_nothing().to_owned();
        Entity::insert(new).on_conflict(do_nothing).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        let made = by_slug().one(self.backend.reads()).await?;
        made.map(|made| OrganizationId::from_uuid(made.id)).ok_or(StoreError::Closed)
    }

    /// One organization.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<OrganizationRow>, StoreError> {
        Ok(Entity::find_by_id(id.uuid()).one(self.backend.reads()).await?.map(row))
    }
}
