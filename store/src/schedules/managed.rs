//! Schedules that belong to triggers of published definitions: one for each, made and changed with the version.

use std::collections::BTreeMap;

use entity::schedule::{Column, Entity, Model};
use entity::schedule_run;
use ids::{OrganizationId, ScheduleId, WorkflowId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::record::schedule_model;
use crate::backend::WriteTransaction;
use crate::error::StoreError;
use crate::model::schedule::ScheduleRow;
use crate::model::workflow::{NewVersion, TriggerSchedule};

/// Makes the schedules of `version` those of its workflow. One whose times stay goes on as if nothing had happened;
/// one that is new, or has new times, counts from the publish on.
pub async fn replace_managed(
    transaction: &WriteTransaction,
    version: &NewVersion,
    is_enabled: bool,
) -> Result<(), StoreError> {
    let (organization, workflow) = (version.organization_id, version.workflow_id);
    let known = Entity::find()
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::TriggerOrdinal.is_not_null())
        .lock_exclusive()
        .all(&**transaction)
        .await?;
    let mut known: BTreeMap<i32, Model> =
        known.into_iter().filter_map(|model| Some((model.trigger_ordinal?, model))).collect();
    let now_ms = version.published_at_ms;
    for schedule in &version.schedules {
        match known.remove(&schedule.ordinal) {
            None => {
                let row = new_row(version, schedule, is_enabled);
                Entity::insert(schedule_model(row)).exec_without_returning(&**transaction).await?;
            }
            Some(model) if model.timing == schedule.timing => {}
            Some(model) => {
                retimed(now_ms)
                    .col_expr(Column::Timing, Expr::val(schedule.timing.as_str()))
                    .col_expr(Column::Revision, Column::Revision.into_expr().add(1))
                    .filter(Column::Id.eq(model.id))
                    .exec(&**transaction)
                    .await?;
            }
        }
    }
    let gone: Vec<_> = known.into_values().map(|model| model.id).collect();
    if !gone.is_empty() {
        schedule_run::Entity::delete_many()
            .filter(schedule_run::Column::ScheduleId.is_in(gone.iter().copied()))
            .exec(&**transaction)
            .await?;
        Entity::delete_many().filter(Column::Id.is_in(gone)).exec(&**transaction).await?;
    }
    switch_managed(transaction, organization, workflow, is_enabled, now_ms).await
}

/// Lets the schedules of a workflow's definition fire from now on, or keeps them from it.
pub async fn switch_managed(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    workflow: WorkflowId,
    is_enabled: bool,
    now_ms: i64,
) -> Result<(), StoreError> {
    retimed(now_ms)
        .col_expr(Column::IsEnabled, Expr::val(is_enabled))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::TriggerOrdinal.is_not_null())
        .filter(Column::IsEnabled.ne(is_enabled))
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// The reconciler finds the next point in time after `now_ms`.
fn retimed(now_ms: i64) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::TimedAtMs, Expr::val(now_ms))
        .col_expr(Column::DueMs, Expr::val(None::<i64>))
        .col_expr(Column::NextAtMs, Expr::val(None::<i64>))
        .col_expr(Column::WakeAtMs, Expr::val(now_ms))
        .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
}

fn new_row(version: &NewVersion, schedule: &TriggerSchedule, is_enabled: bool) -> ScheduleRow {
    let now_ms = version.published_at_ms;
    ScheduleRow {
        id: ScheduleId::new(),
        organization_id: version.organization_id,
        workflow_id: version.workflow_id,
        name: schedule.name.clone(),
        description: None,
        timing: schedule.timing.clone(),
        input: None,
        trigger_ordinal: Some(schedule.ordinal),
        is_enabled,
        paused_at_ms: None,
        paused_reason: None,
        paused_by: None,
        timed_at_ms: now_ms,
        due_ms: None,
        next_at_ms: None,
        wake_at_ms: Some(now_ms),
        revision: 1,
        idempotency_key: None,
        created_at_ms: now_ms,
        created_by: version.published_by.clone(),
        updated_at_ms: now_ms,
    }
}
