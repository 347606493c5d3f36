//! `sluice emit --batch`: emits the events of a file, one a line.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::parts::Parts;
use super::server::Server;
use crate::failure::Failure;
use crate::output::{self, Format};

const EMIT: &str = "mutation($input: EventEmitBatchInput!) { eventEmitBatch(input: $input) {
  results { index isNew event { id type } userErrors { code message field help } }
  userErrors { code message field help } } }";

/// What came of all lines.
#[derive(Default)]
struct Count {
    new: usize,
    known: usize,
    refused: usize,
}

/// Emits the events of `file`; prints what came of each, and ends with 1 when one was refused. What was sent stays
/// sent: with deduplication keys the whole file can be sent again.
pub async fn run(server: &Server, file: &Path, format: Format) -> Result<ExitCode, Failure> {
    let (mut count, mut parts) = (Count::default(), Parts::of(file)?);
    loop {
        let part = parts.part()?;
        if part.is_empty() {
            break;
        }
        send(server, part, &mut count, format).await?;
    }
    if format == Format::Table {
        let read = parts.read();
        output::line(&format!(
            "{read} lines: {} new events, {} known ones, {} refused",
            count.new, count.known, count.refused
        ))?;
    }
    Ok(ExitCode::from(u8::from(count.refused > 0)))
}

async fn send(server: &Server, items: Vec<(usize, Value)>, count: &mut Count, format: Format) -> Result<(), Failure> {
    let (numbers, items): (Vec<usize>, Vec<Value>) = items.into_iter().unzip();
    let sent = server.run("eventEmitBatch", EMIT, json!({ "input": { "items": items } })).await;
    let sent = sent.inspect_err(|_told_by_the_caller| {
        eprintln!("lines {} to {} were not taken, and none after them", numbers[0], numbers[numbers.len() - 1]);
    })?;
    for (number, result) in numbers.iter().zip(sent["results"].as_array().into_iter().flatten()) {
        let errors = result["userErrors"].as_array().filter(|errors| !errors.is_empty());
        match (errors, &result["isNew"]) {
            (Some(errors), _) => {
                count.refused += 1;
                for error in errors {
                    let text = |name: &str| error[name].as_str().unwrap_or_default();
                    eprintln!("line {number}: {} ({})", text("message"), text("code"));
                }
            }
            (None, Value::Bool(true)) => count.new += 1,
            (None, _) => count.known += 1,
        }
        if format == Format::Json {
            let (event, is_new, errors) = (&result["event"], &result["isNew"], &result["userErrors"]);
            let told = json!({ "line": number, "eventId": event["id"], "isNew": is_new, "userErrors": errors });
            output::line(&told.to_string())?;
        }
    }
    Ok(())
}
