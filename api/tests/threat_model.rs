//! `docs/threat-model.md` names the tests that hold what it says: they have to be there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let model = include_str!("../../docs/threat-model.md");
    let named: BTreeSet<&str> = model.split('`').skip(1).step_by(2).filter(|word| is_sentence(word)).collect();
    assert!(named.len() > 40, "the names were not found: {named:?}");
    let mut known = BTreeSet::new();
    for folder in ["api", "cli", "queue", "service", "store", "worker", "xtask"] {
        collect(&root().join(folder), &mut known);
    }
    let missing: Vec<_> = named.into_iter().filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/threat-model.md names tests that are not there: {missing:#?}");
}

/// Names of tests are sentences; names of other things are shorter.
fn is_sentence(word: &str) -> bool {
    word.matches('_').count() >= 3
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Every function of the Rust files of a folder.
fn collect(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, known);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|after| after.split(['(', '<']).next());
            known.extend(names.map(str::to_owned));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
