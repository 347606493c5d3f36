//! W9: many schedules, many of them due in the same second, and what a tick costs when none is.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::Instant;

use crate::client::Client;
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::Cluster;

/// Schedules in the database.
const SCHEDULES: usize = 100_000;
/// Those that are due in the same second.
const DUE: usize = 10_000;
/// Seconds in which the rows are written, and their indexes read once.
const AHEAD: i32 = 30;

const CREATE: &str =
    "mutation($i: ScheduleCreateInput!) { scheduleCreate(input: $i) { schedule { id } userErrors { message } } }";

/// Fills the database with schedules and waits until those that are due have started.
pub async fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("W9") {
        return Ok(());
    }
    let cluster = Cluster::start(settings).await?;
    let outcome = measured(&cluster, table).await.context("W9");
    cluster.stop().await?;
    outcome
}

async fn measured(cluster: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    let mut database = PgConnection::connect(&cluster.database_url).await?;
    table.add("W9 idle tick, none", Figure::new(idle(&mut database).await?), "ms", "the whole reconciler");
    create(cluster.port, "never soon", "0 0 1 1 *").await?;
    copy(&mut database, "never soon", SCHEDULES - DUE - 1, 1).await?;
    table.add("W9 idle tick, 90,000", Figure::new(idle(&mut database).await?), "ms", "the whole reconciler");
    // What is due has to be a time of its timing: the reconciler puts right whatever is not.
    let (due_ms, expression): (i64, String) = sqlx::query_as(
        "select (extract(epoch from due) * 1000)::int8, to_char(due at time zone 'UTC', 'FMSS FMMI FMHH24 FMDD FMMM') \
         from (select date_trunc('second', now()) + $1 * interval '1 second' as due) as moment",
    )
    .bind(AHEAD)
    .fetch_one(&mut database)
    .await?;
    create(cluster.port, "all at once", &format!("{expression} *")).await?;
    copy(&mut database, "all at once", DUE - 1, 1_000_000).await?;
    let began = Instant::now();
    loop {
        let started: i64 =
            sqlx::query_scalar("select count(*) from schedule_run where state = 1").fetch_one(&mut database).await?;
        if started == DUE as i64 {
            break;
        }
        if began.elapsed() > Duration::from_mins(3) {
            bail!("{started} of {DUE} have started after three minutes");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (last_ms, first_ms, count): (i64, i64, i64) =
        sqlx::query_as("select max(queued_at_ms), min(queued_at_ms), count(*) from execution where trigger_type = 2")
            .fetch_one(&mut database)
            .await?;
    if count != DUE as i64 || first_ms < due_ms {
        bail!("{count} of {DUE} executions, the first {} ms after its time", first_ms - due_ms);
    }
    let took = (last_ms - due_ms) as f64 / 1_000.0;
    table.add("W9 last of 10,000", Figure::new(vec![took]), "s", "after its time; target <= 5 s");
    Ok(())
}

/// Creates a schedule by the API, over a connection of its own: one that has been idle is closed.
async fn create(port: u16, name: &str, expression: &str) -> anyhow::Result<()> {
    let input = json!({
        "workflow": { "slug": "bench_one_step" }, "name": name, "overlapPolicy": "ALLOW_ALL",
        "spec": { "cron": { "expressions": [expression] } },
        "input": { "order": { "id": "o-1", "total": 120.5, "customer": "c-7" } }
    });
    Client::connect(port).await?.run(CREATE, json!({ "i": input })).await.map(drop)
}

/// Copies the schedule of this name, which the API has made, with the time that it is due.
async fn copy(database: &mut PgConnection, name: &str, count: usize, first: usize) -> anyhow::Result<()> {
    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_name = 'schedule' order by ordinal_position",
    )
    .fetch_all(&mut *database)
    .await?;
    let value = |column: &String| match column.as_str() {
        "id" => format!("('01900000-0000-7000-8000-' || lpad(to_hex(n + {first}), 12, '0'))::uuid"),
        column => column.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let statement = format!(
        "insert into schedule ({}) select {} from schedule, generate_series(1, {count}) n where name = '{name}'",
        columns.join(", "),
        values.join(", ")
    );
    // The names come from the database itself.
    database.execute(AssertSqlSafe(statement)).await.context("copying")?;
    database.execute("analyze schedule").await?;
    Ok(())
}

/// What some runs of the reconciler took that found nothing, in milliseconds.
async fn idle(database: &mut PgConnection) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    while took.len() < 3 {
        // As often as a process reports.
        tokio::time::sleep(Duration::from_secs(6)).await;
        let run: Option<(i64, i64)> =
            sqlx::query_as("select last_duration_us, last_count from reconciler where name = 'schedules'")
                .fetch_optional(&mut *database)
                .await?;
        if let Some((micros, 0)) = run {
            took.push(micros as f64 / 1_000.0);
        }
    }
    Ok(took)
}
