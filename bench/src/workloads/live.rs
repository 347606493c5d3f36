//! W6: many subscribers, each on a connection of its own, follow one execution after another, live.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use sluice_tests::{Api, Socket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::client::Client;
use crate::measure::{Figure, Table, percentile_ms};
use crate::settings::Settings;
use crate::system::{Cluster, publish};

/// Connections, each with a subscriber.
const SUBSCRIBERS: usize = 1_000;
/// Executions that begin in a second.
const PER_SECOND: usize = 500;
/// How long they go on beginning.
const SECONDS: usize = 20;
/// Connections on which executions are started.
const STARTERS: usize = 8;

const WORKFLOW: &str = "workflow_id: bench_live
steps:
  - { id: before, type: set, set: { stage: 1 }, next: pause }
  - { id: pause, type: wait, wait: { for: 1s }, next: after }
  - { id: after, type: set, set: { stage: 2 } }
";

const START: &str = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { eventsAfter execution { id } userErrors { message } } }";
const FOLLOW: &str = "subscription($id: ID!, $after: String) { executionUpdated(id: $id, after: $after) { cursor event { sequence at type } execution { status } } }";

/// One execution to follow.
struct Followed {
    id: String,
    after: String,
}

/// Starts executions at a steady rate while the subscribers follow them.
pub async fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("W6") {
        return Ok(());
    }
    let cluster = Cluster::start(settings).await?;
    let outcome = measured(&cluster, table).await.context("W6");
    cluster.stop().await?;
    outcome
}

async fn measured(cluster: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    publish(cluster.port, &[("live.yaml".to_owned(), WORKFLOW.to_owned())]).await?;
    let mut subscribers = JoinSet::new();
    let mut doors = Vec::with_capacity(SUBSCRIBERS);
    for _one in 0..SUBSCRIBERS {
        let (door, followed) = mpsc::channel(STARTERS);
        let socket = Socket::connect(&Api::new(cluster.port)).await;
        subscribers.spawn(follow(socket, followed));
        doors.push(door);
    }
    let began = Instant::now();
    start(cluster.port, &doors).await?;
    let rate = (PER_SECOND * SECONDS) as f64 / began.elapsed().as_secs_f64();
    drop(doors);
    let mut lags = Vec::new();
    let mut ended = 0;
    while let Some(seen) = subscribers.join_next().await {
        let (seen, count) = seen??;
        lags.extend(seen);
        ended += count;
    }
    ensure!(ended == PER_SECOND * SECONDS, "{ended} of {} were followed to their end", PER_SECOND * SECONDS);
    table.add("W6 started", Figure::new(vec![rate]), "exe/s", "1,000 subscribers; no gap, no repeat");
    table.add("W6 commit to client p50", Figure::new(vec![percentile_ms(&mut lags, 50)]), "ms", "");
    table.add("W6 commit to client p99", Figure::new(vec![percentile_ms(&mut lags, 99)]), "ms", "target <= 250 ms");
    Ok(())
}

/// Starts executions when it is their time, however long the answers take, and hands each to the next subscriber.
async fn start(port: u16, doors: &[mpsc::Sender<Followed>]) -> anyhow::Result<()> {
    let mut starters = JoinSet::new();
    for starter in 0..STARTERS {
        let doors: Vec<_> = doors.iter().skip(starter).step_by(STARTERS).cloned().collect();
        starters.spawn(async move {
            let mut client = Client::connect(port).await?;
            let mut tick =
                tokio::time::interval(Duration::from_secs(1) * u32::try_from(STARTERS)? / u32::try_from(PER_SECOND)?);
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for door in doors.iter().cycle().take(PER_SECOND * SECONDS / STARTERS) {
                tick.tick().await;
                let data = client.run(START, json!({ "i": { "workflow": { "slug": "bench_live" } } })).await?;
                let started = &data["executionStart"];
                let text = |value: &Value| value.as_str().map(str::to_owned).context("an id and a cursor");
                let followed =
                    Followed { id: text(&started["execution"]["id"])?, after: text(&started["eventsAfter"])? };
                door.send(followed).await.context("a subscriber has ended")?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(starter) = starters.join_next().await {
        starter??;
    }
    Ok(())
}

/// Follows one execution after another to its end; how old each event was when it came, and how many executions
/// there were.
async fn follow(mut socket: Socket, mut followed: mpsc::Receiver<Followed>) -> anyhow::Result<(Vec<Duration>, usize)> {
    let (mut lags, mut count) = (Vec::new(), 0);
    while let Some(Followed { id, after }) = followed.recv().await {
        socket.subscribe(&id, FOLLOW, &json!({ "id": id, "after": after })).await;
        // It was accepted by the first commit.
        let (mut last, mut cursors) = (1, HashSet::new());
        let mut status = String::new();
        while let Some(update) = socket.next(&id).await {
            let update = &update["data"]["executionUpdated"];
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
            let sequence = update["event"]["sequence"].as_i64().with_context(|| format!("no event: {update}"))?;
            if sequence != last && sequence != last + 1 {
                bail!("commit {sequence} of {id} came after {last}");
            }
            last = sequence;
            ensure!(cursors.insert(update["cursor"].to_string()), "{} came twice: {update}", update["cursor"]);
            let at = update["event"]["at"].as_str().context("no time")?;
            lags.push(now.saturating_sub(moment(at)?));
            update["execution"]["status"].as_str().context("no status")?.clone_into(&mut status);
        }
        ensure!(status == "COMPLETED", "{id} was last seen {status}");
        count += 1;
    }
    Ok((lags, count))
}

/// Since the epoch, of a moment such as `2026-11-28T23:22:16.000Z`.
fn moment(text: &str) -> anyhow::Result<Duration> {
    let moment = chrono::DateTime::parse_from_rfc3339(text).with_context(|| format!("`{text}` is no moment"))?;
    Ok(Duration::from_millis(u64::try_from(moment.timestamp_millis())?))
}
