//! Suites that need Python, each in an environment of its own: their dependencies do not agree.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use super::Bench;
use super::node::limited;
use super::report::{Finding, Outcome};
use crate::failure::Failure;
use crate::process;

/// Seconds that one suite may take.
const PATIENCE: u32 = 540;

/// Random operations of every field: what breaks the server, is slow, or answers outside of its schema.
pub fn schemathesis(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let environment = environment(bench, "schemathesis")?;
    let url = format!("{}/graphql", bench.server()?.url());
    let mut run = limited(PATIENCE, &environment.join("bin/st").to_string_lossy());
    run.args(["run", &url, "--phases", "fuzzing", "--max-examples", "20", "--generation-deterministic"])
        .args(["--max-response-time", "5"])
        .args(["--continue-on-failure", "--no-color", "--exclude-name", "Mutation.workerDrain"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", bench.scripts())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(bench.subfolder("schemathesis-out")?);
    let (code, text) = told_by(&mut run)?;
    write(bench, "schemathesis.log", &text)?;
    // 0: nothing found, 1: something; anything else is no run to the end.
    let summary = text.lines().rev().find(|line| line.contains(" generated"));
    match code {
        Some(0 | 1) => {
            Ok(Outcome::Ran(summary.unwrap_or("no summary").trim().to_owned(), schemathesis_findings(&text)))
        }
        code => {
            Ok(Outcome::Skipped(format!("it ended with {code:?}; its output is schemathesis.log in target/security")))
        }
    }
}

/// What it calls every answer with `errors`, although most of them refuse what it made up and are right to.
const REFUSALS: [&str; 2] = ["GraphQL server error", "GraphQL client error"];

/// Codes of answers that are no refusals.
const BROKEN: [&str; 2] = ["INTERNAL", "UNAVAILABLE"];

/// Blocks of failures begin with a line of underscores around the name of the operation.
fn schemathesis_findings(text: &str) -> Vec<Finding> {
    let mut operation = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(name) = line.strip_prefix("__").filter(|line| line.ends_with("__")) {
            name.trim_matches(['_', ' ']).clone_into(&mut operation);
        } else if let Some(failure) = line.strip_prefix("- ST").filter(|_| !operation.is_empty()) {
            let failure = failure.split_once(' ').map_or(failure, |(_number, failure)| failure);
            if !REFUSALS.contains(&failure) {
                seen.insert((operation.clone(), failure.to_owned()));
            }
        } else if trimmed.starts_with("`{") {
            let broken = BROKEN.iter().find(|code| trimmed.contains(&format!("\"code\":\"{code}\"")));
            seen.extend(broken.map(|code| (operation.clone(), (*code).to_owned())));
        }
    }
    let finding = |(operation, failure): (String, String)| Finding {
        id: format!("{operation}:{}", failure.to_lowercase().replace(' ', "-")),
        text: failure,
    };
    seen.into_iter().map(finding).collect()
}

/// Reads the schema, writes a query for each field and looks for ways that lead back to where they began.
pub fn inql(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let environment = environment(bench, "inql")?;
    let url = format!("{}/graphql", bench.server()?.url());
    let out = bench.subfolder("inql-out")?;
    std::fs::remove_dir_all(&out).map_err(|error| Failure::io("cannot empty the folder of inql", &error))?;
    let out = bench.subfolder("inql-out")?;
    let mut run = limited(PATIENCE, &environment.join("bin/inql").to_string_lossy());
    run.args(["-t", &url, "-o"]).arg(&out).arg("--generate-cycles").current_dir(&out);
    let (code, text) = told_by(&mut run)?;
    write(bench, "inql.log", &text)?;
    if code != Some(0) {
        let last = text.lines().last().unwrap_or("no output").to_owned();
        return Ok(Outcome::Skipped(format!("inql ended with {code:?}: {last}")));
    }
    // It judges nothing: the server has to survive, which is looked at afterwards.
    let cycles = cycles_in(&out);
    Ok(Outcome::Ran(format!("schema read, {cycles} ways in circles; depth and cost bound them"), Vec::new()))
}

/// Lines of the files that tell the cycles: one for each way.
fn cycles_in(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |path: PathBuf| {
        let is_told = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cycles-"));
        match std::fs::read_to_string(&path) {
            Ok(text) if is_told => text.lines().filter(|line| line.contains("->")).count(),
            _other if path.is_dir() => cycles_in(&path),
            _other => 0,
        }
    };
    entries.flatten().map(|entry| count(entry.path())).sum()
}

fn environment(bench: &Bench<'_>, package: &str) -> Result<PathBuf, Failure> {
    let folder = bench.folder.join(format!("python-{package}"));
    let done = folder.join("installed");
    if !done.exists() {
        process::output_of(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = folder.join("bin/pip").to_string_lossy().into_owned();
        process::output_of(limited(PATIENCE, &pip).args(["install", "--quiet", package]))?;
        std::fs::write(&done, "").map_err(|error| Failure::io("cannot write into the environment", &error))?;
    }
    Ok(folder)
}

/// Exit code and everything that was printed.
fn told_by(command: &mut Command) -> Result<(Option<i32>, String), Failure> {
    let output = command.output().map_err(|error| process::cannot_run(command, &error))?;
    let text = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), text.trim_end().to_owned()))
}

fn write(bench: &Bench<'_>, name: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(bench.folder.join(name), text).map_err(|error| Failure::io(format!("cannot write {name}"), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_refuse_are_no_findings_and_answers_that_broke_are() {
        let text = "____ Query.workflow ____\n1. Test Case ID: x\n\n- ST113 GraphQL server error\n\n    text\n\n[200] OK:\n\n    \
            `{\"errors\":[{\"extensions\":{\"code\":\"INVALID\"}}]}`\n\n- ST113 GraphQL server error\n\n    \
            `{\"errors\":[{\"extensions\":{\"code\":\"INTERNAL\"}}]}`\n____ Query.executions ____\n- ST1 Server error\n";
        let ids: Vec<String> = schemathesis_findings(text).into_iter().map(|finding| finding.id).collect();
        assert_eq!(ids, ["Query.executions:server-error", "Query.workflow:internal"]);
    }
}
