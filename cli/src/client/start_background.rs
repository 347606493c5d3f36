//! `sluice start --batch --background`: the executions of a file, one a line, are started by the server.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::parts::Parts;
use super::server::Server;
use super::start_batch::complete;
use super::values::text;
use crate::arguments::StartOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const BEGIN: &str = "mutation($input: ExecutionStartManyInput!) { executionStartMany(input: $input) {
  bulkOperation { id status total } userErrors { code message field help } } }";
const ADD: &str = "mutation($input: BulkOperationAddInput!) { bulkOperationAdd(input: $input) {
  bulkOperation { id status total } userErrors { code message field help } } }";

/// Gives the executions of `file` to a bulk operation, part by part. Nothing is started before all of them are there:
/// a command that is cut off has started nothing.
pub async fn run(options: &StartOptions, file: &Path, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let mut parts = Parts::of(file)?;
    let mut part = read(options, &mut parts)?;
    if part.is_empty() {
        return Err(Failure::usage(format!("{} has no lines", file.display())));
    }
    let reason = options.apart.reason.clone().unwrap_or_else(|| format!("started from {}", file.display()));
    let begin = json!({
        "items": [], "isLast": false, "reason": reason, "dryRun": options.apart.dry_run,
        "ratePerSecond": options.apart.rate,
    });
    let begun = server.run("executionStartMany", BEGIN, json!({ "input": begin })).await?;
    let id = text(&begun["bulkOperation"]["id"]);
    let mut given = 0;
    while !part.is_empty() {
        let count = part.len();
        add(&server, &id, given, part, false).await?;
        given += count;
        part = read(options, &mut parts).inspect_err(|_told_by_the_caller| nothing_was_started(&id))?;
    }
    let operation = add(&server, &id, given, Vec::new(), true).await?;
    match format {
        Format::Json => output::json(&operation),
        Format::Table => output::line(&format!("{id}\n{given} to start; follow it with `sluice bulk watch {id}`")),
    }
}

/// The next lines, as the API takes them.
fn read(options: &StartOptions, parts: &mut Parts) -> Result<Vec<Value>, Failure> {
    let mut items = Vec::new();
    for (number, mut item) in parts.part()? {
        complete(options, number, &mut item)?;
        items.push(item);
    }
    Ok(items)
}

async fn add(server: &Server, id: &str, from: usize, items: Vec<Value>, is_last: bool) -> Result<Value, Failure> {
    let input = json!({ "id": id, "from": from, "items": items, "isLast": is_last });
    let added = server.run("bulkOperationAdd", ADD, json!({ "input": input })).await;
    let mut added = added.inspect_err(|_told_by_the_caller| {
        if is_last {
            eprintln!("look whether bulk operation {id} has begun: sluice bulk show {id}");
        } else {
            nothing_was_started(id);
        }
    })?;
    Ok(added["bulkOperation"].take())
}

fn nothing_was_started(id: &str) {
    eprintln!("nothing was started; bulk operation {id} ends by itself after a day, or with `sluice bulk stop {id}`");
}
