//! People and service accounts. They belong to no organization: members of which they are is told by memberships.

use entity::user_account::{ActiveModel, Column, Entity, Model};
use ids::UserId;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::identity::UserRow;
use crate::store::Store;

const SERVICE: &str = "service";
const PERSON: &str = "person";

pub(super) fn row(model: Model) -> UserRow {
    UserRow {
        id: UserId::from_uuid(model.id),
        email: model.email,
        email_verified_at_ms: model.email_verified_at_ms,
        display_name: model.display_name,
        is_service: model.kind == SERVICE,
        is_active: model.is_active,
        time_zone: model.time_zone,
        preferences: model.preferences,
        created_at_ms: model.created_at_ms,
        last_seen_at_ms: model.last_seen_at_ms,
    }
}

/// Writes a new account inside of a transaction.
pub(super) async fn insert<C: ConnectionTrait>(
    connection: &C,
    user: UserRow,
    password_hash: Option<String>,
) -> Result<(), StoreError> {
    check_texts([
        ("email", user.email.as_deref()),
        ("display_name", Some(user.display_name.as_str())),
        ("time_zone", Some(user.time_zone.as_str())),
        ("preferences", Some(user.preferences.as_str())),
    ])?;
    let model = ActiveModel {
        id: Set(user.id.uuid()),
        email: Set(user.email),
        email_verified_at_ms: Set(user.email_verified_at_ms),
        display_name: Set(user.display_name),
        kind: Set(if user.is_service { SERVICE } else { PERSON }.to_owned()),
        password_changed_at_ms: Set(password_hash.as_ref().map(|_hash| user.created_at_ms)),
        password_hash: Set(password_hash),
        is_active: Set(user.is_active),
        time_zone: Set(user.time_zone),
        preferences: Set(user.preferences),
        created_at_ms: Set(user.created_at_ms),
        last_seen_at_ms: Set(user.last_seen_at_ms),
    };
    Entity::insert(model).exec_without_returning(connection).await?;
    Ok(())
}

impl Store {
    /// Records a person or a service account, with the PHC string of the password where there is one.
    ///
    /// # Errors
    /// `Conflict` when the address is taken; `Invalid`; the database is away.
    pub async fn insert_user(&self, user: UserRow, password_hash: Option<String>) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        insert(&*transaction, user, password_hash).await?;
        transaction.commit().await
    }

    /// One person or service account.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn user(&self, id: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(Entity::find_by_id(id.uuid()).one(self.backend.reads()).await?.map(row))
    }

    /// The person with this address, which is compared as it is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(Entity::find().filter(Column::Email.eq(email)).one(self.backend.reads()).await?.map(row))
    }

    /// Removes an account that was made a moment ago and got no place.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_user(&self, id: UserId) -> Result<(), StoreError> {
        let transaction = self.backend.begin().await?;
        Entity::delete_by_id(id.uuid()).exec(&*transaction).await?;
        transaction.commit().await
    }

    /// Several, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn users_by_ids(&self, ids: &[UserId]) -> Result<Vec<UserRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let known = Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        Ok(known.all(self.backend.reads()).await?.into_iter().map(row).collect())
    }
}
