//! What operators ask and repair. All of it is about the whole installation, unless it takes an organization.

mod check;
mod queues;
mod reconcilers;
mod retention;
mod waking;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

use crate::error::StoreError;

pub use check::{Damage, Damaged, JournalSpan, Phase, Place};
pub use queues::QueueRow;
pub use reconcilers::{ReconcilerRow, ReconcilerRun};
pub(crate) use retention::delete_ended_of;
pub use retention::{Retention, RetentionScope, Sweep, Swept};
pub use waking::{WaitingFor, Waking};

/// Rows of a statement that means the same on both databases.
async fn rows(
    on: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>, StoreError> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.query_all_raw(statement).await?)
}

/// How many rows such a statement changed.
async fn change(
    on: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let statement = Statement::from_sql_and_values(on.get_database_backend(), sql, values);
    Ok(on.execute_raw(statement).await?.rows_affected())
}

/// A list of ids as one parameter, and how a statement reads it: PostgreSQL has arrays, SQLite has JSON.
fn id_list(on: DbBackend, parameter: usize) -> String {
    if on == DbBackend::Postgres {
        format!("select unnest(string_to_array(${parameter}, ',')::uuid[])")
    } else {
        format!("select unhex(value) from json_each('[\"' || replace(${parameter}, ',', '\",\"') || '\"]')")
    }
}

/// The ids as [`id_list`] wants them.
fn join_ids(ids: impl IntoIterator<Item = uuid::Uuid>) -> String {
    ids.into_iter().map(|id| id.as_simple().to_string()).collect::<Vec<_>>().join(",")
}
