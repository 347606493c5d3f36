//! Publishes: an immutable version with the next number, and the triggers that events are held against.

use entity::workflow::{Column, Entity, Model};
use entity::{event_trigger, workflow_version};
use ids::WorkflowId;
use sea_orm::sea_query::{Expr, ExprTrait, SimpleExpr};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::draft::without_draft;
use super::record::{version_row, workflow_row};
use super::write::{check, head, save_draft};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::hooks::{check_hooks, replace_hooks};
use crate::model::workflow::{NewVersion, NewWorkflow, PublishOutcome, TriggerRow, VersionRow, WorkflowRow};
use crate::parts::{check_part_uses, replace_part_uses};
use crate::rules::{check_uses, replace_uses};
use crate::schedules::replace_managed;
use crate::store::Store;

impl Store {
    /// Publishes a workflow's draft as `version`, if the workflow is at `expected_revision`.
    /// `enable` switches it on or off; absent leaves that as it is.
    ///
    /// # Errors
    /// `Invalid`; `Conflict`, with [`HOOK_ADDRESS`](crate::HOOK_ADDRESS) when another workflow has the address of a
    /// hook, with [`RULE_UNUSABLE`](crate::RULE_UNUSABLE) when a rule was deleted or disabled, with
    /// [`SERVICE_GONE`](crate::SERVICE_GONE) when a service was deleted; the database away.
    pub async fn publish(
        &self,
        version: NewVersion,
        triggers: Vec<TriggerRow>,
        enable: Option<bool>,
        expected_revision: i32,
    ) -> Result<PublishOutcome, StoreError> {
        check_version(&version, &triggers)?;
        let transaction = self.backend.begin().await?;
        let condition = Column::Revision.eq(expected_revision);
        let Some((workflow, version)) = record(&transaction, version, triggers, enable, condition).await? else {
            return Ok(PublishOutcome::RevisionMovedOn);
        };
        transaction.commit().await?;
        Ok(PublishOutcome::Published { workflow: workflow_row(workflow)?, version })
    }

    /// Saves a workflow, new or known by its slug, and publishes it at once as `version`; no draft
    /// is left.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn save_and_publish(
        &self,
        workflow: NewWorkflow,
        version: NewVersion,
        triggers: Vec<TriggerRow>,
        enable: bool,
    ) -> Result<WorkflowRow, StoreError> {
        check(&workflow)?;
        check_version(&version, &triggers)?;
        let transaction = self.backend.begin().await?;
        let saved = save_draft(&transaction, workflow).await?;
        let version = NewVersion { workflow_id: WorkflowId::from_uuid(saved.id), ..version };
        // Saving has locked the row, so its revision stays what it is.
        let condition = Column::Revision.eq(saved.revision);
        let published = record(&transaction, version, triggers, Some(enable), condition).await?;
        transaction.commit().await?;
        workflow_row(published.map_or(saved, |(workflow, _)| workflow))
    }
}

pub(super) fn check_version(version: &NewVersion, triggers: &[TriggerRow]) -> Result<(), StoreError> {
    check_texts([
        ("label", version.label.as_deref()),
        ("changelog", version.changelog.as_deref()),
        ("definition", Some(version.definition.as_str())),
        ("source", Some(version.source.as_str())),
        ("problems", Some(version.problems.as_str())),
        ("published_by", Some(version.published_by.as_str())),
        ("name", version.head.name.as_deref()),
        ("description", version.head.description.as_deref()),
    ])?;
    check_hooks(&version.hooks)?;
    check_uses(&version.rules)?;
    check_part_uses(&version.parts)?;
    check_texts(version.schedules.iter().map(|schedule| ("timing", Some(schedule.timing.as_str()))))?;
    check_texts(triggers.iter().map(|trigger| ("pattern", Some(trigger.pattern.as_str()))))
}

