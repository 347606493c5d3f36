//! Random small workflows in a world of random answers, pauses and crashes.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::definition;
use sluice_engine::machine::{
    Command, Effect, EffectOutcome, ErrorClass, Event, Refused, Status, Versions, apply, next_due, obstacles, waits,
};

use crate::sim::{START, Sim, error, ok};

/// What the world does next.
#[derive(Debug, Clone)]
struct Turn {
    /// How the call under way comes back.
    answer: u8,
    /// How long it takes, or how much too early a wake comes.
    milliseconds: i64,
    /// The process dies before the answer is recorded.
    dies: bool,
    /// The answer comes twice.
    repeats: bool,
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = (0_u8..10, 0_i64..3_000, any::<bool>(), any::<bool>())
        .prop_map(|(answer, milliseconds, dies, repeats)| Turn { answer, milliseconds, dies, repeats });
    prop::collection::vec(turn, 1..12)
}

/// Calls that a history puts off at most: for ever would be no history.
const MOST_PUT_OFF: usize = 20;

fn outcome(answer: u8, sim: &Sim) -> EffectOutcome {
    let put_off = sim.journal.iter().filter(|event| matches!(event, Event::ActionPutOff { .. })).count();
    match answer {
        8 | 9 if put_off < MOST_PUT_OFF => {
            EffectOutcome::PutOff { until: Timestamp(sim.now.0 + 1_500), has_turn: answer == 8 }
        }
        0..3 => ok(json!({ "n": answer })),
        3 => EffectOutcome::Succeeded { output: json!("text") },
        4 => EffectOutcome::Failed(error("STEP_TIMEOUT", ErrorClass::Timeout)),
        5 => EffectOutcome::Failed(error("CONNECTION_FAILED", ErrorClass::Connection)),
        6 => EffectOutcome::Failed(error("HTTP_STATUS", ErrorClass::Http(503))),
        _rest => EffectOutcome::Failed(error("HTTP_STATUS", ErrorClass::Http(404))),
    }
}

fn condition() -> impl Strategy<Value = Value> {
    let leaf = (prop::sample::select(vec!["n", "data.n", "missing", "steps.s0.status"]), 0..4)
        .prop_map(|(field, value)| json!({ "field": field, "operator": "gte", "value": value }));
    let expression = prop::sample::select(vec!["n > 1", "data.n == 1", "names + 1 > 0", "true"])
        .prop_map(|expression| json!({ "expression": expression }));
    prop_oneof![3 => leaf, 1 => expression]
}

fn action() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(json!({ "type": "http_request", "url": "https://example.org/{{ n }}", "body": { "n": "{{ data.n }}" } })),
        Just(json!({ "type": "webhook", "url": "https://example.org", "form": "{{ names }}" })),
        Just(json!({ "type": "emit_event", "event": "a.b", "payload": { "now": "{{ now }}" } })),
        Just(json!({ "type": "log", "message": "{{ names + 1 }}" })),
        Just(json!({ "type": "log", "message": "n is {{ n }}" })),
        Just(json!({ "type": "set", "set": { "n": "{{ n + 1 }}", "order.x": "{{ now }}" } })),
    ];
    (kind, any::<bool>(), any::<bool>()).prop_map(|(mut action, optional, saved)| {
        action["optional"] = json!(optional);
        if saved {
            action["save_as"] = json!("order.saved");
        }
        action
    })
}

fn kind() -> impl Strategy<Value = Value> {
    let list = || prop::collection::vec(action(), 0..4);
    prop_oneof![
        2 => condition().prop_map(|condition| json!({ "type": "condition", "condition": condition })),
        1 => prop::collection::vec(condition(), 1..3).prop_map(|cases| json!({ "type": "switch", "cases": cases })),
        2 => (prop::sample::select(vec!["allow", "block", "execute"]), list())
            .prop_map(|(kind, list)| json!({ "type": "action", "action": { "type": kind, "reason": "{{ n }}" }, "execute": list })),
        4 => prop::collection::vec(action(), 1..4).prop_map(|list| json!({ "type": "execute", "execute": list })),
        1 => Just(json!({ "type": "set", "set": { "n": "{{ n + 1 }}" } })),
        1 => Just(json!({ "type": "fail", "code": "NO" })),
        1 => Just(json!({ "type": "end" })),
    ]
}

