//! The first owner of an installation.

use entity::{membership, user_account};
use ids::{MembershipId, OrganizationId, RoleId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{membership_model, one_time_tokens, users};
use crate::error::StoreError;
use crate::model::account::TokenPurpose;
use crate::model::identity::{MembershipRow, UserRow};
use crate::organizations;
use crate::store::Store;

/// What allows somebody to become the first owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warrant {
    /// The digest of a token that was printed at the start; it is used up.
    Token(String),
    /// Access to the database, as long as there is no owner yet.
    NoOwnerYet,
    /// Access to the database.
    Force,
}

/// What became of a first owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstOwner {
    /// They are it.
    Made,
    /// There is an owner already.
    OwnerExists,
    /// The token was used, expired, or never made.
    TokenRefused,
}

impl Store {
    /// Whether a person has an account. Serves the whole installation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        let person = user_account::Entity::find().filter(user_account::Column::Kind.eq("person"));
        Ok(person.limit(1).one(self.backend.reads()).await?.is_some())
    }

    /// Makes the first owner of an organization: a new person, when `warrant` allows it. Of several who come at
    /// once, one becomes it.
    ///
    /// # Errors
    /// `Conflict` when the address is taken; `Invalid`; the database is away.
    pub async fn insert_first_owner(
        &self,
        organization: OrganizationId,
        role: RoleId,
        user: UserRow,
        password_hash: Option<String>,
        warrant: &Warrant,
    ) -> Result<FirstOwner, StoreError> {
        let now_ms = user.created_at_ms;
        let transaction = self.backend.begin().await?;
        // Whoever comes second waits here, and sees the owner.
        organizations::hold(&transaction, organization).await?;
        let owner = membership::Entity::find()
            .filter(membership::Column::OrganizationId.eq(organization.uuid()))
            .filter(membership::Column::RoleId.eq(role.uuid()));
        let is_forced = matches!(warrant, Warrant::Force);
        if !is_forced && owner.limit(1).one(&*transaction).await?.is_some() {
            return Ok(FirstOwner::OwnerExists);
        }
        if let Warrant::Token(hash) = warrant {
            let taken = one_time_tokens::take(&*transaction, hash, TokenPurpose::Bootstrap, now_ms).await?;
            if taken.is_none() {
                return Ok(FirstOwner::TokenRefused);
            }
        }
        let id = user.id;
        users::insert(&*transaction, user, password_hash).await?;
        let place = MembershipRow {
            id: MembershipId::new(),
            organization_id: organization,
            user_id: id,
            role_id: role,
            invited_by: None,
            joined_at_ms: now_ms,
        };
        membership::Entity::insert(membership_model(place)).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(FirstOwner::Made)
    }
}
