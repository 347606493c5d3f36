//! What is live, line by line: lists in which items enter, change and leave, and single objects.

use std::cell::RefCell;
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

/// Follows one object, which the subscription `field` tells as it is and whenever it has changed, until it is deleted.
/// A connection that is made anew begins with the state as it is then; `line` is what people read of a state.
pub async fn follow_one(
    server: &Server,
    field: &str,
    query: &str,
    id: &str,
    format: Format,
    line: impl Fn(&Value) -> String,
) -> Result<ExitCode, Failure> {
    let last = RefCell::new(Value::Null);
    let tell = |item: &Value, _variables: &mut Value| {
        let item = &item[field];
        if last.replace(item.clone()) != *item {
            output::line(&if format == Format::Json { item.to_string() } else { line(item) })?;
        }
        Ok(())
    };
    stream::follow(server, query, json!({ "id": id }), tell).await?;
    eprintln!("{id} is deleted, or out of reach");
    Ok(ExitCode::SUCCESS)
}
