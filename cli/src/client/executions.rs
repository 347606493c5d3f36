//! `sluice executions` and `sluice show`: what runs, what ran, and how one stands.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::start::ending;
use super::values::text;
use super::{conditions, live};
use crate::arguments::executions::{ExecutionsOptions, ShowOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Executions on a page.
const PAGE: usize = 100;

const LIST: &str = "query($first: Int!, $after: String, $filter: ExecutionFilter) {
  executions(first: $first, after: $after, filter: $filter) {
    nodes { id workflow { slug } status key decision { outcome } queuedAt startedAt endedAt pause { reason } }
    pageInfo { hasNextPage endCursor } } }";
const FOLLOW: &str = "subscription($filter: ExecutionFilter, $after: String) {
  executions(filter: $filter, after: $after) { cursor kind
    execution { id workflow { slug } status key decision { outcome } queuedAt startedAt endedAt pause { reason } } } }";
const SHOW: &str = "query($id: ID!) { execution(id: $id) {
  id workflow { slug } version { number } status key labels { name value } queuedAt startedAt endedAt deadlineAt
  decision { outcome reason stepPath }
  pause { at by { displayName } reason freezesDeadlines resumeAt resumeWhen { event }
    pending { signals dueTimers decidedApprovals nextSteps ends refusedReason } }
  canResume { isAllowed reason } operations { operation isAllowed code reason } } }";
/// What it takes `EXECUTION_DATA_READ` to see.
const DETAILS: &str = "query($id: ID!, $after: String) { execution(id: $id) { error { code message stepPath }
  decision { outcome reason stepPath why { summary } } pause { resumeWhen { event match condition } }
  steps(first: 100, after: $after) { nodes { path kind status startedAt endedAt error { code message } }
    pageInfo { hasNextPage endCursor } } } }";

pub async fn list(options: ExecutionsOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let filter = conditions::filter(&options.which)?.unwrap_or(Value::Null);
    if options.watch {
        return live::follow(&server, "executions", FOLLOW, filter, format, line).await;
    }
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    let (mut executions, mut after) = (Vec::new(), Value::Null);
    loop {
        let first = PAGE.min(limit - executions.len());
        let variables = json!({ "first": first, "after": after, "filter": filter });
        let mut page = server.run("executions", LIST, variables).await?;
        executions.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] != true || executions.len() >= limit {
            break;
        }
        after = page["pageInfo"]["endCursor"].take();
    }
    match format {
        Format::Json => output::json(&Value::Array(executions)),
        Format::Table => {
            let head = ["execution", "workflow", "status", "decision", "started", "pause"];
            output::table(&head, executions.iter().map(row).collect())
        }
    }
}

fn row(execution: &Value) -> Vec<String> {
    vec![
        text(&execution["id"]),
        text(&execution["workflow"]["slug"]),
        text(&execution["status"]).to_lowercase(),
        text(&execution["decision"]["outcome"]).to_lowercase(),
        text(&execution["startedAt"]),
        text(&execution["pause"]["reason"]),
    ]
}

/// One change of a live list, for people.
fn line(change: &Value) -> String {
    let mut words = row(&change["execution"]);
    words.insert(0, format!("{:<7}", text(&change["kind"]).to_lowercase()));
    words.retain(|word| !word.is_empty());
    words.join("  ")
}

