//! The definitions that the simulation writes.

use engine::check::{Offline, check};
use engine::definition::Format;
use sluice_sim::Rng;
use sluice_sim::definitions::{Extras, definition, written};

#[test]
fn nearly_all_definitions_are_valid_as_they_are_written() {
    let mut invalid = Vec::new();
    for seed in 0..500 {
        let text = written(&mut Rng::new(seed), 0, 3).to_string();
        let checked = check(&text, Format::Json, &Offline);
        if !checked.is_valid() {
            let errors = checked.problems.into_iter().filter(engine::problem::Problem::is_error);
            invalid.push(errors.map(|problem| format!("{}: {}", problem.code, problem.message)).collect::<Vec<_>>());
        }
    }
    assert!(invalid.len() < 50, "{} of 500: {:#?}", invalid.len(), &invalid[..invalid.len().min(8)]);
}

#[test]
fn some_definitions_load_what_they_read_and_call_parts_of_the_organization() {
    let of = |seed| definition(&mut Rng::new(seed), 0, 3, Extras { rates: false, parts: true });
    let loading =
        (0..100).map(of).filter(|definition| !definition.context.is_empty() || !definition.variables.is_empty());
    assert!(loading.count() > 50);
}

#[test]
fn the_manual_lists_what_holds_of_every_journal() {
    let manual = include_str!("../../docs/simulation.md");
    let listed: Vec<&str> = manual.lines().filter_map(|line| line.strip_prefix("- ")).collect();
    assert_eq!(listed, engine::machine::INVARIANTS);
}
