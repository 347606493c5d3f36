//! `sluice start`: starts an execution, and waits for its decision when asked to, or starts many.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::{Server, json_argument};
use super::values::{text, workflow_ref};
use super::{start_background, start_batch, watch};
use crate::arguments::{StartOptions, WatchOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const START: &str = "mutation($input: ExecutionStartInput!) { executionStart(input: $input) {
  execution { id status } eventsAfter isNew userErrors { code message field help } } }";

pub async fn run(options: StartOptions, format: Format) -> Result<ExitCode, Failure> {
    if let Some(file) = &options.batch {
        if options.background {
            return start_background::run(&options, file, format).await;
        }
        return start_batch::run(&options, file, format).await;
    }
    let labels = labels(&options.labels, "--label name=value")?;
    // Without a file the arguments have a workflow.
    let workflow = options.workflow.as_deref().unwrap_or_default();
    let input = json!({
        "workflow": workflow_ref(workflow), "input": json_argument("--input", options.input.as_deref())?,
        "key": options.key, "idempotencyKey": options.idempotency_key, "labels": labels,
    });
    let server = Server::new(&options.server)?;
    let payload = server.run("executionStart", START, json!({ "input": input })).await?;
    let id = payload["execution"]["id"].as_str().unwrap_or_default().to_owned();
    if options.wait {
        let after = payload["eventsAfter"].as_str().map(str::to_owned);
        return watch::follow_from(WatchOptions { execution: id, server: options.server }, after, format).await;
    }
    match format {
        Format::Json => output::json(&payload["execution"]),
        Format::Table => output::line(&format!("{id}\nfollow it with `sluice watch {id}`")),
    }
}

/// Labels that are written as `name=value`, as the API takes them.
pub fn labels(written: &[String], how: &str) -> Result<Vec<Value>, Failure> {
    let label = |label: &String| match label.split_once('=') {
        Some((name, value)) => Ok(json!({ "name": name, "value": value })),
        None => Err(Failure::usage(format!("the label `{label}` has no `=`")).help(format!("write it as {how}"))),
    };
    written.iter().map(label).collect()
}

/// The words for how an execution ended.
pub fn ending(execution: &Value) -> String {
    let mut lines = vec![format!("{} {}", text(&execution["id"]), text(&execution["status"]).to_lowercase())];
    let decision = &execution["decision"];
    if decision.is_object() {
        let reason = decision["reason"].as_str().map_or_else(String::new, |reason| format!(": {reason}"));
        lines.push(format!("decision  {}{reason}", text(&decision["outcome"]).to_lowercase()));
        if let Some(why) = decision["why"]["summary"].as_str() {
            lines.push(format!("because   {why}"));
        }
    }
    if execution["error"].is_object() {
        let at = execution["error"]["stepPath"].as_str().map_or_else(String::new, |step| format!(" in step `{step}`"));
        lines.push(format!(
            "error     {}{at}: {}",
            text(&execution["error"]["code"]),
            text(&execution["error"]["message"])
        ));
    }
    lines.join("\n")
}
