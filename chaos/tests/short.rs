//! The short form of the fault run: the same rig, load and checker, for less than a minute of faults.

#![expect(clippy::panic, reason = "helpers of tests fail loudly")]

use std::path::PathBuf;
use std::time::Duration;

use sluice_chaos::report::Outcome;
use sluice_chaos::run::run;
use sluice_chaos::settings::{Mode, Settings};

/// The debug build of this workspace, or `SLUICE_BIN`.
fn sluice() -> PathBuf {
    if let Some(path) = std::env::var_os("SLUICE_BIN") {
        return PathBuf::from(path);
    }
    // This test's own executable lies in target/<profile>/deps.
    let test = std::env::current_exe().expect("a running test has an executable");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests lie in target/<profile>/deps");
    profile.join("sluice")
}

async fn holds(mode: Mode, faults_for: Duration, kinds: &[&str]) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let settings = Settings {
        mode,
        seed: 1,
        warm_up: Duration::from_secs(3),
        faults_for,
        fault_ms: (1_500, 4_000),
        quiet_ms: (1_000, 2_000),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        clients: 4,
        quiescence: Duration::from_mins(1),
        at_least: 50,
        lease: Duration::from_secs(2),
        sluice: sluice(),
        folder: folder.path().join("run"),
    };
    let report = run(&settings).await.unwrap_or_else(|problem| panic!("the run could not be made: {problem:#}"));
    assert_eq!(report.outcome(), Outcome::Passed, "{report}");
}

/// What is drawn first is what was not there yet, so that each of these fires in the time there is.
const CLUSTER: [&str; 7] =
    ["kill-worker", "kill-api", "stop-worker", "redis-flush", "redis-restart", "postgres-crash", "database-deaf"];

#[tokio::test]
async fn a_fleet_under_faults_loses_nothing_and_doubles_nothing() {
    if std::env::var_os("SLUICE_TEST_DATABASE_URL").is_none() {
        eprintln!("skipped: the fault run starts PostgreSQL and Redis of its own where `cargo ci` provides for them");
        return;
    }
    let mut kinds = CLUSTER.to_vec();
    if sluice_chaos::rig::programs::faketime().is_some() {
        kinds.push("clock-skew");
    } else {
        eprintln!("without libfaketime (apt-get install faketime) no clock is set");
    }
    holds(Mode::Cluster, Duration::from_secs(50), &kinds).await;
}

#[tokio::test]
async fn one_process_under_faults_loses_nothing_and_doubles_nothing() {
    holds(Mode::Embedded, Duration::from_secs(20), &["kill-worker", "stop-worker", "sqlite-lock"]).await;
}
