//! W1, W1b and W2: how many executions a second, from the first request to the last end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use futures::future::try_join_all;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use tokio::time::Instant;

use crate::client::{Client, encode};
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::Cluster;

/// Connections that start executions at the same time.
const CONNECTIONS: usize = 64;
/// Executions in one `executionStartBatch`.
const BATCH: usize = 100;

/// Runs what was asked for.
pub async fn run(settings: &Settings, system: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    if settings.wants("W1") {
        let figure = repeat(settings, || singly(settings, system, "bench_one_step")).await.context("W1")?;
        let beside =
            format!("{}, {}", table.share_of(figure.median(), "bare"), table.share_of(figure.median(), "ping"));
        table.add("W1", figure, "exe/s", beside);
    }
    if settings.wants("W1b") {
        let figure = repeat(settings, || in_batches(settings, system)).await.context("W1b")?;
        let beside = table.share_of(figure.median(), "bare");
        table.add("W1b", figure, "exe/s", beside);
    }
    if settings.wants("W2") {
        let figure = repeat(settings, || singly(settings, system, "bench_ten_steps")).await.context("W2")?;
        let beside = table.share_of(figure.median(), "W1");
        table.add("W2", figure, "exe/s", beside);
    }
    Ok(())
}

async fn repeat<F: Future<Output = anyhow::Result<f64>>>(
    settings: &Settings,
    run: impl Fn() -> F,
) -> anyhow::Result<Figure> {
    let mut rates = Vec::new();
    for _run in 0..settings.runs {
        rates.push(run().await?);
    }
    Ok(Figure::new(rates))
}

const START: &str =
    "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } userErrors { message } } }";
const START_BATCH: &str = "mutation($i: [ExecutionStartInput!]!) { executionStartBatch(input: { items: $i }) { started userErrors { message } } }";

fn item(workflow: &str, number: usize) -> Value {
    json!({
        "workflow": { "slug": workflow },
        "input": { "order": { "id": format!("o-{number}"), "total": 120.5, "customer": "c-7" } }
    })
}

async fn singly(settings: &Settings, system: &Cluster, workflow: &'static str) -> anyhow::Result<f64> {
    load(settings.executions, 1, system, workflow, move |number| encode(START, &json!({ "i": item(workflow, number) })))
        .await
}

/// One round of executions, for measurements that need some to pass through.
pub async fn round(settings: &Settings, system: &Cluster) -> anyhow::Result<f64> {
    in_batches(settings, system).await
}

async fn in_batches(settings: &Settings, system: &Cluster) -> anyhow::Result<f64> {
    let workflow = "bench_one_step";
    load(settings.executions, BATCH, system, workflow, move |first| {
        let items: Vec<Value> = (first..first + BATCH).map(|number| item(workflow, number)).collect();
        encode(START_BATCH, &json!({ "i": items }))
    })
    .await
}

/// Starts `count` executions from all connections, waits until all have ended, checks them.
async fn load(
    count: usize,
    step: usize,
    system: &Cluster,
    workflow: &str,
    body: impl Fn(usize) -> Bytes + Send + Sync + Copy + 'static,
) -> anyhow::Result<f64> {
    let before = ended(system, workflow).await?;
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for _connection in 0..CONNECTIONS {
        clients.push(Client::connect(system.port).await?);
    }
    let began = Instant::now();
    let senders = clients.into_iter().map(|mut client| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            loop {
                let first = next.fetch_add(step, Ordering::Relaxed);
                if first >= count {
                    return anyhow::Ok(());
                }
                let answer = client.post(body(first)).await?;
                // An answer without errors has no key `errors`; a full parse would be measured as well.
                if answer.windows(8).any(|window| window == b"\"errors\"")
                    || answer.windows(7).any(|window| window == b"message")
                {
                    bail!("{}", String::from_utf8_lossy(&answer));
                }
            }
        })
    });
    for outcome in try_join_all(senders).await? {
        outcome?;
    }
    let limit = Instant::now() + Duration::from_mins(2);
    let mut watcher = PgConnection::connect(&system.database_url).await?;
    loop {
        // Cheap while it waits: only what is live is looked at. What ended is counted once, afterwards.
        let live: bool = sqlx::query_scalar(LIVE).fetch_one(&mut watcher).await?;
        if !live {
            let elapsed = began.elapsed();
            let now = ended(system, workflow).await?;
            if now.all - before.all < count as i64 {
                bail!("only {} of {count} executions of {workflow} were recorded", now.all - before.all);
            }
            if now.allowed - before.allowed != count as i64 {
                bail!(
                    "{} of {count} executions of {workflow} ended other than allowed",
                    count as i64 - (now.allowed - before.allowed)
                );
            }
            return Ok(count as f64 / elapsed.as_secs_f64());
        }
        if Instant::now() > limit {
            bail!("executions of {workflow} are still live after two minutes");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether anything is queued or claimed: both conditions have an index of their own.
const LIVE: &str = "select exists (select from execution where status = 0) or exists (select from execution where worker_id is not null)";

struct Ended {
    all: i64,
    allowed: i64,
}

/// Counts what has ended, straight from the database: statuses 5 to 7 are terminal, result 1 is `allowed`.
async fn ended(system: &Cluster, workflow: &str) -> anyhow::Result<Ended> {
    let mut connection = PgConnection::connect(&system.database_url).await?;
    let row = sqlx::query(
        "select count(*) filter (where e.ended_at_ms is not null), count(*) filter (where e.result = $2)
         from execution e join workflow w on w.id = e.workflow_id where w.slug = $1",
    )
    .bind(workflow)
    .bind(ALLOWED)
    .fetch_one(&mut connection)
    .await?;
    Ok(Ended { all: row.get(0), allowed: row.get(1) })
}

/// The number that stands for the result `allowed` in the table.
const ALLOWED: i16 = 1;
