//! `sluice roles`: the roles of the organization.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::ServerOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const ROLES: &str = "{ viewer { organization { roles {
  id name description isBuiltIn namespaces memberCount permissions } } } }";

pub async fn run(options: ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    let roles = all(&Server::new(&options)?).await?;
    match format {
        Format::Json => output::json(&Value::Array(roles)),
        Format::Table => {
            let row = |role: &Value| {
                let folders = role["namespaces"].as_array();
                let folders = folders.map(|folders| folders.iter().map(text).collect::<Vec<_>>().join(", "));
                let count = role["permissions"].as_array().map_or(0, Vec::len);
                vec![
                    text(&role["name"]),
                    text(&role["id"]),
                    role["memberCount"].to_string(),
                    count.to_string(),
                    folders.unwrap_or_else(|| "everywhere".to_owned()),
                    text(&role["description"]),
                ]
            };
            let head = ["role", "id", "members", "permissions", "folders", "description"];
            output::table(&head, roles.iter().map(row).collect())
        }
    }
}

/// All roles, the built-in ones first.
pub async fn all(server: &Server) -> Result<Vec<Value>, Failure> {
    let viewer = server.run("viewer", ROLES, json!({})).await?;
    Ok(viewer["organization"]["roles"].as_array().cloned().unwrap_or_default())
}
