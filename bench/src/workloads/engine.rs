//! F1: the engine alone, in this process: ten pure steps decided and applied, and the check of a long definition,
//! without findings and with two at each step. `bench/benches/engine.rs` has conditions and templates alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use engine::Timestamp;
use engine::check::{Offline, check};
use engine::definition::Format;
use engine::machine::{Command, Origin, State, advance};
use engine::plan::{self, Plan};
use serde_json::{Value, json};

use crate::measure::{Figure, Table};
use crate::settings::Settings;

const TEN_STEPS: &str = include_str!("../../workflows/ten_steps.yaml");

/// Times both.
pub fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("F1") {
        return Ok(());
    }
    let figure = ten_pure_steps(settings.runs).context("F1, ten pure steps")?;
    table.add("F1 ten pure steps", figure, "µs", "decided and applied; target <= 20 µs");
    let good = long_definition()?;
    let checked = check(&good, Format::Json, &Offline);
    ensure!(checked.is_valid(), "the definition is not valid: {:?}", checked.problems.first());
    table.add(
        "F1 check of 500 steps",
        checking(&good, settings.runs),
        "ms",
        "read, decoded and checked; target < 100 ms",
    );
    // Every step has two findings: the places and the suggestions cost most.
    let bad = good.replace("\"next\"", "\"nxet\"");
    table.add("F1 check of 500 bad steps", checking(&bad, settings.runs), "ms", "two findings at each step");
    Ok(())
}

fn ten_pure_steps(runs: usize) -> anyhow::Result<Figure> {
    let definition = check(TEN_STEPS, Format::Yaml, &Offline).definition.context("the workflow is not valid")?;
    let plan = Plan::new(definition, plan::Settings { default_timeout: Duration::from_mins(5) })?;
    let origin = Origin {
        execution: "exe_1".to_owned(),
        organization: "org_1".to_owned(),
        workflow_id: "bench_ten_steps".to_owned(),
        workflow_name: "Ten pure steps".to_owned(),
        version: 1,
        payload: json!({ "order": { "id": "o-1", "total": 120.5 } }),
        trigger: json!({ "type": "manual" }),
        accepted_at: Timestamp(1_763_000_000_000),
        base_url: String::new(),
    };
    let decide = || {
        let mut state = State::new();
        let decided = advance(&plan, &origin, &mut state, Command::TakeUp, Timestamp(1_763_000_000_001));
        decided.map(|decided| (decided, state))
    };
    let (_decided, state) = decide()?;
    ensure!(state.has_ended(), "one command does not come to the end");
    let seconds = seconds_each(runs, 20_000, || {
        let _decided = black_box(decide());
    });
    Ok(Figure::new(seconds.into_iter().map(|seconds| seconds * 1_000_000.0).collect()))
}

fn checking(text: &str, runs: usize) -> Figure {
    let seconds = seconds_each(runs, 50, || {
        let _checked = black_box(check(text, Format::Json, &Offline));
    });
    Figure::new(seconds.into_iter().map(|seconds| seconds * 1_000.0).collect())
}

/// What one call takes on average, once for each run, after some that do not count.
fn seconds_each(runs: usize, calls: u32, mut call: impl FnMut()) -> Vec<f64> {
    for _warming_up in 0..calls / 10 {
        call();
    }
    (0..runs.max(1))
        .map(|_run| {
            let began = Instant::now();
            for _call in 0..calls {
                call();
            }
            began.elapsed().as_secs_f64() / f64::from(calls)
        })
        .collect()
}

/// A definition of 500 steps of several types, each leading to the next.
fn long_definition() -> anyhow::Result<String> {
    let step = |index: usize| {
        let (id, next) = (format!("step_{index}"), format!("step_{}", index + 1));
        match index % 5 {
            0 => json!({ "id": id, "type": "condition", "on_true": next, "on_false": next, "condition": { "and": [
                { "field": "order.total", "operator": "gte", "value": index },
                { "field": "order.currency", "operator": "in", "value": ["EUR", "USD"] } ] } }),
            1 => json!({ "id": id, "type": "set", "next": next, "set": { "order.note": "Order {{ order.id }}" } }),
            2 => json!({ "id": id, "type": "execute", "next": next, "retry": { "max_attempts": 3 }, "execute": [
                { "type": "http_request", "url": "https://example.org/{{ order.id }}", "body": { "n": "{{ order.total + 1 }}" } } ] }),
            3 => json!({ "id": id, "type": "switch", "default": next, "cases": [
                { "when": { "field": "order.total", "operator": "lt", "value": 10 }, "next": next } ] }),
            _others => json!({ "id": id, "type": "wait", "wait": { "for": "5m" }, "next": next }),
        }
    };
    let mut steps: Vec<Value> = (0..499).map(step).collect();
    steps.push(json!({ "id": "step_499", "type": "end" }));
    Ok(serde_json::to_string_pretty(&json!({ "workflow_id": "bench_check", "steps": steps }))?)
}
