//! Invitations to organizations.

use entity::invitation::{ActiveModel, Column, Entity, Model};
use entity::membership;
use ids::{InvitationId, MembershipId, OrganizationId, RoleId, UserId};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use super::memberships::active_model;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::access::{Acceptance, InvitationRow};
use crate::model::identity::MembershipRow;
use crate::organizations;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

fn row(model: Model) -> InvitationRow {
    InvitationRow {
        id: InvitationId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        email: model.email,
        role_id: RoleId::from_uuid(model.role_id),
        token_hash: model.token_hash,
        invited_by: model.invited_by,
        created_at_ms: model.created_at_ms,
        expires_at_ms: model.expires_at_ms,
    }
}

/// Those that can still be accepted.
fn open(now_ms: i64) -> Select<Entity> {
    Entity::find().filter(Column::AcceptedAtMs.is_null()).filter(Column::ExpiresAtMs.gt(now_ms))
}

fn open_of(organization: OrganizationId, now_ms: i64) -> Select<Entity> {
    open(now_ms).filter(Column::OrganizationId.eq(organization.uuid()))
}

impl Store {
    /// Records an invitation in place of the ones before it for the same address; false when the organization is gone.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn replace_invitation(&self, invitation: InvitationRow) -> Result<bool, StoreError> {
        check_texts([("email", Some(invitation.email.as_str()))])?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, invitation.organization_id).await? {
            return Ok(false);
        }
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(invitation.organization_id.uuid()))
            .filter(Column::Email.eq(invitation.email.as_str()))
            .filter(Column::AcceptedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        let model = ActiveModel {
            id: Set(invitation.id.uuid()),
            organization_id: Set(invitation.organization_id.uuid()),
            email: Set(invitation.email),
            role_id: Set(invitation.role_id.uuid()),
            token_hash: Set(invitation.token_hash),
            invited_by: Set(invitation.invited_by),
            created_at_ms: Set(invitation.created_at_ms),
            expires_at_ms: Set(invitation.expires_at_ms),
            accepted_at_ms: Set(None),
        };
        Entity::insert(model).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// A page of the invitations that can still be accepted, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn invitations(
        &self,
        organization: OrganizationId,
        now_ms: i64,
        request: &PageRequest,
    ) -> Result<Page<InvitationRow>, StoreError> {
        let select = open_of(organization, now_ms);
        let sort = Sort { key: None, table: "invitation", direction: Direction::Ascending };
        let cursor = |row: &InvitationRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        page::read(&self.backend.reads_of(organization), select, &sort, request, |model: Model| Ok(row(model)), cursor)
            .await
    }

    /// How many invitations can still be accepted, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_invitations(
        &self,
        organization: OrganizationId,
        now_ms: i64,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), open_of(organization, now_ms)).await
    }

    /// The open invitation with this token. Serves all organizations: the token tells which one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn invitation_by_token(
        &self,
        token_hash: &str,
        now_ms: i64,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let select = open(now_ms).filter(Column::TokenHash.eq(token_hash));
        Ok(select.one(self.backend.reads()).await?.map(row))
    }

    /// Makes `user`, whose address is `email`, a member by the open invitation with this token. Serves all
    /// organizations: the token tells which one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn accept_invitation(
        &self,
        token_hash: &str,
        user: UserId,
        email: &str,
        now_ms: i64,
    ) -> Result<Acceptance, StoreError> {
        let transaction = self.backend.begin().await?;
        let accepted = Entity::update_many()
            .col_expr(Column::AcceptedAtMs, Expr::val(now_ms))
            .filter(Column::TokenHash.eq(token_hash))
            .filter(Column::Email.eq(email))
            .filter(Column::AcceptedAtMs.is_null())
            .filter(Column::ExpiresAtMs.gt(now_ms))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(invitation) = accepted.into_iter().next().map(row) else { return Ok(Acceptance::NotOpen) };
        if !organizations::hold(&transaction, invitation.organization_id).await? {
            return Ok(Acceptance::NotOpen);
        }
        let joined = MembershipRow {
            id: MembershipId::new(),
            organization_id: invitation.organization_id,
            user_id: user,
            role_id: invitation.role_id,
            invited_by: Some(invitation.invited_by),
            joined_at_ms: now_ms,
        };
        let key = [membership::Column::OrganizationId, membership::Column::UserId];
        let inserted = membership::Entity::insert(active_model(joined.clone()))
            .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
            .exec_without_returning(&*transaction)
            .await?;
        if inserted == 0 {
            return Ok(Acceptance::AlreadyMember);
        }
        transaction.commit().await?;
        Ok(Acceptance::Joined(joined))
    }

    /// Takes an open invitation back; `None` when there is none such.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_invitation(
        &self,
        organization: OrganizationId,
        id: InvitationId,
        now_ms: i64,
    ) -> Result<Option<InvitationRow>, StoreError> {
        let known = open_of(organization, now_ms)
            .filter(Column::Id.eq(id.uuid()))
            .one(&self.backend.reads_of(organization))
            .await?;
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::AcceptedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(known.map(row).filter(|_known| deleted.rows_affected > 0))
    }
}
