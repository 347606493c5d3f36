//! One statement for a whole group.

use super::columns::Columns;
use crate::backend::Postgres;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome};

pub async fn write(postgres: &Postgres, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let patches: Vec<Columns<'_>> = items.iter().map(|item| Columns::of(&item.patch)).collect();
    let waits = Waits::of(&patches);
    let item = Column(items);
    let patch = Column(&patches);
    let written: Vec<(i64, i32)> = sqlx::query_as(include_str!("postgres.sql"))
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
        .bind(waits.ordinals)
        .bind(waits.step_paths)
        .bind(waits.kinds)
        .bind(waits.times_ms)
        .fetch_all(&postgres.commits)
        .await?;
    let mut outcomes = vec![CommitOutcome::Fenced; items.len()];
    for (ordinal, seq) in written {
        if let Some(outcome) = usize::try_from(ordinal - 1).ok().and_then(|index| outcomes.get_mut(index)) {
            *outcome = CommitOutcome::Committed { seq };
        }
    }
    Ok(outcomes)
}

/// `with ordinality` counts from 1.
fn ordinal(index: usize) -> i64 {
    i64::try_from(index + 1).expect("a group is small")
}

/// The waits of all checkpoints, one array for each column.
#[derive(Default)]
struct Waits<'a> {
    /// Of the checkpoint that it belongs to.
    ordinals: Vec<i64>,
    step_paths: Vec<&'a str>,
    kinds: Vec<&'a str>,
    times_ms: Vec<Option<i64>>,
}

impl<'a> Waits<'a> {
    fn of(patches: &[Columns<'a>]) -> Self {
        let mut waits = Self::default();
        for (index, patch) in patches.iter().enumerate() {
            for wait in patch.waits {
                waits.ordinals.push(ordinal(index));
                waits.step_paths.push(&wait.step_path);
                waits.kinds.push(&wait.kind);
                waits.times_ms.push(wait.due_at_ms);
            }
        }
        waits
    }
}

/// Rows turned on their side: one array for each column.
struct Column<'a, R>(&'a [R]);

impl<'a, R> Column<'a, R> {
    fn of<T>(&self, value: impl Fn(&'a R) -> T) -> Vec<T> {
        self.0.iter().map(value).collect()
    }
}

