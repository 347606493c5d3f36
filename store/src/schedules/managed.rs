//! Schedules that belong to triggers of published definitions: one for each, made and changed with the version.

use entity::schedule::{Column, Entity, Model};
use entity::{schedule_backfill, schedule_run};
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
    let now_ms = version.published_at_ms;
    let (matched, gone) = matched(&version.schedules, known);
    forget(transaction, gone).await?;
    // Out of the way of each other first: a place belongs to one at a time.
    for (schedule, model) in version.schedules.iter().zip(&matched) {
        let Some(model) = model else { continue };
        if model.trigger_ordinal != Some(schedule.ordinal) {
            Entity::update_many()
                .col_expr(Column::TriggerOrdinal, Expr::val(-1 - schedule.ordinal))
                .filter(Column::Id.eq(model.id))
                .exec(&**transaction)
                .await?;
        }
    }
    Entity::update_many()
        .col_expr(Column::TriggerOrdinal, Expr::val(-1).sub(Column::TriggerOrdinal.into_expr()))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::TriggerOrdinal.lt(0))
        .exec(&**transaction)
        .await?;
    for (schedule, model) in version.schedules.iter().zip(matched) {
        match model {
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
    switch_managed(transaction, organization, workflow, is_enabled, now_ms).await
}

/// For each trigger the schedule that it has already, and those that no trigger has any more. One with the same times
/// is the same wherever its trigger stands now; of the others, the one in the same place.
fn matched(schedules: &[TriggerSchedule], mut known: Vec<Model>) -> (Vec<Option<Model>>, Vec<Model>) {
    let mut matched: Vec<Option<Model>> = vec![None; schedules.len()];
    let fits: [fn(&Model, &TriggerSchedule) -> bool; 3] = [
        |model, schedule| model.timing == schedule.timing && model.trigger_ordinal == Some(schedule.ordinal),
        |model, schedule| model.timing == schedule.timing,
        |model, schedule| model.trigger_ordinal == Some(schedule.ordinal),
    ];
    for fits in fits {
        for (place, schedule) in matched.iter_mut().zip(schedules) {
            if place.is_none() {
                let found = known.iter().position(|model| fits(model, schedule));
                *place = found.map(|found| known.swap_remove(found));
            }
        }
    }
    (matched, known)
}

async fn forget(transaction: &WriteTransaction, gone: Vec<Model>) -> Result<(), StoreError> {
    let gone: Vec<_> = gone.into_iter().map(|model| model.id).collect();
    if !gone.is_empty() {
        schedule_run::Entity::delete_many()
            .filter(schedule_run::Column::ScheduleId.is_in(gone.iter().copied()))
            .exec(&**transaction)
            .await?;
        schedule_backfill::Entity::delete_many()
            .filter(schedule_backfill::Column::ScheduleId.is_in(gone.iter().copied()))
            .exec(&**transaction)
            .await?;
        Entity::delete_many().filter(Column::Id.is_in(gone)).exec(&**transaction).await?;
    }
    Ok(())
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
        pause_after: None,
    }
}
