//! `sluice sim`: plays histories of a fleet in memory; what it finds can be played again by its seed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::json;
use sim::{Found, Summary, search};

use crate::arguments::SimOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Plays histories; fails when something did not hold in one.
pub fn run(options: &SimOptions, format: Format) -> Result<ExitCode, Failure> {
    let summary = play(options);
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

/// Histories between two looks at the clock.
const PART: u64 = 200;

/// As many histories as were asked for, or as there is time for.
fn play(options: &SimOptions) -> Summary {
    let most = options.histories.unwrap_or(if options.minutes.is_some() { u64::MAX } else { 1 });
    let time = options.minutes.map(|minutes| Duration::try_from_secs_f64(minutes * 60.0).unwrap_or_default());
    let began = Instant::now();
    let mut whole = Summary::default();
    while whole.found.is_none() && whole.histories < most {
        let part = search(options.seed.wrapping_add(whole.histories), PART.min(most - whole.histories), None);
        whole.add(part);
        if time.is_some_and(|time| began.elapsed() >= time) {
            break;
        }
    }
    whole
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
