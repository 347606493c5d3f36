//! `sluice approvals absent`: who stands in for whom.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::arguments::approvals::{AbsentCommand, AbsentOptions};
use crate::client::server::Server;
use crate::client::values::text;
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { approvalSubstitutions(first: 100, after: $after) {
  nodes { id user { id displayName } substitute { id displayName } from until }
  pageInfo { hasNextPage endCursor } } }";
const SET: &str = "mutation($input: ApprovalSubstitutionSetInput!) { approvalSubstitutionSet(input: $input) {
  substitution { id user { id displayName } substitute { id displayName } from until }
  userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: ApprovalSubstitutionDeleteInput!) { approvalSubstitutionDelete(input: $input) {
  deletedId userErrors { code message field help } } }";

pub async fn run(server: &Server, options: AbsentOptions, format: Format) -> Result<ExitCode, Failure> {
    match options.what {
        None | Some(AbsentCommand::List) => list(server, format).await,
        Some(AbsentCommand::Set { substitute, from, until, user }) => {
            let input = json!({ "substituteId": substitute, "from": from, "until": until, "userId": user });
            let mut payload = server.run("approvalSubstitutionSet", SET, json!({ "input": input })).await?;
            let made = payload["substitution"].take();
            match format {
                Format::Json => output::json(&made),
                Format::Table => output::line(&text(&made["id"])),
            }
        }
        Some(AbsentCommand::Delete { id }) => {
            let payload = server.run("approvalSubstitutionDelete", DELETE, json!({ "input": { "id": id } })).await?;
            match format {
                Format::Json => output::json(&payload),
                Format::Table => output::line(&format!("{id} is deleted")),
            }
        }
    }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let found = server.pages(&["approvalSubstitutions"], LIST).await?;
    if format == Format::Json {
        return output::json(&Value::Array(found));
    }
    let row = |one: &Value| {
        vec![
            text(&one["id"]),
            text(&one["user"]["displayName"]),
            text(&one["substitute"]["displayName"]),
            text(&one["from"]),
            text(&one["until"]),
        ]
    };
    output::table(&["substitution", "away", "stands in", "from", "until"], found.iter().map(row).collect())
}