/// Writes version, workflow and triggers; `None` if the workflow does not fulfil `condition`.
async fn record(
    transaction: &WriteTransaction,
    mut new: NewVersion,
    triggers: Vec<TriggerRow>,
    enable: Option<bool>,
    condition: SimpleExpr,
) -> Result<Option<(Model, VersionRow)>, StoreError> {
    // The workflow first: its row lock puts those who publish it at the same time into an order.
    let mut update = without_draft(Entity::update_many())
        .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
        .col_expr(Column::UpdatedAtMs, Expr::val(new.published_at_ms))
        .col_expr(Column::PublishedVersionId, Expr::val(new.id.uuid()))
        .col_expr(Column::PublishedNumber, Expr::val(None::<i32>))
        .filter(Column::Id.eq(new.workflow_id.uuid()))
        .filter(Column::OrganizationId.eq(new.organization_id.uuid()))
        .filter(Column::ArchivedAtMs.is_null())
        .filter(condition);
    update = head(update, std::mem::take(&mut new.head));
    if let Some(is_enabled) = enable {
        update = update
            .col_expr(Column::IsEnabled, Expr::val(is_enabled))
            .col_expr(Column::DisabledReason, Expr::val(None::<String>));
    }
    if update.exec(&**transaction).await?.rows_affected == 0 {
        return Ok(None);
    }
    let number = next_number(transaction, new.workflow_id).await?;
    let mut numbered = Entity::update_many()
        .col_expr(Column::PublishedNumber, Expr::val(number))
        .filter(Column::Id.eq(new.workflow_id.uuid()))
        .exec_with_returning(&**transaction)
        .await?;
    let Some(workflow) = numbered.pop() else { return Ok(None) };
    let (organization, workflow_id) = (new.organization_id, new.workflow_id);
    let (hooks, rules) = (std::mem::take(&mut new.hooks), std::mem::take(&mut new.rules));
    replace_uses(transaction, organization, workflow_id, rules).await?;
    replace_part_uses(transaction, organization, workflow_id, std::mem::take(&mut new.parts)).await?;
    replace_managed(transaction, &new, workflow.is_enabled).await?;
    let version = insert_version(transaction, new, number).await?;
    replace_triggers(transaction, &version, triggers, workflow.is_enabled).await?;
    replace_hooks(transaction, &version, hooks, workflow.is_enabled).await?;
    Ok(Some((workflow, version)))
}

async fn next_number(transaction: &WriteTransaction, workflow: WorkflowId) -> Result<i32, StoreError> {
    use workflow_version::Column;
    let last: Option<i32> = workflow_version::Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .order_by_desc(Column::Number)
        .limit(1)
        .into_tuple()
        .one(&**transaction)
        .await?;
    Ok(last.unwrap_or(0) + 1)
}

async fn insert_version(
    transaction: &WriteTransaction,
    new: NewVersion,
    number: i32,
) -> Result<VersionRow, StoreError> {
    let model = workflow_version::ActiveModel {
        id: Set(new.id.uuid()),
        organization_id: Set(new.organization_id.uuid()),
        workflow_id: Set(new.workflow_id.uuid()),
        number: Set(number),
        label: Set(new.label),
        changelog: Set(new.changelog),
        definition: Set(new.definition),
        source: Set(new.source),
        format: Set(new.format),
        checksum: Set(new.checksum),
        problems: Set(new.problems),
        published_at_ms: Set(new.published_at_ms),
        published_by: Set(new.published_by),
    };
    let model = workflow_version::Entity::insert(model).exec_with_returning(&**transaction).await?;
    Ok(version_row(model))
}

/// Holds events against the triggers of `version` from now on.
pub(super) async fn replace_triggers(
    transaction: &WriteTransaction,
    version: &VersionRow,
    triggers: Vec<TriggerRow>,
    is_enabled: bool,
) -> Result<(), StoreError> {
    let (organization, workflow) = (version.organization_id, version.workflow_id);
    event_trigger::Entity::delete_many()
        .filter(event_trigger::Column::WorkflowId.eq(workflow.uuid()))
        .filter(event_trigger::Column::OrganizationId.eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    if triggers.is_empty() {
        return Ok(());
    }
    let models = triggers.into_iter().map(|trigger| event_trigger::ActiveModel {
        workflow_id: Set(workflow.uuid()),
        ordinal: Set(trigger.ordinal),
        organization_id: Set(organization.uuid()),
        version_id: Set(version.id.uuid()),
        pattern: Set(trigger.pattern),
        is_exact: Set(trigger.is_exact),
        is_enabled: Set(is_enabled),
    });
    event_trigger::Entity::insert_many(models).exec_without_returning(&**transaction).await?;
    Ok(())
}
