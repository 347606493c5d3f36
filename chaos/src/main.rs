//! `sluice-chaos`: one run, and its table. Exit code 1 when something did not hold, 2 when the run proves nothing.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use sluice_chaos::report::Outcome;
use sluice_chaos::run::run;
use sluice_chaos::settings::{Arguments, Output, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let settings = Settings::of(&arguments);
    let report = tokio::select! {
        report = run(&settings) => report?,
        // Everything that was started ends when `run` is dropped.
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("signals cannot be watched")?;
            return Ok(ExitCode::from(130));
        }
    };
    match arguments.output {
        Output::Table => println!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(match report.outcome() {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Violated => ExitCode::from(1),
        Outcome::Invalid => ExitCode::from(2),
    })
}
