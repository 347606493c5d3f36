//! `sluice keys`: API keys of the organization.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::{KeysCommand, KeysOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { apiKeys(first: 100, after: $after) {
  nodes { id displayName kind prefix permissions namespaces allowedAddresses onBehalfOf { id displayName }
    expiresAt lastUsedAt revokedAt createdAt }
  pageInfo { hasNextPage endCursor } } }";
const CREATE: &str = "mutation($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) {
  apiKey { id displayName expiresAt } token userErrors { code message field help } } }";
const ROTATE: &str = "mutation($input: ApiKeyRotateInput!) { apiKeyRotate(input: $input) {
  apiKey { id displayName expiresAt } token userErrors { code message field help } } }";
const REVOKE: &str = "mutation($input: ApiKeyRevokeInput!) { apiKeyRevoke(input: $input) {
  apiKey { id displayName revokedAt } userErrors { code message field help } } }";

pub async fn run(options: KeysOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None => list(&server, format).await,
        Some(KeysCommand::Create { name, permissions, namespaces, addresses, expires_at, service_account }) => {
            let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
            let input = json!({
                "displayName": name,
                "permissions": permissions,
                "namespaces": some(namespaces),
                "allowedAddresses": some(addresses),
                "expiresAt": expires_at,
                "serviceAccountId": service_account,
            });
            made(server.run("apiKeyCreate", CREATE, json!({ "input": input })).await?, format)
        }
        Some(KeysCommand::Rotate { id, overlap }) => {
            let input = json!({ "id": id, "overlap": overlap });
            made(server.run("apiKeyRotate", ROTATE, json!({ "input": input })).await?, format)
        }
        Some(KeysCommand::Revoke { id, reason }) => {
            let input = json!({ "id": id, "reason": reason });
            let void = server.run("apiKeyRevoke", REVOKE, json!({ "input": input })).await?["apiKey"].take();
            match format {
                Format::Json => output::json(&void),
                Format::Table => output::line(&format!("{} is void", void["id"].as_str().unwrap_or_default())),
            }
        }
    }
}

/// The key alone goes to standard output, for a pipe into wherever secrets are kept.
fn made(mut answer: Value, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => {
            let mut key = answer["apiKey"].take();
            key["token"] = answer["token"].take();
            output::json(&key)
        }
        Format::Table => {
            let id = answer["apiKey"]["id"].as_str().unwrap_or_default();
            eprintln!("{id}: keep the key, it is shown only now");
            output::line(answer["token"].as_str().unwrap_or_default())
        }
    }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let keys = server.pages(&["apiKeys"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(keys)),
        Format::Table => {
            let row = |key: &Value| {
                let state = if key["revokedAt"].is_null() { text(&key["expiresAt"]) } else { "void".to_owned() };
                vec![
                    text(&key["id"]),
                    text(&key["displayName"]),
                    text(&key["prefix"]),
                    text(&key["onBehalfOf"]["displayName"]),
                    state,
                    text(&key["lastUsedAt"]),
                ]
            };
            let head = ["key", "name", "begins with", "acts for", "until", "last used"];
            output::table(&head, keys.iter().map(row).collect())
        }
    }
}
