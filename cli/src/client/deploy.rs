//! `sluice deploy`: publishes definitions, or saves them as drafts.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::server::Server;
use super::values::text;
use crate::arguments::DeployOptions;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::validate;

const IMPORT: &str = "mutation($files: [ImportFileInput!]!, $publish: Boolean!, $dryRun: Boolean!) {
  workflowImport(input: { files: $files, publish: $publish, dryRun: $dryRun }) {
    results { path outcome workflow { id slug publishedVersion { number } }
      problems { code severity message pointer suggestion source { startLine startColumn } } }
    userErrors { code message field help } } }";

pub async fn run(options: DeployOptions, format: Format) -> Result<ExitCode, Failure> {
    let mut files = Vec::new();
    for path in &options.files {
        files.push(json!({ "path": path.display().to_string(), "content": validate::read(path)? }));
    }
    let server = Server::new(&options.server)?;
    let variables = json!({ "files": files, "publish": !options.draft, "dryRun": options.dry_run });
    let payload = server.run("workflowImport", IMPORT, variables).await?;
    let results = payload["results"].as_array().cloned().unwrap_or_default();
    for result in &results {
        let path = result["path"].as_str().unwrap_or_default();
        for problem in result["problems"].as_array().into_iter().flatten() {
            eprintln!("{}", told(path, problem));
        }
    }
    match format {
        Format::Json => output::json(&payload["results"])?,
        Format::Table => {
            let row = |result: &Value| {
                vec![
                    text(&result["path"]),
                    text(&result["outcome"]).to_lowercase(),
                    text(&result["workflow"]["slug"]),
                    text(&result["workflow"]["publishedVersion"]["number"]),
                ]
            };
            output::table(&["file", "outcome", "workflow", "version"], results.iter().map(row).collect())?
        }
    };
    let is_rejected = results.iter().any(|result| result["outcome"] == "REJECTED");
    Ok(if is_rejected { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What is wrong with a definition, and where in the file or workflow `path`.
pub fn told(path: &str, problem: &Value) -> String {
    let place = match (&problem["source"]["startLine"], &problem["source"]["startColumn"]) {
        (Value::Number(line), Value::Number(column)) => format!("{path}:{line}:{column}"),
        _unknown => path.to_owned(),
    };
    let severity = problem["severity"].as_str().unwrap_or_default().to_lowercase();
    let help = problem["suggestion"].as_str().map_or_else(String::new, |help| format!(" ({help})"));
    format!(
        "{place}: {severity}[{}]: {}{help}",
        problem["code"].as_str().unwrap_or_default(),
        problem["message"].as_str().unwrap_or_default()
    )
}
