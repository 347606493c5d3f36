//! W3: idle, one at a time, from the request to the answer that says how it ended.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Client, encode};
use crate::measure::{Figure, Table, percentile_ms};
use crate::settings::Settings;
use crate::system::Cluster;

/// Requests of one run.
const REQUESTS: usize = 500;

/// W3 over PostgreSQL and Redis.
pub async fn cluster(settings: &Settings, system: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    if settings.wants("W3") {
        measure(settings, system.port, "cluster", "target p50 <= 4 ms, p99 <= 12 ms", table).await.context("W3")?;
    }
    Ok(())
}

/// W3 over the server at `port`.
pub async fn measure(
    settings: &Settings,
    port: u16,
    mode: &str,
    target: &str,
    table: &mut Table,
) -> anyhow::Result<()> {
    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id status decision { outcome } } userErrors { message } } }";
    let mut client = Client::connect(port).await?;
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _run in 0..settings.runs {
        let mut took: Vec<Duration> = Vec::with_capacity(REQUESTS);
        for number in 0..REQUESTS {
            let input = json!({ "workflow": { "slug": "bench_one_step" }, "wait": "COMPLETION", "input": { "order": { "id": number } } });
            let body = encode(query, &json!({ "i": input }));
            let began = Instant::now();
            let answer = client.post(body).await?;
            took.push(began.elapsed());
            if !answer.windows(9).any(|window| window == b"COMPLETED") {
                bail!("{}", String::from_utf8_lossy(&answer));
            }
        }
        p50.push(percentile_ms(&mut took, 50));
        p99.push(percentile_ms(&mut took, 99));
    }
    table.add(format!("W3 {mode} p50"), Figure::new(p50), "ms", target);
    table.add(format!("W3 {mode} p99"), Figure::new(p99), "ms", target);
    Ok(())
}
