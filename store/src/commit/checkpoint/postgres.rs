//! One statement for a whole group.

use super::columns::Columns;
use crate::backend::Postgres;
use crate::commit::rollup::{self, Rollups};
use crate::error::StoreError;
use crate::model::approval::ApprovalWrites;
use crate::model::execution::{Checkpoint, CommitOutcome, WaitRow};
use crate::model::failure::NewFailure;
use crate::model::signal::NewSignal;

/// For a group in which nobody begins to wait, tells others something or asks people: the statement of everything
/// takes twice as long before it has done anything.
const PLAIN: &str = concat!(include_str!("postgres.sql"), include_str!("postgres_end.sql"));
const WHOLE: &str =
    concat!(include_str!("postgres.sql"), include_str!("postgres_more.sql"), include_str!("postgres_end.sql"));

pub async fn write(postgres: &Postgres, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let patches: Vec<Columns<'_>> = items.iter().map(|item| Columns::of(&item.patch)).collect();
    let item = Column(items);
    let mut rollups = Rollups::default();
    for item in items {
        rollups.add(item.organization_id, item.workflow_id, item.at_ms, &item.measures);
    }
    let patch = Column(&patches);
    let waits = patch.of(|patch| waits_json(patch.waits));
    let sends = item.of(|item| json_unless_empty(&item.sends.iter().map(SendRecord::of).collect::<Vec<_>>()));
    let approvals = item.of(|item| approvals_json(&item.approvals));
    let is_plain = [&waits, &sends, &approvals].iter().all(|column| column.iter().all(Option::is_none));
    let mut connection = postgres.checkpoints.take().await?;
    let written: Result<Vec<(i64, i32, i32)>, sqlx::Error> = sqlx::query_as(if is_plain { PLAIN } else { WHOLE })
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
        .bind(waits)
        .bind(item.of(|item| json_unless_empty(&item.taken)))
        .bind(item.of(|item| i32::try_from(item.taken.len()).unwrap_or(i32::MAX)))
        .bind(sends)
        .bind(approvals)
        .bind(item.of(|item| item.told_at_most))
        .bind(patch.of(|patch| patch.paused_at_ms))
        // One alone is written as a whole, or not at all.
        .bind(item.of(|item| if items.len() > 1 { rollup::json(&item.measures) } else { None }))
        .bind(postgres.shard)
        .bind(item.of(|item| failure_json(item.measures.failure())))
        .bind(rollups.of(|key, _sum| key.0.uuid()))
        .bind(rollups.of(|key, _sum| key.1))
        .bind(rollups.of(|key, _sum| key.2.uuid()))
        .bind(rollups.of(|key, _sum| key.3.code()))
        .bind(rollups.of(|key, _sum| key.4.clone()))
        .bind(rollups.of(|key, _sum| key.5.code()))
        .bind(rollups.of(|_key, sum| sum.count))
        .bind(rollups.of(|_key, sum| sum.total_ms))
        .bind(rollups.of(|_key, sum| sum.least_ms))
        .bind(rollups.of(|_key, sum| sum.most_ms))
        .bind(i64::try_from(items.len()).unwrap_or(i64::MAX))
        .bind(item.of(|item| item.deadline.column()))
        .fetch_all(&mut connection)
        .await;
    crate::crash::point("checkpoint.committed");
    postgres.checkpoints.give_back(connection, &written).await;
    let mut outcomes = vec![CommitOutcome::Fenced; items.len()];
    // `with ordinality` counts from 1.
    for (ordinal, seq, signals) in written? {
        if let Some(outcome) = usize::try_from(ordinal - 1).ok().and_then(|index| outcomes.get_mut(index)) {
            *outcome = CommitOutcome::Committed { seq, signals };
        }
    }
    Ok(outcomes)
}

/// A list that the statement takes apart; absent when there is nothing in it.
fn waits_json(waits: &[WaitRow]) -> Option<String> {
    let waits: Vec<WaitRecord<'_>> = waits
        .iter()
        .map(|wait| WaitRecord {
            step_path: &wait.step_path,
            kind: &wait.kind,
            due_at_ms: wait.due_at_ms,
            event: wait.event.as_deref(),
            correlation: wait.correlation.as_deref(),
            keys: wait.keys.as_deref(),
            target: wait.target.as_deref(),
        })
        .collect();
    json_unless_empty(&waits)
}

fn failure_json(failure: Option<&NewFailure>) -> Option<String> {
    failure.map(|failure| {
        let record = FailureRecord {
            id: failure.group.uuid().to_string(),
            fingerprint: &failure.fingerprint,
            step: failure.step.as_deref(),
            code: &failure.code,
            message: &failure.message,
        };
        serde_json::to_string(&record).expect("texts are JSON")
    })
}

fn approvals_json(writes: &ApprovalWrites) -> Option<String> {
    (!writes.is_empty()).then(|| serde_json::to_string(writes).expect("texts and numbers are JSON"))
}

fn json_unless_empty<T: serde::Serialize>(rows: &[T]) -> Option<String> {
    (!rows.is_empty()).then(|| serde_json::to_string(rows).expect("texts and numbers are JSON"))
}

#[derive(serde::Serialize)]
struct FailureRecord<'a> {
    id: String,
    fingerprint: &'a str,
    step: Option<&'a str>,
    code: &'a str,
    message: &'a str,
}

#[derive(serde::Serialize)]
struct SendRecord<'a> {
    execution_id: String,
    data: &'a str,
}

impl<'a> SendRecord<'a> {
    fn of(signal: &'a NewSignal) -> Self {
        Self { execution_id: signal.execution_id.uuid().to_string(), data: &signal.data }
    }
}

#[derive(serde::Serialize)]
struct WaitRecord<'a> {
    step_path: &'a str,
    kind: &'a str,
    due_at_ms: Option<i64>,
    event: Option<&'a str>,
    correlation: Option<&'a str>,
    keys: Option<&'a str>,
    target: Option<&'a str>,
}

/// Rows turned on their side: one array for each column.
struct Column<'a, R>(&'a [R]);

impl<'a, R> Column<'a, R> {
    fn of<T>(&self, value: impl Fn(&'a R) -> T) -> Vec<T> {
        self.0.iter().map(value).collect()
    }
}
