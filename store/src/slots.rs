//! Slots of workflows that limit how many of their executions with one key may be under way.
//!
//! A slot is held from before the first step until the execution has ended. What counts is the row of a
//! live execution: one that has ended holds nothing, whether its slot was given back or not, so slots
//! cannot leak. All writes about one key take turns.

use ids::{ExecutionId, OrganizationId, WorkflowId};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;

use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::slot::{NewSlot, SlotKey, SlotTaken};
use crate::store::Store;

/// Most slots that are given in one transaction; whoever gives one back, and the reconciler, give the rest.
const MAX_GIVEN: i64 = 100;

/// Most executions that are named as being in the way.
const MAX_BEFORE: i64 = 1_000;

#[derive(FromQueryResult)]
struct Awaiting {
    execution_id: Uuid,
    organization_id: Uuid,
    slots: i32,
}

impl Store {
    /// Takes a slot, unless as many as there are are held, or others wait for one already. Then, if `waits`, it
    /// stands in line: by priority, then in order of acceptance. Asking again changes nothing.
    ///
    /// `told` is the signal that is recorded for those who get a slot from the line; they are in the answer, and
    /// [`Store::deliver_signals`] wakes them.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn take_slot(
        &self,
        slot: &NewSlot,
        waits: bool,
        told: &str,
        now_ms: i64,
    ) -> Result<SlotTaken, StoreError> {
        check_texts([("key", Some(slot.key.key.as_str())), ("told", Some(told))])?;
        let turn = self.turn_of(&slot.key).await?;
        let own = slot.execution_id.uuid();
        let given = give(&turn, &slot.key, told, now_ms).await?;
        let mine: Option<bool> =
            scalar(&turn, "select held as value from slot where execution_id = $1", [own.into()]).await?;
        let held = count_held(&turn, &slot.key).await?;
        let is_free = held < i64::from(slot.slots) && given.len() < usize::try_from(MAX_GIVEN).unwrap_or(usize::MAX);
        let is_taken = match mine {
            Some(is_held) => is_held,
            None if is_free || waits => {
                insert(&turn, slot, is_free).await?;
                is_free
            }
            None => false,
        };
        let before = if is_taken { Vec::new() } else { before(&turn, slot).await? };
        turn.commit().await?;
        Ok(SlotTaken { is_taken, held: u64::try_from(held).unwrap_or_default(), before, given })
    }

    /// Gives back what an execution that has ended held, or its place in the line; answers whoever got the slot,
    /// as [`Store::take_slot`] does.
    ///
    /// # Errors
    /// When the database is away; [`Store::give_slots`] gives it to the next one then.
    pub async fn free_slot(
        &self,
        execution: ExecutionId,
        key: &SlotKey,
        told: &str,
        now_ms: i64,
    ) -> Result<Vec<ExecutionId>, StoreError> {
        let turn = self.turn_of(key).await?;
        run(&turn, include_str!("slots/free.sql"), [execution.uuid().into()]).await?;
        let given = give(&turn, key, told, now_ms).await?;
        turn.commit().await?;
        Ok(given)
    }

    /// Gives the free slots of `key` to those who wait for one, as [`Store::take_slot`] does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn give_slots(&self, key: &SlotKey, told: &str, now_ms: i64) -> Result<Vec<ExecutionId>, StoreError> {
        let turn = self.turn_of(key).await?;
        let given = give(&turn, key, told, now_ms).await?;
        turn.commit().await?;
        Ok(given)
    }

    /// The first key after `after` for whose slots executions wait, in an order without meaning.
    ///
    /// Serves all organizations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn next_awaited_slot(&self, after: Option<&SlotKey>) -> Result<Option<SlotKey>, StoreError> {
        let (workflow, key) = after.map_or((Uuid::nil(), ""), |after| (after.workflow_id.uuid(), after.key.as_str()));
        let reads = self.backend.reads();
        let sql = include_str!("slots/next_awaited.sql");
        let statement =
            Statement::from_sql_and_values(reads.get_database_backend(), sql, [workflow.into(), key.into()]);
        let Some(row) = reads.query_one_raw(statement).await? else { return Ok(None) };
        let workflow: Uuid = row.try_get("", "workflow_id")?;
        Ok(Some(SlotKey { workflow_id: WorkflowId::from_uuid(workflow), key: row.try_get("", "key")? }))
    }

    /// A transaction in which nobody else writes about this key.
    async fn turn_of(&self, key: &SlotKey) -> Result<WriteTransaction, StoreError> {
        let transaction = self.backend.begin().await?;
        // SQLite has one writer anyway.
        if transaction.get_database_backend() == DbBackend::Postgres {
            let sql = "select pg_advisory_xact_lock(hashtextextended($1::text || $2, 7))";
            run(&transaction, sql, [key.workflow_id.uuid().to_string().into(), key.key.as_str().into()]).await?;
        }
        Ok(transaction)
    }
}

