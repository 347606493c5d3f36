//! Branches: strategies, checks, how many at once, what can be read of them.

use serde_json::{Value, json};
use sluice_engine::machine::{ErrorClass, Outcome, Status};

use crate::sim::Sim;

fn call(id: &str) -> Value {
    json!({ "id": id, "type": "execute", "execute": [{ "type": "http_request", "url": "https://example.org/" }] })
}

fn checks(strategy: &str) -> Value {
    let check = |id: &str, field: &str| json!({ "id": id, "type": "condition", "condition": { "field": field, "operator": "eq", "value": true } });
    json!([
        { "id": "checks", "type": "parallel", "next": "yes", "on_error": "no",
          "parallel": { "strategy": strategy, "steps": [check("credit", "credit"), check("fraud", "fraud")] } },
        { "id": "yes", "type": "action", "action": "allow", "reason": "{{ steps.checks.branches.credit.passed }}" },
        { "id": "no", "type": "action", "action": "block", "reason": "{{ error.message }}" },
    ])
}

#[test]
fn a_branch_that_is_one_condition_passes_when_it_is_true_and_the_strategy_decides() {
    for (strategy, credit, fraud, outcome) in [
        ("all_must_pass", true, true, Outcome::Allowed),
        ("all_must_pass", true, false, Outcome::Blocked),
        ("any_can_pass", true, false, Outcome::Allowed),
        ("any_can_pass", false, false, Outcome::Blocked),
        ("best_effort", false, false, Outcome::Allowed),
    ] {
        let sim = Sim::start(checks(strategy), json!({ "credit": credit, "fraud": fraud }));
        assert_eq!(sim.state.result(), Some(outcome), "{strategy} {credit} {fraud}: {:#?}", sim.timeline());
    }
    let sim = Sim::start(checks("all_must_pass"), json!({ "credit": true, "fraud": false }));
    let reason = sim.state.decision().unwrap().reason.clone().unwrap();
    assert_eq!(reason, "1 of 2 branches did not pass: `fraud`");
}

#[test]
fn branches_run_at_the_same_time_and_all_of_them_to_their_end() {
    let steps = json!([
        { "id": "both", "type": "parallel", "parallel": { "branches": [[call("a"), call("b")], [call("c")]] } },
    ]);
    let mut sim = Sim::start(steps, json!({}));
    let under_way = |sim: &Sim| sim.effects.iter().map(|effect| effect.id.step.clone()).collect::<Vec<_>>();
    assert_eq!(under_way(&sim), ["both.a", "both.c"]);
    sim.fail("CONNECTION_FAILED", ErrorClass::Connection);
    assert_eq!(under_way(&sim), ["both.c"], "a branch that failed goes no further, the other does");
    sim.answer(json!({ "n": 7 }));
    assert_eq!(sim.state.status(), Status::Failed);
    let error = sim.state.error().unwrap();
    assert_eq!((error.code.as_str(), sim.state.failed_step()), ("PARALLEL_FAILED", Some("both")));
    assert_eq!(error.retryable_class, ErrorClass::Connection, "as worth another attempt as its first error");
    let context = sim.trace().context(&sim.origin);
    assert_eq!(context["steps"]["both"]["branches"]["c"]["output"]["body"]["n"], 7);
    assert_eq!(context["steps"]["both"]["branches"]["a"]["error"]["code"], "CONNECTION_FAILED");
    assert_eq!(context["steps"]["c"]["status"], "succeeded", "steps of branches can be read behind them");
}

#[test]
fn no_more_branches_run_at_once_than_max_concurrency_says() {
    let steps: Vec<Value> = (0..5).map(|index| call(&format!("s{index}"))).collect();
    let steps = json!([{ "id": "p", "type": "parallel", "parallel": { "steps": steps, "max_concurrency": 2 } }]);
    let mut sim = Sim::start(steps, json!({}));
    for left in [2, 2, 2, 2, 1] {
        assert_eq!(sim.effects.len(), left);
        sim.answer(json!({}));
    }
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn a_retry_within_a_branch_waits_while_the_other_branch_works() {
    let mut flaky = call("flaky");
    flaky["retry"] = json!({ "max_attempts": 2, "delay": "10s" });
    let steps = json!([{ "id": "p", "type": "parallel", "parallel": { "steps": [flaky, call("steady")] } }]);
    let mut sim = Sim::start(steps, json!({}));
    sim.fail("CONNECTION_FAILED", ErrorClass::Connection);
    assert_eq!(sim.state.status(), Status::Running);
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Waiting);
    sim.wake_after(10_000);
    sim.answer(json!({}));
    assert_eq!(sim.state.status(), Status::Completed);
}

#[test]
fn branches_do_not_disturb_each_others_data() {
    let branch = |id: &str| {
        let note = format!("note_{id}");
        json!([call(id), { "id": note, "type": "set", "set": { (id): "{{ data.n }}" } }])
    };
    let steps = json!([{ "id": "p", "type": "parallel", "parallel": { "branches": [branch("a"), branch("b")] } }]);
    let mut sim = Sim::start(steps, json!({}));
    // Both calls come back before either branch goes on.
    sim.answer(json!({ "n": 1 }));
    sim.answer(json!({ "n": 2 }));
    let context = sim.trace().context(&sim.origin);
    assert_eq!((&context["a"], &context["b"]), (&json!(1), &json!(2)));
}

#[test]
fn a_time_out_of_the_whole_step_drops_its_branches_and_counts_no_waiting() {
    let steps = json!([
        { "id": "p", "type": "parallel", "timeout": "20s", "on_error": "late",
          "parallel": { "branches": [[{ "id": "nap", "type": "wait", "wait": { "for": "1h" } }, call("c")]] } },
        { "id": "late", "type": "action", "action": "block", "reason": "{{ error.code }}" },
    ]);
    let mut sim = Sim::start(steps, json!({}));
    sim.wake_after(3_600_000);
    assert_eq!(sim.effects.len(), 1, "an hour of waiting is not an hour of running");
    sim.wake_after(20_000);
    assert_eq!(sim.state.decision().unwrap().reason.as_deref(), Some("STEP_TIMEOUT"));
    assert_eq!(sim.state.status(), Status::Completed);
}
