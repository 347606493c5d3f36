//! Faults that are planted into the fleet are found, each by the invariant that is there for it.

use sluice_sim::{Fault, invariants, search};

/// Histories within which a fault has to be found.
const ENOUGH: u64 = 1_500;

fn found(fault: Fault) -> &'static str {
    search(1, ENOUGH, Some(fault)).found.map(|found| found.invariant).unwrap_or_default()
}

#[test]
fn commits_that_nobody_fences_are_found() {
    assert_eq!(found(Fault::UnfencedCommits), invariants::NOTHING_AFTER_END);
}

#[test]
fn an_epoch_that_stands_still_is_found() {
    assert_eq!(found(Fault::EpochsStandStill), invariants::ONE_CALL_PER_OWNER);
}

#[test]
fn effects_before_their_checkpoint_are_found() {
    assert_eq!(found(Fault::EffectsBeforeCheckpoint), invariants::EFFECT_IS_JOURNALED);
}

#[test]
fn parking_over_a_signal_is_found() {
    assert_eq!(found(Fault::ParkIgnoresSignals), invariants::NO_SIGNAL_AT_REST);
}

#[test]
fn executions_that_stay_with_a_lost_worker_are_found() {
    assert_eq!(found(Fault::LostWorkersForgotten), invariants::EVERYTHING_ENDS);
}

#[test]
fn a_child_whose_end_is_not_told_is_found() {
    assert_eq!(found(Fault::ChildEndUntold), invariants::LIVE_HAS_REASON);
}

#[test]
fn a_child_whose_end_is_told_before_it_is_committed_is_found() {
    assert_eq!(found(Fault::ChildEndToldEarly), invariants::END_IS_COMMITTED_FIRST);
}

#[test]
fn a_lapsed_lease_that_counts_again_is_found() {
    assert_eq!(found(Fault::LapsedLeaseRevives), invariants::EFFECT_UNDER_LEASE);
}

#[test]
fn an_early_event_that_is_forgotten_with_its_worker_is_found() {
    assert_eq!(found(Fault::EarlyEventsForgotten), invariants::NO_EVENT_IS_LOST);
}

#[test]
fn effects_of_early_events_without_a_checkpoint_are_found() {
    assert_eq!(found(Fault::EarlyEffectsUncommitted), invariants::EFFECT_IS_JOURNALED);
}

#[test]
fn effects_that_begin_after_they_were_given_up_are_found() {
    assert_eq!(found(Fault::GivenUpEffectsBegin), invariants::EFFECT_IS_JOURNALED);
}

#[test]
fn an_outcome_that_is_never_read_is_found() {
    assert_eq!(found(Fault::FinishedCallUnseen), invariants::PARKED_AT_REST);
}

#[test]
fn what_is_found_tells_how_to_see_it_again() {
    let found = search(1, ENOUGH, Some(Fault::ParkIgnoresSignals)).found.unwrap();
    let again = search(found.seed, 1, Some(Fault::ParkIgnoresSignals)).found.unwrap();
    assert_eq!(found, again);
    assert!(found.tail.iter().any(|line| line.contains("VIOLATION")), "{found:?}");
    assert_eq!(found.command(), format!("sluice sim --seed {}", found.seed));
}
