//! Histories with a fault planted in each: the checker has to find it, and nothing else.

use std::time::Duration;

use super::*;
use crate::dump::{Entry, Fact};
use crate::history::{Followed, Item, Start};
use crate::sink::Arrival;
use crate::workflows::PAIR;

const KEY: &str = "c0-0";
const EFFECT: &str = "effect-1";

fn entry(sequence: i64, epoch: i64, facts: Vec<Fact>) -> Entry {
    Entry { sequence, position: sequence, epoch, at_ms: sequence * 10, facts }
}

fn step_started() -> Fact {
    Fact::StepStarted { place: "call 1".to_owned() }
}

fn call_started() -> Fact {
    Fact::CallStarted { place: "call 1 0".to_owned(), key: EFFECT.to_owned() }
}

fn call_finished() -> Fact {
    Fact::ActionFinished { place: "call 1 0".to_owned() }
}

fn item(sequence: i64, is_end: bool) -> Item {
    Item { cursor: format!("at-{sequence}"), event: Some(format!("event-{sequence}")), sequence, is_end }
}

struct World {
    history: History,
    ledger: Ledger,
    dump: Dump,
}

/// One execution that called once, was followed, and ended well.
fn sound() -> World {
    let mut history = History::default();
    let start =
        Start { workflow: "chaos_call".to_owned(), expected: Expected::Allowed, executions: vec!["exe_1".to_owned()] };
    history.starts.insert(KEY.to_owned(), start);
    let items = vec![item(1, false), item(2, false), item(3, true)];
    history.followed.insert(KEY.to_owned(), Followed { items, completed: true });
    let execution = Execution {
        id: "01".to_owned(),
        workflow: "chaos_call".to_owned(),
        key: Some(KEY.to_owned()),
        status: status::COMPLETED,
        result: Some(1),
        epoch: 1,
        ended_at_ms: Some(30),
        journal: vec![
            entry(1, 0, vec![Fact::Other]),
            entry(2, 1, vec![step_started(), call_started()]),
            entry(3, 1, vec![call_finished(), Fact::Ended { cancelled: false }]),
        ],
        ..Execution::default()
    };
    let mut dump = Dump::default();
    dump.executions.insert("01".to_owned(), execution);
    let ledger = Ledger::from([(EFFECT.to_owned(), vec![Arrival { at_ms: 20, path: "/ok/c0-0".to_owned() }])]);
    World { history, ledger, dump }
}

impl World {
    fn execution(&mut self) -> &mut Execution {
        self.dump.executions.get_mut("01").unwrap()
    }

    fn followed(&mut self) -> &mut Followed {
        self.history.followed.get_mut(KEY).unwrap()
    }

    fn broken(&self) -> Vec<Rule> {
        let verdict = check(&self.history, &self.ledger, &self.dump);
        let mut rules: Vec<Rule> = verdict.violations.iter().map(|violation| violation.rule).collect();
        rules.sort();
        rules.dedup();
        rules
    }
}

#[test]
fn a_sound_history_breaks_no_rule() {
    let world = sound();
    assert_eq!(world.broken(), []);
    let verdict = check(&world.history, &world.ledger, &world.dump);
    assert_eq!((verdict.accepted, verdict.ended, verdict.calls, verdict.followed), (1, 1, 1, 1));
}

#[test]
fn a_lost_start_is_found() {
    let mut world = sound();
    world.dump.executions.clear();
    world.ledger.clear();
    assert_eq!(world.broken(), [Rule::AcceptedIsDurable]);
    assert_eq!(check(&world.history, &world.ledger, &world.dump).lost, 1);
}

#[test]
fn a_second_execution_of_one_key_is_found() {
    let mut world = sound();
    let mut second = world.execution().clone();
    second.id = "02".to_owned();
    second.journal[1].facts.pop();
    second.journal[2].facts.remove(0);
    world.dump.executions.insert("02".to_owned(), second);
    assert_eq!(world.broken(), [Rule::OneExecutionPerKey]);
    let mut world = sound();
    world.history.starts.get_mut(KEY).unwrap().executions.push("exe_2".to_owned());
    assert_eq!(world.broken(), [Rule::OneExecutionPerKey]);
}

#[test]
fn an_execution_that_has_not_ended_is_found() {
    let mut world = sound();
    let execution = world.execution();
    execution.ended_at_ms = None;
    execution.status = 0;
    execution.journal[2].facts.pop();
    assert_eq!(world.broken(), [Rule::EverythingEnds]);
}

