//! `sluice publish`, `discard` and `workflows`: what becomes of drafts, and of workflows as a whole.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::workflow;
use crate::arguments::ServerOptions;
use crate::arguments::versions::{DiscardOptions, PublishOptions, WorkflowsCommand, WorkflowsOptions};
use crate::client::deploy::told;
use crate::client::list;
use crate::client::server::{Server, refuse_mistakes};
use crate::client::values::{text, workflow_ref};
use crate::failure::Failure;
use crate::output::{self, Format};

const ID: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { id } }";
const PUBLISH: &str = "mutation($input: WorkflowPublishInput!) { workflowPublish(input: $input) {
  workflow { id slug isEnabled } version { number label }
  problems { code severity message pointer suggestion source { startLine startColumn } }
  userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: WorkflowDeleteInput!) { workflowDelete(input: $input) {
  deletedId userErrors { code message field help } } }";

/// The id of a workflow that was named by its slug or id.
async fn id_of(server: &Server, name: &str) -> Result<Value, Failure> {
    Ok(workflow(server, name, ID, json!({ "ref": workflow_ref(name) })).await?["id"].take())
}

pub async fn publish(options: PublishOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let id = id_of(&server, &options.workflow).await?;
    let input = json!({
        "id": id, "label": options.label, "changelog": options.changelog,
        "enable": !options.disabled, "dryRun": options.dry_run,
    });
    let payload = server.answer("workflowPublish", PUBLISH, json!({ "input": input })).await?;
    let problems = payload["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
    for problem in problems {
        eprintln!("{}", told(&options.workflow, problem));
    }
    refuse_mistakes(&payload)?;
    let is_refused = problems.iter().any(|problem| problem["severity"] == "ERROR");
    match format {
        Format::Json => output::json(&json!({
            "workflow": payload["workflow"], "version": payload["version"], "problems": payload["problems"],
        }))?,
        Format::Table if is_refused => ExitCode::from(1),
        Format::Table if options.dry_run => output::line(&format!("{} can be published", options.workflow))?,
        Format::Table => {
            let (slug, number) = (text(&payload["workflow"]["slug"]), text(&payload["version"]["number"]));
            output::line(&format!("{slug}: version {number} is the published one"))?
        }
    };
    Ok(if is_refused { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

pub async fn discard(options: DiscardOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let id = id_of(&server, &options.workflow).await?;
    change(&server, "workflowDraftDiscard", json!({ "id": id }), "has no draft any more", format).await
}

pub async fn workflows(options: WorkflowsOptions, format: Format) -> Result<ExitCode, Failure> {
    let WorkflowsOptions { what, server: options } = options;
    match what {
        None => list::of(&options, false, format).await,
        Some(WorkflowsCommand::List { archived }) => list::of(&options, archived, format).await,
        Some(WorkflowsCommand::Enable { workflow }) => {
            switch(&options, "workflowEnable", &workflow, json!({}), "is enabled", format).await
        }
        Some(WorkflowsCommand::Disable { workflow, reason }) => {
            switch(&options, "workflowDisable", &workflow, json!({ "reason": reason }), "is disabled", format).await
        }
        Some(WorkflowsCommand::Archive { workflow, reason }) => {
            switch(&options, "workflowArchive", &workflow, json!({ "reason": reason }), "is put away", format).await
        }
        Some(WorkflowsCommand::Restore { workflow }) => {
            switch(&options, "workflowRestore", &workflow, json!({}), "is back, and disabled", format).await
        }
        Some(WorkflowsCommand::Delete { slug }) => {
            let server = Server::new(&options)?;
            let id = id_of(&server, &slug).await?;
            let input = json!({ "id": id, "confirmSlug": slug });
            let payload = server.run("workflowDelete", DELETE, json!({ "input": input })).await?;
            match format {
                Format::Json => output::json(&payload),
                Format::Table => output::line(&format!("{slug} is deleted")),
            }
        }
    }
}

/// A mutation of a workflow that takes its id, and perhaps more.
async fn switch(
    options: &ServerOptions,
    field: &str,
    name: &str,
    mut input: Value,
    done: &str,
    format: Format,
) -> Result<ExitCode, Failure> {
    let server = Server::new(options)?;
    input["id"] = id_of(&server, name).await?;
    change(&server, field, input, done, format).await
}

async fn change(server: &Server, field: &str, input: Value, done: &str, format: Format) -> Result<ExitCode, Failure> {
    let name = format!("W{}Input", &field[1..]);
    let query = format!(
        "mutation($input: {name}!) {{ {field}(input: $input) {{ workflow {{ id slug isEnabled archivedAt }}
          userErrors {{ code message field help }} }} }}"
    );
    let mut payload = server.run(field, &query, json!({ "input": input })).await?;
    let workflow = payload["workflow"].take();
    match format {
        Format::Json => output::json(&workflow),
        Format::Table => output::line(&format!("{} {done}", text(&workflow["slug"]))),
    }
}
