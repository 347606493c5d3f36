//! W4 and W5: one execution with many branches, many items, many calls one after another.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::client::Client;
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::{Cluster, publish};

/// Branches of W4.
const BRANCHES: usize = 100;
/// Items of W4.
const ITEMS: usize = 100_000;
/// Calls of W5, one after another.
const CALLS: usize = 40;

/// Measures both.
pub async fn run(settings: &Settings, system: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("W4") && !settings.wants("W5") {
        return Ok(());
    }
    let url = stub().await?;
    let files = [("branches.yaml", branches()), ("items.yaml", items().to_owned()), ("calls.yaml", calls())];
    publish(system.port, &files.map(|(name, text)| (name.to_owned(), text))).await?;
    let mut client = Client::connect(system.port).await?;
    if settings.wants("W4") {
        let input = json!({ "url": url });
        let took = repeated(settings, &mut client, "bench_branches", &input).await.context("W4 branches")?;
        table.add(format!("W4 {BRANCHES} branches"), Figure::new(in_ms(took)), "ms", "target <= 60 ms");
        let (_api, before) = system.resident_mib()?;
        let took = repeated(
            settings,
            &mut client,
            "bench_items",
            &json!({ "items": (0..ITEMS).map(|number| number % 10).collect::<Vec<_>>() }),
        )
        .await
        .context("W4 items")?;
        let rates = took.iter().map(|seconds| ITEMS as f64 / seconds).collect();
        table.add("W4 foreach", Figure::new(rates), "items/s", format!("{ITEMS} items; target >= 50000 items/s"));
        let (_api, after) = system.resident_mib()?;
        table.add("W4 foreach rss worker", Figure::new(vec![after]), "MiB", format!("{before:.1} MiB before"));
    }
    if settings.wants("W5") {
        let bound = (call_ms(&url).await? + commit_ms(settings).await?) * CALLS as f64 * 1.5;
        let took = repeated(settings, &mut client, "bench_calls", &json!({ "url": url })).await.context("W5")?;
        let beside = format!("target <= {bound:.1} ms: {CALLS} x (HTTP call + commit) x 1.5");
        table.add(format!("W5 {CALLS} calls"), Figure::new(in_ms(took)), "ms", beside);
    }
    Ok(())
}

fn in_ms(took: Vec<f64>) -> Vec<f64> {
    took.into_iter().map(|seconds| seconds * 1_000.0).collect()
}

/// Runs a workflow once to warm up, then `settings.runs` times; how long each took, in seconds.
async fn repeated(settings: &Settings, client: &mut Client, slug: &str, input: &Value) -> anyhow::Result<Vec<f64>> {
    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id status error { code message } } userErrors { message } } }";
    let mut took = Vec::new();
    for round in 0..=settings.runs {
        let input = json!({ "workflow": { "slug": slug }, "wait": "COMPLETION", "waitTimeout": "30s", "input": input });
        let began = Instant::now();
        let data = client.run(query, json!({ "i": input })).await?;
        let seconds = began.elapsed().as_secs_f64();
        if data["executionStart"]["execution"]["status"] != "COMPLETED" {
            bail!("{data}");
        }
        if round > 0 {
            took.push(seconds);
        }
    }
    Ok(took)
}

fn branches() -> String {
    let mut text = String::from(
        "workflow_id: bench_branches\nsteps:\n  - id: all\n    type: parallel\n    parallel:\n      steps:\n",
    );
    for number in 0..BRANCHES {
        let _written = writeln!(
            text,
            "        - {{ id: call_{number}, type: execute, execute: [{{ type: http_request, url: \"{{{{url}}}}\" }}] }}"
        );
    }
    text
}

const fn items() -> &'static str {
    "workflow_id: bench_items
steps:
  - id: each
    type: foreach
    foreach:
      items: \"{{items}}\"
      steps:
        - { id: double, type: set, set: { doubled: \"{{item * 2}}\" } }
"
}

fn calls() -> String {
    let mut text = String::from("workflow_id: bench_calls\nsteps:\n");
    for number in 0..CALLS {
        let next = if number + 1 < CALLS { format!(", next: call_{}", number + 1) } else { String::new() };
        let _written = writeln!(
            text,
            "  - {{ id: call_{number}, type: execute, execute: [{{ type: http_request, url: \"{{{{url}}}}\" }}]{next} }}"
        );
    }
    text
}

/// A server that answers every request at once.
async fn stub() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((connection, _peer)) = listener.accept().await {
            tokio::spawn(async move {
                if let Err(problem) = answer(connection).await {
                    eprintln!("stub: {problem}");
                }
            });
        }
    });
    Ok(url)
}

async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    let mut length = 0;
    loop {
        let read = connection.read(&mut buffer[length..]).await?;
        if read == 0 {
            return Ok(());
        }
        length += read;
        // Requests have no body.
        if buffer[..length].ends_with(b"\r\n\r\n") {
            length = 0;
            let answer =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}";
            connection.write_all(answer).await?;
        }
    }
}

/// One HTTP call over a kept-alive connection, in milliseconds.
async fn call_ms(url: &str) -> anyhow::Result<f64> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut connection = TcpStream::connect(address).await?;
    connection.set_nodelay(true)?;
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut buffer = vec![0; 1024];
    let began = Instant::now();
    for _call in 0..ROUNDS {
        connection.write_all(request.as_bytes()).await?;
        if connection.read(&mut buffer).await? == 0 {
            bail!("the stub went away");
        }
    }
    Ok(per_round(began.elapsed()))
}

/// One commit of one row, in milliseconds.
async fn commit_ms(settings: &Settings) -> anyhow::Result<f64> {
    let mut connection = PgConnection::connect(&crate::system::scratch_database(settings).await?).await?;
    connection.execute("create table one (id bigint primary key, state text)").await?;
    let state = "x".repeat(2_000);
    let began = Instant::now();
    for number in 0..ROUNDS {
        sqlx::query("insert into one values ($1, $2)")
            .bind(i64::from(number))
            .bind(&state)
            .execute(&mut connection)
            .await?;
    }
    Ok(per_round(began.elapsed()))
}

/// Repetitions of a baseline.
const ROUNDS: i32 = 500;

fn per_round(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0 / f64::from(ROUNDS)
}
