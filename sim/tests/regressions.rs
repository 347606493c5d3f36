//! Histories in which something did not hold once. A seed counts as long as definitions and steps are drawn
//! as they were when it was found; what it found has a test of its own beside the code that was corrected.

use sluice_sim::{Fault, Recording, invariants, run};

fn holds(seed: u64) {
    assert_eq!(run(seed, None, Recording::None).violation, None, "sluice sim --seed {seed}");
}

#[test]
fn an_approval_in_a_parallel_that_is_tried_again_is_asked_anew() {
    holds(59);
}

#[test]
fn a_wait_that_is_over_when_a_signal_comes_that_fits_nothing_counts_as_running_again() {
    holds(80);
}

#[test]
fn a_step_that_was_left_by_a_resume_elsewhere_begins_anew() {
    holds(84);
}

#[test]
fn an_effect_that_an_early_event_leads_to_waits_for_its_commit() {
    holds(352);
}

#[test]
fn a_call_in_a_loop_that_is_tried_again_may_ask_with_other_data() {
    holds(377);
}

#[test]
fn a_wait_within_a_second_attempt_is_held_against_earlier_events_too() {
    holds(1_007_335);
    let lingers = run(1_007_335, Some(Fault::RecordedWaitsLinger), Recording::None).violation;
    assert_eq!(lingers.map(|violation| violation.invariant), Some(invariants::NO_EVENT_IS_LOST));
}

/// Before, it claimed what it could not work on, gave it up, and claimed it again.
#[test]
fn a_worker_whose_lease_is_in_doubt_claims_nothing() {
    holds(53_816);
}

/// Before, the row of a wait was gone once its time had come, although its execution was paused in a worker's hands.
#[test]
fn an_event_is_taken_by_a_wait_whose_time_stands_still() {
    holds(81_012);
}

/// Before, a call that was to begin again with its new owner began twice, when the step around it ran out of time and
/// was tried again before it left.
#[test]
fn a_call_that_is_decided_anew_before_it_began_begins_once() {
    holds(20_328_294);
}
