//! `sluice versions`, `diff`, `publish`, `discard`, `rollback`, `export`, `move` and `workflows`.

mod diff;
mod export;
mod follow;
mod moving;
mod state;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::{text, workflow_ref};
use crate::arguments::versions::{RollbackOptions, VersionsCommand, VersionsOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const VERSIONS: &str = "query($ref: WorkflowRef!, $after: String) { workflow(ref: $ref) { publishedVersion { number }
  draft { basedOn { number } updatedAt updatedBy { displayName } isPublishable }
  versions(first: 100, after: $after) { nodes { number label changelog publishedAt publishedBy { displayName } checksum }
    pageInfo { hasNextPage endCursor } } } }";

const ROLLBACK: &str = "mutation($input: WorkflowRollbackInput!) { workflowRollback(input: $input) {
  workflow { slug } version { number label } userErrors { code message field help } } }";

pub async fn run(command: VersionsCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        VersionsCommand::Versions(options) if options.watch => follow::run(options, format).await,
        VersionsCommand::Versions(options) => list(options, format).await,
        VersionsCommand::Diff(options) => diff::run(options, format).await,
        VersionsCommand::Publish(options) => state::publish(options, format).await,
        VersionsCommand::Discard(options) => state::discard(options, format).await,
        VersionsCommand::Rollback(options) => rollback(options, format).await,
        VersionsCommand::Export(options) => export::run(options, format).await,
        VersionsCommand::Move(options) => moving::run(options, format).await,
        VersionsCommand::Workflows(options) => state::workflows(options, format).await,
    }
}

/// The workflow of an answer.
async fn workflow(server: &Server, name: &str, query: &str, variables: Value) -> Result<Value, Failure> {
    let found = server.run("workflow", query, variables).await?;
    if found.is_null() {
        let failure = Failure::new(format!("there is no workflow `{name}`"));
        return Err(failure.help("`sluice list` shows the workflows of the server"));
    }
    Ok(found)
}

async fn list(options: VersionsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let (mut versions, mut after) = (Vec::new(), Value::Null);
    let (published, draft) = loop {
        let variables = json!({ "ref": workflow_ref(&options.workflow), "after": after });
        let mut found = workflow(&server, &options.workflow, VERSIONS, variables).await?;
        let page = found["versions"].take();
        versions.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] != true {
            break (found["publishedVersion"]["number"].take(), found["draft"].take());
        }
        after = page["pageInfo"]["endCursor"].clone();
    };
    for version in &mut versions {
        version["isPublished"] = json!(version["number"] == published);
    }
    match format {
        Format::Json => output::json(&json!({ "versions": versions, "draft": draft })),
        Format::Table => {
            let mut rows = Vec::new();
            if draft.is_object() {
                let state = if draft["isPublishable"] == true { "draft" } else { "draft with problems" };
                let (when, who) = (text(&draft["updatedAt"]), text(&draft["updatedBy"]["displayName"]));
                rows.push(vec!["-".to_owned(), state.to_owned(), when, who, String::new()]);
            }
            rows.extend(versions.iter().map(|version| {
                let state = if version["isPublished"] == true { "published" } else { "" };
                vec![
                    text(&version["number"]),
                    state.to_owned(),
                    text(&version["publishedAt"]),
                    text(&version["publishedBy"]["displayName"]),
                    text(&version["label"]),
                ]
            }));
            output::table(&["version", "state", "since", "by", "label"], rows)
        }
    }
}

async fn rollback(options: RollbackOptions, format: Format) -> Result<ExitCode, Failure> {
    const ID: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { id } }";
    let server = Server::new(&options.server)?;
    let variables = json!({ "ref": workflow_ref(&options.workflow) });
    let found = workflow(&server, &options.workflow, ID, variables).await?;
    let input = json!({ "id": found["id"], "toVersion": options.to, "reason": options.reason });
    let payload = server.run("workflowRollback", ROLLBACK, json!({ "input": input })).await?;
    match format {
        Format::Json => output::json(&json!({ "workflow": payload["workflow"], "version": payload["version"] })),
        Format::Table => {
            let (slug, number) = (text(&payload["workflow"]["slug"]), text(&payload["version"]["number"]));
            output::line(&format!("{slug}: version {number} is the published one"))
        }
    }
}
