//! `sluice bulk`: work on many executions.

mod progress;

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::conditions;
use super::server::Server;
use super::values::{optional_json, text};
use crate::arguments::bulk::{BulkCommand, BulkOptions, ManyOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const START: &str = "mutation($input: BulkOperationStartInput!) { bulkOperationStart(input: $input) {
  bulkOperation { id status } userErrors { code message field help } } }";
const LIST: &str = "query($after: String) { bulkOperations(first: 100, after: $after) {
  nodes { id kind status isDryRun total isTotalExact succeeded failed skipped reason createdAt endedAt }
  pageInfo { hasNextPage endCursor } } }";
const SHOW: &str = "query($id: ID!, $after: String) { bulkOperation(id: $id) {
  id kind status statusReason isDryRun ratePerSecond total isTotalExact succeeded failed skipped reason
  createdAt endedAt createdBy { id }
  failures(first: 100, after: $after) { nodes { itemId error { code message } } pageInfo { hasNextPage endCursor } } } }";

const ITEMS: &str = "query($id: ID!, $status: BulkItemStatus, $after: String) { bulkOperation(id: $id) {
  items(first: 100, status: $status, after: $after) {
    nodes { index status executionId error { code message } } pageInfo { hasNextPage endCursor } } } }";

pub async fn run(options: BulkOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(BulkCommand::List) => list(&server, format).await,
        Some(BulkCommand::Cancel(many)) => start(&server, "CANCEL", many, Map::new(), format).await,
        Some(BulkCommand::Pause(many)) => start(&server, "PAUSE", many, Map::new(), format).await,
        Some(BulkCommand::Retry(many)) => start(&server, "RETRY", many, Map::new(), format).await,
        Some(BulkCommand::Terminate(many)) => start(&server, "TERMINATE", many, Map::new(), format).await,
        Some(BulkCommand::Delete(many)) => start(&server, "DELETE", many, Map::new(), format).await,
        Some(BulkCommand::Resume { many, data }) => {
            let data = optional_json("--data", data.as_deref())?;
            start(&server, "RESUME", many, with("data", data), format).await
        }
        Some(BulkCommand::Rerun { many, from_step }) => {
            start(&server, "RERUN", many, with("fromStep", json!(from_step)), format).await
        }
        Some(BulkCommand::Migrate { many, to }) => {
            start(&server, "MIGRATE", many, with("toVersion", json!(to)), format).await
        }
        Some(BulkCommand::Show { id }) => show(&server, &id, format).await,
        Some(BulkCommand::Items { id, status }) => items(&server, &id, status.as_deref(), format).await,
        Some(BulkCommand::Watch { id }) => progress::follow(&server, &id, format).await,
        Some(BulkCommand::Hold { id }) => switch(&server, "bulkOperationPause", &id, format).await,
        Some(BulkCommand::Continue { id }) => switch(&server, "bulkOperationResume", &id, format).await,
        Some(BulkCommand::Stop { id }) => switch(&server, "bulkOperationCancel", &id, format).await,
    }
}

