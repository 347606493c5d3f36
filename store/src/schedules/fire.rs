//! A tick: what is due is recorded, and its schedules are moved on, in one transaction.

use std::collections::HashSet;

use entity::schedule::{Column, Entity};
use entity::schedule_run;
use ids::ScheduleId;
use sea_orm::sea_query::{LockBehavior, LockType, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, Value};
use serde_json::json;
use uuid::Uuid;

use super::look::{failures_in_a_row, open_runs, settle_ended};
use super::record::{run_model, schedule_row};
use crate::backend::{Dialect, WriteTransaction};
use crate::error::StoreError;
use crate::model::schedule::{DueSchedule, FiredSchedules, SchedulePlan, ScheduleRunState};
use crate::store::Store;

/// Rows in one statement: SQLite takes 32,766 parameters.
const ROWS: usize = 2_000;

/// How long what came of points in time is kept, in milliseconds: 90 days.
const HISTORY_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

impl Store {
    /// Looks at up to `limit` schedules whose moment has come, longest ago first, and records what `decide` makes of
    /// them: it gets them and the moment, Unix milliseconds, which is never later than the database's own. What is in
    /// the answer is to be started; [`Store::finish_schedule_runs`] notes what came of it. Histories that grow lose what
    /// is older than 90 days.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away: then nothing was recorded.
    pub async fn fire_schedules(
        &self,
        now_ms: i64,
        limit: u64,
        decide: impl FnOnce(Vec<DueSchedule>, i64) -> Vec<SchedulePlan> + Send,
    ) -> Result<FiredSchedules, StoreError> {
        let some = Entity::find().select_only().column(Column::Id).filter(Column::WakeAtMs.lte(now_ms)).limit(1);
        if some.into_tuple::<Uuid>().one(self.backend.reads()).await?.is_none() {
            return Ok(FiredSchedules::default());
        }
        let transaction = self.backend.begin().await?;
        let due = Entity::find()
            .filter(Column::WakeAtMs.lte(now_ms))
            .order_by_asc(Column::WakeAtMs)
            .order_by_asc(Column::Id)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&*transaction)
            .await?;
        let now_ms = no_later(&transaction, self.backend.dialect(), now_ms).await?;
        let rows: Vec<_> =
            due.into_iter().map(schedule_row).filter(|row| row.wake_at_ms.is_some_and(|at| at <= now_ms)).collect();
        if rows.is_empty() {
            return Ok(FiredSchedules::default());
        }
        let looked_at = rows.len() as u64;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
        settle_ended(&transaction, &ids).await?;
        let mut open = open_runs(&transaction, self.backend.dialect(), &ids).await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let failures = failures_in_a_row(&transaction, &row).await?;
            due.push(DueSchedule { open: open.remove(&row.id).unwrap_or_default(), row, failures });
        }
        let mut plans = decide(due, now_ms);
        let grown: Vec<_> = plans.iter().filter(|plan| !plan.runs.is_empty()).map(|plan| plan.row.id).collect();
        insert_runs(&transaction, &mut plans).await?;
        release_runs(&transaction, self.backend.dialect(), &plans, now_ms).await?;
        move_on(&transaction, self.backend.dialect(), &plans, now_ms).await?;
        forget(&transaction, self.backend.dialect(), grown, now_ms).await?;
        let moved = plans.iter().filter(|plan| is_seen(plan)).map(|plan| plan.row.organization_id).collect();
        crate::crash::point("tick.inserted");
        transaction.commit().await?;
        crate::crash::point("tick.committed");
        plans.retain(|plan| {
            !(plan.runs.is_empty() && plan.released.is_empty() && plan.again.is_empty()) || plan.paused.is_some()
        });
        Ok(FiredSchedules { looked_at, plans, moved })
    }
}

/// Whether somebody who watches the schedule sees what was done.
fn is_seen(plan: &SchedulePlan) -> bool {
    let (row, has_runs) = (&plan.row, !(plan.runs.is_empty() && plan.released.is_empty() && plan.again.is_empty()));
    has_runs || plan.paused.is_some() || plan.due_ms != row.due_ms || plan.next_at_ms != row.next_at_ms
}

