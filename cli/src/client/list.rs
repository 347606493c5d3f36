//! `sluice list`: the workflows of a server.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::ServerOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String, $filter: WorkflowFilter) {
  workflows(first: 100, after: $after, filter: $filter) {
  nodes { id slug name isEnabled tags publishedVersion { number label } updatedAt }
  pageInfo { hasNextPage endCursor } } }";

pub async fn run(options: ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    of(&options, false, format).await
}

/// Prints those that are in use, or those that were put away.
pub async fn of(options: &ServerOptions, archived: bool, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(options)?;
    let filter = json!({ "isArchived": archived });
    let mut workflows: Vec<Value> = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut page = server.run("workflows", LIST, json!({ "after": after, "filter": filter })).await?;
        workflows.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].take();
    }
    match format {
        Format::Json => output::json(&Value::Array(workflows)),
        Format::Table => {
            let row = |workflow: &Value| {
                let version = workflow["publishedVersion"]["number"]
                    .as_i64()
                    .map_or_else(|| "draft".to_owned(), |number| number.to_string());
                let enabled = if workflow["isEnabled"] == true { "yes" } else { "no" };
                vec![
                    text(&workflow["slug"]),
                    text(&workflow["name"]),
                    version,
                    enabled.to_owned(),
                    text(&workflow["updatedAt"]),
                ]
            };
            output::table(&["workflow", "name", "version", "enabled", "updated"], workflows.iter().map(row).collect())
        }
    }
}
