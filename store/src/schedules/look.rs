//! What a tick has to know of schedules whose moment has come.

use std::collections::BTreeMap;

use entity::{execution, schedule_run};
use ids::ScheduleId;
use sea_orm::sea_query::{Expr, ExprTrait, JoinType, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};
use serde_json::json;
use uuid::Uuid;

use super::record::run_row;
use crate::backend::{Dialect, WriteTransaction};
use crate::error::StoreError;
use crate::model::execution::ExecutionStatus;
use crate::model::schedule::{ScheduleRow, ScheduleRunRow, ScheduleRunState};

/// Open runs of one schedule that are looked at.
const MAX_OPEN: i64 = 2_000;
/// Rows in one statement: SQLite takes 32,766 parameters.
const ROWS: usize = 10_000;

/// Runs whose execution has ended, or is gone, are open no more.
pub(super) async fn settle_ended(transaction: &WriteTransaction, ids: &[Uuid]) -> Result<(), StoreError> {
    let live = Query::select()
        .expr(Expr::val(1))
        .from(execution::Entity)
        .and_where(
            Expr::col((execution::Entity, execution::Column::Id))
                .equals((schedule_run::Entity, schedule_run::Column::ExecutionId)),
        )
        .and_where(Expr::col((execution::Entity, execution::Column::EndedAtMs)).is_null())
        .to_owned();
    schedule_run::Entity::update_many()
        .col_expr(schedule_run::Column::IsOpen, Expr::val(false))
        .filter(Expr::cust("is_open"))
        .filter(schedule_run::Column::State.eq(ScheduleRunState::Started.code()))
        .filter(schedule_run::Column::ScheduleId.is_in(ids.iter().copied()))
        .filter(Expr::exists(live).not())
        .exec(&**transaction)
        .await?;
    Ok(())
}

/// Open runs of each, oldest first. Of one that has more than 2,000, those that are to be started come first: however
/// many of its executions run, nothing that waits is overlooked, and no other schedule is.
pub(super) async fn open_runs(
    transaction: &WriteTransaction,
    dialect: Dialect,
    ids: &[Uuid],
) -> Result<BTreeMap<ScheduleId, Vec<ScheduleRunRow>>, StoreError> {
    let sql = match dialect {
        Dialect::Postgres => include_str!("open_postgres.sql"),
        Dialect::Sqlite => include_str!("open_sqlite.sql"),
    };
    let given: Vec<_> = ids.iter().map(|id| json!({ "id": id.as_simple().to_string() })).collect();
    let values = [serde_json::Value::Array(given).to_string().into(), MAX_OPEN.into()];
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    let mut wanted: Vec<Uuid> = Vec::new();
    for row in transaction.query_all_raw(statement).await? {
        wanted.push(row.try_get("", "id")?);
    }
    let mut open: BTreeMap<ScheduleId, Vec<ScheduleRunRow>> = BTreeMap::new();
    for part in wanted.chunks(ROWS) {
        let models = schedule_run::Entity::find()
            .filter(schedule_run::Column::Id.is_in(part.iter().copied()))
            .all(&**transaction)
            .await?;
        for model in models {
            let row = run_row(model)?;
            open.entry(row.schedule_id).or_default().push(row);
        }
    }
    for runs in open.values_mut() {
        runs.sort_by_key(|run| (run.scheduled_for_ms, run.id));
    }
    Ok(open)
}

/// How many of the last points in time since its times count failed in a row: the execution did, or could not be
/// started. None where it is not to pause itself: then nobody asks.
pub(super) async fn failures_in_a_row(transaction: &WriteTransaction, row: &ScheduleRow) -> Result<i32, StoreError> {
    let Some(wanted) = row.pause_after.and_then(|count| u64::try_from(count).ok()) else { return Ok(0) };
    let settled = [ScheduleRunState::Started.code(), ScheduleRunState::Failed.code()];
    let of_execution = Expr::col((execution::Entity, execution::Column::Id))
        .equals((schedule_run::Entity, schedule_run::Column::ExecutionId));
    let last = Query::select()
        .column((schedule_run::Entity, schedule_run::Column::State))
        .column((execution::Entity, execution::Column::Status))
        .from(schedule_run::Entity)
        .join(JoinType::LeftJoin, execution::Entity, of_execution)
        .and_where(schedule_run::Column::ScheduleId.eq(row.id.uuid()))
        .and_where(schedule_run::Column::ScheduledForMs.gt(row.timed_at_ms))
        .and_where(schedule_run::Column::State.is_in(settled))
        .and_where(schedule_run::Column::BackfillId.is_null())
        .and_where(schedule_run::Column::IsOpen.eq(false))
        .order_by((schedule_run::Entity, schedule_run::Column::ScheduledForMs), sea_orm::Order::Desc)
        .limit(wanted)
        .to_owned();
    let mut failures = 0;
    for found in transaction.query_all(&last).await? {
        let state: i16 = found.try_get("", "state")?;
        let status: Option<i16> = found.try_get("", "status")?;
        let has_failed = state == ScheduleRunState::Failed.code() || status == Some(ExecutionStatus::Failed.code());
        if !has_failed {
            break;
        }
        failures += 1;
    }
    Ok(failures)
}
