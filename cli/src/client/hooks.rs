//! `sluice hooks`: addresses that others call to start workflows.

use std::process::ExitCode;
use std::time::Duration;

use ids::EventId;
use serde_json::{Value, json};
use service::Clock;
use service::hooks::{Verification, sign};
use service::sealed::Secret;

use super::server::{Server, json_argument};
use super::values::text;
use crate::arguments::{HooksCommand, HooksOptions};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::password;

const LIST: &str = "query($after: String) { hooks(first: 100, after: $after) {
  nodes { id method path url verification isEnabled hasSecret secretRotatedAt previousSecretExpiresAt createdAt
    workflow { id slug } }
  pageInfo { hasNextPage endCursor } } }";
const ROTATE: &str = "mutation($input: HookRotateSecretInput!) { hookRotateSecret(input: $input) {
  hook { id method path url previousSecretExpiresAt } secret userErrors { code message field help } } }";

/// Time for a hook to answer.
const PATIENCE: Duration = Duration::from_secs(45);

pub async fn run(options: HooksOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None => list(&server, format).await,
        Some(HooksCommand::Rotate { hook, overlap, take }) => {
            let found = find(&server, &hook).await?;
            let secret = if take { Some(password::secret("Secret of the sender: ")?) } else { None };
            let input = json!({ "id": found["id"], "secret": secret, "overlap": overlap });
            rotated(server.run("hookRotateSecret", ROTATE, json!({ "input": input })).await?, format)
        }
        Some(HooksCommand::Test { hook, body, header }) => {
            let body = json_argument("--body", body.as_deref())?;
            test(&server, &find(&server, &hook).await?, &body, &header, format).await
        }
    }
}

/// The hook with this id or path.
async fn find(server: &Server, hook: &str) -> Result<Value, Failure> {
    let all = server.pages(&["hooks"], LIST).await?;
    let fits = |known: &&Value| known["id"] == hook || known["path"] == hook.trim_start_matches('/');
    let mut found = all.iter().filter(fits);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("several hooks have the path {hook}")).help("name it by its id: sluice hooks"))
        }
        (None, _) => Err(Failure::new(format!("there is no hook {hook}")).help("list them with `sluice hooks`")),
    }
}

/// The secret alone goes to standard output, for a pipe into wherever secrets are kept.
fn rotated(answer: Value, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => output::json(&answer),
        Format::Table => {
            let url = answer["hook"]["url"].as_str().unwrap_or_default();
            if let Some(until) = answer["hook"]["previousSecretExpiresAt"].as_str() {
                eprintln!("the secret before counts until {until}");
            }
            match answer["secret"].as_str() {
                Some(secret) => {
                    eprintln!("{url}: keep the secret, it is shown only now");
                    output::line(secret)
                }
                None => output::line(&format!("{url} has the secret of its sender")),
            }
        }
    }
}

async fn test(server: &Server, hook: &Value, body: &Value, header: &str, format: Format) -> Result<ExitCode, Failure> {
    let text = |name: &str| hook[name].as_str().unwrap_or_default();
    let verification = Verification::from_name(&text("verification").to_lowercase());
    let secret = match verification {
        Verification::None => String::new(),
        Verification::HmacSha256 | Verification::StandardWebhooks => password::secret("Secret of the hook: ")?,
    };
    let body = if text("method") == "GET" { Vec::new() } else { body.to_string().into_bytes() };
    // As unique as the id of an event.
    let id = EventId::new().to_string().replace(EventId::PREFIX, "msg");
    let headers = sign(verification, header, &Secret::new(secret), (&id, Clock::System.now()), &body);
    let headers = headers.ok_or_else(|| {
        Failure::usage("this is no secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64")
    })?;
    // At the address that the command talks to: the public one may lead elsewhere from here.
    let path = text("url").find("/hooks/").map_or("", |at| &text("url")[at..]);
    let mut request = server.call(text("method"), path)?.timeout(PATIENCE).body(body);
    request = request.header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(|problem| server.unreachable(&problem))?;
    let status = answer.status();
    let told = server.json(answer).await?;
    super::server::refuse_errors(&told)?;
    match format {
        Format::Json => output::json(&told),
        Format::Table => {
            let execution = told["executionId"].as_str().unwrap_or_default();
            output::line(&format!("{status}: {execution}"))
        }
    }
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let hooks = server.pages(&["hooks"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(hooks)),
        Format::Table => {
            let row = |hook: &Value| {
                let proof = match (hook["verification"].as_str(), hook["hasSecret"].as_bool()) {
                    (Some("NONE"), _) => "none: anybody may call".to_owned(),
                    (_, Some(true)) => text(&hook["verification"]).to_lowercase(),
                    _no_secret => "no secret yet: sluice hooks rotate".to_owned(),
                };
                let state = if hook["isEnabled"] == true { "" } else { "disabled" };
                vec![
                    text(&hook["id"]),
                    text(&hook["workflow"]["slug"]),
                    text(&hook["method"]),
                    text(&hook["url"]),
                    proof,
                    state.to_owned(),
                ]
            };
            output::table(&["hook", "workflow", "method", "address", "proof", "state"], hooks.iter().map(row).collect())
        }
    }
}
