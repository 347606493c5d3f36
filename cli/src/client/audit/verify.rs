//! `sluice audit verify`: walks the chain, part by part.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::super::server::Server;
use crate::arguments::AuditVerifyOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const VERIFY: &str = "query($window: TimeWindowInput!, $after: String) { auditVerify(window: $window, after: $after) {
  isIntact checked firstBrokenId problem next } }";
/// Before everything.
const BEGINNING: &str = "1970-01-01T00:00:00Z";
/// After everything.
const END: &str = "9999-12-31T00:00:00Z";

/// Exits with 0 when everything fits.
pub async fn run(options: &AuditVerifyOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let window = window(options)?;
    let mut checked = 0;
    let mut after = Value::Null;
    loop {
        let variables = json!({ "window": window, "after": after });
        let mut part = server.run("auditVerify", VERIFY, variables).await?;
        checked += part["checked"].as_u64().unwrap_or(0);
        after = part["next"].take();
        if part["isIntact"] == true && !after.is_null() {
            continue;
        }
        let is_intact = part["isIntact"] == true;
        match format {
            Format::Json => output::json(&json!({
                "isIntact": is_intact,
                "checked": checked,
                "firstBrokenId": part["firstBrokenId"],
                "problem": part["problem"],
            }))?,
            Format::Table if is_intact => output::line(&format!("{checked} entries, nothing was changed or removed"))?,
            Format::Table => output::line(&format!(
                "after {checked} entries that fit: {}{}",
                part["problem"].as_str().unwrap_or("the chain is broken"),
                part["firstBrokenId"].as_str().map_or_else(String::new, |id| format!(" ({id})")),
            ))?,
        };
        return Ok(if is_intact { ExitCode::SUCCESS } else { ExitCode::from(1) });
    }
}

fn window(options: &AuditVerifyOptions) -> Result<Value, Failure> {
    match (&options.since, &options.until) {
        (Some(length), until) if engine::duration::parse(length).is_ok() => match until {
            None => Ok(json!({ "last": length })),
            Some(_) => Err(Failure::usage("--until needs a moment in --since, such as 2026-01-31T00:00:00Z")),
        },
        (since, until) => Ok(json!({ "between": {
            "from": since.as_deref().unwrap_or(BEGINNING),
            "to": until.as_deref().unwrap_or(END),
        } })),
    }
}
