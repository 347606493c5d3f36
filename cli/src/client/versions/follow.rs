//! `sluice versions --watch`: what happens to a workflow, by whomever, until it is deleted.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{text, workflow, workflow_ref};
use crate::arguments::versions::VersionsOptions;
use crate::client::server::Server;
use crate::client::stream;
use crate::failure::Failure;
use crate::output::{self, Format};

const HEAD: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { id revision } }";
const FOLLOW: &str = "subscription($id: ID!, $after: String) { workflowUpdated(id: $id, after: $after) {
  cursor kind actor { id displayName }
  workflow { slug revision isEnabled archivedAt updatedAt publishedVersion { number label } draft { updatedAt } } } }";

pub async fn run(options: VersionsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let name = &options.workflow;
    let head = async || workflow(&server, name, HEAD, json!({ "ref": workflow_ref(name) })).await;
    let found = head().await?;
    let variables = json!({ "id": found["id"], "after": null });
    let mut revision = found["revision"].clone();
    // Nothing was told yet, so there is no place to go on behind: what happens until the connection stands is not told.
    let before = async |variables: &Value| -> Result<(), Failure> {
        if variables["after"].is_null() {
            let now = head().await?["revision"].take();
            if now != revision {
                eprintln!("`{name}` changed while the connection was away; see `sluice versions {name}`");
            }
            revision = now;
        }
        Ok(())
    };
    let tell = |item: &Value, variables: &mut Value| {
        let update = &item["workflowUpdated"];
        variables["after"] = update["cursor"].clone();
        output::line(&if format == Format::Json { update.to_string() } else { line(update) })?;
        Ok(())
    };
    stream::follow_with(&server, FOLLOW, variables, before, tell).await?;
    Ok(ExitCode::SUCCESS)
}

/// One change, for people.
fn line(update: &Value) -> String {
    let workflow = &update["workflow"];
    let published = match &workflow["publishedVersion"]["number"] {
        Value::Null => "nothing published".to_owned(),
        number => format!("version {number} published"),
    };
    let state = if workflow["isEnabled"] == true { "enabled" } else { "disabled" };
    let kind = text(&update["kind"]).to_lowercase().replace('_', " ");
    let (when, who) = (text(&workflow["updatedAt"]), text(&update["actor"]["displayName"]));
    format!("{when}  {kind} by {who}: revision {}, {published}, {state}", workflow["revision"])
}