#[test]
fn another_end_than_the_expected_one_is_found() {
    let mut world = sound();
    world.execution().result = Some(2);
    assert_eq!(world.broken(), [Rule::ExpectedEnd]);
    let mut world = sound();
    world.execution().status = status::CANCELLED;
    assert_eq!(world.broken(), [Rule::ExpectedEnd], "nobody cancelled it");
}

#[test]
fn a_step_after_an_answered_cancellation_is_found() {
    let mut world = sound();
    world.execution().status = status::CANCELLED;
    world.history.cancels.insert(KEY.to_owned(), Cancelled::Accepted(25));
    assert_eq!(world.broken(), []);
    world.history.cancels.insert(KEY.to_owned(), Cancelled::Accepted(15));
    assert_eq!(world.broken(), [Rule::CancelledStaysSo]);
    world.execution().status = status::COMPLETED;
    world.history.cancels.insert(KEY.to_owned(), Cancelled::Accepted(25));
    assert_eq!(world.broken(), [Rule::CancelledStaysSo], "it was not cancelled after all");
}

#[test]
fn a_duplicate_effect_within_one_epoch_is_found_and_a_repeat_of_the_next_epoch_is_counted() {
    let mut world = sound();
    let again = Arrival { at_ms: 25, path: "/ok/c0-0".to_owned() };
    world.ledger.get_mut(EFFECT).unwrap().push(again);
    assert_eq!(world.broken(), [Rule::EffectOncePerEpoch]);
    assert_eq!(check(&world.history, &world.ledger, &world.dump).duplicates, 1);
    world.execution().epoch = 2;
    world.execution().journal[2].epoch = 2;
    assert_eq!(world.broken(), []);
    assert_eq!(check(&world.history, &world.ledger, &world.dump).repeats, 1);
}

#[test]
fn an_effect_that_no_journal_has_and_one_that_never_arrived_are_found() {
    let mut world = sound();
    world.ledger.insert("stranger".to_owned(), vec![Arrival { at_ms: 1, path: "/ok/x".to_owned() }]);
    assert_eq!(world.broken(), [Rule::EffectIsJournalled]);
    let mut world = sound();
    world.ledger.clear();
    assert_eq!(world.broken(), [Rule::EffectHappened]);
}

#[test]
fn two_owners_are_found() {
    let mut world = sound();
    world.execution().journal[1].epoch = 2;
    assert_eq!(world.broken(), [Rule::OneOwner], "the owner before wrote after the next one");
    let mut world = sound();
    world.execution().journal[1].position = 9;
    assert_eq!(world.broken(), [Rule::OneOwner], "rows were written in another order than they count");
}

#[test]
fn a_gap_in_a_journal_and_rows_after_the_end_are_found() {
    let mut world = sound();
    world.history.followed.clear();
    world.execution().journal[2].sequence = 4;
    assert_eq!(world.broken(), [Rule::JournalHasNoGap]);
    let mut world = sound();
    world.history.followed.clear();
    world.execution().journal.push(entry(4, 1, vec![Fact::Other]));
    assert_eq!(world.broken(), [Rule::EndIsLast]);
}

#[test]
fn a_stream_with_a_repeat_a_gap_or_no_end_is_found() {
    let mut world = sound();
    world.followed().items.insert(1, item(1, false));
    assert_eq!(world.broken(), [Rule::StreamHasNoRepeat]);
    let mut world = sound();
    world.followed().items.remove(1);
    assert_eq!(world.broken(), [Rule::StreamHasNoGap]);
    let mut world = sound();
    world.followed().items.pop();
    assert_eq!(world.broken(), [Rule::StreamSeesEnd]);
    let mut world = sound();
    world.followed().completed = false;
    assert_eq!(world.broken(), [Rule::StreamSeesEnd]);
}

#[test]
fn a_child_or_an_event_that_started_nothing_or_twice_is_found() {
    for workflow in [PARENT, FAN] {
        let mut world = sound();
        let execution = world.execution();
        execution.workflow = workflow.to_owned();
        execution.tag = Some(KEY.to_owned());
        assert_eq!(world.broken(), [Rule::StartedOnce]);
        for number in 2..=3 {
            let inner = Execution {
                id: format!("0{number}"),
                workflow: FANNED.to_owned(),
                tag: Some(KEY.to_owned()),
                parent: Some("01".to_owned()),
                status: status::COMPLETED,
                ended_at_ms: Some(30),
                journal: vec![entry(1, 0, vec![Fact::Ended { cancelled: false }])],
                ..Execution::default()
            };
            world.dump.executions.insert(inner.id.clone(), inner);
            let expected: &[Rule] = if number == 2 { &[] } else { &[Rule::StartedOnce] };
            assert_eq!(world.broken(), expected);
        }
    }
}

