//! `sluice diff`: what changed.

use std::process::ExitCode;

use engine::definition::Format as Written;
use serde_json::{Value, json};

use super::workflow;
use crate::arguments::versions::DiffOptions;
use crate::client::server::Server;
use crate::client::values::{text, workflow_ref};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::validate;

const FOUND: &str = "isBreaking unified changes { kind stepKey pointer before after isBreaking summary }";

pub async fn run(options: DiffOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let found = if let Some(path) = &options.file {
        let content = validate::read(path)?;
        let written = Written::guess(&content, path.to_str());
        of_file(&server, &options, &content, written).await?
    } else {
        of_versions(&server, &options).await?
    };
    if options.text {
        return output::raw(text(&found["unified"]).as_bytes());
    }
    match format {
        Format::Json => output::json(&found),
        Format::Table => {
            let changes = found["changes"].as_array().cloned().unwrap_or_default();
            if changes.is_empty() {
                return output::line("nothing changed in meaning");
            }
            let line = |change: &Value| {
                let mark = if change["isBreaking"] == true { "!" } else { " " };
                format!("{mark} {}", text(&change["summary"]))
            };
            let mut lines: Vec<String> = changes.iter().map(line).collect();
            if found["isBreaking"] == true {
                lines.push("! can affect executions that are under way, or callers".to_owned());
            }
            lines.push(text(&found["unified"]));
            output::line(lines.join("\n").trim_end())
        }
    }
}

/// From a version to another one, or to the draft.
async fn of_versions(server: &Server, options: &DiffOptions) -> Result<Value, Failure> {
    let Some(to) = options.to else { return of_draft(server, options).await };
    let from = match options.from {
        Some(number) => number,
        None => published(server, options).await?,
    };
    let query = format!(
        "query($ref: WorkflowRef!, $to: Int!, $from: Int!) {{ workflow(ref: $ref) {{
          version(number: $to) {{ diff(against: $from) {{ {FOUND} }} }} }} }}"
    );
    let variables = json!({ "ref": workflow_ref(&options.workflow), "to": to, "from": from });
    let mut found = workflow(server, &options.workflow, &query, variables).await?;
    if found["version"].is_null() {
        return Err(no_version(options, to));
    }
    Ok(found["version"]["diff"].take())
}

fn no_version(options: &DiffOptions, number: i32) -> Failure {
    let failure = Failure::new(format!("the workflow `{}` has no version {number}", options.workflow));
    failure.help(format!("sluice versions {}", options.workflow))
}

async fn published(server: &Server, options: &DiffOptions) -> Result<i32, Failure> {
    const PUBLISHED: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { publishedVersion { number } } }";
    let variables = json!({ "ref": workflow_ref(&options.workflow) });
    let found = workflow(server, &options.workflow, PUBLISHED, variables).await?;
    let number = found["publishedVersion"]["number"].as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| Failure::new(format!("the workflow `{}` has no published version", options.workflow)))
}

async fn of_draft(server: &Server, options: &DiffOptions) -> Result<Value, Failure> {
    const DRAFT: &str = "query($ref: WorkflowRef!) { workflow(ref: $ref) { draft { source format } } }";
    if options.from.is_none() {
        let query = format!("query($ref: WorkflowRef!) {{ workflow(ref: $ref) {{ draft {{ diff {{ {FOUND} }} }} }} }}");
        let variables = json!({ "ref": workflow_ref(&options.workflow) });
        let mut found = workflow(server, &options.workflow, &query, variables).await?;
        if found["draft"].is_null() {
            let failure = Failure::new(format!("the workflow `{}` has no draft", options.workflow));
            return Err(failure.help("name two versions with --from and --to, or a file with --file"));
        }
        if found["draft"]["diff"].is_null() {
            let failure = Failure::new("the draft does not parse, or nothing was published before it");
            return Err(failure.help("`workflow { draft { problems { message } } }` tells what is wrong with it"));
        }
        return Ok(found["draft"]["diff"].take());
    }
    let variables = json!({ "ref": workflow_ref(&options.workflow) });
    let found = workflow(server, &options.workflow, DRAFT, variables).await?;
    let Some(source) = found["draft"]["source"].as_str() else {
        return Err(Failure::new(format!("the workflow `{}` has no draft", options.workflow)));
    };
    let written = if found["draft"]["format"] == "JSON" { Written::Json } else { Written::Yaml };
    of_file(server, options, source, written).await
}

/// From a version to a text. A text in JSON is YAML as well, so both sides are read as that.
async fn of_file(server: &Server, options: &DiffOptions, content: &str, written: Written) -> Result<Value, Failure> {
    const SOURCE: &str = "query($ref: WorkflowRef!, $number: Int!) { workflow(ref: $ref) { version(number: $number) { source format } } }";
    let number = match options.from {
        Some(number) => number,
        None => published(server, options).await?,
    };
    let variables = json!({ "ref": workflow_ref(&options.workflow), "number": number });
    let found = workflow(server, &options.workflow, SOURCE, variables).await?;
    let Some(before) = found["version"]["source"].as_str() else { return Err(no_version(options, number)) };
    let is_json = written == Written::Json && found["version"]["format"] == "JSON";
    let format = if is_json { "JSON" } else { "YAML" };
    let query = format!("query($input: DefinitionDiffInput!) {{ definitionDiff(input: $input) {{ {FOUND} }} }}");
    let input = json!({ "before": before, "after": content, "format": format });
    server.run("definitionDiff", &query, json!({ "input": input })).await
}
