//! `sluice events`: events that were accepted or come now, what came of them, and once more.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::conditions::upper;
use super::emit::matches;
use super::live;
use super::server::Server;
use super::values::text;
use crate::arguments::{EventsCommand, EventsOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const LIST: &str = "query($first: Int!, $filter: EventFilter) { events(first: $first, filter: $filter) {
  nodes { id type source subject receivedAt deduplicationKey replayOf { id } executions { id } } } }";
const FOLLOW: &str = "subscription($filter: EventFilter, $after: String) {
  events(filter: $filter, after: $after) { cursor
    event { id type source subject receivedAt deduplicationKey replayOf { id } } } }";
const SHOW: &str = "query($id: ID!) { event(id: $id) {
  id type source subject occurredAt receivedAt deduplicationKey replayOf { id } payload { value }
  matches { workflow { slug } outcome problem why { summary } execution { id status } }
  waits(first: 100) { totalCount nodes { outcome execution { id status } } } } }";
const REPLAY: &str = "mutation($input: EventReplayInput!) { eventReplay(input: $input) {
  event { id replayOf { id } matches { workflow { slug } outcome problem why { summary } execution { id } } }
  userErrors { code message field help } } }";

pub async fn run(options: EventsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let conditions = filter(&options);
    match options.what {
        None if options.watch => {
            live::follow(&server, "events", FOLLOW, conditions, format, |told| row(&told["event"]).join("  ")).await
        }
        None => list(&server, conditions, options.limit, format).await,
        Some(EventsCommand::Show { event }) => {
            let found = server.run("event", SHOW, json!({ "id": event })).await?;
            if found.is_null() {
                return Err(Failure::new(format!("there is no event {event}")).help("list them with `sluice events`"));
            }
            match format {
                Format::Json => output::json(&found),
                Format::Table => show(&found),
            }
        }
        Some(EventsCommand::Replay { event, workflows, reason }) => {
            let workflows = (!workflows.is_empty()).then_some(workflows);
            let input = json!({ "id": event, "workflows": workflows, "reason": reason });
            let replayed = server.run("eventReplay", REPLAY, json!({ "input": input })).await?["event"].take();
            match format {
                Format::Json => output::json(&replayed),
                Format::Table => {
                    output::line(replayed["id"].as_str().unwrap_or_default())?;
                    matches(&replayed)
                }
            }
        }
    }
}

fn show(event: &Value) -> Result<ExitCode, Failure> {
    for (name, value) in [
        ("event", &event["id"]),
        ("type", &event["type"]),
        ("source", &event["source"]),
        ("subject", &event["subject"]),
        ("happened", &event["occurredAt"]),
        ("accepted", &event["receivedAt"]),
        ("key", &event["deduplicationKey"]),
        ("repeats", &event["replayOf"]["id"]),
    ] {
        if !value.is_null() {
            output::line(&format!("{name:<9} {}", text(value)))?;
        }
    }
    output::line(&format!("{:<9} {}", "payload", event["payload"]["value"]))?;
    matches(event)?;
    let row = |wait: &Value| {
        let status = text(&wait["execution"]["status"]).to_lowercase();
        vec![text(&wait["execution"]["id"]), text(&wait["outcome"]).to_lowercase(), status]
    };
    let waits = event["waits"]["nodes"].as_array().cloned().unwrap_or_default();
    if waits.is_empty() {
        return output::line("no execution waited for it");
    }
    output::table(&["waited", "outcome", "status"], waits.iter().map(row).collect())
}

/// What the command line says of the events.
fn filter(options: &EventsOptions) -> Value {
    let mut filter = json!({});
    for (name, value) in [("type", &options.event_type), ("source", &options.source), ("subject", &options.subject)] {
        if let Some(value) = value {
            filter[name] = json!({ "eq": value });
        }
    }
    if !options.outcomes.is_empty() {
        filter["outcomes"] = upper(&options.outcomes);
    }
    filter
}

fn row(event: &Value) -> Vec<String> {
    vec![
        text(&event["id"]),
        text(&event["type"]),
        text(&event["source"]),
        text(&event["subject"]),
        text(&event["receivedAt"]),
    ]
}

async fn list(server: &Server, filter: Value, limit: u32, format: Format) -> Result<ExitCode, Failure> {
    let mut page = server.run("events", LIST, json!({ "first": limit, "filter": filter })).await?;
    let events = page["nodes"].take();
    match format {
        Format::Json => output::json(&events),
        Format::Table => {
            let row = |event: &Value| {
                let mut row = row(event);
                row.push(event["executions"].as_array().map_or(0, Vec::len).to_string());
                row
            };
            let head = ["event", "type", "source", "subject", "accepted", "started"];
            output::table(&head, events.as_array().into_iter().flatten().map(row).collect())
        }
    }
}
