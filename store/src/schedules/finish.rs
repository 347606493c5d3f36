//! What came of what was planned.

use std::collections::BTreeSet;

use entity::schedule;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use uuid::Uuid;

use super::fire::change_many;
use crate::backend::Dialect;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::schedule::{FinishedRun, ScheduleRunState};
use crate::store::Store;

/// How soon a schedule with something planned or buffered is looked at again, in milliseconds.
const SOON_MS: i64 = 1_000;

impl Store {
    /// Notes what came of planned runs; their schedules rest until their next fire, or a moment while something of
    /// theirs is buffered.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away: whoever looks at the schedules next starts the runs again, which starts nothing
    /// twice.
    pub async fn finish_schedule_runs(&self, runs: &[FinishedRun], now_ms: i64) -> Result<(), StoreError> {
        if runs.is_empty() {
            return Ok(());
        }
        check_texts(runs.iter().map(|run| ("note", run.note.as_deref())))?;
        let finished = runs.iter().map(|run| {
            let is_started = run.execution_id.is_some();
            let state = if is_started { ScheduleRunState::Started } else { ScheduleRunState::Failed };
            json!({
                "id": run.id.uuid().as_simple().to_string(),
                "state": state.code(),
                "execution_id": run.execution_id.map(|id| id.uuid().as_simple().to_string()),
                "note": run.note,
                "is_open": is_started,
            })
        });
        let schedules: BTreeSet<_> = runs.iter().map(|run| run.schedule_id).collect();
        let schedules = schedules.iter().map(|id| json!({ "id": id.uuid().as_simple().to_string() })).collect();
        let (finish, rest) = match self.backend.dialect() {
            Dialect::Postgres => (include_str!("finish_runs_postgres.sql"), include_str!("rest_postgres.sql")),
            Dialect::Sqlite => (include_str!("finish_runs_sqlite.sql"), include_str!("rest_sqlite.sql")),
        };
        let transaction = self.backend.begin().await?;
        // The schedules before their runs, as everybody locks them.
        let own = schedule::Column::Id.is_in(runs.iter().map(|run| run.schedule_id.uuid()));
        let locked = schedule::Entity::find().select_only().column(schedule::Column::Id).filter(own);
        let locked = locked.order_by_asc(schedule::Column::Id).lock_exclusive().into_tuple::<Uuid>();
        let _locked: Vec<Uuid> = locked.all(&*transaction).await?;
        change_many(&transaction, finish, finished.collect(), [now_ms.into()]).await?;
        change_many(&transaction, rest, schedules, [(now_ms + SOON_MS).into(), now_ms.into()]).await?;
        transaction.commit().await
    }
}
