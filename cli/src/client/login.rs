//! `sluice login`, `logout` and `whoami`.

use std::io::IsTerminal;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::credentials;
use super::server::{Server, kept};
use super::values::text;
use crate::arguments::{LoginOptions, ServerOptions};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::password;

const LOGIN: &str = "mutation($input: SessionCreateInput!) { sessionCreate(input: $input) {
  accessToken refreshToken viewer { actor { id } organization { slug } } userErrors { code message field help } } }";
const LOGOUT: &str = "mutation { sessionDelete(input: {}) { deletedId userErrors { code message field help } } }";
const WHOAMI: &str = "{ viewer { actor { id displayName kind } user { email displayName } organization { id slug name }
  permissions } }";

pub async fn login(options: LoginOptions, format: Format) -> Result<ExitCode, Failure> {
    let email = match options.email {
        Some(email) => email,
        None => ask_email()?,
    };
    let password = password::ask("Password: ", password::Repeat::Once)?;
    let server = Server::anonymous(&options.server)?;
    let input = json!({ "input": { "email": email, "password": password } });
    let payload = server.run("sessionCreate", LOGIN, input).await?;
    credentials::keep(&options.server.url, kept(&email, &payload)?)?;
    let viewer = &payload["viewer"];
    match format {
        Format::Json => output::json(&json!({
            "server": options.server.url, "email": email,
            "id": viewer["actor"]["id"], "organization": viewer["organization"]["slug"],
        })),
        Format::Table => {
            let organization = viewer["organization"]["slug"].as_str().unwrap_or_default();
            output::line(&format!("{email} is signed in at {}, organization {organization}", options.server.url))
        }
    }
}

fn ask_email() -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("no address was given").help("give --email; the password comes from standard input"));
    }
    eprint!("Address: ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|problem| Failure::of("the address cannot be read", &problem))?;
    Ok(line.trim().to_owned())
}

pub async fn logout(options: ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    let Some(_kept) = credentials::of(&options.url)? else {
        return Err(Failure::new(format!("nobody is signed in at {}", options.url)));
    };
    let stored = ServerOptions { token: None, ..options.clone() };
    let ended = Server::new(&stored)?.run("sessionDelete", LOGOUT, Value::Null).await;
    // Forgotten here whatever the server says: a session that is over already is no reason to keep its tokens.
    credentials::forget(&options.url)?;
    if let Err(failure) = ended {
        eprintln!("warning: the tokens were removed here, but the server did not end the session: {failure}");
    }
    match format {
        Format::Json => output::json(&json!({ "server": options.url })),
        Format::Table => output::line(&format!("signed out from {}", options.url)),
    }
}

pub async fn whoami(options: ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    let viewer = Server::new(&options)?.run("viewer", WHOAMI, Value::Null).await?;
    match format {
        Format::Json => output::json(&viewer),
        Format::Table => {
            let name =
                if viewer["user"].is_null() { &viewer["actor"]["displayName"] } else { &viewer["user"]["email"] };
            let permissions = viewer["permissions"].as_array().map_or(0, Vec::len);
            let row = vec![
                text(name),
                text(&viewer["actor"]["kind"]).to_lowercase(),
                text(&viewer["organization"]["slug"]),
                permissions.to_string(),
            ];
            output::table(&["who", "kind", "organization", "permissions"], vec![row])
        }
    }
}
