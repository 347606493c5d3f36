//! Members of an organization: who they are, what they may become, and that an owner remains.

use entity::membership::{Column, Entity, Model};
use entity::{api_key, invitation, user_account};
use ids::{MembershipId, OrganizationId, RoleId, UserId};
use sea_orm::sea_query::{Condition, Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use super::memberships::row;
use super::roles;
use crate::backend::{Dialect, Scoped, WriteTransaction};
use crate::error::StoreError;
use crate::model::access::{MemberFilter, MemberOutcome};
use crate::model::identity::MembershipRow;
use crate::organizations;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

/// Ids of accounts that fulfil `condition`.
fn accounts(condition: Condition) -> SelectStatement {
    Query::select()
        .column((user_account::Entity, user_account::Column::Id))
        .from(user_account::Entity)
        .cond_where(condition)
        .to_owned()
}

/// Whether it depends on the account of a member who fits.
const fn asks_accounts(filter: &MemberFilter) -> bool {
    filter.name.is_some() || filter.is_service.is_some()
}

fn fitting(organization: OrganizationId, filter: &MemberFilter, dialect: Dialect) -> Select<Entity> {
    let mut account = Condition::all();
    if let Some(name) = &filter.name {
        let either = Condition::any()
            .add(name.condition(&user_account::Column::DisplayName.into_expr(), dialect))
            .add(name.condition(&user_account::Column::Email.into_expr(), dialect));
        account = account.add(either);
    }
    if let Some(is_service) = filter.is_service {
        account = account.add(user_account::Column::Kind.eq(if is_service { "service" } else { "person" }));
    }
    let mut select = of(organization);
    if let Some(role) = filter.role {
        select = select.filter(Column::RoleId.eq(role.uuid()));
    }
    if asks_accounts(filter) {
        select = select.filter(Column::UserId.in_subquery(accounts(account)));
    }
    select
}

/// Whether an active person, not a program, other than `than` holds `owner`.
async fn has_other_owner(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    owner: RoleId,
    than: MembershipId,
) -> Result<bool, StoreError> {
    let active =
        Condition::all().add(user_account::Column::IsActive.eq(true)).add(user_account::Column::Kind.eq("person"));
    let other = of(organization)
        .filter(Column::RoleId.eq(owner.uuid()))
        .filter(Column::Id.ne(than.uuid()))
        .filter(Column::UserId.in_subquery(accounts(active)));
    Ok(other.one(&**transaction).await?.is_some())
}

/// Takes back the open invitations that a member sent: they may no longer be theirs to give.
async fn forget_invitations(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    user: UserId,
) -> Result<(), StoreError> {
    invitation::Entity::delete_many()
        .filter(invitation::Column::OrganizationId.eq(organization.uuid()))
        .filter(invitation::Column::InvitedBy.eq(user.to_string()))
        .filter(invitation::Column::AcceptedAtMs.is_null())
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// Makes the keys that are bound by somebody's rights void.
pub(super) async fn revoke_keys(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    user: UserId,
    reason: &'static str,
    now_ms: i64,
) -> Result<(), StoreError> {
    api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAtMs, Expr::val(now_ms))
        .col_expr(api_key::Column::RevokedReason, Expr::val(reason))
        .filter(api_key::Column::OrganizationId.eq(organization.uuid()))
        .filter(api_key::Column::OnBehalfOf.eq(user.uuid()))
        .filter(api_key::Column::RevokedAtMs.is_null())
        .exec(&**transaction)
        .await?;
    Ok(())
}

impl Store {
    /// The role that somebody holds in an organization at this moment: none when they are not a member, their account
    /// is switched off, or the organization was deleted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn role_in_force(
        &self,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<Option<RoleId>, StoreError> {
        let active =
            Condition::all().add(user_account::Column::Id.eq(user.uuid())).add(user_account::Column::IsActive.eq(true));
        let select = of(organization)
            .filter(Column::UserId.eq(user.uuid()))
            .filter(Column::UserId.in_subquery(accounts(active)))
            .filter(Column::OrganizationId.in_subquery(organizations::live_id(organization)));
        Ok(select.one(self.backend.reads()).await?.map(|model| RoleId::from_uuid(model.role_id)))
    }

    /// Behind the wall, unless it takes a look at accounts: those belong to no organization, and stand outside.
    fn reads_of_members(&self, organization: OrganizationId, filter: &MemberFilter) -> Scoped<'_> {
        if asks_accounts(filter) { Scoped::Plain(self.backend.reads()) } else { self.backend.reads_of(organization) }
    }

    /// One member.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn membership(
        &self,
        organization: OrganizationId,
        id: MembershipId,
    ) -> Result<Option<MembershipRow>, StoreError> {
        let select = of(organization).filter(Column::Id.eq(id.uuid()));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// A page of the members that fit, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn members(
        &self,
        organization: OrganizationId,
        filter: &MemberFilter,
        request: &PageRequest,
    ) -> Result<Page<MembershipRow>, StoreError> {
        let select = fitting(organization, filter, self.backend.dialect());
        let sort = Sort { key: None, table: "membership", direction: Direction::Ascending };
        let cursor = |row: &MembershipRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        page::read(
            &self.reads_of_members(organization, filter),
            select,
            &sort,
            request,
            |model: Model| Ok(row(model)),
            cursor,
        )
        .await
    }

    /// How many members fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_members(
        &self,
        organization: OrganizationId,
        filter: &MemberFilter,
    ) -> Result<(u64, bool), StoreError> {
        let select = fitting(organization, filter, self.backend.dialect());
        page::count(&self.reads_of_members(organization, filter), select).await
    }

    /// Gives a member another role in place of the one that was `seen`. `owner` is the role that somebody must hold
    /// always; a role that is `built_in` has no row.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn change_role_of_member(
        &self,
        organization: OrganizationId,
        seen: &MembershipRow,
        role: RoleId,
        built_in: bool,
        owner: RoleId,
    ) -> Result<MemberOutcome, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(MemberOutcome::MovedOn);
        }
        if !built_in && !roles::exists(&transaction, organization, role).await? {
            return Ok(MemberOutcome::NoSuchRole);
        }
        let is_demotion = seen.role_id == owner && role != owner;
        if is_demotion && !has_other_owner(&transaction, organization, owner, seen.id).await? {
            return Ok(MemberOutcome::LastOwner);
        }
        let changed = Entity::update_many()
            .col_expr(Column::RoleId, Expr::val(role.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(seen.id.uuid()))
            .filter(Column::RoleId.eq(seen.role_id.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(model) = changed.into_iter().next() else { return Ok(MemberOutcome::MovedOn) };
        forget_invitations(&transaction, organization, seen.user_id).await?;
        transaction.commit().await?;
        Ok(MemberOutcome::Done(row(model)))
    }

    /// Removes a member who still holds the role that was `seen`, with their open invitations; their keys become void.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn remove_member(
        &self,
        organization: OrganizationId,
        seen: &MembershipRow,
        owner: RoleId,
        now_ms: i64,
    ) -> Result<MemberOutcome, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(MemberOutcome::MovedOn);
        }
        if seen.role_id == owner && !has_other_owner(&transaction, organization, owner, seen.id).await? {
            return Ok(MemberOutcome::LastOwner);
        }
        let deleted = Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(seen.id.uuid()))
            .filter(Column::RoleId.eq(seen.role_id.uuid()))
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(MemberOutcome::MovedOn);
        }
        forget_invitations(&transaction, organization, seen.user_id).await?;
        revoke_keys(&transaction, organization, seen.user_id, "its maker left the organization", now_ms).await?;
        transaction.commit().await?;
        Ok(MemberOutcome::Done(seen.clone()))
    }
}
