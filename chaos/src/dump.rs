//! The database after the run, reduced to what the checker looks at.

use std::collections::BTreeMap;

use anyhow::Context;
use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{Connection, Row, SqliteConnection};

use crate::rig::Rig;

/// Statuses as the database has them.
pub mod status {
    /// Ended well.
    pub const COMPLETED: i64 = 5;
    /// Ended by an error.
    pub const FAILED: i64 = 6;
    /// Ended by request.
    pub const CANCELLED: i64 = 7;
}

/// One execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Execution {
    /// Its id, as hexadecimal digits.
    pub id: String,
    /// Workflow.
    pub workflow: String,
    /// Key of its start.
    pub key: Option<String>,
    /// Text of its input that tells executions of one workflow apart.
    pub tag: Option<String>,
    /// Parent.
    pub parent: Option<String>,
    /// See [`status`].
    pub status: i64,
    /// What it came to: 1 allowed, 2 blocked.
    pub result: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// Its epoch.
    pub epoch: i64,
    /// Unix milliseconds.
    pub queued_at_ms: i64,
    /// Unix milliseconds.
    pub ended_at_ms: Option<i64>,
    /// Its journal, by sequence number.
    pub journal: Vec<Entry>,
}

/// One row of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Number within the execution.
    pub sequence: i64,
    /// Rises with every row of the database.
    pub position: i64,
    /// Epoch of the worker that wrote it; 0 the start.
    pub epoch: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What happened.
    pub facts: Vec<Fact>,
}

/// One event of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An attempt of a step began: its place, as that of a call without the number of the action.
    StepStarted { place: String },
    /// A call left for the outside, or was about to: place of the attempt, idempotency key.
    CallStarted { place: String, key: String },
    /// An action came to its end.
    ActionFinished { place: String },
    /// A pause was asked for.
    Paused,
    /// The pause is over.
    Unpaused,
    /// The execution ended.
    Ended { cancelled: bool },
    /// Anything else.
    Other,
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Executions by id.
    pub executions: BTreeMap<String, Execution>,
}

const POSTGRES_EXECUTIONS: &str = "select replace(e.id::text, '-', '') as id, w.slug as workflow, e.idempotency_key as key,
    e.input as input, replace(e.parent_id::text, '-', '') as parent, e.status::bigint as status,
    e.result::bigint as result, e.error_code || coalesce(': ' || e.error_message, '') as error, e.epoch::bigint as epoch, e.queued_at_ms, e.ended_at_ms
    from execution e join workflow w on w.id = e.workflow_id order by e.id";
const SQLITE_EXECUTIONS: &str = "select lower(hex(e.id)) as id, w.slug as workflow, e.idempotency_key as key,
    e.input as input, lower(hex(e.parent_id)) as parent, e.status as status,
    e.result as result, e.error_code || coalesce(': ' || e.error_message, '') as error, e.epoch as epoch, e.queued_at_ms, e.ended_at_ms
    from execution e join workflow w on w.id = e.workflow_id order by e.id";
const POSTGRES_JOURNAL: &str = "select replace(execution_id::text, '-', '') as id, seq::bigint as sequence, position,
    epoch::bigint as epoch, at_ms, events from journal order by execution_id, seq";
const SQLITE_JOURNAL: &str = "select lower(hex(execution_id)) as id, seq as sequence, position,
    epoch, at_ms, events from journal order by execution_id, seq";

