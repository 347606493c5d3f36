//! The page falls behind nothing that the engine knows.

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_engine::definition::{action_types, backoffs, decisions, step_types, strategies};

use crate::PAGE;
use crate::examples::run_page;
use crate::page::{examples, under, yaml};

/// The texts that stand under `key` in the definitions of the page.
fn words(key: &str) -> BTreeSet<String> {
    let mut found = Vec::new();
    for example in examples(PAGE) {
        under(&yaml(&example.definition), key, &mut found);
    }
    found.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn every_step_type_runs_in_an_example() {
    let ran = run_page(PAGE).steps;
    let missing: Vec<_> = step_types().filter(|kind| !ran.contains(*kind)).collect();
    assert!(missing.is_empty(), "no example of docs/definition-language.md runs {missing:?}");
}

#[test]
fn every_action_runs_in_an_example() {
    let ran = run_page(PAGE).actions;
    let missing: Vec<_> = action_types().filter(|kind| !ran.contains(*kind)).collect();
    assert!(missing.is_empty(), "no example of docs/definition-language.md runs {missing:?}");
}

#[test]
fn every_decision_strategy_and_backoff_stands_in_an_example() {
    let decided: BTreeSet<String> = words("action").into_iter().chain(words("type")).collect();
    let sets: [(&str, BTreeSet<String>, Vec<&str>); 3] = [
        ("decision", decided, decisions().collect()),
        ("strategy", words("strategy"), strategies().collect()),
        ("backoff", words("backoff"), backoffs().collect()),
    ];
    for (what, used, known) in sets {
        for word in known {
            assert!(used.contains(word), "no example of docs/definition-language.md has the {what} `{word}`");
        }
    }
}

#[test]
fn the_table_of_contents_lists_every_section_in_order() {
    let contents = PAGE.split_once("\nContents:\n").unwrap().1.split("\n## ").next().unwrap();
    let links = contents.split('[').skip(1).map(|rest| rest.split_once("](#").unwrap());
    let listed: Vec<(&str, &str)> = links.map(|(title, rest)| (title, rest.split_once(')').unwrap().0)).collect();
    // The first section is the small workflow that the page begins with.
    let sections: Vec<&str> = PAGE.lines().filter_map(|line| line.strip_prefix("## ")).skip(1).collect();
    assert_eq!(listed.iter().map(|(title, _)| *title).collect::<Vec<_>>(), sections);
    for (title, anchor) in listed {
        assert_eq!(anchor, title.to_lowercase().replace(' ', "-").replace(',', ""));
    }
}
