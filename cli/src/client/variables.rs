//! `sluice variable`: named values for definitions.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::named::Names;
use super::server::{Server, json_argument};
use super::values::text;
use crate::arguments::{VariableCommand, VariableOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { variables(first: 100, after: $after) {
  nodes { id name description value schema revision updatedAt } pageInfo { hasNextPage endCursor } } }";
const SET: &str = "mutation($input: VariableSetInput!) { variableSet(input: $input) {
  variable { id name value revision } userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: VariableDeleteInput!) { variableDelete(input: $input) {
  deletedId userErrors { code message field help } } }";
const VARIABLES: Names =
    Names { list: "variables", query: LIST, key: "name", what: "variable", command: "sluice variable list" };

/// Characters of a value that a list shows.
const SHOWN: usize = 60;

pub async fn run(options: VariableOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(VariableCommand::List) => list(&server, format).await,
        Some(VariableCommand::Set { name, value, description, schema, revision }) => {
            let mut input = json!({
                "name": name,
                "value": json_argument("the value", Some(&value))?,
                "description": description,
                "expectedRevision": revision,
            });
            // One that is left out stays, and null takes it away.
            if let Some(schema) = schema {
                input["schema"] = json_argument("--schema", Some(&schema))?;
            }
            set(&server, input, format).await
        }
        Some(VariableCommand::Rm { variable }) => {
            let input = json!({ "input": { "id": VARIABLES.id(&server, &variable).await? } });
            let mut answer = server.run("variableDelete", DELETE, input).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{variable} is deleted")),
            }
        }
    }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let variables = server.pages(&["variables"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(variables)),
        Format::Table => {
            let row = |variable: &Value| {
                vec![
                    text(&variable["name"]),
                    shortened(&variable["value"].to_string()),
                    text(&variable["revision"]),
                    text(&variable["updatedAt"]),
                    text(&variable["description"]),
                ]
            };
            let head = ["variable", "value", "revision", "changed", "what for"];
            output::table(&head, variables.iter().map(row).collect())
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

async fn set(server: &Server, input: Value, format: Format) -> Result<ExitCode, Failure> {
    let variable = server.run("variableSet", SET, json!({ "input": input })).await?["variable"].take();
    match format {
        Format::Json => output::json(&variable),
        Format::Table => {
            let (name, revision) = (text(&variable["name"]), text(&variable["revision"]));
            output::line(&format!("{name} has revision {revision}"))
        }
    }
}
