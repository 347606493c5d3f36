//! `sluice secret`: values that definitions use and nobody reads back.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::named::Names;
use super::server::Server;
use super::values::text;
use crate::arguments::{SecretCommand, SecretOptions};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::{password, validate};

const LIST: &str = "query($after: String) { secrets(first: 100, after: $after) {
  nodes { id name description allowedHosts version fingerprint updatedAt } pageInfo { hasNextPage endCursor } } }";
const SET: &str = "mutation($input: SecretSetInput!) { secretSet(input: $input) {
  secret { id name version fingerprint allowedHosts } userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: SecretDeleteInput!) { secretDelete(input: $input) {
  deletedId userErrors { code message field help } } }";

/// The secrets of the organization, by name.
pub const SECRETS: Names =
    Names { list: "secrets", query: LIST, key: "name", what: "secret", command: "sluice secret list" };

pub async fn run(options: SecretOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(SecretCommand::List) => list(&server, format).await,
        Some(SecretCommand::Set { name, value_file, keep_value, hosts, any_host, description }) => {
            let input = json!({
                "name": name,
                "value": if keep_value { None } else { Some(value(value_file.as_deref())?) },
                "description": description,
                "allowedHosts": if hosts.is_empty() && !any_host { Value::Null } else { json!(hosts) },
            });
            set(&server, input, format).await
        }
        Some(SecretCommand::Rm { secret }) => {
            let input = json!({ "input": { "id": SECRETS.id(&server, &secret).await? } });
            let mut answer = server.run("secretDelete", DELETE, input).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{secret} is deleted")),
            }
        }
    }
}

/// The value, never an argument: other users of the machine can read those, and shells remember them.
fn value(file: Option<&Path>) -> Result<String, Failure> {
    let Some(file) = file.filter(|file| *file != Path::new("-")) else {
        return password::text("Value of the secret: ");
    };
    let text = password::without_last_break(validate::read(file)?);
    if text.is_empty() { Err(Failure::usage(format!("{} is empty", file.display()))) } else { Ok(text) }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let secrets = server.pages(&["secrets"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(secrets)),
        Format::Table => {
            let row = |secret: &Value| {
                vec![
                    text(&secret["name"]),
                    hosts(&secret["allowedHosts"]),
                    text(&secret["version"]),
                    text(&secret["fingerprint"]),
                    text(&secret["updatedAt"]),
                    text(&secret["description"]),
                ]
            };
            let head = ["secret", "hosts", "version", "fingerprint", "changed", "what for"];
            output::table(&head, secrets.iter().map(row).collect())
        }
    }
}

fn hosts(allowed: &Value) -> String {
    let named: Vec<&str> = allowed.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if named.is_empty() { "any".to_owned() } else { named.join(", ") }
}

async fn set(server: &Server, input: Value, format: Format) -> Result<ExitCode, Failure> {
    let secret = server.run("secretSet", SET, json!({ "input": input })).await?["secret"].take();
    match format {
        Format::Json => output::json(&secret),
        Format::Table => output::line(&format!(
            "{} has version {}, fingerprint {}, for hosts: {}",
            text(&secret["name"]),
            text(&secret["version"]),
            text(&secret["fingerprint"]),
            hosts(&secret["allowedHosts"]),
        )),
    }
}
