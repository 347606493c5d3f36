//! `sluice doctor`: looks through the whole database, part by part, and puts right what it finds when asked to.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::DoctorOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const CHECK: &str = "query($after: String, $deep: Boolean!) { systemCheck(after: $after, deep: $deep) {
  findings { code subjectId message remedy isRepaired } next } }";
const REPAIR: &str = "mutation($after: String, $deep: Boolean!) { systemRepair(input: { after: $after, deep: $deep }) {
  check { findings { code subjectId message remedy isRepaired } next } userErrors { code message field help } } }";

/// Exits with 0 when nothing is wrong, or all of it was put right.
pub async fn run(options: DoctorOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let mut findings: Vec<Value> = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "after": after, "deep": options.deep });
        let mut part = if options.repair {
            server.run("systemRepair", REPAIR, variables).await?["check"].take()
        } else {
            server.run("systemCheck", CHECK, variables).await?
        };
        findings.extend(part["findings"].as_array().cloned().unwrap_or_default());
        after = part["next"].take();
        if after.is_null() {
            break;
        }
    }
    let is_healthy = findings.iter().all(|finding| finding["isRepaired"] == true);
    match format {
        Format::Json => output::json(&json!({ "isHealthy": is_healthy, "findings": findings }))?,
        Format::Table if findings.is_empty() => output::line("every live execution has a reason to wake")?,
        Format::Table => {
            let row = |finding: &Value| {
                let remedy = match (finding["isRepaired"] == true, finding["remedy"].as_str()) {
                    (true, _) => "repaired".to_owned(),
                    (false, Some(remedy)) => format!("--repair {remedy}"),
                    (false, None) => "nothing repairs it".to_owned(),
                };
                vec![text(&finding["code"]), text(&finding["subjectId"]), text(&finding["message"]), remedy]
            };
            output::table(&["code", "subject", "what is wrong", "remedy"], findings.iter().map(row).collect())?
        }
    };
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
