//! `sluice approvals link`: what the link of a mail decides.

use std::process::ExitCode;

use serde_json::json;

use crate::arguments::ServerOptions;
use crate::arguments::approvals::LinkOptions;
use crate::client::server::Server;
use crate::client::values::{optional_json, text};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::password;

const SHOW: &str = "query($token: String!) { approvalByToken(token: $token) {
  id title description data formSchema status stepPath personName outcomes { name label requiresReason }
  canDecide cannotDecideReason linkExpiresAt expiresAt requestedAt decidedAt } }";
const DECIDE: &str = "mutation($input: ApprovalDecideByTokenInput!) { approvalDecideByToken(input: $input) {
  approval { id title status decidedAt } userErrors { code message field help } } }";

/// The link is never an argument: other users of the machine can read those.
pub async fn run(server: &ServerOptions, options: LinkOptions, format: Format) -> Result<ExitCode, Failure> {
    let data = optional_json("--data", options.data.as_deref())?;
    let link = password::secret("Link: ")?;
    let token = link.rsplit_once("token=").map_or(link.as_str(), |(_address, token)| token).trim();
    let server = Server::anonymous(server)?;
    let Some(outcome) = options.outcome else { return show(&server, token, format).await };
    let input = json!({ "token": token, "outcome": outcome, "reason": options.reason, "data": data });
    let mut payload = server.run("approvalDecideByToken", DECIDE, json!({ "input": input })).await?;
    let approval = payload["approval"].take();
    match format {
        Format::Json => output::json(&approval),
        Format::Table if approval["status"] == "PENDING" => {
            output::line(&format!("{}: recorded, others have to agree", text(&approval["id"])))
        }
        Format::Table => output::line(&format!("{} is {}", text(&approval["id"]), text(&approval["status"]))),
    }
}

async fn show(server: &Server, token: &str, format: Format) -> Result<ExitCode, Failure> {
    let approval = server.run("approvalByToken", SHOW, json!({ "token": token })).await?;
    if format == Format::Json {
        return output::json(&approval);
    }
    output::line(&format!("{}: {} ({})", text(&approval["id"]), text(&approval["title"]), text(&approval["status"])))?;
    let outcomes = approval["outcomes"].as_array().into_iter().flatten();
    let outcomes: Vec<String> = outcomes.map(|outcome| text(&outcome["name"])).collect();
    let may = match approval["cannotDecideReason"].as_str() {
        Some(reason) => format!("not possible: {reason}"),
        None => format!("--outcome {}", outcomes.join(", ")),
    };
    for (name, words) in [
        ("about", text(&approval["description"])),
        ("data", text(&approval["data"])),
        ("as", text(&approval["personName"])),
        ("answer", may),
        ("until", text(&approval["linkExpiresAt"])),
    ] {
        if !words.is_empty() {
            output::line(&format!("{name:<9} {words}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
