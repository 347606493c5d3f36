//! One statement for a whole group.

use super::columns::Columns;
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome, WaitRow};

pub async fn write(postgres: &Postgres, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let patches: Vec<Columns<'_>> = items.iter().map(|item| Columns::of(&item.patch)).collect();
    let item = Column(items);
    let patch = Column(&patches);
    let mut connection = postgres.checkpoints.take().await?;
    let written: Result<Vec<(i64, i32)>, sqlx::Error> = sqlx::query_as(include_str!("postgres.sql"))
        .bind(item.of(|item| item.execution_id.uuid()))
        .bind(item.of(|item| item.organization_id.uuid()))
        .bind(item.of(|item| item.worker_id.uuid()))
        .bind(item.of(|item| item.epoch))
        .bind(item.of(|item| item.seq))
        .bind(item.of(|item| item.at_ms))
        .bind(item.of(|item| item.events.as_str()))
        .bind(item.of(|item| item.decision.as_deref()))
        .bind(patch.of(|patch| patch.status))
        .bind(patch.of(|patch| patch.state))
        .bind(patch.of(|patch| patch.result))
        .bind(patch.of(|patch| patch.error_code))
        .bind(patch.of(|patch| patch.error_message))
        .bind(patch.of(|patch| patch.failed_step))
        .bind(patch.of(|patch| patch.wake_at_ms))
        .bind(patch.of(|patch| waits_json(patch.waits)))
        .fetch_all(&mut connection)
        .await;
    postgres.checkpoints.give_back(connection, &written).await;
    let mut outcomes = vec![CommitOutcome::Fenced; items.len()];
    // `with ordinality` counts from 1.
    for (ordinal, seq) in written? {
        if let Some(outcome) = usize::try_from(ordinal - 1).ok().and_then(|index| outcomes.get_mut(index)) {
            *outcome = CommitOutcome::Committed { seq };
        }
    }
    Ok(outcomes)
}

/// A list that the statement takes apart; absent when there is nothing in it.
fn waits_json(waits: &[WaitRow]) -> Option<String> {
    let waits: Vec<WaitRecord<'_>> = waits
        .iter()
        .map(|wait| WaitRecord { step_path: &wait.step_path, kind: &wait.kind, due_at_ms: wait.due_at_ms })
        .collect();
    (!waits.is_empty()).then(|| serde_json::to_string(&waits).expect("texts and numbers are JSON"))
}

#[derive(serde::Serialize)]
struct WaitRecord<'a> {
    step_path: &'a str,
    kind: &'a str,
    due_at_ms: Option<i64>,
}

/// Rows turned on their side: one array for each column.
struct Column<'a, R>(&'a [R]);

impl<'a, R> Column<'a, R> {
    fn of<T>(&self, value: impl Fn(&'a R) -> T) -> Vec<T> {
        self.0.iter().map(value).collect()
    }
}