/// Steps that hold lists of simple ones, and steps that wait.
fn holder() -> impl Strategy<Value = Value> {
    let body =
        || prop::collection::vec(kind().prop_filter("a switch needs targets", |kind| kind["type"] != "switch"), 1..3);
    let strategy = || prop::sample::select(vec!["all_must_pass", "any_can_pass", "best_effort"]);
    prop_oneof![
        2 => (prop::collection::vec(body(), 1..4), strategy(), prop::option::of(1_u32..3)).prop_map(
            |(branches, strategy, width)| {
                let mut parallel = json!({ "branches": branches, "strategy": strategy });
                if let Some(width) = width {
                    parallel["max_concurrency"] = json!(width);
                }
                json!({ "type": "parallel", "parallel": parallel })
            }
        ),
        2 => (body(), 0_usize..5, 1_u32..4, any::<bool>()).prop_map(|(body, count, width, goes_on)| {
            let on_item_error = if goes_on { "continue" } else { "fail" };
            json!({ "type": "foreach", "foreach": { "items": vec![1; count], "steps": body,
                "max_concurrency": width, "on_item_error": on_item_error } })
        }),
        1 => (body(), 1_u32..4).prop_map(|(body, most)| {
            json!({ "type": "while", "while": { "condition": { "expression": "n < 4" }, "steps": body, "max_iterations": most } })
        }),
        1 => (1_u32..2_000).prop_map(|length| json!({ "type": "wait", "wait": { "for": format!("{length}ms") } })),
        1 => (1_u32..2_000).prop_map(|length| json!({ "type": "wait", "wait": { "event": "never", "timeout": format!("{length}ms") } })),
    ]
}

/// Gives the steps of a body their ids.
fn name_nested(step: &mut Value, prefix: &str) {
    let mut count = 0;
    let mut name = |step: &mut Value| {
        step["id"] = json!(format!("{prefix}n{count}"));
        count += 1;
    };
    for path in ["/foreach/steps", "/while/steps"] {
        step.pointer_mut(path).and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut name);
    }
    let branches = step.pointer_mut("/parallel/branches").and_then(Value::as_array_mut).into_iter().flatten();
    branches.for_each(|branch| branch.as_array_mut().into_iter().flatten().for_each(&mut name));
}

/// Steps that refer to later ones only, so that every flow ends.
fn steps() -> impl Strategy<Value = Value> {
    let retry = (1_u32..4, 1_u32..1_500, any::<bool>())
        .prop_map(|(attempts, delay, jitter)| json!({ "max_attempts": attempts, "delay": format!("{delay}ms"), "jitter": jitter }));
    let step = (
        prop_oneof![3 => kind(), 2 => holder()],
        prop::option::weighted(0.3, condition()),
        prop::option::of(retry),
        any::<[prop::sample::Index; 3]>(),
    );
    prop::collection::vec(step, 1..6).prop_map(|steps| {
        let count = steps.len();
        let wired = steps.into_iter().enumerate().map(|(at, (mut step, when, retry, targets))| {
            step["id"] = json!(format!("s{at}"));
            name_nested(&mut step, &format!("s{at}"));
            let target = |index: usize| {
                let later = at + 1 + targets[index].index(count - at);
                (later < count).then(|| json!(format!("s{later}")))
            };
            let references: &[(usize, &str)] = match step["type"].as_str() {
                Some("condition") => &[(0, "on_true"), (1, "on_false"), (2, "on_error")],
                Some("switch") => &[(1, "default"), (2, "on_error")],
                Some("end" | "fail") => &[],
                _other => &[(0, "next"), (2, "on_error")],
            };
            for (index, key) in references {
                if let Some(target) = target(*index) {
                    step[*key] = target;
                }
            }
            match target(0) {
                Some(next) if step["type"] == "switch" => {
                    let whens = step["cases"].take();
                    let cases = whens.as_array().unwrap().iter().map(|when| json!({ "when": when, "next": next }));
                    step["cases"] = cases.collect();
                }
                // The last step has no case to offer.
                None if step["type"] == "switch" => step = json!({ "id": step["id"], "type": "end" }),
                _other_step => {}
            }
            if let Some(when) = when {
                step["when"] = when;
            }
            if let Some(retry) = retry.filter(|_| step["type"] != "end" && step["type"] != "fail") {
                step["retry"] = retry;
            }
            step
        });
        wired.collect()
    })
}

