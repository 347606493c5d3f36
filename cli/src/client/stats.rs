//! `sluice stats`: how many executions there were, how they ended and how long they took.

use std::io::IsTerminal;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::stream;
use super::values::{text, workflow_ref};
use crate::arguments::StatsOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

/// What is asked for, of a query or of each item of a subscription.
const NUMBERS: &str = "window { from to } started ended successRate failureRate retries
  counts { status count } outcomes { outcome count }
  duration { count average minimum maximum p50 p95 p99 }
  queueWait { count average minimum maximum p50 p95 p99 }
  series(bucket: $by, timeZone: $zone) @include(if: $series) { at started completed failed cancelled p50 p95 }
  workflows(first: 20) { workflow { id slug } started ended failed successRate duration { p50 p95 p99 } }
  steps(first: 20) { workflow { id slug } stepKey total failed retries duration { average p50 p95 p99 } }";

pub async fn run(options: StatsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let workflow = options.workflow.as_deref().map(workflow_ref);
    let variables = json!({
        "window": { "last": options.since },
        "filter": workflow.map(|workflow| json!({ "workflow": workflow })),
        "by": options.by.map(crate::arguments::Width::name),
        "zone": options.time_zone,
        "series": options.by.is_some(),
    });
    match options.watch {
        None => {
            let statistics = server.run("statistics", &query(), variables).await?;
            match format {
                Format::Json => output::json(&statistics),
                Format::Table => show(&statistics),
            }
        }
        Some(every) => watch(&server, variables, &every, format).await,
    }
}

fn query() -> String {
    format!(
        "query($window: TimeWindowInput!, $filter: StatisticsFilter, $by: Bucket, $zone: TimeZone, $series: Boolean!) {{
          statistics(window: $window, filter: $filter) {{ {NUMBERS} }} }}"
    )
}

/// Prints them again whenever they have changed, until it is interrupted.
async fn watch(server: &Server, mut variables: Value, every: &str, format: Format) -> Result<ExitCode, Failure> {
    let query = format!(
        "subscription($window: TimeWindowInput!, $filter: StatisticsFilter, $by: Bucket, $zone: TimeZone,
          $series: Boolean!, $every: Duration) {{
          statistics(window: $window, filter: $filter, every: $every) {{ statistics {{ {NUMBERS} }} }} }}"
    );
    variables["every"] = json!(every);
    let is_screen = std::io::stdout().is_terminal();
    let tell = |item: &Value, _same: &mut Value| {
        let statistics = &item["statistics"]["statistics"];
        match format {
            Format::Json => output::line(&statistics.to_string())?,
            Format::Table => {
                // From the top of an empty screen; what is written to a file follows what was written before.
                output::raw(if is_screen { b"\x1b[H\x1b[2J" } else { b"\n" })?;
                show(statistics)?
            }
        };
        Ok(())
    };
    stream::follow(server, &query, variables, tell).await?;
    Ok(ExitCode::SUCCESS)
}

fn show(statistics: &Value) -> Result<ExitCode, Failure> {
    let window = &statistics["window"];
    output::line(&format!("from {} to {}", text(&window["from"]), text(&window["to"])))?;
    let share = text(&statistics["successRate"]);
    let share = share.parse().map_or_else(|_none| String::new(), |share: f64| format!(", {:.1} % well", share * 100.0));
    let ends = rows(&statistics["counts"]).iter().map(|one| count(one, "status"));
    output::line(&format!(
        "{} started, {} ended{share}: {}; {} attempts of steps failed and were repeated",
        text(&statistics["started"]),
        text(&statistics["ended"]),
        ends.collect::<Vec<_>>().join(", "),
        text(&statistics["retries"]),
    ))?;
    let outcomes = rows(&statistics["outcomes"]).iter().map(|one| count(one, "outcome")).collect::<Vec<_>>();
    output::line(&format!("decided: {}\n", outcomes.join(", ")))?;
    let times = ["duration", "queueWait"].map(|name| {
        let of = &statistics[name];
        let lengths = ["minimum", "p50", "average", "p95", "p99", "maximum"].map(|key| length(&of[key]));
        [vec![if name == "duration" { "start to end" } else { "wait for a worker" }.to_owned()], lengths.to_vec()]
            .concat()
    });
    output::table(&["time", "least", "p50", "mean", "p95", "p99", "most"], times.to_vec())?;
    by_workflow(&statistics["workflows"])?;
    by_step(&statistics["steps"])?;
    if !statistics["series"].is_null() {
        by_time(&statistics["series"])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn by_workflow(workflows: &Value) -> Result<ExitCode, Failure> {
    let row = |one: &Value| {
        let numbers = ["started", "ended", "failed"].map(|key| text(&one[key]));
        let lengths = ["p50", "p95", "p99"].map(|key| length(&one["duration"][key]));
        [vec![text(&one["workflow"]["slug"])], numbers.to_vec(), lengths.to_vec()].concat()
    };
    output::line("")?;
    let head = ["workflow", "started", "ended", "failed", "p50", "p95", "p99"];
    output::table(&head, rows(workflows).iter().map(row).collect())
}

fn by_step(steps: &Value) -> Result<ExitCode, Failure> {
    let row = |one: &Value| {
        let numbers = ["total", "failed", "retries"].map(|key| text(&one[key]));
        let lengths = ["average", "p50", "p95", "p99"].map(|key| length(&one["duration"][key]));
        let names = vec![text(&one["workflow"]["slug"]), text(&one["stepKey"])];
        [names, numbers.to_vec(), lengths.to_vec()].concat()
    };
    output::line("")?;
    let head = ["workflow", "step", "ended", "failed", "repeated", "mean", "p50", "p95", "p99"];
    output::table(&head, rows(steps).iter().map(row).collect())
}

fn by_time(series: &Value) -> Result<ExitCode, Failure> {
    let row = |point: &Value| {
        let numbers = ["at", "started", "completed", "failed", "cancelled"].map(|key| text(&point[key]));
        let lengths = ["p50", "p95"].map(|key| length(&point[key]));
        [numbers.to_vec(), lengths.to_vec()].concat()
    };
    output::line("")?;
    let head = ["from", "started", "completed", "failed", "cancelled", "p50", "p95"];
    output::table(&head, rows(series).iter().map(row).collect())
}

fn rows(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// A number with what it counts, such as `3 failed`.
fn count(one: &Value, key: &str) -> String {
    format!("{} {}", text(&one["count"]), text(&one[key]).to_lowercase())
}

/// A length of time as people write it: `1m30s` for `PT1M30S`.
fn length(value: &Value) -> String {
    let iso = value.as_str().unwrap_or("-");
    iso.strip_prefix("PT").unwrap_or(iso).to_lowercase()
}
