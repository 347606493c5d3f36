//! Addresses that others call to start workflows: made when a version is published, kept with their secrets.

use std::sync::Arc;

use entity::hook::{ActiveModel, Column, Entity, Model};
use entity::workflow;
use ids::{HookId, OrganizationId, WorkflowId, WorkflowVersionId};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, Select};
use uuid::Uuid;

use crate::backend::{Dialect, WriteTransaction};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::filter::in_folders;
use crate::model::hook::{HookRow, HookTrigger};
use crate::model::workflow::VersionRow;
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

/// The constraint that is violated by a hook at the address of another workflow.
pub const HOOK_ADDRESS: &str = "hook_address_key";

/// A hook at the address of another workflow.
#[derive(Debug, thiserror::Error)]
#[error("another workflow is called at {method} {path}")]
struct AddressTaken {
    method: String,
    path: String,
}

fn row(model: Model) -> HookRow {
    HookRow {
        id: HookId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        workflow_id: WorkflowId::from_uuid(model.workflow_id),
        version_id: model.version_id.map(WorkflowVersionId::from_uuid),
        ordinal: model.ordinal,
        path: model.path,
        method: model.method,
        verification: model.verification,
        is_enabled: model.is_enabled,
        secret: model.secret,
        previous_secret: model.previous_secret,
        previous_until_ms: model.previous_until_ms,
        rotated_at_ms: model.rotated_at_ms,
        created_at_ms: model.created_at_ms,
    }
}

/// Those of an organization that its published versions have, in these folders or everywhere.
fn live(organization: OrganizationId, folders: Option<&[String]>, dialect: Dialect) -> Select<Entity> {
    let within = folders.map(|folders| {
        let reached = Query::select()
            .column(workflow::Column::Id)
            .from(workflow::Entity)
            .and_where(workflow::Column::OrganizationId.eq(organization.uuid()))
            .cond_where(in_folders(folders, dialect))
            .to_owned();
        Column::WorkflowId.in_subquery(reached)
    });
    Entity::find()
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Condition::all().add(Column::VersionId.is_not_null()).add_option(within))
}

impl Store {
    /// The hook at an address, if a published version has it.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn hook_at(
        &self,
        organization: OrganizationId,
        path: &str,
        method: &str,
    ) -> Result<Option<HookRow>, StoreError> {
        check_texts([("path", Some(path)), ("method", Some(method))])?;
        let select = live(organization, None, self.backend.dialect())
            .filter(Column::Path.eq(path))
            .filter(Column::Method.eq(method));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// One hook, if a published version has it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn hook(&self, organization: OrganizationId, id: HookId) -> Result<Option<HookRow>, StoreError> {
        let select = live(organization, None, self.backend.dialect()).filter(Column::Id.eq(id.uuid()));
        Ok(select.one(&self.backend.reads_of(organization)).await?.map(row))
    }

    /// A page of the hooks of published versions, oldest first: of workflows in these folders, or of all.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn hooks(
        &self,
        organization: OrganizationId,
        folders: Option<&[String]>,
        request: &PageRequest,
    ) -> Result<Page<HookRow>, StoreError> {
        let sort = Sort { key: None, table: "hook", direction: Direction::Ascending };
        let cursor = |row: &HookRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let select = live(organization, folders, self.backend.dialect());
        page::read(&self.backend.reads_of(organization), select, &sort, request, |model: Model| Ok(row(model)), cursor)
            .await
    }

    /// How many hooks there are, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_hooks(
        &self,
        organization: OrganizationId,
        folders: Option<&[String]>,
    ) -> Result<(u64, bool), StoreError> {
        page::count(&self.backend.reads_of(organization), live(organization, folders, self.backend.dialect())).await
    }

    /// Gives a hook another secret; the one before counts until `previous_until_ms`, or no more when absent. `None`
    /// if the organization has no such hook.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_hook_secret(
        &self,
        organization: OrganizationId,
        id: HookId,
        secret: String,
        previous_until_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<Option<HookRow>, StoreError> {
        check_texts([("secret", Some(secret.as_str()))])?;
        let transaction = self.backend.begin().await?;
        let previous = if previous_until_ms.is_some() { Column::Secret.into_expr() } else { Expr::val(None::<String>) };
        // Every expression reads the row as it was.
        let models = Entity::update_many()
            .col_expr(Column::PreviousSecret, previous)
            .col_expr(Column::PreviousUntilMs, Expr::val(previous_until_ms))
            .col_expr(Column::Secret, Expr::val(secret))
            .col_expr(Column::RotatedAtMs, Expr::val(now_ms))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        transaction.commit().await?;
        Ok(models.into_iter().next().map(row))
    }
}

pub fn check_hooks(hooks: &[HookTrigger]) -> Result<(), StoreError> {
    check_texts(
        hooks.iter().flat_map(|hook| [("path", Some(hook.path.as_str())), ("method", Some(hook.method.as_str()))]),
    )
}

/// Makes the addresses of a workflow those of `version`. What it had before stays out of reach with its secrets, for
/// a version that has it again, until another workflow takes the address.
pub async fn replace_hooks(
    transaction: &WriteTransaction,
    version: &VersionRow,
    hooks: Vec<HookTrigger>,
    is_enabled: bool,
) -> Result<(), StoreError> {
    let (organization, workflow) = (version.organization_id.uuid(), version.workflow_id.uuid());
    Entity::update_many()
        .col_expr(Column::VersionId, Expr::val(None::<Uuid>))
        .filter(Column::WorkflowId.eq(workflow))
        .filter(Column::OrganizationId.eq(organization))
        .exec(&**transaction)
        .await?;
    for hook in hooks {
        let (path, method) = (hook.path, hook.method);
        Entity::delete_many()
            .filter(Column::OrganizationId.eq(organization))
            .filter(Column::Path.eq(path.as_str()))
            .filter(Column::Method.eq(method.as_str()))
            .filter(Column::WorkflowId.ne(workflow))
            .filter(Column::VersionId.is_null())
            .exec(&**transaction)
            .await?;
        let model = ActiveModel {
            id: Set(hook.id.uuid()),
            organization_id: Set(organization),
            workflow_id: Set(workflow),
            version_id: Set(Some(version.id.uuid())),
            ordinal: Set(hook.ordinal),
            path: Set(path.clone()),
            method: Set(method.clone()),
            verification: Set(hook.verification),
            is_enabled: Set(is_enabled),
            secret: Set(None),
            previous_secret: Set(None),
            previous_until_ms: Set(None),
            rotated_at_ms: Set(None),
            created_at_ms: Set(version.published_at_ms),
        };
        let changed = [Column::VersionId, Column::Ordinal, Column::Verification, Column::IsEnabled];
        let mut update = OnConflict::columns([Column::OrganizationId, Column::Path, Column::Method]);
        update.update_columns(changed).action_and_where(Expr::col((Entity, Column::WorkflowId)).eq(workflow));
        if Entity::insert(model).on_conflict(update).exec_without_returning(&**transaction).await? == 0 {
            let source = Arc::new(AddressTaken { method, path });
            return Err(StoreError::Conflict { constraint: HOOK_ADDRESS.to_owned(), source });
        }
    }
    Ok(())
}

/// Copies whether a workflow is enabled.
pub async fn switch_hooks(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    workflow: WorkflowId,
    is_enabled: bool,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::IsEnabled, Expr::val(is_enabled))
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    Ok(())
}
