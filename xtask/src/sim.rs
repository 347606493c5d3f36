//! `cargo xtask sim`: the long simulation, on other histories each day.

use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::programs;
use crate::workspace::Workspace;

/// Histories are numbered; each day has so many of its own, more than can be played in it.
const PER_DAY: u64 = 1_000_000_000;

/// How long to play when nothing is said, in minutes.
const MINUTES: &str = "10";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::install()?;
    let programs = programs::release(workspace, &["sluice"], &interrupt)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let mut sim = Command::new(programs.join("sluice"));
    sim.arg("sim").args(completed(arguments, since.as_secs())).current_dir(workspace.root());
    println!("> {}", process::shown(&sim));
    let status = process::run_in_group(&mut sim, &interrupt)?;
    // 1: something did not hold.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The arguments, with a seed of the day and a bound where they name none.
fn completed(arguments: &[String], unix_seconds: u64) -> Vec<String> {
    let says = |name: &str| arguments.iter().any(|word| word == name || word.starts_with(&format!("{name}=")));
    let mut all = Vec::new();
    if !says("--seed") {
        let day = unix_seconds / (24 * 60 * 60);
        all.extend(["--seed".to_owned(), (day * PER_DAY).to_string()]);
    }
    if !says("--minutes") && !says("--histories") {
        all.extend(["--minutes".to_owned(), MINUTES.to_owned()]);
    }
    all.extend(arguments.iter().cloned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn each_day_has_histories_of_its_own() {
        assert_eq!(completed(&[], 86_400 * 3 + 5), words("--seed 3000000000 --minutes 10"));
    }

    #[test]
    fn what_is_said_is_kept() {
        assert_eq!(completed(&words("--seed=7 --histories 5"), 0), words("--seed=7 --histories 5"));
        assert_eq!(completed(&words("--seed 7 --minutes 1"), 0), words("--seed 7 --minutes 1"));
        assert_eq!(completed(&words("--output json"), 0), words("--seed 0 --minutes 10 --output json"));
    }
}
