//! `sluice members`: who belongs to the organization, and as what.

use std::process::ExitCode;

use serde_json::Value;

use super::server::Server;
use super::values::text;
use crate::arguments::ServerOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const MEMBERS: &str = "query($after: String) { viewer { organization { members(first: 100, after: $after) {
  nodes { id actor { id displayName kind } email role { id name } joinedAt }
  pageInfo { hasNextPage endCursor } } } } }";

pub async fn run(options: ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    let members = Server::new(&options)?.pages(&["viewer", "organization", "members"], MEMBERS).await?;
    match format {
        Format::Json => output::json(&Value::Array(members)),
        Format::Table => {
            let row = |member: &Value| {
                vec![
                    text(&member["id"]),
                    text(&member["actor"]["displayName"]),
                    text(&member["email"]),
                    text(&member["role"]["name"]),
                    text(&member["joinedAt"]),
                ]
            };
            output::table(&["member", "name", "address", "role", "joined"], members.iter().map(row).collect())
        }
    }
}