#[test]
fn a_step_that_begins_in_a_pause_is_found_and_what_was_under_way_is_none() {
    let mut world = sound();
    world.execution().journal[0].facts = vec![Fact::Paused];
    assert_eq!(world.broken(), [Rule::PauseHolds]);
    let mut world = sound();
    world.execution().journal[0].facts = vec![Fact::Paused, Fact::Unpaused];
    assert_eq!(world.broken(), []);
    let mut world = sound();
    world.execution().journal[1].facts = vec![step_started(), Fact::Paused, call_started()];
    assert_eq!(world.broken(), [], "the attempt had begun before");
    let mut world = sound();
    world.execution().journal[1].facts = vec![Fact::Paused, call_started()];
    assert_eq!(world.broken(), [Rule::PauseHolds], "no attempt had begun");
}

#[test]
fn panics_and_a_recovery_that_takes_too_long_are_found() {
    let broken = |panics, took_ms: Option<i64>| {
        let mut verdict = Verdict::default();
        let slowest = took_ms.map(|took_ms| fleet::Recovery { execution: "01".to_owned(), took_ms });
        fleet::check(&mut verdict, panics, slowest.as_ref(), Duration::from_secs(3));
        verdict.violations.iter().map(|violation| violation.rule).collect::<Vec<Rule>>()
    };
    assert_eq!(broken(0, None), []);
    assert_eq!(broken(0, Some(10_000)), []);
    assert_eq!(broken(0, Some(10_001)), [Rule::RecoveredInTime]);
    assert_eq!(broken(1, None), [Rule::NoPanic]);
}

#[test]
fn a_point_in_time_that_starts_two_executions_is_found() {
    let mut world = sound();
    for (id, at) in [("02", "12:00:00"), ("03", "12:00:02"), ("04", "12:00:02")] {
        let tick = Execution {
            id: id.to_owned(),
            workflow: TICK.to_owned(),
            tag: Some(at.to_owned()),
            status: status::COMPLETED,
            ended_at_ms: Some(30),
            journal: vec![entry(1, 0, vec![Fact::Ended { cancelled: false }])],
            ..Execution::default()
        };
        world.dump.executions.insert(tick.id.clone(), tick);
        let expected: &[Rule] = if id == "04" { &[Rule::ScheduleFiresOnce] } else { &[] };
        assert_eq!(world.broken(), expected);
    }
    assert_eq!(check(&world.history, &world.ledger, &world.dump).fired, 2);
}

#[test]
fn an_approval_with_two_answers_and_an_end_that_is_not_the_answered_one_are_found() {
    let mut world = sound();
    world.history.starts.get_mut(KEY).unwrap().expected = Expected::Decided;
    assert_eq!(world.broken(), [], "nobody was answered, and either may have been first");
    world.history.decisions.insert(KEY.to_owned(), vec![true]);
    assert_eq!(world.broken(), []);
    world.history.decisions.insert(KEY.to_owned(), vec![false]);
    assert_eq!(world.broken(), [Rule::ExpectedEnd]);
    world.history.decisions.insert(KEY.to_owned(), vec![true, false]);
    assert_eq!(world.broken(), [Rule::DecidedOnce]);
}

#[test]
fn a_third_execution_under_way_where_two_may_be_is_found() {
    let mut world = sound();
    let mut add = |number: i64, begun: i64, ended: i64| {
        let at = |sequence, position, fact| Entry { position, ..entry(sequence, 1, vec![fact]) };
        let pair = Execution {
            id: format!("p{number}"),
            workflow: PAIR.to_owned(),
            status: status::COMPLETED,
            epoch: 1,
            ended_at_ms: Some(30),
            journal: vec![at(1, begun, step_started()), at(2, ended, Fact::Ended { cancelled: false })],
            ..Execution::default()
        };
        world.dump.executions.insert(pair.id.clone(), pair);
        world.broken()
    };
    assert_eq!(add(1, 10, 20), []);
    assert_eq!(add(2, 11, 30), []);
    assert_eq!(add(3, 21, 40), [], "it began after the first one had ended");
    assert_eq!(add(4, 29, 50), [Rule::SlotsHold], "the second and the third are under way");
}

#[test]
fn an_answer_that_no_fault_explains_is_found() {
    let mut world = sound();
    world.history.surprises.push("INVALID".to_owned());
    assert_eq!(world.broken(), [Rule::NoSurprise]);
}
