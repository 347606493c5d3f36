//! `sluice start --batch`: starts the executions of a file, one a line.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::parts::Parts;
use super::server::Server;
use super::values::workflow_ref;
use crate::arguments::StartOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const START: &str = "mutation($input: ExecutionStartBatchInput!) { executionStartBatch(input: $input) {
  results { index isNew executionId userErrors { code message field help } }
  userErrors { code message field help } } }";

/// What came of all lines.
#[derive(Default)]
struct Count {
    new: usize,
    known: usize,
    refused: usize,
}

/// Starts the executions of `file`; prints what came of each, and ends with 1 when one was refused. What was started
/// stays started: with idempotency keys the whole file can be sent again.
pub async fn run(options: &StartOptions, file: &Path, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let (mut count, mut parts) = (Count::default(), Parts::of(file)?);
    loop {
        let mut part = parts.part()?;
        if part.is_empty() {
            break;
        }
        for (number, item) in &mut part {
            complete(options, *number, item)?;
        }
        send(&server, part, &mut count, format).await?;
    }
    if format == Format::Table {
        let read = parts.read();
        output::line(&format!(
            "{read} lines: {} new executions, {} known ones, {} refused",
            count.new, count.known, count.refused
        ))?;
    }
    Ok(ExitCode::from(u8::from(count.refused > 0)))
}

/// What the command line says for all lines, for a line that does not say it itself.
pub(super) fn complete(options: &StartOptions, number: usize, item: &mut Value) -> Result<(), Failure> {
    let Some(fields) = item.as_object_mut() else {
        return Err(Failure::usage(format!("line {number} is not a JSON object")));
    };
    let named = fields.get("workflow").and_then(Value::as_str).map(workflow_ref);
    let named = named.or_else(|| match fields.get("workflow") {
        None => options.workflow.as_deref().map(workflow_ref),
        Some(_written_out) => None,
    });
    if let Some(workflow) = named {
        fields.insert("workflow".to_owned(), workflow);
    }
    if !fields.contains_key("workflow") {
        let failure = Failure::usage(format!("line {number} names no workflow"));
        return Err(failure.help("write `\"workflow\": \"SLUG\"` in it, or name one for all lines before --batch"));
    }
    if let Some(prefix) = &options.idempotency_key
        && !fields.contains_key("idempotencyKey")
    {
        fields.insert("idempotencyKey".to_owned(), json!(format!("{prefix}-{number}")));
    }
    Ok(())
}

async fn send(server: &Server, items: Vec<(usize, Value)>, count: &mut Count, format: Format) -> Result<(), Failure> {
    let (numbers, items): (Vec<usize>, Vec<Value>) = items.into_iter().unzip();
    let sent = server.run("executionStartBatch", START, json!({ "input": { "items": items } })).await;
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
            let (id, is_new, errors) = (&result["executionId"], &result["isNew"], &result["userErrors"]);
            let told = json!({ "line": number, "executionId": id, "isNew": is_new, "userErrors": errors });
            output::line(&told.to_string())?;
        }
    }
    Ok(())
}
