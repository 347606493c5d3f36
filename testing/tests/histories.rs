//! Histories that were recorded once are still understood: each folds to the state that was recorded with it, and
//! the engine still decides the same from the same case. A journal is kept for years, so what reads it has to
//! understand what was written before.
//!
//! `SLUICE_RECORD=1 cargo nextest run --workspace -E 'binary(histories)'` records again what the engine decides now: for
//! new cases, and for changes that are meant. Never take a history away because it cannot be read any more.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::check::{Offline, check};
use engine::definition::Format;
use engine::machine::{Event, State, apply};
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};
use testing::{Case, Seen, cases, run};

/// Case files whose runs are recorded.
const CASE_FILES: [&str; 6] = [
    "examples/data-batch/batch.case.yaml",
    "examples/fraud-check/payment.case.yaml",
    "examples/inventory-sync/stock.case.yaml",
    "examples/order-approval/order.case.yaml",
    "examples/purchase-approval/purchase.case.yaml",
    "tests/workflows/language.case.yaml",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

fn ran(file: &Path, case: &Case) -> Seen {
    let workflow = file.parent().unwrap().join(&case.workflow);
    let definition = check(&std::fs::read_to_string(workflow).unwrap(), Format::Yaml, &Offline).definition.unwrap();
    let plan = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }).unwrap();
    run(&plan, case).unwrap()
}

fn fold(journal: &[Event]) -> State {
    let mut state = State::new();
    for event in journal {
        apply(&mut state, event);
    }
    state
}

#[test]
fn every_recorded_history_folds_to_the_state_that_was_recorded_with_it() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let recorded: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.display();
        let journal: Vec<Event> = serde_json::from_value(recorded["journal"].clone())
            .unwrap_or_else(|problem| panic!("{name} cannot be read any more: {problem}"));
        let state: State = serde_json::from_value(recorded["state"].clone())
            .unwrap_or_else(|problem| panic!("the state of {name} cannot be read any more: {problem}"));
        assert_eq!(fold(&journal), state, "{name}");
        count += 1;
    }
    assert!(count >= 40, "{count} histories");
}

#[test]
fn the_engine_decides_what_it_decided_when_the_histories_were_recorded() {
    let records = std::env::var_os("SLUICE_RECORD").is_some();
    let mut expected = BTreeSet::new();
    for file in CASE_FILES.map(|file| root().join(file)) {
        for case in cases(&std::fs::read_to_string(&file).unwrap(), false).unwrap() {
            let seen = ran(&file, &case);
            let now = json!({ "journal": seen.journal, "state": fold(&seen.journal) });
            let workflow = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            let path = folder().join(format!("{workflow}.{}.json", case.id));
            expected.insert(path.clone());
            if records {
                std::fs::create_dir_all(folder()).unwrap();
                std::fs::write(&path, format!("{now:#}\n")).unwrap();
                continue;
            }
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|_none| panic!("{} is not recorded yet: see the head of this file", path.display()));
            let recorded: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(now, recorded, "{} has changed: see the head of this file", path.display());
        }
    }
    assert!(expected.len() >= 40);
}