/// Reads with whichever driver; the two have no type in common.
macro_rules! read {
    ($connection:expr, $executions:expr, $journal:expr) => {{
        let mut dump = Dump::default();
        let mut rows = sqlx::query($executions).fetch(&mut $connection);
        while let Some(row) = rows.try_next().await? {
            let input: Value = serde_json::from_str(row.try_get("input")?)?;
            let id: String = row.try_get("id")?;
            let execution = Execution {
                id: id.clone(),
                workflow: row.try_get("workflow")?,
                // Events, parents and schedules start with keys of their own making, which clients know nothing of.
                key: row.try_get::<Option<String>, _>("key")?.filter(|key| {
                    !["event:", "sched:"].iter().any(|own| key.starts_with(own)) && !key.contains("/child/")
                }),
                tag: input["tag"].as_str().map(str::to_owned),
                parent: row.try_get::<Option<String>, _>("parent")?.filter(|parent| !parent.is_empty()),
                status: row.try_get("status")?,
                result: row.try_get("result")?,
                error: row.try_get("error")?,
                epoch: row.try_get("epoch")?,
                queued_at_ms: row.try_get("queued_at_ms")?,
                ended_at_ms: row.try_get("ended_at_ms")?,
                journal: Vec::new(),
            };
            dump.executions.insert(id, execution);
        }
        drop(rows);
        let mut rows = sqlx::query($journal).fetch(&mut $connection);
        while let Some(row) = rows.try_next().await? {
            let id: String = row.try_get("id")?;
            let entry = Entry {
                sequence: row.try_get("sequence")?,
                position: row.try_get("position")?,
                epoch: row.try_get("epoch")?,
                at_ms: row.try_get("at_ms")?,
                facts: facts(row.try_get("events")?)?,
            };
            dump.executions
                .get_mut(&id)
                .with_context(|| format!("a journal without execution {id}"))?
                .journal
                .push(entry);
        }
        dump
    }};
}

impl Dump {
    /// Reads the whole database of the run.
    pub async fn read(rig: &Rig) -> anyhow::Result<Self> {
        if let Some(servers) = &rig.servers {
            let mut connection = servers.postgres.admin().await?;
            return Ok(read!(connection, POSTGRES_EXECUTIONS, POSTGRES_JOURNAL));
        }
        let mut connection = sqlite(rig).await?;
        Ok(read!(connection, SQLITE_EXECUTIONS, SQLITE_JOURNAL))
    }
}

/// How many executions have not ended.
pub async fn live(rig: &Rig) -> anyhow::Result<i64> {
    let query = "select count(*) from execution where ended_at_ms is null";
    Ok(match &rig.servers {
        Some(servers) => sqlx::query_scalar(query).fetch_one(&mut servers.postgres.admin().await?).await?,
        None => sqlx::query_scalar(query).fetch_one(&mut sqlite(rig).await?).await?,
    })
}

/// How many events were accepted and not looked at yet.
pub async fn unrouted(rig: &Rig) -> anyhow::Result<i64> {
    let query = "select count(*) from event where routed_at_ms is null";
    Ok(match &rig.servers {
        Some(servers) => sqlx::query_scalar(query).fetch_one(&mut servers.postgres.admin().await?).await?,
        None => sqlx::query_scalar(query).fetch_one(&mut sqlite(rig).await?).await?,
    })
}

/// A connection to the database of the embedded mode.
pub async fn sqlite(rig: &Rig) -> anyhow::Result<SqliteConnection> {
    Ok(SqliteConnection::connect(&format!("sqlite://{}", rig.sqlite().display())).await?)
}

fn facts(events: &str) -> anyhow::Result<Vec<Fact>> {
    let events: Vec<Value> = serde_json::from_str(events).context("a row of the journal is no list")?;
    Ok(events.iter().map(fact).collect())
}

fn fact(event: &Value) -> Fact {
    let place = || format!("{} {} {}", event["path"], event["attempt"], event["action"]);
    match event["type"].as_str() {
        Some("step_started") => Fact::StepStarted { place: format!("{} {}", event["path"], event["attempt"]) },
        Some("action_started") if event["kind"] == "http_request" => {
            Fact::CallStarted { place: place(), key: event["key"].as_str().unwrap_or_default().to_owned() }
        }
        Some("action_finished") => Fact::ActionFinished { place: place() },
        Some("paused") => Fact::Paused,
        Some("unpaused") => Fact::Unpaused,
        Some("completed" | "failed") => Fact::Ended { cancelled: false },
        Some("cancelled") => Fact::Ended { cancelled: true },
        _other => Fact::Other,
    }
}
