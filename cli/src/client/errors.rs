//! `sluice errors`: failures by cause, and which of them are looked after.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::{text, workflow_ref};
use crate::arguments::{ErrorsCommand, ErrorsOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str =
    "query($window: TimeWindowInput!, $filter: StatisticsFilter, $status: ErrorGroupStatus, $first: Int) {
  errorGroups(window: $window, filter: $filter, status: $status, first: $first) { nodes {
    id code message stepKey workflow { id slug } count firstSeenAt lastSeenAt status sampleExecution { id } } } }";
const UPDATE: &str = "mutation($input: ErrorGroupUpdateInput!) { errorGroupUpdate(input: $input) {
  errorGroup { id code status count lastSeenAt } userErrors { code message field help } } }";

pub async fn run(options: ErrorsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let (group, status, note) = match options.what {
        None => return list(&server, &options, format).await,
        Some(ErrorsCommand::Resolve { group, note }) => (group, "RESOLVED", note),
        Some(ErrorsCommand::Ignore { group, note }) => (group, "IGNORED", note),
        Some(ErrorsCommand::Reopen { group, note }) => (group, "OPEN", note),
    };
    let input = json!({ "id": group, "status": status, "note": note });
    let payload = server.run("errorGroupUpdate", UPDATE, json!({ "input": input })).await?;
    let group = &payload["errorGroup"];
    match format {
        Format::Json => output::json(group),
        Format::Table => output::line(&format!("{} is {}", text(&group["id"]), text(&group["status"]).to_lowercase())),
    }
}

async fn list(server: &Server, options: &ErrorsOptions, format: Format) -> Result<ExitCode, Failure> {
    let workflow = options.workflow.as_deref().map(workflow_ref);
    let variables = json!({
        "window": { "last": options.since },
        "filter": workflow.map(|workflow| json!({ "workflow": workflow })),
        "status": if options.all { Value::Null } else { json!("OPEN") },
        "first": options.limit,
    });
    let mut page = server.run("errorGroups", LIST, variables).await?;
    let groups = page["nodes"].take();
    match format {
        Format::Json => output::json(&groups),
        Format::Table => {
            let row = |group: &Value| {
                let [id, count, code] = ["id", "count", "code"].map(|key| text(&group[key]));
                let [workflow, step] = [text(&group["workflow"]["slug"]), text(&group["stepKey"])];
                let [last, status] = [text(&group["lastSeenAt"]), text(&group["status"]).to_lowercase()];
                vec![id, count, workflow, step, code, text(&group["message"]), last, status]
            };
            let head = ["error", "times", "workflow", "step", "code", "message of the first", "last", "status"];
            output::table(&head, groups.as_array().into_iter().flatten().map(row).collect())
        }
    }
}
