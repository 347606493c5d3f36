//! The phases of a run: warm-up, faults under load, healing, liveness, quiescence, check.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Answer, Api};
use crate::check::check;
use crate::driver::Driver;
use crate::dump::{self, Dump};
use crate::history::Recorder;
use crate::nemesis::{self, Nemesis};
use crate::report::Report;
use crate::rig::{Rig, programs};
use crate::settings::{Mode, Settings};
use crate::sink::Sink;
use crate::workflows::FILES;

/// How long a replica may take to answer after everything was healed.
const HEALED: Duration = Duration::from_secs(30);

/// Runs all phases.
pub async fn run(settings: &Settings) -> anyhow::Result<Report> {
    let kinds = nemesis::selected(settings)?;
    ensure!(
        settings.sluice.exists(),
        "{} does not exist: build it with `cargo build --workspace`",
        settings.sluice.display()
    );
    if settings.mode == Mode::Cluster && programs::faketime().is_none() {
        say(settings, "clock-skew is left out: it needs libfaketime (apt-get install faketime)");
    }
    let mut rig = Rig::start(settings).await.context("the fleet could not be started")?;
    let recorder = Arc::new(Recorder::create(&rig.folder)?);
    let sink = Sink::start().await?;
    let api = Api::new(rig.doors())?;
    api.publish(&FILES).await?;
    let driver = Driver::start(&api, &recorder, &sink.url, settings.clients, settings.seed);
    say(settings, "warm-up");
    tokio::time::sleep(settings.warm_up).await;
    say(settings, "faults");
    let mut diary = Nemesis::new(&mut rig, settings, &recorder)?.run().await?;
    say(settings, "healed");
    alive(&rig, &api, &sink).await.context("not alive after everything was healed")?;
    // Load goes on for a while, so that what faults left behind meets new work.
    tokio::time::sleep(Duration::from_secs(3)).await;
    say(settings, "quiet");
    stop_schedules(&api).await.context("the schedule cannot be paused")?;
    if !driver.finish(settings.quiescence).await {
        recorder.note(|history| history.surprises.push("clients had no answer long after all faults".to_owned()));
    }
    quiet(&rig, settings.quiescence).await?;
    for node in &rig.nodes {
        for (name, value) in nemesis::counters(node.port).await {
            let known = diary.counters.entry(format!("{name} {}", node.process.id().unwrap_or(0))).or_default();
            *known = value.max(*known);
        }
    }
    let dump = Dump::read(&rig).await?;
    let history = recorder.history();
    let verdict = check(&history, &sink.ledger(), &dump);
    Ok(Report::of(settings, &kinds, &history, &diary, &dump, verdict))
}

/// Each process is ready, and new work flows through each replica.
async fn alive(rig: &Rig, api: &Api, sink: &Sink) -> anyhow::Result<()> {
    for node in 0..rig.nodes.len() {
        rig.ready(node, HEALED).await?;
    }
    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) {
        execution { status } userErrors { code } } }";
    let input = json!({
        "workflow": { "slug": "chaos_fanned" }, "wait": "COMPLETION", "waitTimeout": "5s",
        "input": { "tag": "alive", "url": sink.url },
    });
    for replica in 0..api.replicas() {
        let limit = Instant::now() + HEALED;
        loop {
            let answer = api.ask(replica, "executionStart", query, &json!({ "i": input })).await;
            if matches!(&answer, Answer::Done(value) if value["execution"]["status"] == "COMPLETED") {
                break;
            }
            ensure!(Instant::now() < limit, "replica {replica} answers {answer:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// Lets the schedule of the run fire no more, so that everything comes to an end.
async fn stop_schedules(api: &Api) -> anyhow::Result<()> {
    let find = "{ schedules(first: 100) { nodes { id } } }";
    let pause = "mutation($i: SchedulePauseInput!) { schedulePause(input: $i) {
        schedule { id } userErrors { code } } }";
    let found = insist(api, "schedules", find, &json!({})).await?;
    for schedule in found["nodes"].as_array().context("no list of schedules")? {
        let input = json!({ "id": schedule["id"], "reason": "the load is over" });
        insist(api, "schedulePause", pause, &json!({ "i": input })).await?;
    }
    Ok(())
}

/// Asks until it is answered.
async fn insist(api: &Api, field: &str, query: &str, variables: &Value) -> anyhow::Result<Value> {
    let limit = Instant::now() + HEALED;
    loop {
        match api.ask(0, field, query, variables).await {
            Answer::Done(value) => return Ok(value),
            other => {
                ensure!(Instant::now() < limit, "`{field}` is answered with {other:?}");
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until nothing is live; what still is then, the checker finds.
async fn quiet(rig: &Rig, limit: Duration) -> anyhow::Result<()> {
    let until = Instant::now() + limit;
    // An event that was just routed starts an execution: twice nothing, one second apart.
    let mut times = 0;
    while times < 2 && Instant::now() < until {
        let open = dump::live(rig).await? + dump::unrouted(rig).await?;
        times = if open == 0 { times + 1 } else { 0 };
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn say(settings: &Settings, phase: &str) {
    eprintln!("chaos {:?}, seed {}: {phase}", settings.mode, settings.seed);
}
