//! Lets executions that rest go on with another version of their workflow.

use sea_orm::{ConnectionTrait, Value};

use super::{run, statement};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::ruling::Relocation;
use crate::store::Store;

impl Store {
    /// Moves an execution to another version, with the journal row that tells so; durable when this returns. The
    /// number of that row, or nothing when the execution does not rest, has been written since, or is on another
    /// version than the one it is to leave.
    ///
    /// What it waits for, and what it was told, stays; only the end of its life is that of the other version.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn relocate(&self, relocation: &Relocation) -> Result<Option<i32>, StoreError> {
        check(relocation)?;
        let turn = self.backend.begin().await?;
        let seq = write(&turn, relocation).await?;
        if seq.is_some() {
            turn.commit().await?;
        }
        Ok(seq)
    }
}

/// Refuses what no database holds.
pub fn check(relocation: &Relocation) -> Result<(), StoreError> {
    check_texts([
        ("events", Some(relocation.events.as_str())),
        ("queue", Some(relocation.queue.as_str())),
        ("rules", relocation.rules.as_deref()),
    ])
}

/// Writes a relocation within `turn`; nothing where [`Store::relocate`] writes nothing.
pub async fn write(turn: &WriteTransaction, relocation: &Relocation) -> Result<Option<i32>, StoreError> {
    let (id, organization): (Value, Value) =
        (relocation.execution_id.uuid().into(), relocation.organization_id.uuid().into());
    let values: [Value; 9] = [
        id.clone(),
        organization.clone(),
        relocation.seq.into(),
        relocation.to.uuid().into(),
        relocation.to_number.into(),
        relocation.queue.as_str().into(),
        relocation.deadline_at_ms.into(),
        relocation.from.uuid().into(),
        relocation.rules.clone().into(),
    ];
    let written = turn.query_one_raw(statement(turn, include_str!("move.sql"), values)).await?;
    let Some(written) = written else { return Ok(None) };
    let epoch: i32 = written.try_get("", "epoch")?;
    let seq = relocation.seq + 1;
    let row: [Value; 6] = [
        organization.clone(),
        id.clone(),
        seq.into(),
        epoch.into(),
        relocation.events.as_str().into(),
        relocation.at_ms.into(),
    ];
    run(turn, include_str!("journal.sql"), row).await?;
    run(turn, "delete from wait where execution_id = $1 and kind = 'deadline'", [id.clone()]).await?;
    if let Some(deadline) = relocation.deadline_at_ms {
        let wait: [Value; 3] = [organization.clone(), id.clone(), deadline.into()];
        run(turn, include_str!("move_wait.sql"), wait).await?;
    }
    run(turn, include_str!("move_wake.sql"), [id, organization]).await?;
    Ok(Some(seq))
}
