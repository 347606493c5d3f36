//! W7 and `scale`: a backlog of queued executions, and how fast workers work it off, from an empty Redis.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use super::copies;
use crate::client::Client;
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::Cluster;

/// Executions of one run of `scale`.
const SCALED: usize = 100_000;

/// Runs what was asked for.
pub async fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if settings.wants("W7") {
        drained(settings, table).await.context("W7")?;
    }
    if settings.wants("scale") {
        for workers in [1, 2, 4] {
            let mut cluster = queued(settings, SCALED).await.context("scale")?;
            let rate = SCALED as f64 / drain(settings, &mut cluster, workers, SCALED).await?.all.as_secs_f64();
            cluster.stop().await?;
            let name = format!("scale {workers} workers");
            let beside = table.share_of(rate, "scale 1 workers");
            table.add(name, Figure::new(vec![rate]), "exe/s", format!("a backlog of {SCALED}; {beside}"));
        }
    }
    Ok(())
}

async fn drained(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let mut cluster = queued(settings, settings.backlog).await?;
    let took = drain(settings, &mut cluster, 1, settings.backlog).await?;
    let rate = settings.backlog as f64 / took.all.as_secs_f64();
    let beside = format!("{} queued, in {:.0} s", settings.backlog, took.all.as_secs_f64());
    table.add("W7 drain", Figure::new(vec![rate]), "exe/s", beside);
    let tenth = settings.backlog as f64 / 10.0;
    let (first, last) = (tenth / took.first_tenth.as_secs_f64(), tenth / took.last_tenth.as_secs_f64());
    let beside = format!("{:.0} % of the first tenth", last / first * 100.0);
    table.add("W7 last tenth", Figure::new(vec![last]), "exe/s", beside);
    let (api, worker) = took.resident_mib;
    table.add("W7 rss api", Figure::new(vec![api]), "MiB", "most while it drained");
    table.add("W7 rss worker", Figure::new(vec![worker]), "MiB", "most while it drained");
    table.add("W7 memory of Redis", Figure::new(vec![took.redis_mib]), "MiB", "most while it drained");
    cluster.stop().await
}

/// A cluster without workers, in which `count` executions are queued and Redis knows of none.
async fn queued(settings: &Settings, count: usize) -> anyhow::Result<Cluster> {
    let cluster = Cluster::without_workers(settings).await?;
    let start =
        "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } userErrors { message } } }";
    let input = json!({
        "workflow": { "slug": "bench_one_step" },
        "input": { "order": { "id": "o-1", "total": 120.5, "customer": "c-7" } }
    });
    Client::connect(cluster.port).await?.run(start, json!({ "i": input })).await?;
    copies::make(&cluster.database_url, count - 1, &[("pushed_at_ms", "0")]).await?;
    Ok(cluster)
}

struct Took {
    all: Duration,
    first_tenth: Duration,
    last_tenth: Duration,
    resident_mib: (f64, f64),
    redis_mib: f64,
}

/// Starts workers, waits until all have ended well, and looks at memory meanwhile.
async fn drain(settings: &Settings, cluster: &mut Cluster, workers: usize, count: usize) -> anyhow::Result<Took> {
    let mut watcher = PgConnection::connect(&cluster.database_url).await?;
    let mut redis = redis::Client::open(settings.redis_url.as_str())?.get_multiplexed_async_connection().await?;
    let began = Instant::now();
    for _worker in 0..workers {
        cluster.add_worker(settings)?;
    }
    let mut took = Took {
        all: Duration::ZERO,
        first_tenth: Duration::ZERO,
        last_tenth: Duration::ZERO,
        resident_mib: (0.0, 0.0),
        redis_mib: 0.0,
    };
    let mut at_last_tenth = None;
    loop {
        // Cheap: an index holds what is queued, and nothing else.
        let live: i64 = sqlx::query_scalar("select count(*) from execution where status = 0 or worker_id is not null")
            .fetch_one(&mut watcher)
            .await?;
        let left = usize::try_from(live)?;
        let elapsed = began.elapsed();
        if left <= count * 9 / 10 && took.first_tenth.is_zero() {
            took.first_tenth = elapsed;
        }
        if left <= count / 10 && at_last_tenth.is_none() {
            at_last_tenth = Some(elapsed);
        }
        let (api, worker) = cluster.resident_mib()?;
        took.resident_mib = (took.resident_mib.0.max(api), took.resident_mib.1.max(worker));
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).context("no used_memory")?;
        took.redis_mib = took.redis_mib.max(used.trim().parse::<f64>()? / 1_048_576.0);
        if left == 0 {
            took.all = elapsed;
            took.last_tenth = elapsed.saturating_sub(at_last_tenth.unwrap_or_default());
            break;
        }
        if elapsed > Duration::from_mins(15) {
            bail!("{left} of {count} are still queued after fifteen minutes");
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let good: i64 = sqlx::query_scalar("select count(*) from execution where status = 5 and result = 1")
        .fetch_one(&mut watcher)
        .await?;
    if good != count as i64 {
        bail!("{good} of {count} ended well");
    }
    Ok(took)
}
