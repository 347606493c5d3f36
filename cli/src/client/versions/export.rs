//! `sluice export`: definitions as files.

use std::path::{Component, Path};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::arguments::versions::{ExportOptions, Written};
use crate::client::server::Server;
use crate::client::values::text;
use crate::failure::Failure;
use crate::output::{self, Format};

const EXPORT: &str = "query($input: WorkflowExportInput!) { workflowExport(input: $input) {
  files { path content } next } }";

pub async fn run(options: ExportOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(&options.server)?;
    let written = options.format.map(|format| match format {
        Written::Json => "JSON",
        Written::Yaml => "YAML",
    });
    let (mut paths, mut after) = (Vec::new(), Value::Null);
    loop {
        let input = json!({
            "format": written, "after": after, "filter": { "namespace": options.namespace },
        });
        let mut bundle = server.run("workflowExport", EXPORT, json!({ "input": input })).await?;
        for file in bundle["files"].as_array().into_iter().flatten() {
            let path = text(&file["path"]);
            write(&options.folder, &path, &text(&file["content"]))?;
            paths.push(path);
        }
        after = bundle["next"].take();
        if after.is_null() {
            break;
        }
    }
    match format {
        Format::Json => output::json(&json!(paths)),
        Format::Table => output::line(&format!("{} files in {}", paths.len(), options.folder.display())),
    }
}

/// Writes a file below the folder, and nowhere else.
fn write(folder: &Path, path: &str, content: &str) -> Result<(), Failure> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain {
        return Err(Failure::new(format!("the server names a file outside of the folder: {path}")));
    }
    let path = folder.join(path);
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, content));
    written.map_err(|problem| Failure::of(&format!("{} cannot be written", path.display()), &problem))
}
