//! `sluice approvals`: what people have to decide.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::{optional_json, text};
use crate::arguments::{ApprovalsCommand, ApprovalsOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const MINE: &str = "query($after: String) { approvals(first: 100, after: $after, filter: { assignedToViewer: true }) {
  nodes { id title stepPath status roles users policy { required } requestedAt expiresAt viewerCanDecide }
  pageInfo { hasNextPage endCursor } } }";
const ALL: &str = "query($after: String) { approvals(first: 100, after: $after) {
  nodes { id title stepPath status roles users policy { required } requestedAt expiresAt viewerCanDecide }
  pageInfo { hasNextPage endCursor } } }";
const SHOW: &str = "query($id: ID!) { approval(id: $id) {
  id title stepPath status subject { entity entityId } requester { id displayName } roles users
  policy { mode required requesterMayDecide } formSchema requestedAt expiresAt decidedAt
  decisions { outcome { name } actor { id displayName } reason channel at }
  viewerCanDecide viewerCannotDecideReason history { type actor { id displayName } detail at } } }";
const DECIDE: &str = "mutation($input: ApprovalDecideInput!) { approvalDecide(input: $input) {
  approval { id title status decidedAt decisions { outcome { name } actor { id displayName } reason at } }
  userErrors { code message field help } } }";
const COMMENT: &str = "mutation($input: ApprovalCommentInput!) { approvalComment(input: $input) {
  approval { id title status comments(last: 1) { nodes { id body at } } } userErrors { code message field help } } }";

/// A mutation that changes an approval, and what is said when it is done.
struct Change {
    name: &'static str,
    document: &'static str,
    done: &'static str,
}

const CLAIM: Change = Change {
    name: "approvalClaim",
    document: "mutation($input: ApprovalClaimInput!) { approvalClaim(input: $input) {
  approval { id title status claimedBy { id displayName } } userErrors { code message field help } } }",
    done: "is yours",
};
const RELEASE: Change = Change {
    name: "approvalRelease",
    document: "mutation($input: ApprovalReleaseInput!) { approvalRelease(input: $input) {
  approval { id title status claimedBy { id displayName } } userErrors { code message field help } } }",
    done: "is free",
};
const DELEGATE: Change = Change {
    name: "approvalDelegate",
    document: "mutation($input: ApprovalDelegateInput!) { approvalDelegate(input: $input) {
  approval { id title status roles users delegations { from { id } to { id displayName } reason at } }
  userErrors { code message field help } } }",
    done: "is handed over",
};
const REASSIGN: Change = Change {
    name: "approvalReassign",
    document: "mutation($input: ApprovalReassignInput!) { approvalReassign(input: $input) {
  approval { id title status roles users } userErrors { code message field help } } }",
    done: "asks others",
};
const REMIND: Change = Change {
    name: "approvalRemind",
    document: "mutation($input: ApprovalRemindInput!) { approvalRemind(input: $input) {
  approval { id title status roles users } userErrors { code message field help } } }",
    done: "people are reminded",
};

pub async fn run(options: ApprovalsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what.unwrap_or(ApprovalsCommand::List { all: false }) {
        ApprovalsCommand::List { all } => list(&server, if all { ALL } else { MINE }, format).await,
        ApprovalsCommand::Show { id } => show(&server, &id, format).await,
        ApprovalsCommand::Approve { id, reason, data } => {
            let data = optional_json("--data", data.as_deref())?;
            let input = json!({ "id": id, "outcome": "approve", "reason": reason, "data": data });
            decide(&server, input, format).await
        }
        ApprovalsCommand::Reject { id, reason } => {
            decide(&server, json!({ "id": id, "outcome": "reject", "reason": reason }), format).await
        }
        ApprovalsCommand::Comment { id, text } => {
            let input = json!({ "input": { "id": id, "body": text } });
            let said = server.run("approvalComment", COMMENT, input).await?["approval"].take();
            match format {
                Format::Json => output::json(&said),
                Format::Table => output::line(&format!("{id} has the comment")),
            }
        }
        ApprovalsCommand::Claim { id } => change(&server, &CLAIM, json!({ "id": id }), format).await,
        ApprovalsCommand::Release { id } => change(&server, &RELEASE, json!({ "id": id }), format).await,
        ApprovalsCommand::Delegate { id, to, reason } => {
            change(&server, &DELEGATE, json!({ "id": id, "toUserId": to, "reason": reason }), format).await
        }
        ApprovalsCommand::Reassign { id, to, reason } => {
            change(&server, &REASSIGN, json!({ "id": id, "assigneeIds": to, "reason": reason }), format).await
        }
        ApprovalsCommand::Remind { id } => change(&server, &REMIND, json!({ "id": id }), format).await,
    }
}

/// Roles and people, as the workflow names them.
fn who(approval: &Value) -> String {
    let names = |key: &str| approval[key].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    [names("roles"), names("users")].concat().join(", ")
}

async fn list(server: &Server, query: &str, format: Format) -> Result<ExitCode, Failure> {
    let approvals = server.pages(&["approvals"], query).await?;
    match format {
        Format::Json => output::json(&Value::Array(approvals)),
        Format::Table => {
            let row = |approval: &Value| {
                vec![
                    text(&approval["id"]),
                    text(&approval["title"]),
                    text(&approval["stepPath"]),
                    who(approval),
                    text(&approval["requestedAt"]),
                    text(&approval["expiresAt"]),
                ]
            };
            let head = ["approval", "about", "step", "who decides", "asked", "until"];
            output::table(&head, approvals.iter().map(row).collect())
        }
    }
}

async fn show(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let approval = server.run("approval", SHOW, json!({ "id": id })).await?;
    if approval.is_null() {
        return Err(Failure::new(format!("there is no approval {id}")));
    }
    match format {
        Format::Json => output::json(&approval),
        Format::Table => {
            let head =
                format!("{}: {} ({})", text(&approval["id"]), text(&approval["title"]), text(&approval["status"]));
            output::line(&head)?;
            let may = match approval["viewerCannotDecideReason"].as_str() {
                Some(reason) => format!("you may not decide it: {reason}"),
                None => "you may decide it".to_owned(),
            };
            output::line(&format!("{}; {may}", who(&approval)))?;
            let row = |event: &Value| {
                let actor = text(&event["actor"]["displayName"]);
                vec![text(&event["at"]), text(&event["type"]), actor, text(&event["detail"])]
            };
            let history = approval["history"].as_array().into_iter().flatten();
            output::table(&["when", "what", "who", "detail"], history.map(row).collect())
        }
    }
}

async fn change(server: &Server, change: &Change, input: Value, format: Format) -> Result<ExitCode, Failure> {
    let approval = server.run(change.name, change.document, json!({ "input": input })).await?["approval"].take();
    match format {
        Format::Json => output::json(&approval),
        Format::Table => output::line(&format!("{}: {}", text(&approval["id"]), change.done)),
    }
}

async fn decide(server: &Server, input: Value, format: Format) -> Result<ExitCode, Failure> {
    let mut payload = server.run("approvalDecide", DECIDE, json!({ "input": input })).await?;
    let approval = payload["approval"].take();
    match format {
        Format::Json => output::json(&approval),
        Format::Table if approval["status"] == "PENDING" => {
            output::line(&format!("{}: recorded, others have to agree", text(&approval["id"])))
        }
        Format::Table => output::line(&format!("{} is {}", text(&approval["id"]), text(&approval["status"]))),
    }
}
