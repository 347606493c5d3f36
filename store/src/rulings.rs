//! Writes what people decided over executions that no worker has to follow: to go on after a failure, to end at once.
//!
//! Each holds only for the execution as it was looked at: it names the last journal row. It raises the epoch as a
//! claim does, so whatever a worker still writes comes from a lost claim.

pub mod moved;

use ids::WorkflowId;
use sea_orm::{ConnectionTrait, Statement, Value};

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::commit::rollup::Rollups;
use crate::error::StoreError;
use crate::model::execution::{ExecutionResult, Runnable};
use crate::model::ruling::{Ruled, Ruling, RulingWritten};
use crate::model::statistics::Measures;
use crate::store::Store;

impl Store {
    /// Writes a ruling; durable when this returns. Nothing when the execution has been written since, or does not
    /// stand where the ruling makes sense: one that goes on must have failed, one that ends must not have ended, nor be in the hands of a
    /// worker that is there.
    ///
    /// What had been told to it before is void: an execution that goes on after its end begins without.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been written all the same.
    pub async fn rule(&self, ruling: &Ruling) -> Result<Option<RulingWritten>, StoreError> {
        check(ruling)?;
        let turn = self.backend.begin().await?;
        let mut counted = Rollups::default();
        let written = write(&turn, ruling, &mut counted).await?;
        if written.is_some() {
            counted.write_in(&turn, self.backend.shard()).await?;
            turn.commit().await?;
        }
        Ok(written)
    }
}

/// Refuses what no database holds.
pub fn check_all(rulings: &[Ruling]) -> Result<(), StoreError> {
    rulings.iter().try_for_each(check)
}

/// Writes a ruling within `turn`; nothing where [`Store::rule`] writes nothing. What is counted of it is added to
/// `counted`, to be written right before the turn is committed.
pub async fn write(
    turn: &WriteTransaction,
    ruling: &Ruling,
    counted: &mut Rollups,
) -> Result<Option<RulingWritten>, StoreError> {
    let named: [Value; 4] = [
        ruling.execution_id.uuid().into(),
        ruling.organization_id.uuid().into(),
        ruling.seq.into(),
        ruling.at_ms.into(),
    ];
    let (sql, values) = match &ruling.what {
        Ruled::Retried => (include_str!("rulings/retry.sql"), named.to_vec()),
        Ruled::Ended(ended) => {
            let mut values = named.to_vec();
            values.extend([
                ended.status.code().into(),
                ended.result.map(ExecutionResult::code).into(),
                ended.error_code.clone().into(),
                ended.error_message.clone().into(),
                ended.failed_step.clone().into(),
            ]);
            (include_str!("rulings/end.sql"), values)
        }
    };
    let written = turn.query_one_raw(statement(turn, sql, values)).await?;
    let Some(written) = written else { return Ok(None) };
    let (epoch, queue, priority): (i32, String, i16) =
        (written.try_get("", "epoch")?, written.try_get("", "queue")?, written.try_get("", "priority")?);
    let seq = ruling.seq + 1;
    let row: [Value; 6] = [
        ruling.organization_id.uuid().into(),
        ruling.execution_id.uuid().into(),
        seq.into(),
        epoch.into(),
        ruling.events.as_str().into(),
        ruling.at_ms.into(),
    ];
    run(turn, include_str!("rulings/journal.sql"), row).await?;
    run(turn, "delete from wait where execution_id = $1", [ruling.execution_id.uuid().into()]).await?;
    run(turn, "delete from signal where execution_id = $1", [ruling.execution_id.uuid().into()]).await?;
    for signal in &ruling.sends {
        let values: [Value; 4] = [
            signal.organization_id.uuid().into(),
            signal.execution_id.uuid().into(),
            signal.data.as_str().into(),
            ruling.at_ms.into(),
        ];
        run(turn, include_str!("rulings/send.sql"), values).await?;
    }
    if let Ruled::Ended(ended) = &ruling.what {
        let of = || -> [Value; 3] {
            [ruling.execution_id.uuid().into(), ruling.organization_id.uuid().into(), ruling.at_ms.into()]
        };
        run(turn, include_str!("rulings/note_withdrawn.sql"), of()).await?;
        run(turn, include_str!("rulings/withdraw.sql"), of()).await?;
        let workflow = WorkflowId::from_uuid(written.try_get("", "workflow_id")?);
        let started_at_ms: Option<i64> = written.try_get("", "started_at_ms")?;
        let mut measures = Measures::default();
        measures.count(ended.measured(), started_at_ms.map(|started| ruling.at_ms - started));
        counted.add(ruling.organization_id, workflow, ruling.at_ms, &measures);
    }
    let (id, organization) = (ruling.execution_id, ruling.organization_id);
    Ok(Some(RulingWritten { seq, runnable: Runnable { id, organization, queue, priority } }))
}

fn check(ruling: &Ruling) -> Result<(), StoreError> {
    check_texts([("events", Some(ruling.events.as_str()))])?;
    check_texts(ruling.sends.iter().map(|signal| ("data", Some(signal.data.as_str()))))?;
    let Ruled::Ended(ended) = &ruling.what else { return Ok(()) };
    if !ended.status.is_ended() {
        return Err(StoreError::Invalid {
            what: format!("an execution does not end with the status {:?}", ended.status),
        });
    }
    check_texts([
        ("error_code", ended.error_code.as_deref()),
        ("error_message", ended.error_message.as_deref()),
        ("failed_step", ended.failed_step.as_deref()),
    ])
}

fn statement(turn: &WriteTransaction, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(turn.get_database_backend(), sql, values)
}

async fn run(turn: &WriteTransaction, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<(), StoreError> {
    turn.execute_raw(statement(turn, sql, values)).await?;
    Ok(())
}
