//! Suites that need Node and packages of its registry.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::Bench;
use super::report::{Finding, Outcome};
use crate::failure::Failure;
use crate::process;

/// What the scripts import; installed beside copies of them, without running anything of theirs.
const PACKAGES: [&str; 3] = ["graphql@16", "graphql-http@1", "ws@8"];

pub fn graphql_http(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let url = format!("{}/graphql", bench.server()?.url());
    script(bench, "audit.mjs", &[url])
}

pub fn graphql_ws(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let server = bench.server()?;
    script(bench, "wsprobe.mjs", &[server.ws_url(), server.url()])
}

fn script(bench: &Bench<'_>, name: &str, arguments: &[String]) -> Result<Outcome, Failure> {
    let folder = installed(bench)?;
    let copy = folder.join(name);
    std::fs::copy(bench.scripts().join(name), &copy)
        .map_err(|error| Failure::io(format!("cannot copy {name}"), &error))?;
    let output = process::output_of(limited(300, "node").arg(copy).args(arguments).current_dir(&folder))?;
    Ok(Outcome::of_script(&output))
}

fn installed(bench: &Bench<'_>) -> Result<PathBuf, Failure> {
    let folder = bench.subfolder("node")?;
    if !folder.join("node_modules/graphql-http").exists() || !folder.join("node_modules/ws").exists() {
        let mut install = limited(300, "npm");
        install.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]).args(PACKAGES);
        process::output_of(install.current_dir(&folder))?;
    }
    Ok(folder)
}

/// Advisories of what the page is built from.
pub fn npm_audit(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let mut audit = limited(120, "npm");
    audit.args(["audit", "--json", "--package-lock-only"]).current_dir(bench.workspace.root().join("web/graphiql"));
    let output = audit.output().map_err(|error| process::cannot_run(&audit, &error))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_error| Failure::message("the registry of npm tells no advisories here"))?;
    let Some(vulnerable) = report["vulnerabilities"].as_object() else {
        let why = report["message"].as_str().unwrap_or("the registry tells no advisories");
        return Ok(Outcome::Skipped(format!("npm audit: {why}")));
    };
    let finding = |(name, told): (&String, &Value)| Finding {
        id: format!("{name}-{}", told["severity"].as_str().unwrap_or("unknown")),
        text: format!("{name} {}", told["range"].as_str().unwrap_or_default()),
    };
    let checked = report["metadata"]["dependencies"]["total"].as_u64().unwrap_or_default();
    Ok(Outcome::Ran(format!("{checked} packages"), vulnerable.iter().map(finding).collect()))
}

/// A program that is ended after so many seconds.
pub fn limited(seconds: u32, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=10").arg(seconds.to_string()).arg(program);
    command
}
