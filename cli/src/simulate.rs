//! `sluice sim`: plays histories of a fleet in memory; what it finds can be played again by its seed.

use std::process::ExitCode;

use serde_json::json;
use sim::{Found, Summary, search};

use crate::arguments::SimOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Plays histories; fails when something did not hold in one.
pub fn run(options: &SimOptions, format: Format) -> Result<ExitCode, Failure> {
    let summary = search(options.seed, options.histories, None);
    match format {
        Format::Json => output::json(&json!({
            "histories": summary.histories,
            "executions": summary.executions,
            "commits": summary.commits,
            "calls": summary.calls,
            "violation": summary.found.as_ref().map(|found| json!({
                "seed": found.seed,
                "invariant": found.invariant,
                "detail": found.detail,
                "tail": found.tail,
                "command": found.command(),
            })),
        }))?,
        Format::Table => output::line(&text(&summary))?,
    };
    Ok(if summary.found.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn text(summary: &Summary) -> String {
    let Summary { histories, executions, commits, calls, found } = summary;
    let played = format!("{histories} histories: {executions} executions, {commits} commits, {calls} calls");
    match found {
        None => format!("{played}; everything held"),
        Some(found) => format!("{}\n\n{played}", violation(found)),
    }
}

fn violation(found: &Found) -> String {
    let tail = found.tail.join("\n");
    format!(
        "{tail}\n\nseed {} does not keep: {}\n{}\n\nagain: {}",
        found.seed,
        found.invariant,
        found.detail,
        found.command()
    )
}
