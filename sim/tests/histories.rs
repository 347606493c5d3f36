//! Some hundred histories of a fleet without a planted fault.

use sluice_sim::{Recording, run, search};

#[test]
fn in_every_history_everything_holds() {
    let summary = search(1, 500, None);
    assert_eq!(summary.found, None);
    assert!(summary.executions > 1_000 && summary.calls > 1_000, "{summary:?}");
}

#[test]
fn one_seed_is_one_history() {
    for seed in 0..20 {
        let first = run(seed, None, Recording::Lines);
        assert_eq!(first, run(seed, None, Recording::Lines));
        let unread = run(seed, None, Recording::None);
        assert_eq!((first.commits, first.calls), (unread.commits, unread.calls), "whoever reads it changes nothing");
    }
}
