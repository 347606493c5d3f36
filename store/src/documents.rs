//! Persisted GraphQL documents.

use entity::persisted_document::{ActiveModel, Column, Entity};
use ids::OrganizationId;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// The document that an organization keeps under this digest.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn persisted_document(
        &self,
        organization: OrganizationId,
        digest: &str,
    ) -> Result<Option<String>, StoreError> {
        check_texts([("digest", Some(digest))])?;
        let key = (organization.uuid(), digest.to_owned());
        Ok(Entity::find_by_id(key).one(&self.backend.reads_of(organization)).await?.map(|row| row.document))
    }

    /// Keeps a document; what is there already stays as it is. An organization keeps about `limit`: the oldest
    /// gives way.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_document(
        &self,
        organization: OrganizationId,
        digest: &str,
        document: &str,
        limit: u64,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        check_texts([("digest", Some(digest)), ("document", Some(document))])?;
        let transaction = self.backend.begin().await?;
        let own = || Entity::find().filter(Column::OrganizationId.eq(organization.uuid()));
        let is_known = own().filter(Column::Digest.eq(digest)).count(&*transaction).await? > 0;
        if is_known {
            return Ok(());
        }
        let kept = own().count(&*transaction).await?;
        if kept >= limit {
            let oldest = own().order_by_asc(Column::CreatedAtMs).order_by_asc(Column::Digest);
            let oldest = oldest.limit(kept + 1 - limit).all(&*transaction).await?;
            let digests = oldest.into_iter().map(|row| row.digest);
            Entity::delete_many()
                .filter(Column::OrganizationId.eq(organization.uuid()))
                .filter(Column::Digest.is_in(digests))
                .exec(&*transaction)
                .await?;
        }
        let new = ActiveModel {
            organization_id: Set(organization.uuid()),
            digest: Set(digest.to_owned()),
            document: Set(document.to_owned()),
            created_at_ms: Set(now_ms),
        };
        let do_nothing = OnConflict::columns([Column::OrganizationId, Column::Digest]).do_nothing().to_owned();
        Entity::insert(new).on_conflict(do_nothing).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}
