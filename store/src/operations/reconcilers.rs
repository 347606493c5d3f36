//! What each reconciler did last, wherever in the fleet it ran.

use sea_orm::Value;

use super::{change, rows};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::store::Store;

/// What one process did with a reconciler since it last said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcilerRun {
    /// Name of the reconciler.
    pub name: String,
    /// When the last run ended, Unix milliseconds.
    pub at_ms: i64,
    /// How long it took, in microseconds.
    pub took_us: i64,
    /// Rows it put right in that run.
    pub count: i64,
    /// Rows it put right in all runs since the last report, that one included.
    pub repaired: i64,
    /// What went wrong in that run.
    pub error: Option<String>,
}

/// The last run of a reconciler, of all processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcilerRow {
    /// Name of the reconciler.
    pub name: String,
    /// When it ended, Unix milliseconds.
    pub last_run_at_ms: i64,
    /// How long it took, in microseconds.
    pub last_duration_us: i64,
    /// Rows it put right.
    pub last_count: i64,
    /// Rows put right since the database was made.
    pub repaired: i64,
    /// What went wrong in the last run.
    pub last_error: Option<String>,
}

impl Store {
    /// Records runs; totals add up.
    ///
    /// # Errors
    /// When the database is away: then nothing was recorded.
    pub async fn record_reconcilers(&self, mut runs: Vec<ReconcilerRun>) -> Result<(), StoreError> {
        check_texts(runs.iter().map(|run| ("error", run.error.as_deref())))?;
        // In one order in every process, so that two of them never wait for each other.
        runs.sort_by(|left, right| left.name.cmp(&right.name));
        let transaction = self.backend.begin().await?;
        for run in runs {
            let values: [Value; 6] = [
                run.name.into(),
                run.at_ms.into(),
                run.took_us.into(),
                run.count.into(),
                run.repaired.into(),
                run.error.into(),
            ];
            change(&*transaction, include_str!("sql/record_reconciler.sql"), values).await?;
        }
        transaction.commit().await
    }

    /// The last run of every reconciler, by name.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reconcilers(&self) -> Result<Vec<ReconcilerRow>, StoreError> {
        let rows = rows(self.backend.reads(), include_str!("sql/reconcilers.sql"), []).await?;
        let read = |row: sea_orm::QueryResult| {
            Ok(ReconcilerRow {
                name: row.try_get("", "name")?,
                last_run_at_ms: row.try_get("", "last_run_at_ms")?,
                last_duration_us: row.try_get("", "last_duration_us")?,
                last_count: row.try_get("", "last_count")?,
                repaired: row.try_get("", "repaired")?,
                last_error: row.try_get("", "last_error")?,
            })
        };
        rows.into_iter().map(read).collect()
    }
}
