//! The stages of `cargo ci`, in the order in which they find things fastest.

use std::process::Command;

use super::counts::{self, Counts};
use super::output::Output;
use super::{Finding, Outcome, Run};
use crate::failure::Failure;
use crate::process;
use crate::services::{DATABASE_URL, REDIS_URL};
use crate::tidy;
use crate::web::{self, Build, Node};

/// One line of `cargo ci`.
pub struct Stage {
    pub name: &'static str,
    pub about: &'static str,
    pub run: fn(&mut Run<'_>) -> Result<Outcome, Failure>,
}

pub const ALL: &[Stage] = &[
    Stage { name: "format", about: "rustfmt has nothing to change", run: format },
    Stage { name: "tidy", about: "the rules of this repository that no other tool checks", run: tidy },
    Stage { name: "deny", about: "licences, advisories and sources of dependencies (cargo-deny)", run: deny },
    Stage { name: "web", about: "the web pages build (Node)", run: web },
    Stage { name: "clippy", about: "clippy finds nothing", run: clippy },
    Stage { name: "build", about: "everything builds", run: build },
    Stage { name: "tests", about: "unit, property, conformance and end-to-end tests, both modes", run: tests },
    Stage { name: "doc-tests", about: "the examples in the documentation", run: doc_tests },
];

/// Variable with the path of the built `sluice`, for tests that run it.
const BINARY: &str = "SLUICE_BIN";

/// Cargo for a stage that compiles. What is kept for the next build takes time to write and gigabytes of disk, and a
/// check of everything has no next build.
fn compiler() -> Command {
    let mut command = process::cargo();
    command.env("CARGO_INCREMENTAL", "0");
    command
}

fn format(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    let mut command = process::cargo();
    command.args(["fmt", "--all", "--check"]);
    Ok(verdict(run.capture("format", &mut command)?))
}

fn tidy(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    let report = tidy::check(run.workspace)?;
    if report.findings.is_empty() {
        return Ok(Outcome::Passed(format!("{} files", report.files)));
    }
    let excerpt = report.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Ok(Outcome::Failed(Finding { command: "cargo xtask tidy".to_owned(), excerpt, log: None }))
}

fn deny(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    if process::find_program("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed (cargo install cargo-deny)".to_owned()));
    }
    let mut command = process::cargo();
    command.args(["deny", "--workspace", "check", "bans", "licenses", "sources"]);
    let rules = run.capture("deny", &mut command)?;
    if !rules.has_succeeded {
        return Ok(Outcome::Failed(rules.finding));
    }
    let mut command = process::cargo();
    command.args(["deny", "--workspace", "check", "advisories"]);
    let advisories = run.capture("deny-advisories", &mut command)?;
    // Only this part needs a network: its database is fetched.
    if !advisories.has_succeeded && advisories.text.contains("failed to fetch advisory database") {
        return Ok(Outcome::Passed("without advisories: their database cannot be fetched".to_owned()));
    }
    Ok(verdict(advisories))
}

fn web(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    if let Node::Unusable(reason) = web::node() {
        return Ok(Outcome::Skipped(reason));
    }
    let mut built = Vec::new();
    for package in web::packages(run.workspace)? {
        let commands = match package.plan()? {
            Build::UpToDate => {
                built.push(format!("{} is up to date", package.name));
                continue;
            }
            Build::Needed(commands) => commands,
        };
        for (number, mut command) in commands.into_iter().enumerate() {
            let output = run.capture(&format!("web-{}-{number}", package.name), &mut command)?;
            if !output.has_succeeded {
                return Ok(Outcome::Failed(output.finding));
            }
        }
        package.stamp()?;
        built.push(format!("{} built", package.name));
    }
    Ok(if built.is_empty() {
        Outcome::Skipped("no package under web/".to_owned())
    } else {
        Outcome::Passed(built.join(", "))
    })
}

fn clippy(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    let mut command = compiler();
    command.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    Ok(verdict(run.capture("clippy", &mut command)?))
}

fn build(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    let mut command = compiler();
    // With all targets, as the tests want them: the same features, so nothing is built twice.
    command.args(["build", "--workspace", "--all-targets", "--locked"]);
    Ok(verdict(run.capture("build", &mut command)?))
}

fn tests(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    // Tests of the whole start the program itself, which a test build of another package leaves as it was.
    let built = build(run)?;
    if let Outcome::Failed(_) = built {
        return Ok(built);
    }
    let binary = run.workspace.programs("debug")?.join("sluice");
    let has_nextest = process::find_program("cargo-nextest").is_some();
    let mut command = compiler();
    if has_nextest {
        command.args(["nextest", "run", "--workspace", "--locked", "--profile", "ci"]);
    } else {
        command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests", "--examples"]);
    }
    let services = run.services()?;
    command.env(DATABASE_URL, &services.database.url).env(REDIS_URL, &services.redis.url).env(BINARY, binary);
    let output = run.capture("tests", &mut command)?;
    let counts = if has_nextest { counts::of_nextest(&output.text) } else { counts::of_cargo_test(&output.text) };
    Ok(counted(run, output, counts, if has_nextest { "cargo-nextest" } else { "cargo test" }))
}

fn doc_tests(run: &mut Run<'_>) -> Result<Outcome, Failure> {
    let mut command = compiler();
    command.args(["test", "--doc", "--workspace", "--locked", "--no-fail-fast"]);
    let output = run.capture("doc-tests", &mut command)?;
    let counts = counts::of_cargo_test(&output.text);
    Ok(counted(run, output, counts, "cargo test --doc"))
}

fn counted(run: &mut Run<'_>, output: Output, counts: Option<Counts>, runner: &str) -> Outcome {
    match counts {
        Some(counts) => {
            run.counts += counts;
            if output.has_succeeded {
                Outcome::Passed(format!("{counts} ({runner})"))
            } else {
                Outcome::Failed(output.finding)
            }
        }
        // A runner that says nothing about its tests cannot vouch for them.
        None => Outcome::Failed(output.finding),
    }
}

fn verdict(output: Output) -> Outcome {
    if output.has_succeeded { Outcome::Passed(String::new()) } else { Outcome::Failed(output.finding) }
}
