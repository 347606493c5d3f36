//! How far a bulk operation is.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{ending, whole};
use crate::client::server::Server;
use crate::client::values::text;
use crate::failure::Failure;
use crate::output::{self, Format};

const LOOK: &str = "query($id: ID!) { bulkOperation(id: $id) { status total succeeded failed skipped endedAt } }";

/// How often it is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Requests in a row without an answer after which it gives up.
const TRIES: u32 = 60;

/// Follows an operation until it has ended; fails when it did not complete, or something was not possible.
pub async fn follow(server: &Server, id: &str, format: Format) -> Result<ExitCode, Failure> {
    let bar = if format == Format::Table { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {msg}").unwrap_or_else(|_| {
        // A template that cannot be read is a fault of this file; the bar without one says enough.
        ProgressStyle::default_bar()
    });
    bar.set_style(style);
    let (mut tries, mut is_known) = (0, false);
    loop {
        match server.run("bulkOperation", LOOK, json!({ "id": id })).await {
            // One that does not exist is told below.
            Ok(operation) if operation["endedAt"].is_string() || operation.is_null() => break,
            Ok(operation) => {
                show(&bar, &operation);
                (tries, is_known) = (0, true);
            }
            // The work goes on without anybody who looks.
            Err(failure) if tries >= TRIES || !is_known => return Err(failure),
            Err(_away) => tries += 1,
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let operation = whole(server, id).await?;
    bar.finish_and_clear();
    match format {
        Format::Json => output::json(&operation)?,
        Format::Table => output::line(&ending(&operation))?,
    };
    let is_done = operation["status"] == "COMPLETED" && operation["failed"] == 0;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn show(bar: &ProgressBar, operation: &Value) {
    let number = |name: &str| operation[name].as_u64().unwrap_or_default();
    bar.set_length(number("total"));
    bar.set_position(number("succeeded") + number("failed") + number("skipped"));
    bar.set_message(text(&operation["status"]).to_lowercase());
}
