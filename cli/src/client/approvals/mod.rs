//! `sluice approvals`: what people have to decide.

mod absent;
mod decide;
mod link;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::conditions::upper;
use super::live;
use super::server::Server;
use super::values::{optional_json, text, workflow_ref};
use crate::arguments::approvals::{ApprovalsCommand, ApprovalsOptions, ListOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String, $filter: ApprovalFilter) {
  approvals(first: 100, after: $after, filter: $filter) {
    nodes { id title stepPath status roles users policy { required } requestedAt expiresAt viewerCanDecide }
    pageInfo { hasNextPage endCursor } } }";
const FOLLOW: &str = "subscription($filter: ApprovalFilter, $after: String) {
  approvals(filter: $filter, after: $after) { cursor kind
    approval { id title stepPath status roles users policy { required } requestedAt expiresAt viewerCanDecide } } }";
const SHOW: &str = "query($id: ID!) { approval(id: $id) {
  id title stepPath status subject { entity entityId } requester { id displayName } roles users
  policy { mode required requesterMayDecide } formSchema requestedAt expiresAt decidedAt
  decisions { outcome { name } actor { id displayName } reason channel at }
  viewerCanDecide viewerCannotDecideReason history { type actor { id displayName } detail at } } }";
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
    match options.what.unwrap_or_else(|| ApprovalsCommand::List(ListOptions::default())) {
        ApprovalsCommand::List(options) => list(&server, &options, format).await,
        ApprovalsCommand::Show { id } => show(&server, &id, format).await,
        ApprovalsCommand::Approve { ids, reason, data } => {
            let data = optional_json("--data", data.as_deref())?;
            decide::run(&server, &ids, "approve", reason.as_deref(), data, format).await
        }
        ApprovalsCommand::Reject { ids, reason } => {
            decide::run(&server, &ids, "reject", Some(&reason), Value::Null, format).await
        }
        ApprovalsCommand::Link(link) => link::run(&options.server, link, format).await,
        ApprovalsCommand::Absent(options) => absent::run(&server, options, format).await,
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

async fn list(server: &Server, options: &ListOptions, format: Format) -> Result<ExitCode, Failure> {
    let mut filter = json!({});
    if !options.statuses.is_empty() {
        filter["statuses"] = upper(&options.statuses);
    } else if !options.all {
        filter["assignedToViewer"] = json!(true);
    }
    if let Some(workflow) = &options.workflow {
        filter["workflow"] = workflow_ref(workflow);
    }
    if options.watch {
        return live::follow(server, "approvals", FOLLOW, filter, format, line).await;
    }
    let approvals = server.pages_with(&["approvals"], LIST, json!({ "filter": filter })).await?;
    match format {
        Format::Json => output::json(&Value::Array(approvals)),
        Format::Table => {
            let row = |approval: &Value| {
                vec![
                    text(&approval["id"]),
                    text(&approval["title"]),
                    text(&approval["stepPath"]),
                    text(&approval["status"]).to_lowercase(),
                    who(approval),
                    text(&approval["requestedAt"]),
                    text(&approval["expiresAt"]),
                ]
            };
            let head = ["approval", "about", "step", "status", "who decides", "asked", "until"];
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

/// One change of a live list, for people.
fn line(change: &Value) -> String {
    let (kind, approval) = (text(&change["kind"]).to_lowercase(), &change["approval"]);
    let status = text(&approval["status"]).to_lowercase();
    format!("{kind:<7}  {}  {status}  {}: {}", text(&approval["id"]), text(&approval["title"]), who(approval))
}
