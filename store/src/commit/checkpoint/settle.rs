//! What became of checkpoints whose answer was lost.

use std::collections::{HashMap, HashSet};

use entity::{execution, journal};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use sqlx::types::Uuid;

use super::Checkpoints;
use crate::commit::committer::Group;
use crate::error::StoreError;
use crate::model::execution::{Checkpoint, CommitOutcome};

/// Writes `items`; those that come too late are looked for in the journal.
pub async fn write_or_find(group: &Checkpoints, items: &[Checkpoint]) -> Result<Vec<CommitOutcome>, StoreError> {
    let mut outcomes = group.write(items).await?;
    let late = items.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == CommitOutcome::Fenced);
    let late: Vec<&Checkpoint> = late.map(|(item, _)| item).collect();
    if late.is_empty() {
        return Ok(outcomes);
    }
    let (journaled, signals) = (journaled(group, &late).await?, signals(group, &late).await?);
    for (item, outcome) in items.iter().zip(&mut outcomes) {
        let (id, seq) = (item.execution_id.uuid(), item.seq + 1);
        if *outcome == CommitOutcome::Fenced && journaled.contains(&(id, seq, item.epoch)) {
            *outcome = CommitOutcome::Committed { seq, signals: signals.get(&id).copied().unwrap_or(0) };
        }
    }
    Ok(outcomes)
}

/// Which of the journal rows that `late` would have written are there.
async fn journaled(group: &Checkpoints, late: &[&Checkpoint]) -> Result<HashSet<(Uuid, i32, i32)>, StoreError> {
    use journal::{Column, Entity};
    let rows = late.iter().fold(Condition::any(), |rows, item| {
        rows.add(
            Condition::all()
                .add(Column::ExecutionId.eq(item.execution_id.uuid()))
                .add(Column::Seq.eq(item.seq + 1))
                .add(Column::Epoch.eq(item.epoch)),
        )
    });
    let found: Vec<(Uuid, i32, i32)> = Entity::find()
        .select_only()
        .columns([Column::ExecutionId, Column::Seq, Column::Epoch])
        .filter(rows)
        .into_tuple()
        .all(group.0.reads())
        .await?;
    Ok(found.into_iter().collect())
}

/// How much each has been told and not taken in.
async fn signals(group: &Checkpoints, late: &[&Checkpoint]) -> Result<HashMap<Uuid, i32>, StoreError> {
    use execution::{Column, Entity};
    let found: Vec<(Uuid, i32)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Signals])
        .filter(Column::Id.is_in(late.iter().map(|item| item.execution_id.uuid())))
        .into_tuple()
        .all(group.0.reads())
        .await?;
    Ok(found.into_iter().collect())
}
