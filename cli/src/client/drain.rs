//! `sluice drain`: asks a worker to end, and waits until it has.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use super::server::Server;
use crate::arguments::DrainOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const WORKERS: &str = "query($after: String) { workers(first: 100, after: $after) {
  nodes { id name host status busySlots } pageInfo { hasNextPage endCursor } } }";
const DRAIN: &str = "mutation($id: ID!) { workerDrain(input: { id: $id }) {
  worker { id name host status busySlots } userErrors { code message field help } } }";
/// Time between two looks at the worker.
const PAUSE: Duration = Duration::from_millis(500);

pub async fn run(options: DrainOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let id = find(&server, &options.worker).await?;
    let mut worker = server.run("workerDrain", DRAIN, json!({ "id": id })).await?["worker"].take();
    while !options.no_wait && worker["status"] == "DRAINING" {
        tokio::time::sleep(PAUSE).await;
        let known = all(&server).await?.into_iter().find(|known| known["id"] == worker["id"]);
        worker = known.ok_or_else(|| Failure::new(format!("worker {id} is not listed any more")))?;
    }
    let text = |name: &str| worker[name].as_str().unwrap_or_default().to_owned();
    match format {
        Format::Json => output::json(&worker)?,
        Format::Table => {
            let row = vec![text("id"), text("name"), text("status").to_lowercase(), worker["busySlots"].to_string()];
            output::table(&["worker", "name", "status", "busy"], vec![row])?
        }
    };
    Ok(if worker["status"] == "LOST" { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

async fn all(server: &Server) -> Result<Vec<Value>, Failure> {
    let mut workers = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut page = server.run("workers", WORKERS, json!({ "after": after })).await?;
        workers.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(workers);
        }
        after = page["pageInfo"]["endCursor"].take();
    }
}

/// The id of the worker that is meant.
async fn find(server: &Server, worker: &str) -> Result<String, Failure> {
    if worker.starts_with("wrk_") {
        return Ok(worker.to_owned());
    }
    let is_live = |known: &Value| known["status"] == "READY" || known["status"] == "DRAINING";
    let named: Vec<Value> =
        all(server).await?.into_iter().filter(|known| known["name"] == worker && is_live(known)).collect();
    match named.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
        [] => Err(Failure::new(format!("there is no live worker with the name `{worker}`"))),
        many => {
            let ids: Vec<&str> = many.iter().filter_map(|known| known["id"].as_str()).collect();
            Err(Failure::new(format!("several workers have the name `{worker}`: {}", ids.join(", ")))
                .help("name it by its id"))
        }
    }
}
