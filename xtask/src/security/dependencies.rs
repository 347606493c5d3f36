//! Dependencies against advisories, and our own attacks.

use super::Bench;
use super::node::limited;
use super::report::{Finding, Outcome};
use crate::failure::Failure;
use crate::process;

/// The folder with a snapshot of the advisories, for machines that cannot fetch them.
const DATABASE: &str = "SLUICE_ADVISORY_DB";

pub fn deny(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    if process::find_program("cargo-deny").is_none() {
        return Ok(Outcome::Skipped("cargo-deny is not installed: cargo install --locked cargo-deny".to_owned()));
    }
    let mut check = process::cargo();
    check.args(["deny", "--color", "never", "check"]).current_dir(bench.workspace.root());
    let output = check.output().map_err(|error| process::cannot_run(&check, &error))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.contains("failed to fetch advisory database") || text.contains("failed to load advisory database") {
        return Ok(Outcome::Skipped("the advisory database cannot be fetched from here".to_owned()));
    }
    Ok(Outcome::Ran("advisories, bans, licences, sources".to_owned(), errors_of(&text)))
}

pub fn audit(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    if process::find_program("cargo-audit").is_none() {
        return Ok(Outcome::Skipped("cargo-audit is not installed: cargo install --locked cargo-audit".to_owned()));
    }
    let mut audit = process::cargo();
    audit.args(["audit", "--color", "never", "--deny", "warnings"]).current_dir(bench.workspace.root());
    if let Some(database) = std::env::var_os(DATABASE) {
        audit.args(["--no-fetch", "--stale", "--db"]).arg(database);
    }
    let output = audit.output().map_err(|error| process::cannot_run(&audit, &error))?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if text.contains("couldn't fetch advisory database") {
        return Ok(Outcome::Skipped(format!("the advisory database cannot be fetched; {DATABASE} names a snapshot")));
    }
    let ids = text.lines().filter_map(|line| line.strip_prefix("ID:")).map(str::trim);
    let findings = ids.map(|id| Finding { id: id.to_owned(), text: "an advisory of a dependency".to_owned() });
    Ok(Outcome::Ran("Cargo.lock".to_owned(), findings.collect()))
}

/// The tests of the front door: documents, bodies, headers, sockets that once broke something.
pub fn attacks(bench: &Bench<'_>) -> Result<Outcome, Failure> {
    let cargo = process::cargo();
    let mut test = limited(570, &cargo.get_program().to_string_lossy());
    test.args(["test", "--workspace", "--locked", "--test", "front_door"]).current_dir(bench.workspace.root());
    let output = test.output().map_err(|error| process::cannot_run(&test, &error))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some(result) = text.lines().rev().find(|line| line.starts_with("test result:")) else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Ok(Outcome::Skipped(said.lines().last().unwrap_or("no output").to_owned()));
    };
    let failed = text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let findings = failed.map(|name| Finding { id: name.to_owned(), text: "this test failed".to_owned() });
    Ok(Outcome::Ran(result.to_owned(), findings.collect()))
}

/// `error[code]: text` of cargo-deny.
fn errors_of(text: &str) -> Vec<Finding> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("error[")?.split_once("]: "));
    lines.map(|(code, text)| Finding { id: format!("{code}:{text}"), text: text.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_in_what_cargo_deny_prints() {
        let found = errors_of("warning[x]: y\nerror[unmaintained]: a is unmaintained\n  --> Cargo.lock\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id, "unmaintained:a is unmaintained");
    }
}
