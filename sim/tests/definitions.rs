//! The definitions that the simulation writes.

use engine::check::{Offline, check};
use engine::definition::Format;
use sluice_sim::Rng;
use sluice_sim::definitions::written;

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