pub async fn show(options: ShowOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let id = &options.execution;
    let mut execution = server.run("execution", SHOW, json!({ "id": id })).await?;
    if execution.is_null() {
        let failure = Failure::new(format!("there is no execution `{id}`"));
        return Err(failure.help("list them with `sluice executions`"));
    }
    // Whoever may not read data sees everything else.
    match details(&server, id).await {
        Ok(mut details) => {
            for name in ["error", "decision", "steps"] {
                execution[name] = details[name].take();
            }
            if execution["pause"].is_object() {
                execution["pause"]["resumeWhen"] = details["pause"]["resumeWhen"].take();
            }
        }
        Err(failure) => eprintln!("{failure}\nits steps, its error and its reasons are not shown"),
    }
    if format == Format::Json {
        return output::json(&execution);
    }
    output::line(&ending(&execution))?;
    for (name, words) in about(&execution) {
        output::line(&format!("{name:<9} {words}"))?;
    }
    let steps = execution["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !steps.is_empty() {
        let row = |step: &Value| {
            let error = &step["error"];
            let failed = error["code"].as_str().map(|code| format!("{code}: {}", text(&error["message"])));
            let status = text(&step["status"]).to_lowercase();
            vec![text(&step["path"]), text(&step["kind"]), status, text(&step["startedAt"]), failed.unwrap_or_default()]
        };
        output::table(&["step", "kind", "status", "started", "error"], steps.iter().map(row).collect())?;
    }
    let row = |offer: &Value| {
        let may = if offer["isAllowed"] == true { "yes" } else { "no" };
        let operation = text(&offer["operation"]).to_lowercase().replace('_', " ");
        vec![operation, may.to_owned(), text(&offer["reason"])]
    };
    let operations = execution["operations"].as_array().into_iter().flatten();
    output::table(&["operation", "possible", "why not"], operations.map(row).collect())
}

/// What only readers of data see, with all of its steps.
async fn details(server: &Server, id: &str) -> Result<Value, Failure> {
    let (mut steps, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut execution = server.run("execution", DETAILS, json!({ "id": id, "after": after })).await?;
        let mut page = execution["steps"].take();
        steps.extend(page["nodes"].as_array().cloned().unwrap_or_default());
        if page["pageInfo"]["hasNextPage"] != true {
            execution["steps"] = Value::Array(steps);
            return Ok(execution);
        }
        after = page["pageInfo"]["endCursor"].take();
    }
}

/// What is known of an execution beside how it ended, as far as there is something.
fn about(execution: &Value) -> Vec<(&'static str, String)> {
    let labels = execution["labels"].as_array().into_iter().flatten();
    let labels = labels.map(|label| format!("{}={}", text(&label["name"]), text(&label["value"])));
    let version = text(&execution["version"]["number"]);
    let mut told = vec![
        ("workflow", format!("{}, version {version}", text(&execution["workflow"]["slug"]))),
        ("key", text(&execution["key"])),
        ("labels", labels.collect::<Vec<_>>().join(" ")),
        ("queued", text(&execution["queuedAt"])),
        ("started", text(&execution["startedAt"])),
        ("ended", text(&execution["endedAt"])),
        ("deadline", text(&execution["deadlineAt"])),
    ];
    let pause = &execution["pause"];
    if pause.is_object() {
        let by = pause["by"]["displayName"].as_str().map_or_else(String::new, |by| format!(" by {by}"));
        let (when, pending) = (&pause["resumeWhen"], &pause["pending"]);
        let event = if when.is_object() {
            let shown = |name: &str| match &when[name] {
                Value::Null => String::new(),
                Value::Object(nothing) if nothing.is_empty() => String::new(),
                value => format!(", {name} {value}"),
            };
            format!("when {} comes{}{}", text(&when["event"]), shown("match"), shown("condition"))
        } else {
            String::new()
        };
        told.extend([
            ("paused", format!("{}{by}: {}", text(&pause["at"]), text(&pause["reason"]))),
            ("goes on", text(&pause["resumeAt"])),
            ("", event),
            ("pending", waiting(pending)),
        ]);
        if execution["canResume"]["isAllowed"] != true {
            told.push(("resume", format!("not possible: {}", text(&execution["canResume"]["reason"]))));
        }
    }
    told.retain(|(_name, words)| !words.is_empty());
    told
}

/// What resuming would set free.
fn waiting(pending: &Value) -> String {
    if let Some(reason) = pending["refusedReason"].as_str() {
        return format!("nothing can be said: {reason}");
    }
    let steps: Vec<String> = pending["nextSteps"].as_array().into_iter().flatten().map(text).collect();
    let then = match (steps.is_empty(), pending["ends"] == true) {
        (false, _) => format!("; then {}", steps.join(", ")),
        (true, true) => "; then it ends".to_owned(),
        (true, false) => String::new(),
    };
    format!(
        "{} signals, {} timers, {} decisions{then}",
        pending["signals"], pending["dueTimers"], pending["decidedApprovals"]
    )
}
