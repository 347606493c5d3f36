//! `sluice resource`: data that workflows load before their first step.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::named::Names;
use super::server::Server;
use super::services::{SERVICES, users};
use super::values::{optional_json, text};
use crate::arguments::{ResourceCommand, ResourceFields, ResourceOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { resourceLoaders(first: 100, after: $after) {
  nodes { id resource description service { name } isRequired revision } pageInfo { hasNextPage endCursor } } }";
const SHOW: &str = "query($id: ID!) { resourceLoader(id: $id) { id resource description service { id name }
  request resultPath outputSchema isRequired timeToLive revision usedBy(first: 100) { nodes { slug } } } }";
const CREATE: &str = "mutation($input: ResourceLoaderCreateInput!) { resourceLoaderCreate(input: $input) {
  resourceLoader { id resource revision } userErrors { code message field help } } }";
const UPDATE: &str = "mutation($input: ResourceLoaderUpdateInput!) { resourceLoaderUpdate(input: $input) {
  resourceLoader { id resource revision } userErrors { code message field help } } }";
const DELETE: &str = "mutation($input: ResourceLoaderDeleteInput!) { resourceLoaderDelete(input: $input) {
  deletedId userErrors { code message field help } } }";
const RESOURCES: Names =
    Names { list: "resourceLoaders", query: LIST, key: "resource", what: "resource", command: "sluice resource list" };

pub async fn run(options: ResourceOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    match options.what {
        None | Some(ResourceCommand::List) => list(&server, format).await,
        Some(ResourceCommand::Show { resource }) => show(&server, &resource, format).await,
        Some(ResourceCommand::Create { name, service, request, said }) => {
            let mut input = fields(&server, Some(&service), Some(&request), &said).await?;
            input.insert("resource".to_owned(), json!(name));
            saved(&server, ("resourceLoaderCreate", CREATE), input, format).await
        }
        Some(ResourceCommand::Update { resource, service, request, said, revision }) => {
            let mut input = fields(&server, service.as_deref(), request.as_deref(), &said).await?;
            if input.is_empty() {
                let failure = Failure::usage("nothing to change was given");
                return Err(failure.help("`sluice resource update --help` tells what"));
            }
            input.insert("id".to_owned(), RESOURCES.id(&server, &resource).await?);
            input.insert("expectedRevision".to_owned(), json!(revision));
            saved(&server, ("resourceLoaderUpdate", UPDATE), input, format).await
        }
        Some(ResourceCommand::Rm { resource }) => {
            let input = json!({ "input": { "id": RESOURCES.id(&server, &resource).await? } });
            let mut answer = server.run("resourceLoaderDelete", DELETE, input).await?;
            match format {
                Format::Json => output::json(&answer["deletedId"].take()),
                Format::Table => output::line(&format!("{resource} is deleted")),
            }
        }
    }
}

/// What is said of a resource when it is made or changed.
async fn fields(
    server: &Server,
    service: Option<&str>,
    request: Option<&str>,
    said: &ResourceFields,
) -> Result<Map<String, Value>, Failure> {
    let present = |value: Value| Some(value).filter(|value| !value.is_null());
    let request = optional_json("--request", request)?;
    let schema = optional_json("--schema", said.schema.as_deref())?;
    let service = match service {
        Some(name) => Some(SERVICES.id(server, name).await?),
        None => None,
    };
    let given = [
        ("serviceId", service),
        ("request", present(request)),
        ("resultPath", said.result.as_ref().map(|path| json!(path))),
        ("outputSchema", present(schema)),
        ("isRequired", said.required.map(|required| json!(required))),
        ("timeToLive", said.keep.as_ref().map(|length| json!(length))),
        ("description", said.description.as_ref().map(|text| json!(text))),
    ];
    Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let resources = server.pages(&["resourceLoaders"], LIST).await?;
    match format {
        Format::Json => output::json(&Value::Array(resources)),
        Format::Table => {
            let row = |resource: &Value| {
                vec![
                    text(&resource["resource"]),
                    text(&resource["service"]["name"]),
                    if resource["isRequired"] == true { "yes" } else { "no" }.to_owned(),
                    text(&resource["revision"]),
                    text(&resource["description"]),
                ]
            };
            let head = ["resource", "service", "required", "revision", "what it gives"];
            output::table(&head, resources.iter().map(row).collect())
        }
    }
}

async fn show(server: &Server, resource: &str, format: Format) -> Result<ExitCode, Failure> {
    let id = RESOURCES.id(server, resource).await?;
    let resource = server.run("resourceLoader", SHOW, json!({ "id": id })).await?;
    match format {
        Format::Json => output::json(&resource),
        Format::Table => output::line(&format!(
            "{} from {}, {}, kept for {}, revision {}\n{}\ntakes: {}\nused by: {}",
            text(&resource["resource"]),
            text(&resource["service"]["name"]),
            if resource["isRequired"] == true { "required" } else { "optional" },
            text(&resource["timeToLive"]),
            text(&resource["revision"]),
            serde_json::to_string_pretty(&resource["request"]).expect("a value is plain data"),
            resource["resultPath"].as_str().unwrap_or("all of the answer"),
            users(&resource["usedBy"]),
        )),
    }
}

async fn saved(
    server: &Server,
    (field, mutation): (&str, &str),
    input: Map<String, Value>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let resource = server.run(field, mutation, json!({ "input": input })).await?["resourceLoader"].take();
    match format {
        Format::Json => output::json(&resource),
        Format::Table => output::line(&text(&resource["id"])),
    }
}
