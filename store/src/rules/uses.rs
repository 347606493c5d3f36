//! Where published versions name rules: written when one is published, held against those who switch rules off.

use std::collections::BTreeSet;
use std::sync::Arc;

use entity::rule;
use entity::rule_use::{ActiveModel, Column, Entity};
use ids::{OrganizationId, WorkflowId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::rule::NewRuleUse;

/// The constraint that is violated by publishing a version whose rule was deleted or disabled meanwhile.
pub const RULE_UNUSABLE: &str = "rule_use_rule";

/// A version names a rule that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("a rule of the version was deleted or disabled meanwhile")]
struct RuleUnusable;

pub fn check_uses(uses: &[NewRuleUse]) -> Result<(), StoreError> {
    check_texts(
        uses.iter().flat_map(|used| [("step", Some(used.step.as_str())), ("pointer", Some(used.pointer.as_str()))]),
    )
}

/// Makes the places at which a workflow's published version names rules those of a new one.
pub async fn replace_uses(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    workflow: WorkflowId,
    uses: Vec<NewRuleUse>,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    if uses.is_empty() {
        return Ok(());
    }
    let wanted: BTreeSet<Uuid> = uses.iter().map(|used| used.rule_id.uuid()).collect();
    // Whoever disables or deletes one of them meanwhile waits, and then finds the rows below.
    let usable: Vec<Uuid> = rule::Entity::find()
        .select_only()
        .column(rule::Column::Id)
        .filter(rule::Column::OrganizationId.eq(organization.uuid()))
        .filter(rule::Column::Id.is_in(wanted.iter().copied()))
        .filter(rule::Column::IsEnabled.eq(true))
        .order_by_asc(rule::Column::Id)
        .lock_shared()
        .into_tuple()
        .all(&**transaction)
        .await?;
    if usable.len() < wanted.len() {
        return Err(StoreError::Conflict { constraint: RULE_UNUSABLE.to_owned(), source: Arc::new(RuleUnusable) });
    }
    let models = uses.into_iter().map(|used| ActiveModel {
        organization_id: Set(organization.uuid()),
        rule_id: Set(used.rule_id.uuid()),
        workflow_id: Set(workflow.uuid()),
        pointer: Set(used.pointer),
        step: Set(used.step),
    });
    Entity::insert_many(models).exec_without_returning(&**transaction).await?;
    Ok(())
}
