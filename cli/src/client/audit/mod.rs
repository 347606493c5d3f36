//! `sluice audit`: streams the audit log out of a server, and verifies its chain.

mod csv;
mod verify;

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::{AuditCommand, AuditOptions};
use crate::failure::Failure;
use crate::output::{self, Format};

const ENTRIES: &str =
    "query($after: String, $filter: AuditFilter) { auditEntries(first: 100, after: $after, filter: $filter) {
  nodes { sequence id at actor { id kind displayName } action outcome code targetType targetId targetName changes reason
    remoteAddress userAgent requestId hash }
  pageInfo { hasNextPage endCursor } } }";

const HEAD: &[&str] = &["at", "actor", "action", "outcome", "target", "from"];

/// Prints entries, newest first, while they come: a log may be larger than memory.
pub async fn run(options: AuditOptions, format: Format) -> Result<ExitCode, Failure> {
    if let Some(AuditCommand::Verify(options)) = &options.what {
        return verify::run(options, format).await;
    }
    let server = Server::new(&options.server)?;
    let filter = filter(&options);
    let mut after = Value::Null;
    let mut is_first = true;
    loop {
        let variables = json!({ "after": after, "filter": filter });
        let mut page = server.run("auditEntries", ENTRIES, variables).await?;
        let entries: Vec<Value> = page["nodes"].as_array().cloned().unwrap_or_default();
        if options.csv {
            output::raw(csv::page(&entries, is_first).as_bytes())?;
        } else {
            match format {
                Format::Json => output::raw(lines(&entries).as_bytes())?,
                Format::Table => output::table(if is_first { HEAD } else { &[] }, entries.iter().map(row).collect())?,
            };
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(ExitCode::SUCCESS);
        }
        is_first = false;
        after = page["pageInfo"]["endCursor"].take();
    }
}

/// One entry a line.
fn lines(entries: &[Value]) -> String {
    entries.iter().flat_map(|entry| [entry.to_string(), "\n".to_owned()]).collect()
}

fn row(entry: &Value) -> Vec<String> {
    let outcome = match entry["code"].as_str() {
        Some(code) => format!("{} {code}", text(&entry["outcome"])),
        None => text(&entry["outcome"]),
    };
    let target = match entry["targetName"].as_str() {
        None | Some("") => text(&entry["targetId"]),
        Some(name) => format!("{} {name}", text(&entry["targetType"])),
    };
    vec![
        text(&entry["at"]),
        text(&entry["actor"]["displayName"]),
        text(&entry["action"]),
        outcome,
        target,
        text(&entry["remoteAddress"]),
    ]
}

fn filter(options: &AuditOptions) -> Value {
    let mut at = Map::new();
    if let Some(since) = &options.since {
        // A length of time before now, or a moment.
        let field = if engine::duration::parse(since).is_ok() { "within" } else { "gte" };
        at.insert(field.to_owned(), json!(since));
    }
    if let Some(until) = &options.until {
        at.insert("lt".to_owned(), json!(until));
    }
    let mut filter = Map::new();
    let mut set = |name: &str, value: Value| filter.insert(name.to_owned(), value);
    if !at.is_empty() {
        set("at", Value::Object(at));
    }
    if let Some(actor) = &options.actor {
        set("actorId", json!(actor));
    }
    if !options.actions.is_empty() {
        set("actions", json!(options.actions));
    }
    if let Some(target) = &options.target {
        set("targetId", json!(target));
    }
    Value::Object(filter)
}