/// What a kind takes beside the executions.
fn with(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

async fn start(
    server: &Server,
    kind: &str,
    many: ManyOptions,
    more: Map<String, Value>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let (ids, filter) =
        if many.ids.is_empty() { (Value::Null, filter(&many)?) } else { (json!(many.ids), Value::Null) };
    let mut input = json!({
        "kind": kind, "filter": filter, "ids": ids, "reason": many.reason, "dryRun": many.dry_run,
        "ratePerSecond": many.rate,
    });
    for (name, value) in more {
        input[name] = value;
    }
    let mut payload = server.run("bulkOperationStart", START, json!({ "input": input })).await?;
    let operation = payload["bulkOperation"].take();
    let id = text(&operation["id"]);
    if many.wait {
        return progress::follow(server, &id, format).await;
    }
    match format {
        Format::Json => output::json(&operation),
        Format::Table => output::line(&format!("{id}\nfollow it with `sluice bulk watch {id}`")),
    }
}

/// The conditions of the command line. Without any, nothing is meant rather than everything.
fn filter(many: &ManyOptions) -> Result<Value, Failure> {
    conditions::filter(&many.which)?.ok_or_else(|| {
        Failure::usage("say which executions").help(
            "give --workflow, --status, --label, --key, --schedule, --id or --filter; all of them are --filter '{}'",
        )
    })
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let operations = server.pages(&["bulkOperations"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(operations)),
        Format::Table => {
            let row = |one: &Value| {
                let kind = text(&one["kind"]).to_lowercase();
                let total = if one["isTotalExact"] == true { one["total"].to_string() } else { "counting".to_owned() };
                vec![
                    text(&one["id"]),
                    if one["isDryRun"] == true { format!("{kind} (dry run)") } else { kind },
                    text(&one["status"]).to_lowercase(),
                    total,
                    one["succeeded"].to_string(),
                    one["failed"].to_string(),
                    one["skipped"].to_string(),
                    text(&one["createdAt"]),
                    text(&one["reason"]),
                ]
            };
            let head = ["operation", "kind", "status", "total", "done", "failed", "skipped", "created", "reason"];
            output::table(&head, operations.iter().map(row).collect())
        }
    }
}

/// The operation with all that is kept of what was not possible.
async fn whole(server: &Server, id: &str) -> Result<Value, Failure> {
    let (mut failures, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut operation = server.run("bulkOperation", SHOW, json!({ "id": id, "after": after })).await?;
        if operation.is_null() {
            let failure = Failure::new(format!("there is no bulk operation `{id}`"));
            return Err(failure.help("list them with `sluice bulk`"));
        }
        failures.extend(operation["failures"]["nodes"].as_array().cloned().unwrap_or_default());
        if operation["failures"]["pageInfo"]["hasNextPage"] == true {
            after = operation["failures"]["pageInfo"]["endCursor"].take();
            continue;
        }
        operation["failures"] = Value::Array(failures);
        return Ok(operation);
    }
}

/// What came of an operation, in words.
pub(super) fn ending(operation: &Value) -> String {
    let would = if operation["isDryRun"] == true { "would be " } else { "" };
    let why = operation["statusReason"].as_str().map_or_else(String::new, |why| format!(": {why}"));
    format!(
        "{} {}{why}\n{} of {} {would}done, {} failed, {} skipped",
        text(&operation["id"]),
        text(&operation["status"]).to_lowercase(),
        operation["succeeded"],
        operation["total"],
        operation["failed"],
        operation["skipped"],
    )
}

async fn show(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let operation = whole(server, id).await?;
    if format == Format::Json {
        return output::json(&operation);
    }
    output::line(&ending(&operation))?;
    let row = |failure: &Value| {
        vec![text(&failure["itemId"]), text(&failure["error"]["code"]), text(&failure["error"]["message"])]
    };
    let failures = operation["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let head = if operation["kind"] == "START" { "item" } else { "execution" };
    output::table(&[head, "code", "why"], failures.iter().map(row).collect())
}

/// What came of each item.
async fn items(server: &Server, id: &str, status: Option<&str>, format: Format) -> Result<ExitCode, Failure> {
    let variables = json!({ "id": id, "status": status.map(str::to_ascii_uppercase) });
    let items = server.pages_with(&["bulkOperation", "items"], ITEMS, variables).await?;
    if format == Format::Json {
        return output::json(&Value::Array(items));
    }
    let row = |item: &Value| {
        vec![
            item["index"].to_string(),
            text(&item["status"]).to_lowercase(),
            text(&item["executionId"]),
            text(&item["error"]["code"]),
            text(&item["error"]["message"]),
        ]
    };
    output::table(&["item", "status", "execution", "code", "why"], items.iter().map(row).collect())
}

async fn switch(server: &Server, field: &str, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let name = format!("B{}Input", &field[1..]);
    let query = format!(
        "mutation($input: {name}!) {{ {field}(input: $input) {{ bulkOperation {{ id status }}
          userErrors {{ code message field help }} }} }}"
    );
    let mut payload = server.run(field, &query, json!({ "input": { "id": id } })).await?;
    let operation = payload["bulkOperation"].take();
    match format {
        Format::Json => output::json(&operation),
        Format::Table => output::line(&format!("{id} {}", text(&operation["status"]).to_lowercase())),
    }
}
