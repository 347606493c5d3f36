//! Keys of programs.

use entity::api_key::{ActiveModel, Column, Entity, Model};
use ids::{ApiKeyId, OrganizationId, UserId};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::access::ApiKeyRow;
use crate::organizations;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

const AGENT: &str = "agent";
const API_KEY: &str = "api_key";

fn row(model: Model) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        display_name: model.display_name,
        is_agent: model.kind == AGENT,
        prefix: model.prefix,
        token_hash: model.token_hash,
        permissions: model.permissions,
        folders: model.folders,
        allowed_addresses: model.allowed_addresses,
        on_behalf_of: UserId::from_uuid(model.on_behalf_of),
        created_by: model.created_by,
        created_at_ms: model.created_at_ms,
        expires_at_ms: model.expires_at_ms,
        last_used_at_ms: model.last_used_at_ms,
        last_used_from: model.last_used_from,
        revoked_at_ms: model.revoked_at_ms,
        revoked_reason: model.revoked_reason,
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

async fn insert(transaction: &WriteTransaction, key: ApiKeyRow) -> Result<(), StoreError> {
    check_texts([
        ("display_name", Some(key.display_name.as_str())),
        ("folders", key.folders.as_deref()),
        ("allowed_addresses", key.allowed_addresses.as_deref()),
    ])?;
    let model = ActiveModel {
        id: Set(key.id.uuid()),
        organization_id: Set(key.organization_id.uuid()),
        display_name: Set(key.display_name),
        kind: Set(if key.is_agent { AGENT } else { API_KEY }.to_owned()),
        prefix: Set(key.prefix),
        token_hash: Set(key.token_hash),
        permissions: Set(key.permissions),
        folders: Set(key.folders),
        allowed_addresses: Set(key.allowed_addresses),
        on_behalf_of: Set(key.on_behalf_of.uuid()),
        created_by: Set(key.created_by),
        created_at_ms: Set(key.created_at_ms),
        expires_at_ms: Set(key.expires_at_ms),
        last_used_at_ms: Set(key.last_used_at_ms),
        last_used_from: Set(key.last_used_from),
        revoked_at_ms: Set(key.revoked_at_ms),
        revoked_reason: Set(key.revoked_reason),
    };
    Entity::insert(model).exec_without_returning(&**transaction).await?;
    Ok(())
}

impl Store {
    /// Records a key; false when the organization is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, key.organization_id).await? {
            return Ok(false);
        }
        insert(&transaction, key).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The key with this digest, void or not. Serves all organizations: the key tells which one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn api_key_by_token(&self, token_hash: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        Ok(Entity::find().filter(Column::TokenHash.eq(token_hash)).one(self.backend.reads()).await?.map(row))
    }

    /// One key.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn api_key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKeyRow>, StoreError> {
        Ok(self.api_keys_by_ids(organization, &[id]).await?.pop())
    }

    /// Several keys, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn api_keys_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ApiKeyId],
    ) -> Result<Vec<ApiKeyRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = of(organization).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect())
    }

    /// A page of the organization's keys, void ones included, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn api_keys(
        &self,
        organization: OrganizationId,
        request: &PageRequest,
    ) -> Result<Page<ApiKeyRow>, StoreError> {
        let sort = Sort { key: None, table: "api_key", direction: Direction::Descending };
        let cursor = |row: &ApiKeyRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        page::read(
            &self.backend.reads_of(organization),
            of(organization),
            &sort,
            request,
            |model: Model| Ok(row(model)),
            cursor,
        )
        .await
    }

    /// How many keys there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_api_keys(&self, organization: OrganizationId) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), of(organization)).await
    }

    /// Records `successor`, and lets the key `old` work until `old_expires_at_ms` at most; false when that one is void
    /// already, or gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn rotate_api_key(
        &self,
        old: ApiKeyId,
        old_expires_at_ms: i64,
        successor: ApiKeyRow,
    ) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let organization = successor.organization_id;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(false);
        }
        let is_later =
            Condition::any().add(Column::ExpiresAtMs.is_null()).add(Column::ExpiresAtMs.gt(old_expires_at_ms));
        let this = Condition::all()
            .add(Column::OrganizationId.eq(organization.uuid()))
            .add(Column::Id.eq(old.uuid()))
            .add(Column::RevokedAtMs.is_null());
        if Entity::find().filter(this.clone()).one(&*transaction).await?.is_none() {
            return Ok(false);
        }
        Entity::update_many()
            .col_expr(Column::ExpiresAtMs, Expr::val(old_expires_at_ms))
            .filter(this)
            .filter(is_later)
            .exec(&*transaction)
            .await?;
        insert(&transaction, successor).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Makes a key void, if it is not; the key as it is then, `None` when there is none such.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn revoke_api_key(
        &self,
        organization: OrganizationId,
        id: ApiKeyId,
        reason: Option<String>,
        now_ms: i64,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        check_texts([("reason", reason.as_deref())])?;
        let transaction = self.backend.begin().await?;
        Entity::update_many()
            .col_expr(Column::RevokedAtMs, Expr::val(now_ms))
            .col_expr(Column::RevokedReason, Expr::val(reason))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::RevokedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        let known = of(organization).filter(Column::Id.eq(id.uuid())).one(&*transaction).await?;
        transaction.commit().await?;
        Ok(known.map(row))
    }

    /// Records that a key was used, unless a later use is recorded.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn touch_api_key(
        &self,
        organization: OrganizationId,
        id: ApiKeyId,
        from: Option<String>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let is_older = Condition::any().add(Column::LastUsedAtMs.is_null()).add(Column::LastUsedAtMs.lt(now_ms));
        let transaction = self.backend.begin().await?;
        Entity::update_many()
            .col_expr(Column::LastUsedAtMs, Expr::val(now_ms))
            .col_expr(Column::LastUsedFrom, Expr::val(from))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(is_older)
            .exec(&*transaction)
            .await?;
        transaction.commit().await
    }
}