/// Calls that really went out, by key, with what they asked.
type Sent = Vec<Effect>;

/// Runs to the end. With `crashes`, the process dies where the turns say so. What fails is retried so many times.
fn run(definition: &Value, turns: &[Turn], crashes: bool, retries: usize) -> (Sim, Sent) {
    run_with(definition, turns, Disturbs { crashes, ..Disturbs::default() }, retries)
}

/// What happens beside the answers, where the turns say so.
#[derive(Clone, Copy, Default)]
struct Disturbs {
    /// The process dies.
    crashes: bool,
    /// What waits goes on with another version that is the same.
    moves: bool,
    /// What waits is paused for a while.
    pauses: bool,
}

/// As `run`, disturbed.
fn run_with(definition: &Value, turns: &[Turn], disturbs: Disturbs, mut retries: usize) -> (Sim, Sent) {
    let Disturbs { crashes, moves, pauses } = disturbs;
    let decoded = definition::decode(definition).unwrap_or_else(|problems| panic!("{definition:#} {problems:#?}"));
    let mut sim = Sim::accept(decoded, json!({ "n": 1, "names": ["a"], "order": { "id": 7 } }));
    let mut sent = Vec::new();
    sim.command(Command::TakeUp);
    let most = 500 * (retries + 1);
    for turn in turns.iter().cycle().take(most) {
        if crashes && turn.dies && !sim.state.has_ended() {
            sent.extend(sim.effects.clone());
            sim.crash();
            assert!(sim.command(Command::TakeUp).iter().all(|line| line == "suspended" || line == "resumed"));
        }
        match sim.state.status() {
            Status::Failed if retries > 0 => {
                retries -= 1;
                sim.command(Command::Retry { by: None, reason: None, hold: false });
                if crashes {
                    sim.crash();
                }
                sim.command(Command::TakeUp);
            }
            Status::Completed | Status::Failed => return (sim, sent),
            Status::Blocked | Status::Paused | Status::Cancelled => panic!("nobody asked for {:?}", sim.state.status()),
            Status::Running => {
                // A worker wakes at the moment when something is due, whatever is under way.
                let due = next_due(&sim.plan, &sim.origin, &sim.state);
                if let Some(due) = due.filter(|due| due.0 <= sim.now.0 + turn.milliseconds) {
                    sim.wake_after((due.0 - sim.now.0).max(0));
                    continue;
                }
                let effect = sim.effects[0].clone();
                sim.now.0 += turn.milliseconds;
                sim.finish(outcome(turn.answer, &sim));
                if turn.repeats {
                    let again = Command::EffectDone { effect: effect.id.clone(), outcome: outcome(0, &sim) };
                    let refused = sim.try_command(again);
                    assert!(matches!(refused, Err(Refused::NotUnderWay { .. } | Refused::Ended)), "{refused:?}");
                }
                sent.push(effect);
            }
            Status::Waiting | Status::Queued => {
                if pauses && turn.repeats {
                    sim.command(Command::Pause { by: None, reason: None, freezes: true });
                    assert!(sim.wake_after(5_000 + turn.milliseconds).is_empty(), "nothing is due in a pause");
                    sim.command(Command::Resume { by: None, data: None, at_step: None });
                }
                let due = waits(&sim.plan, &sim.origin, &sim.state).into_iter().filter_map(|wait| wait.due_at).min();
                let wait = due.expect("a waiting execution knows until when").0 - sim.now.0;
                assert!(wait > 0, "a wait that is over was worked off");
                if moves && turn.repeats && sim.state.status() == Status::Waiting {
                    let versions = Versions { from: definition, to: definition, plan: &sim.plan, number: 4 };
                    let found = obstacles(&versions, &sim.origin, &sim.state, sim.now);
                    assert!(found.is_empty(), "the same version has room for everything: {found:?}");
                    let moved = Event::Moved { from: 3, to: 4, by: None, reason: None, at: sim.now };
                    apply(&mut sim.state, &moved);
                    sim.journal.push(moved);
                }
                let early = turn.milliseconds.min(wait - 1);
                assert!(sim.wake_after(early).is_empty(), "a wake that is too early does nothing");
                sim.wake_after(wait - early);
            }
        }
    }
    panic!("it did not end: {:#?}", sim.timeline());
}

