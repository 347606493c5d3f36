//! `sluice approvals approve` and `reject`: one answer, to one approval or to many.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::client::server::Server;
use crate::client::values::text;
use crate::failure::Failure;
use crate::output::{self, Format};

const DECIDE: &str = "mutation($input: ApprovalDecideInput!) { approvalDecide(input: $input) {
  approval { id title status decidedAt decisions { outcome { name } actor { id displayName } reason at } }
  userErrors { code message field help } } }";
const DECIDE_MANY: &str = "mutation($input: ApprovalDecideBatchInput!) { approvalDecideBatch(input: $input) {
  approvals { id title status decidedAt } failures { itemId error { code message help } }
  userErrors { code message field help } } }";

/// Most approvals that are decided together.
const MOST: usize = 100;

/// Answers all of them; ends with 1 when one of many was refused.
pub async fn run(
    server: &Server,
    ids: &[String],
    outcome: &str,
    reason: Option<&str>,
    data: Value,
    format: Format,
) -> Result<ExitCode, Failure> {
    if let [id] = ids {
        let input = json!({ "id": id, "outcome": outcome, "reason": reason, "data": data });
        let mut payload = server.run("approvalDecide", DECIDE, json!({ "input": input })).await?;
        let approval = payload["approval"].take();
        return match format {
            Format::Json => output::json(&approval),
            Format::Table => output::line(&told(&approval)),
        };
    }
    if !data.is_null() {
        return Err(Failure::usage("--data answers the form of one approval").help("approve them one by one"));
    }
    let (mut approvals, mut failures) = (Vec::new(), Vec::new());
    for part in ids.chunks(MOST) {
        let input = json!({ "ids": part, "outcome": outcome, "reason": reason });
        let decided = server.run("approvalDecideBatch", DECIDE_MANY, json!({ "input": input })).await;
        let mut decided = decided.inspect_err(|_told_by_the_caller| {
            eprintln!("{} were decided before, see `sluice approvals show`", approvals.len());
        })?;
        let (new, refused) = (decided["approvals"].take(), decided["failures"].take());
        approvals.extend(new.as_array().cloned().unwrap_or_default());
        failures.extend(refused.as_array().cloned().unwrap_or_default());
    }
    match format {
        Format::Json => {
            output::json(&json!({ "approvals": approvals, "failures": failures }))?;
        }
        Format::Table => {
            for approval in &approvals {
                output::line(&told(approval))?;
            }
            for failure in &failures {
                let error = &failure["error"];
                eprintln!("{}: {} ({})", text(&failure["itemId"]), text(&error["message"]), text(&error["code"]));
            }
        }
    }
    Ok(ExitCode::from(u8::from(!failures.is_empty())))
}

/// What came of an answer, in words.
fn told(approval: &Value) -> String {
    let (id, status) = (text(&approval["id"]), text(&approval["status"]));
    if status == "PENDING" { format!("{id}: recorded, others have to agree") } else { format!("{id} is {status}") }
}
