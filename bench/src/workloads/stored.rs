//! W8: many ended executions stored. What people and programs ask for costs what it costs on an empty database.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::copies;
use crate::client::Client;
use crate::measure::{Figure, Table, percentile_ms};
use crate::settings::Settings;
use crate::system::Cluster;

/// Times that each question is asked.
const ROUNDS: usize = 60;

/// What is asked: a name, the document, its variables.
const QUESTIONS: [(&str, &str); 9] = [
    ("first page", "{ executions(first: 20) { nodes { id status queuedAt } pageInfo { endCursor } } }"),
    ("first page and count", "{ executions(first: 20) { totalCount nodes { id status } } }"),
    ("by status", "{ executions(first: 20, filter: { statuses: [FAILED] }) { nodes { id } } }"),
    ("by status, common", "{ executions(first: 20, filter: { statuses: [COMPLETED] }) { nodes { id } } }"),
    ("by workflow", "{ executions(first: 20, filter: { workflow: { slug: \"bench_one_step\" } }) { nodes { id } } }"),
    ("by key", "{ executions(first: 20, filter: { key: { eq: \"key-77\" } }) { nodes { id } } }"),
    ("by label", "{ executions(first: 20, filter: { labels: [{ name: \"order\", eq: \"o-77\" }] }) { nodes { id } } }"),
    ("workflows", "{ workflows(first: 20) { nodes { id slug } } }"),
    ("events", "{ events(first: 20) { nodes { id } } }"),
];

const START: &str = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id status } userErrors { message } } }";
const TRACE: &str = "query($id: ID!) { execution(id: $id) { status steps(first: 50) { nodes { path status output { value } } } history(first: 50) { nodes { type summary } } } }";

/// Asks on an almost empty database, fills it, and asks again.
pub async fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("W8") {
        return Ok(());
    }
    let cluster = Cluster::start(settings).await?;
    let mut client = Client::connect(cluster.port).await?;
    let first = client.run(START, json!({ "i": input() })).await.context("the first execution")?;
    let id = first["executionStart"]["execution"]["id"].clone();
    let empty = ask(&mut client, &id).await.context("W8, empty")?;
    // One row is the pattern of all; what was started for the figures goes.
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&cluster.database_url).await?;
    for table in ["execution", "journal", "execution_label"] {
        let column = if table == "execution" { "id" } else { "execution_id" };
        let statement = format!("delete from {table} where {column} <> (select min(id::text)::uuid from execution)");
        sqlx::Executor::execute(&mut connection, sqlx::AssertSqlSafe(statement)).await?;
    }
    let failed = ("status", "case when n % 1000 = 7 then 6 else 5 end");
    copies::make(
        &cluster.database_url,
        settings.stored,
        &[failed, ("key", "'key-' || n"), ("idempotency_key", "null")],
    )
    .await
    .context("W8, filling")?;
    // A connection that was idle for so long is closed.
    let mut client = Client::connect(cluster.port).await?;
    let full = ask(&mut client, &id).await.context("W8, full")?;
    for ((name, empty), (_, full)) in empty.into_iter().zip(full) {
        let beside = format!("{:.1} x of {empty:.2} ms without; target <= 2 x", full / empty);
        table.add(format!("W8 {name}"), Figure::new(vec![full]), "ms", beside);
    }
    cluster.stop().await
}

fn input() -> Value {
    json!({
        "workflow": { "slug": "bench_one_step" }, "wait": "COMPLETION", "key": "key",
        "labels": [{ "name": "order", "value": "o" }],
        "input": { "order": { "id": "o-1", "total": 120.5, "customer": "c-7" } }
    })
}

/// The median time of each question, in milliseconds.
async fn ask(client: &mut Client, id: &Value) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let mut asked: Vec<(&'static str, &str, Value)> =
        QUESTIONS.iter().map(|(name, query)| (*name, *query, json!({}))).collect();
    asked.push(("trace of one", TRACE, json!({ "id": id })));
    asked.push(("start of one", START, json!({ "i": input() })));
    let mut medians = Vec::new();
    for (name, query, variables) in asked {
        let mut took: Vec<Duration> = Vec::new();
        for _round in 0..ROUNDS {
            let began = Instant::now();
            client.run(query, variables.clone()).await.context(name)?;
            took.push(began.elapsed());
        }
        medians.push((name, percentile_ms(&mut took, 50)));
    }
    Ok(medians)
}
