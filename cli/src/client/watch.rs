//! `sluice watch`: follows an execution live; a broken connection goes on where it was.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::start::ending;
use super::stream;
use crate::arguments::WatchOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const FOLLOW: &str = "subscription($id: ID!, $after: String) { executionUpdated(id: $id, after: $after) {
  cursor event { sequence type at stepPath summary } execution { id status } } }";
const ENDING: &str = "query($id: ID!) { execution(id: $id) { id status
  decision { outcome reason metadata stepPath why { summary } } error { code message stepPath } } }";

pub async fn run(options: WatchOptions, format: Format) -> Result<ExitCode, Failure> {
    follow_from(options, None, format).await
}

/// Follows from a cursor, or from the present state when there is none.
pub async fn follow_from(options: WatchOptions, after: Option<String>, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let variables = json!({ "id": options.execution, "after": after });
    let item = |item: &Value, variables: &mut Value| {
        let update = &item["executionUpdated"];
        if update["cursor"].is_string() {
            variables["after"] = update["cursor"].clone();
        }
        tell(update, format)
    };
    stream::follow(&server, FOLLOW, variables, item).await?;
    let execution = server.run("execution", ENDING, json!({ "id": options.execution })).await?;
    if format == Format::Table {
        output::line(&ending(&execution))?;
    } else {
        output::line(&json!({ "execution": execution }).to_string())?;
    }
    Ok(if execution["status"] == "COMPLETED" { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn tell(update: &Value, format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        output::line(&update.to_string())?;
    } else if update["event"].is_object() {
        let event = &update["event"];
        output::line(&format!(
            "{}  {}",
            event["at"].as_str().unwrap_or_default(),
            event["summary"].as_str().unwrap_or_default()
        ))?;
    } else {
        output::line(&format!(
            "{} {}",
            update["execution"]["id"].as_str().unwrap_or_default(),
            update["execution"]["status"].as_str().unwrap_or_default().to_lowercase()
        ))?;
    }
    Ok(())
}
