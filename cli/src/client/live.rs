//! Live lists: what enters, changes and leaves, line by line.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::stream;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Follows the subscription `field` with a filter until somebody stops it. Its items have a `cursor`, behind which it
/// goes on when the connection breaks; `line` is what people read of an item.
pub async fn follow(
    server: &Server,
    field: &str,
    query: &str,
    filter: Value,
    format: Format,
    line: impl Fn(&Value) -> String,
) -> Result<ExitCode, Failure> {
    let mut is_anew = false;
    // Nothing was told yet, so there is no place to go on behind: what came in between is not told.
    let before = async |variables: &Value| -> Result<(), Failure> {
        if is_anew && variables["after"].is_null() {
            eprintln!("what came while the connection was away is not shown");
        }
        is_anew = true;
        Ok(())
    };
    let tell = |item: &Value, variables: &mut Value| {
        let item = &item[field];
        variables["after"] = item["cursor"].clone();
        output::line(&if format == Format::Json { item.to_string() } else { line(item) })?;
        Ok(())
    };
    stream::follow_with(server, query, json!({ "filter": filter, "after": null }), before, tell).await?;
    Ok(ExitCode::SUCCESS)
}
