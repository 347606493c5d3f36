//! `sluice webhooks`: addresses that are told of what happens.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::webhooks::{UpdateOptions, WebhooksCommand, WebhooksOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($after: String) { webhookEndpoints(first: 100, after: $after) {
  nodes { id url description eventTypes isEnabled disabledReason failingSince createdAt revision }
  pageInfo { hasNextPage endCursor } } }";
const DELIVERIES: &str = "query($id: ID!, $first: Int!, $failed: Boolean!) { webhookEndpoint(id: $id) {
  deliveries(first: $first, failedOnly: $failed) {
    nodes { id eventType isDelivered nextAttemptAt createdAt attempts { at statusCode duration error } } } } }";
const ENDPOINT: &str = "endpoint { id isEnabled }";
const WITH_SECRET: &str = "endpoint { id } secret";
const DELIVERY: &str = "delivery { id }";

pub async fn run(options: WebhooksOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let (field, shown, input) = match options.what {
        None | Some(WebhooksCommand::List) => return list(&server, format).await,
        Some(WebhooksCommand::Deliveries { id, failed, limit }) => {
            let variables = json!({ "id": id, "first": limit, "failed": failed });
            return deliveries(&server, &id, variables, format).await;
        }
        Some(WebhooksCommand::Create { address, events, workflows, description }) => {
            let workflows = if workflows.is_empty() { Value::Null } else { json!(workflows) };
            let input =
                json!({ "url": address, "eventTypes": events, "workflowIds": workflows, "description": description });
            ("webhookEndpointCreate", WITH_SECRET, input)
        }
        Some(WebhooksCommand::Update(options)) => ("webhookEndpointUpdate", ENDPOINT, updated(&options)?),
        Some(WebhooksCommand::RotateSecret { id }) => ("webhookEndpointRotateSecret", WITH_SECRET, json!({ "id": id })),
        Some(WebhooksCommand::Enable { id }) => {
            ("webhookEndpointUpdate", ENDPOINT, json!({ "id": id, "isEnabled": true }))
        }
        Some(WebhooksCommand::Disable { id }) => {
            ("webhookEndpointUpdate", ENDPOINT, json!({ "id": id, "isEnabled": false }))
        }
        Some(WebhooksCommand::Test { id }) => ("webhookEndpointTest", DELIVERY, json!({ "id": id })),
        Some(WebhooksCommand::Redeliver { delivery }) => ("webhookDeliveryRetry", DELIVERY, json!({ "id": delivery })),
        Some(WebhooksCommand::Delete { id }) => ("webhookEndpointDelete", "deletedId", json!({ "id": id })),
    };
    let name = format!("W{}Input", &field[1..]);
    let query = format!(
        "mutation($input: {name}!) {{ {field}(input: $input) {{ {shown} userErrors {{ code message field help }} }} }}"
    );
    let payload = server.run(field, &query, json!({ "input": input })).await?;
    if format == Format::Json {
        return output::json(&payload);
    }
    match payload["secret"].as_str() {
        Some(secret) => {
            eprintln!("this secret is shown only now");
            output::line(&format!("{}\n{secret}", text(&payload["endpoint"]["id"])))
        }
        None if shown == DELIVERY => output::line(&text(&payload["delivery"]["id"])),
        None if shown == ENDPOINT => {
            let state = if payload["endpoint"]["isEnabled"] == true { "is on" } else { "is off" };
            output::line(&format!("{} {state}", text(&payload["endpoint"]["id"])))
        }
        None => output::line(&format!("{} is deleted", text(&payload["deletedId"]))),
    }
}

/// What changes of an endpoint; what is not said is left out.
fn updated(options: &UpdateOptions) -> Result<Value, Failure> {
    let mut input = Map::new();
    if let Some(address) = &options.address {
        input.insert("url".to_owned(), json!(address));
    }
    if !options.events.is_empty() {
        input.insert("eventTypes".to_owned(), json!(options.events));
    }
    if options.all_workflows || !options.workflows.is_empty() {
        input.insert("workflowIds".to_owned(), json!(options.workflows));
    }
    if let Some(description) = &options.description {
        input.insert("description".to_owned(), json!(description));
    }
    if input.is_empty() {
        return Err(Failure::usage("nothing to change was given").help("`sluice webhooks update --help` tells what"));
    }
    input.insert("id".to_owned(), json!(options.id));
    input.insert("expectedRevision".to_owned(), json!(options.revision));
    Ok(Value::Object(input))
}

async fn list(server: &Server, format: Format) -> Result<ExitCode, Failure> {
    let endpoints = server.pages(&["webhookEndpoints"], LIST).await?;
    if format == Format::Json {
        return output::json(&Value::Array(endpoints));
    }
    let row = |one: &Value| {
        let types: Vec<String> = one["eventTypes"].as_array().into_iter().flatten().map(text).collect();
        let state = match (one["isEnabled"] == true, one["disabledReason"].as_str(), one["failingSince"].as_str()) {
            (true, _, None) => "on".to_owned(),
            (true, _, Some(since)) => format!("failing since {since}"),
            (false, Some(why), _) => format!("off: {why}"),
            (false, None, _) => "off".to_owned(),
        };
        vec![text(&one["id"]), text(&one["url"]), types.join(" "), state, text(&one["description"])]
    };
    output::table(&["endpoint", "address", "told", "state", "for"], endpoints.iter().map(row).collect())
}

async fn deliveries(server: &Server, id: &str, variables: Value, format: Format) -> Result<ExitCode, Failure> {
    let mut endpoint = server.run("webhookEndpoint", DELIVERIES, variables).await?;
    if endpoint.is_null() {
        let failure = Failure::new(format!("there is no webhook endpoint `{id}`"));
        return Err(failure.help("list them with `sluice webhooks`"));
    }
    let found = endpoint["deliveries"]["nodes"].take();
    if format == Format::Json {
        return output::json(&found);
    }
    let row = |one: &Value| {
        let attempts = one["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let last = attempts.last().cloned().unwrap_or_default();
        let came = match (one["isDelivered"] == true, one["nextAttemptAt"].as_str()) {
            (true, _) => "accepted".to_owned(),
            (false, Some(next)) => format!("next try {next}"),
            (false, None) => "given up".to_owned(),
        };
        let answer = last["statusCode"].as_i64().map_or_else(|| text(&last["error"]), |status| status.to_string());
        vec![
            text(&one["id"]),
            text(&one["createdAt"]),
            text(&one["eventType"]),
            attempts.len().to_string(),
            answer,
            came,
        ]
    };
    let rows = found.as_array().into_iter().flatten();
    output::table(&["message", "created", "event", "tries", "answer", "state"], rows.map(row).collect())
}
