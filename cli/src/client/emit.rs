//! `sluice emit`: emits an event and prints what it started, or emits many.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::emit_batch;
use super::server::{Server, json_argument};
use super::values::text;
use crate::arguments::EmitOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const EMIT: &str = "mutation($input: EventEmitInput!) { eventEmit(input: $input) {
  event { id matches { workflow { slug } outcome problem why { summary } execution { id } } }
  isNew userErrors { code message field help } } }";

pub async fn run(options: EmitOptions, format: Format) -> Result<ExitCode, Failure> {
    if let Some(file) = &options.batch {
        return emit_batch::run(&Server::new(&options.server)?, file, format).await;
    }
    let payload = json_argument("--payload", options.payload.as_deref())?;
    let input = json!({ "type": options.event, "payload": payload, "deduplicationKey": options.deduplication_key });
    let emitted = Server::new(&options.server)?.run("eventEmit", EMIT, json!({ "input": input })).await?;
    match format {
        Format::Json => output::json(&emitted),
        Format::Table => {
            output::line(emitted["event"]["id"].as_str().unwrap_or_default())?;
            matches(&emitted["event"])
        }
    }
}

/// What came of an event, workflow by workflow.
pub fn matches(event: &Value) -> Result<ExitCode, Failure> {
    let matches = event["matches"].as_array().cloned().unwrap_or_default();
    let row = |found: &Value| {
        let why = found["problem"].as_str().or_else(|| found["why"]["summary"].as_str()).unwrap_or_default();
        vec![
            text(&found["workflow"]["slug"]),
            text(&found["outcome"]).to_lowercase(),
            text(&found["execution"]["id"]),
            why.to_owned(),
        ]
    };
    if matches.is_empty() {
        output::line("no workflow listens to it")
    } else {
        output::table(&["workflow", "outcome", "execution", "why"], matches.iter().map(row).collect())
    }
}
