//! `sluice invite`: invites somebody, and says where they accept.

use std::process::ExitCode;

use serde_json::json;

use super::roles;
use super::server::Server;
use crate::arguments::InviteOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

const INVITE: &str =
    "mutation($email: String!, $role: ID!) { invitationCreate(input: { email: $email, roleId: $role }) {
  invitation { id email role { name } expiresAt } acceptUrl userErrors { code message field help } } }";

pub async fn run(options: InviteOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let role = role_id(&server, &options.role).await?;
    let mut made = server.run("invitationCreate", INVITE, json!({ "email": options.email, "role": role })).await?;
    match format {
        Format::Json => {
            let mut invitation = made["invitation"].take();
            invitation["acceptUrl"] = made["acceptUrl"].take();
            output::json(&invitation)
        }
        Format::Table => output::line(made["acceptUrl"].as_str().unwrap_or_default()),
    }
}

/// The id of the role that is meant.
async fn role_id(server: &Server, role: &str) -> Result<String, Failure> {
    if role.starts_with("rol_") {
        return Ok(role.to_owned());
    }
    let known = roles::all(server).await?;
    let named = known.iter().find(|known| known["name"] == role).and_then(|known| known["id"].as_str());
    named.map(str::to_owned).ok_or_else(|| {
        let names: Vec<&str> = known.iter().filter_map(|known| known["name"].as_str()).collect();
        Failure::new(format!("there is no role `{role}`")).help(format!("the roles are {}", names.join(", ")))
    })
}
