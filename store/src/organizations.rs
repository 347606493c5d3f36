//! Tenants.

mod purge;

use entity::organization::{ActiveModel, Column, Entity, Model};
use entity::{membership, workflow};
use ids::{OrganizationId, UserId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::identity::membership_model;
use crate::model::identity::MembershipRow;
use crate::model::organization::{OrganizationChanges, OrganizationRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

pub(crate) use purge::some_of;
pub use purge::{FOLLOWING_TABLES, KEPT_TABLES, PURGED_BY_OWNER, PURGED_TABLES};

fn row(model: Model) -> OrganizationRow {
    OrganizationRow {
        id: OrganizationId::from_uuid(model.id),
        slug: model.slug,
        name: model.name,
        description: model.description,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
    }
}

fn new(row: OrganizationRow) -> ActiveModel {
    ActiveModel {
        id: Set(row.id.uuid()),
        slug: Set(row.slug),
        name: Set(row.name),
        created_at_ms: Set(row.created_at_ms),
        description: Set(row.description),
        revision: Set(row.revision),
        updated_at_ms: Set(None),
        deleted_at_ms: Set(None),
    }
}

/// Those that are not deleted.
fn live() -> Select<Entity> {
    Entity::find().filter(Column::DeletedAtMs.is_null())
}

/// Ids of the organization if it is not deleted, for conditions of other queries.
pub fn live_id(id: OrganizationId) -> SelectStatement {
    Query::select()
        .column((Entity, Column::Id))
        .from(Entity)
        .and_where(Column::Id.eq(id.uuid()))
        .and_where(Column::DeletedAtMs.is_null())
        .to_owned()
}

/// Holds the organization until the end of the transaction: who decides by several of its rows, such as how many
/// owners there are, decides one after another. False when it does not exist, or not any more.
///
/// A write rather than `for update`: it means the same on both databases.
pub async fn hold(transaction: &WriteTransaction, id: OrganizationId) -> Result<bool, StoreError> {
    let held = Entity::update_many()
        .col_expr(Column::Revision, Column::Revision.into_expr())
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::DeletedAtMs.is_null())
        .exec(&**transaction)
        .await?;
    Ok(held.rows_affected > 0)
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
        let new = new(OrganizationRow {
            id: OrganizationId::new(),
            slug: slug.to_owned(),
            name: name.to_owned(),
            description: None,
            revision: 1,
            created_at_ms: now_ms,
        });
        let transaction = self.backend.begin().await?;
        // Several processes may start at once: whoever comes second finds the row of the first.
        let do_nothing = OnConflict::column(Column::Slug).do_nothing().to_owned();
        Entity::insert(new).on_conflict(do_nothing).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        let made = by_slug().one(self.backend.reads()).await?;
        made.map(|made| OrganizationId::from_uuid(made.id)).ok_or(StoreError::Closed)
    }

    /// Makes an organization and its first member.
    ///
    /// # Errors
    /// `Conflict` when the slug is taken; `Invalid`; the database is away.
    pub async fn insert_organization(
        &self,
        organization: OrganizationRow,
        owner: MembershipRow,
    ) -> Result<(), StoreError> {
        check_texts([
            ("slug", Some(organization.slug.as_str())),
            ("name", Some(organization.name.as_str())),
            ("description", organization.description.as_deref()),
        ])?;
        let transaction = self.backend.begin().await?;
        Entity::insert(new(organization)).exec_without_returning(&*transaction).await?;
        membership::Entity::insert(membership_model(owner)).exec_without_returning(&*transaction).await?;
        transaction.commit().await
    }

    /// One organization; `None` when it does not exist or was deleted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn organization(&self, id: OrganizationId) -> Result<Option<OrganizationRow>, StoreError> {
        Ok(live().filter(Column::Id.eq(id.uuid())).one(&self.backend.reads_of(id)).await?.map(row))
    }

    /// Id of the organization with this slug; `None` when there is none, or it was deleted. Serves all organizations:
    /// the slug leads to one.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn organization_by_slug(&self, slug: &str) -> Result<Option<OrganizationId>, StoreError> {
        check_texts([("slug", Some(slug))])?;
        let found = live().filter(Column::Slug.eq(slug)).one(self.backend.reads()).await?;
        Ok(found.map(|found| OrganizationId::from_uuid(found.id)))
    }

    /// A page of the organizations that somebody belongs to, oldest first. Serves all organizations: it is about one
    /// person.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn organizations_of(
        &self,
        user: UserId,
        request: &PageRequest,
    ) -> Result<Page<OrganizationRow>, StoreError> {
        let sort = Sort { key: None, table: "organization", direction: Direction::Ascending };
        let cursor = |row: &OrganizationRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        page::read(self.backend.reads(), of_user(user), &sort, request, |model: Model| Ok(row(model)), cursor).await
    }

    /// How many organizations somebody belongs to, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_organizations_of(&self, user: UserId) -> Result<(u64, bool), StoreError> {
        page::count(self.backend.reads(), of_user(user)).await
    }

    /// Changes an organization; `None` when it does not exist, or its revision is not `expected_revision`.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn update_organization(
        &self,
        id: OrganizationId,
        expected_revision: Option<i32>,
        changes: OrganizationChanges,
        now_ms: i64,
    ) -> Result<Option<OrganizationRow>, StoreError> {
        let OrganizationChanges { name, description } = changes;
        check_texts([
            ("name", name.as_deref()),
            ("description", description.as_ref().and_then(|description| description.as_deref())),
        ])?;
        let mut update = Entity::update_many()
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::DeletedAtMs.is_null());
        if let Some(name) = name {
            update = update.col_expr(Column::Name, Expr::val(name));
        }
        if let Some(description) = description {
            update = update.col_expr(Column::Description, Expr::val(description));
        }
        if let Some(revision) = expected_revision {
            update = update.filter(Column::Revision.eq(revision));
        }
        let transaction = self.backend.begin().await?;
        let changed = update.exec_with_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(changed.into_iter().next().map(row))
    }

    /// Ends all access to an organization, and keeps its workflows from starting; false when it does not exist.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_organization(&self, id: OrganizationId, now_ms: i64) -> Result<bool, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = Entity::update_many()
            .col_expr(Column::DeletedAtMs, Expr::val(now_ms))
            .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::DeletedAtMs.is_null())
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        workflow::Entity::update_many()
            .col_expr(workflow::Column::IsEnabled, Expr::val(false))
            .col_expr(workflow::Column::DisabledReason, Expr::val("its organization was deleted"))
            .filter(workflow::Column::OrganizationId.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        entity::event_trigger::Entity::update_many()
            .col_expr(entity::event_trigger::Column::IsEnabled, Expr::val(false))
            .filter(entity::event_trigger::Column::OrganizationId.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        entity::schedule::Entity::update_many()
            .col_expr(entity::schedule::Column::IsEnabled, Expr::val(false))
            .col_expr(entity::schedule::Column::WakeAtMs, Expr::val(None::<i64>))
            .filter(entity::schedule::Column::OrganizationId.eq(id.uuid()))
            .exec(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn of_user(user: UserId) -> Select<Entity> {
    let places = Query::select()
        .column((membership::Entity, membership::Column::OrganizationId))
        .from(membership::Entity)
        .and_where(membership::Column::UserId.eq(user.uuid()))
        .to_owned();
    live().filter(Column::Id.in_subquery(places))
}