/// Gives free slots to those in the line, for as long as there are some.
async fn give(turn: &WriteTransaction, key: &SlotKey, told: &str, now_ms: i64) -> Result<Vec<ExecutionId>, StoreError> {
    run(turn, include_str!("slots/forget_ended.sql"), of(key)).await?;
    let [workflow, text] = of(key);
    let waiting = statement(turn, include_str!("slots/awaiting.sql"), [workflow, text, MAX_GIVEN.into()]);
    let waiting = Awaiting::find_by_statement(waiting).all(&**turn).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let mut held = count_held(turn, key).await?;
    let mut given = Vec::new();
    for next in waiting {
        if held >= i64::from(next.slots) {
            break;
        }
        run(turn, "update slot set held = true where execution_id = $1", [next.execution_id.into()]).await?;
        let signal = [next.organization_id.into(), next.execution_id.into(), told.into(), now_ms.into()];
        run(turn, include_str!("slots/tell.sql"), signal).await?;
        given.push(ExecutionId::from_uuid(next.execution_id));
        held += 1;
    }
    Ok(given)
}

async fn count_held(turn: &WriteTransaction, key: &SlotKey) -> Result<i64, StoreError> {
    let sql = "select count(*) as value from slot where workflow_id = $1 and key = $2 and held";
    Ok(scalar(turn, sql, of(key)).await?.unwrap_or_default())
}

async fn insert(turn: &WriteTransaction, slot: &NewSlot, is_held: bool) -> Result<(), StoreError> {
    let values: [Value; 7] = [
        slot.execution_id.uuid().into(),
        slot.organization_id.uuid().into(),
        slot.key.workflow_id.uuid().into(),
        slot.key.key.as_str().into(),
        slot.priority.into(),
        slot.slots.into(),
        is_held.into(),
    ];
    run(turn, include_str!("slots/insert.sql"), values).await
}

/// The executions of the key that were accepted before this one, oldest first.
async fn before(turn: &WriteTransaction, slot: &NewSlot) -> Result<Vec<(OrganizationId, ExecutionId)>, StoreError> {
    let [workflow, key] = of(&slot.key);
    let values = [workflow, key, slot.execution_id.uuid().into(), MAX_BEFORE.into()];
    let rows = turn.query_all_raw(statement(turn, include_str!("slots/before.sql"), values)).await?;
    let read = |row: sea_orm::QueryResult| {
        let (organization, execution): (Uuid, Uuid) =
            (row.try_get("", "organization_id")?, row.try_get("", "execution_id")?);
        Ok((OrganizationId::from_uuid(organization), ExecutionId::from_uuid(execution)))
    };
    rows.into_iter().map(read).collect()
}

fn of(key: &SlotKey) -> [Value; 2] {
    [key.workflow_id.uuid().into(), key.key.as_str().into()]
}

fn statement(turn: &WriteTransaction, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(turn.get_database_backend(), sql, values)
}

async fn run(turn: &WriteTransaction, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<(), StoreError> {
    turn.execute_raw(statement(turn, sql, values)).await?;
    Ok(())
}

async fn scalar<T: sea_orm::TryGetable>(
    turn: &WriteTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, StoreError> {
    let row = turn.query_one_raw(statement(turn, sql, values)).await?;
    Ok(row.map(|row| row.try_get("", "value")).transpose()?)
}
