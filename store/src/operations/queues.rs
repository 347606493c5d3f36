//! What is queued and running, by queue.

use super::rows;
use crate::error::StoreError;
use crate::store::Store;

/// Queues with something in them that are found at most.
const MAX_QUEUES: usize = 100;

/// One queue, as the database knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueRow {
    /// Executions that can run and that nobody has, counted up to 100,001.
    pub waiting: i64,
    /// Executions in the hands of workers, counted up to 100,001.
    pub running: i64,
    /// When the oldest of those that wait was accepted, Unix milliseconds.
    pub oldest_at_ms: Option<i64>,
}

impl Store {
    /// Names of the queues in which executions wait, in order; a hundred at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn waiting_queues(&self) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        while names.len() < MAX_QUEUES {
            let after = names.last().cloned().unwrap_or_default();
            let next = rows(self.backend.reads(), include_str!("sql/next_queue.sql"), [after.into()]).await?;
            let Some(row) = next.first() else { break };
            names.push(row.try_get("", "queue")?);
        }
        Ok(names)
    }

    /// How a queue is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue(&self, name: &str) -> Result<QueueRow, StoreError> {
        let rows = rows(self.backend.reads(), include_str!("sql/queue.sql"), [name.into()]).await?;
        let Some(row) = rows.first() else { return Ok(QueueRow::default()) };
        Ok(QueueRow {
            waiting: row.try_get("", "waiting")?,
            running: row.try_get("", "running")?,
            oldest_at_ms: row.try_get("", "oldest_at_ms")?,
        })
    }
}