/// A timeline in which nobody sees what `now` was.
fn without_moments(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let moment = regex::Regex::new(r"\d{4}-\d{2}-\d{2}T[\d:.]+Z").unwrap();
    lines.into_iter().map(|line| moment.replace_all(&line, "(a moment)").into_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_execution_ends_and_crashes_change_nothing_about_how(steps in steps(), turns in turns()) {
        let definition = json!({ "workflow_id": "random", "timeout": "24h", "steps": steps });
        let (calm, asked_once) = run(&definition, &turns, false, 0);
        let (stormy, asked) = run(&definition, &turns, true, 0);
        prop_assert!(calm.state.has_ended());
        prop_assert_eq!(calm.timeline(), stormy.timeline());
        prop_assert_eq!(calm.journal, stormy.journal);
        prop_assert_eq!(calm.state, stormy.state);
        // A crash repeats a call, but never invents one: no new id, key or request.
        for effect in &asked {
            prop_assert!(asked_once.contains(effect), "{:?}", effect);
        }
        for effect in &asked_once {
            prop_assert!(asked.contains(effect));
        }
        // Attempts share the key, and no two actions do.
        for one in &asked {
            for other in &asked {
                let same_action = (&one.id.step, one.id.action) == (&other.id.step, other.id.action);
                prop_assert_eq!(one.key == other.key, same_action);
            }
        }
    }

    #[test]
    fn what_is_retried_ends_again_and_crashes_change_nothing_about_how(steps in steps(), turns in turns()) {
        let definition = json!({ "workflow_id": "random", "timeout": "24h", "steps": steps });
        let (calm, asked_once) = run(&definition, &turns, false, 2);
        let (stormy, asked) = run(&definition, &turns, true, 2);
        prop_assert_eq!(calm.journal, stormy.journal);
        prop_assert_eq!(calm.state, stormy.state);
        for effect in &asked {
            prop_assert!(asked_once.contains(effect), "{:?}", effect);
        }
        // No key stands for two actions, also behind a retry.
        for one in &asked {
            for other in asked.iter().filter(|other| other.key == one.key) {
                prop_assert_eq!((&one.id.step, one.id.action), (&other.id.step, other.id.action));
            }
        }
    }

    #[test]
    fn what_moves_to_a_version_that_is_the_same_ends_as_what_does_not_move(steps in steps(), turns in turns()) {
        let definition = json!({ "workflow_id": "random", "timeout": "24h", "steps": steps });
        let (stays, asked_once) = run(&definition, &turns, false, 0);
        let (moved, asked) = run_with(&definition, &turns, Disturbs { crashes: true, moves: true, pauses: false }, 0);
        let is_no_move = |event: &&Event| !matches!(event, Event::Moved { .. });
        let journal: Vec<Event> = moved.journal.iter().filter(is_no_move).cloned().collect();
        prop_assert_eq!(journal, stays.journal);
        prop_assert_eq!(moved.state, stays.state);
        for effect in &asked {
            prop_assert!(asked_once.contains(effect), "{:?}", effect);
        }
    }

    #[test]
    fn pauses_change_nothing_but_when(mut steps in steps(), turns in turns()) {
        // Delays before attempts, and turns of rates, go on in a pause.
        let turns: Vec<Turn> = turns.into_iter().map(|turn| Turn { answer: turn.answer % 8, ..turn }).collect();
        for step in steps.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            step.remove("retry");
        }
        let definition = json!({ "workflow_id": "random", "timeout": "24h", "deadline": "100h", "steps": steps });
        let (calm, _) = run(&definition, &turns, false, 0);
        let (held, _) = run_with(&definition, &turns, Disturbs { crashes: true, moves: false, pauses: true }, 0);
        let lines = held.timeline().into_iter().filter(|line| line != "paused" && line != "unpaused");
        prop_assert_eq!(without_moments(lines), without_moments(calm.timeline()));
    }

    #[test]
    fn a_bounded_execution_ends_in_time(steps in steps(), turns in turns(), seconds in 1_i64..5) {
        let definition = json!({ "workflow_id": "random", "timeout": format!("{seconds}s"), "deadline": "20s", "steps": steps });
        let (sim, _) = run(&definition, &turns, true, 0);
        let longest_turn = 3_000;
        prop_assert!(sim.now.0 - START.0 <= 20_000 + longest_turn, "{:#?}", sim.timeline());
    }
}