/// The moment, or that of the database if that is earlier: nothing fires early because of a clock.
async fn no_later(transaction: &WriteTransaction, dialect: Dialect, now_ms: i64) -> Result<i64, StoreError> {
    if dialect == Dialect::Sqlite {
        return Ok(now_ms);
    }
    let sql = "select (extract(epoch from clock_timestamp()) * 1000)::int8 as now_ms";
    let row = transaction.query_one_raw(Statement::from_string(transaction.get_database_backend(), sql)).await?;
    let theirs_ms = row.map(|row| row.try_get("", "now_ms")).transpose()?.unwrap_or(now_ms);
    Ok(Ord::min(now_ms, theirs_ms))
}

/// Records the points in time that came; those that are known already are taken out of the plans. What is left in
/// them is to be started.
async fn insert_runs(transaction: &WriteTransaction, plans: &mut [SchedulePlan]) -> Result<(), StoreError> {
    let models: Vec<_> = plans.iter().flat_map(|plan| &plan.runs).map(run_model).collect();
    let mut inserted: HashSet<Uuid> = HashSet::with_capacity(models.len());
    let mut models = models.into_iter().peekable();
    while models.peek().is_some() {
        let part: Vec<_> = models.by_ref().take(ROWS).collect();
        let known = OnConflict::columns([schedule_run::Column::ScheduleId, schedule_run::Column::ScheduledForMs])
            .do_nothing()
            .to_owned();
        let statement = sea_orm::QueryTrait::into_query(schedule_run::Entity::insert_many(part).on_conflict(known))
            .returning_col(schedule_run::Column::Id)
            .to_owned();
        for row in transaction.query_all(&statement).await? {
            inserted.insert(row.try_get("", "id")?);
        }
    }
    for plan in plans {
        plan.runs.retain(|run| run.state == ScheduleRunState::Planned && inserted.contains(&run.id.uuid()));
    }
    Ok(())
}

/// What was buffered is planned.
async fn release_runs(
    transaction: &WriteTransaction,
    dialect: Dialect,
    plans: &[SchedulePlan],
    now_ms: i64,
) -> Result<(), StoreError> {
    let runs = plans.iter().flat_map(|plan| &plan.released).map(|run| {
        let execution_id = run.execution_id.map(|id| id.uuid().as_simple().to_string());
        json!({ "id": run.id.uuid().as_simple().to_string(), "execution_id": execution_id })
    });
    let sql = match dialect {
        Dialect::Postgres => include_str!("release_postgres.sql"),
        Dialect::Sqlite => include_str!("release_sqlite.sql"),
    };
    change_many(transaction, sql, runs.collect(), [now_ms.into()]).await
}

async fn move_on(
    transaction: &WriteTransaction,
    dialect: Dialect,
    plans: &[SchedulePlan],
    now_ms: i64,
) -> Result<(), StoreError> {
    let moved = plans.iter().map(|plan| {
        json!({
            "paused_at_ms": plan.paused.is_some().then_some(now_ms),
            "paused_reason": plan.paused,
            "id": plan.row.id.uuid().as_simple().to_string(),
            "due_ms": plan.due_ms,
            "next_at_ms": plan.next_at_ms,
            "wake_at_ms": plan.wake_at_ms,
            // What comes due moves the next point in time; what waited does not.
            "released_at_ms": (!plan.released.is_empty()).then_some(now_ms),
        })
    });
    let sql = match dialect {
        Dialect::Postgres => include_str!("move_on_postgres.sql"),
        Dialect::Sqlite => include_str!("move_on_sqlite.sql"),
    };
    change_many(transaction, sql, moved.collect(), []).await
}

async fn forget(
    transaction: &WriteTransaction,
    dialect: Dialect,
    grown: Vec<ScheduleId>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let grown = grown.iter().map(|id| json!({ "id": id.uuid().as_simple().to_string() })).collect();
    let sql = match dialect {
        Dialect::Postgres => include_str!("forget_postgres.sql"),
        Dialect::Sqlite => include_str!("forget_sqlite.sql"),
    };
    change_many(transaction, sql, grown, [(now_ms - HISTORY_MS).into()]).await
}

/// One statement for many rows, which it takes as a list in JSON.
pub(super) async fn change_many(
    transaction: &WriteTransaction,
    sql: &str,
    rows: Vec<serde_json::Value>,
    more: impl IntoIterator<Item = Value>,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows = serde_json::Value::Array(rows).to_string();
    let values = std::iter::once(Value::from(rows)).chain(more);
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.execute_raw(statement).await?;
    Ok(())
}
