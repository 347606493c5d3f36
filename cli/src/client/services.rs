//! `sluice service`: systems that workflows call by name.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::named::Names;
use super::secrets::SECRETS;
use super::server::Server;
use super::values::{optional_json, text};
use crate::arguments::{ServiceCommand, ServiceFields, ServiceOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { services(first: 100, after: $after) {
  nodes { id name title kind baseUrl authentication { kind } revision updatedAt }
  pageInfo { hasNextPage endCursor } } }";
const SHOW: &str = "query($id: ID!) { service(id: $id) { id name title kind baseUrl
  authentication { kind secretName headerName } settings revision createdAt updatedAt updatedBy { id }
  usedBy(first: 100) { nodes { slug } } } }";
const CREATE: &str = "mutation($input: ServiceCreateInput!) { serviceCreate(input: $input) {
  service { id name revision } userErrors { code message field help } } }";
const UPDATE: &str = "mutation($input: ServiceUpdateInput!) { serviceUpdate(input: $input) {
  service { id name revision } userErrors { code message field help } } }";
const CHECK: &str = "mutation($input: ServiceCheckInput!) { serviceCheck(input: $input) {
  isReachable statusCode latency problem userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: ServiceDeleteInput!) { serviceDelete(input: $input) {
  deletedId userErrors { code message field help } } }";

/// The services of the organization, by name.
pub const SERVICES: Names =
    Names { list: "services", query: LIST, key: "name", what: "service", command: "sluice service list" };

pub async fn run(options: ServiceOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(ServiceCommand::List) => list(&server, format).await,
        Some(ServiceCommand::Show { service }) => show(&server, &service, format).await,
        Some(ServiceCommand::Create { name, kind, said }) => {
            let mut input = fields(&server, &said).await?;
            input.insert("name".to_owned(), json!(name));
            input.insert("kind".to_owned(), json!(kind.to_ascii_uppercase()));
            saved(&server, ("serviceCreate", CREATE), input, format).await
        }
        Some(ServiceCommand::Update { service, said, revision }) => {
            let mut input = fields(&server, &said).await?;
            if input.is_empty() {
                let failure = Failure::usage("nothing to change was given");
                return Err(failure.help("`sluice service update --help` tells what"));
            }
            input.insert("id".to_owned(), SERVICES.id(&server, &service).await?);
            input.insert("expectedRevision".to_owned(), json!(revision));
            saved(&server, ("serviceUpdate", UPDATE), input, format).await
        }
        Some(ServiceCommand::Check { service }) => check(&server, &service, format).await,
        Some(ServiceCommand::Rm { service }) => {
            let input = json!({ "input": { "id": SERVICES.id(&server, &service).await? } });
            let mut answer = server.run("serviceDelete", DELETE, input).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{service} is deleted")),
            }
        }
    }
}

/// What is said of a service when it is made or changed.
async fn fields(server: &Server, said: &ServiceFields) -> Result<Map<String, Value>, Failure> {
    let plain = |text: Option<&String>| text.map(|text| json!(text));
    let settings = optional_json("--settings", said.settings.as_deref())?;
    let authentication = match &said.auth {
        Some(way) => {
            let secret = match &said.secret {
                Some(name) => SECRETS.id(server, name).await?,
                None => Value::Null,
            };
            let kind = way.to_ascii_uppercase().replace('-', "_");
            Some(json!({ "kind": kind, "secretId": secret, "headerName": said.header }))
        }
        None => None,
    };
    let given = [
        ("title", plain(said.title.as_ref())),
        ("baseUrl", plain(said.base_url.as_ref())),
        ("authentication", authentication),
        ("settings", Some(settings).filter(|settings| !settings.is_null())),
    ];
    Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let services = server.pages(&["services"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(services)),
        Format::Table => {
            let row = |service: &Value| {
                vec![
                    text(&service["name"]),
                    text(&service["title"]),
                    text(&service["kind"]).to_lowercase(),
                    text(&service["baseUrl"]),
                    text(&service["authentication"]["kind"]).to_lowercase(),
                    text(&service["updatedAt"]),
                ]
            };
            let head = ["service", "title", "kind", "address", "authentication", "changed"];
            output::table(&head, services.iter().map(row).collect())
        }
    }
}

async fn show(server: &Server, service: &str, format: Format) -> Result<ExitCode, Failure> {
    let id = SERVICES.id(server, service).await?;
    let service = server.run("service", SHOW, json!({ "id": id })).await?;
    match format {
        Format::Json => output::json(&service),
        Format::Table => {
            let authentication = &service["authentication"];
            let mut way = text(&authentication["kind"]).to_lowercase();
            if let Some(secret) = authentication["secretName"].as_str() {
                way = format!("{way} with secrets.{secret}");
            }
            output::line(&format!(
                "{} ({}) at {}, revision {}\nauthentication: {way}\n{}\nused by: {}",
                text(&service["name"]),
                text(&service["kind"]).to_lowercase(),
                service["baseUrl"].as_str().unwrap_or("no address"),
                text(&service["revision"]),
                serde_json::to_string_pretty(&service["settings"]).expect("a value is plain data"),
                users(&service["usedBy"]),
            ))
        }
    }
}

async fn check(server: &Server, service: &str, format: Format) -> Result<ExitCode, Failure> {
    let input = json!({ "input": { "id": SERVICES.id(server, service).await? } });
    let answer = server.run("serviceCheck", CHECK, input).await?;
    let is_reachable = answer["isReachable"] == true;
    match format {
        Format::Json => output::json(&answer)?,
        Format::Table if is_reachable => {
            let status = answer["statusCode"].as_i64().map_or_else(String::new, |status| format!(" with {status}"));
            output::line(&format!("{service} answers{status} after {}", text(&answer["latency"])))?
        }
        Format::Table => output::line(&format!("{service} does not answer: {}", text(&answer["problem"])))?,
    };
    Ok(if is_reachable { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The workflows of a list, in one line.
pub fn users(used_by: &Value) -> String {
    let slugs: Vec<String> =
        used_by["nodes"].as_array().into_iter().flatten().map(|workflow| text(&workflow["slug"])).collect();
    if slugs.is_empty() { "nobody".to_owned() } else { slugs.join(", ") }
}

async fn saved(
    server: &Server,
    (field, mutation): (&str, &str),
    input: Map<String, Value>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let service = server.run(field, mutation, json!({ "input": input })).await?["service"].take();
    match format {
        Format::Json => output::json(&service),
        Format::Table => output::line(&text(&service["id"])),
    }
}
