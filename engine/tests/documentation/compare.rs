//! Holds what happened against what a case expects.

use serde_json::{Value, json};
use sluice_engine::expr::equal;
use sluice_engine::machine::{Outcome, Trace};

use crate::case::Expect;
use crate::world::{START, World, length};

pub fn differences(world: &World, expect: &Expect) -> Vec<String> {
    let mut problems = Vec::new();
    let state = &world.state;
    let trace = Trace::fold(world.journal.clone());
    let name = |outcome: Outcome| serde_json::to_value(outcome).unwrap();
    let decision = state.decision();
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let single = [
        ("status", &expect.status, Value::from(state.status().name())),
        ("result", &expect.result, state.result().map_or(Value::Null, name)),
        ("reason", &expect.reason, text(decision.and_then(|decision| decision.reason.as_deref()))),
        ("error", &expect.error, text(state.error().map(|error| error.code.as_str()))),
        ("failed_step", &expect.failed_step, text(state.failed_step())),
    ];
    for (what, wanted, found) in single {
        if let Some(wanted) = wanted
            && found != wanted.as_str()
        {
            let why = state.error().map_or_else(String::new, |error| format!(" ({}: {})", error.code, error.message));
            problems.push(format!("{what}: expected {wanted}, found {found}{why}"));
        }
    }
    let began = trace.steps.iter().filter(|step| !step.attempts.is_empty()).map(|step| step.path.clone());
    let lists = [
        ("steps", &expect.steps, began.collect::<Vec<_>>()),
        ("logs", &expect.logs, trace.logs.iter().map(|line| line.message.clone()).collect()),
        ("warnings", &expect.warnings, trace.warnings.iter().map(|(_, message)| message.clone()).collect()),
    ];
    for (what, wanted, found) in lists {
        if let Some(wanted) = wanted
            && *wanted != found
        {
            problems.push(format!("{what}: expected {wanted:?}, found {found:?}"));
        }
    }
    let approvals: Vec<Value> =
        state.approvals().values().map(|open| serde_json::to_value(&open.request).unwrap()).collect();
    let metadata = decision.and_then(|decision| decision.metadata.clone()).unwrap_or_default();
    let subsets = [
        ("metadata", expect.metadata.clone(), metadata),
        ("context", expect.context.clone(), trace.context(&world.origin)),
        ("emitted", expect.emitted.clone().map(Value::Array), json!(world.emitted)),
        ("notified", expect.notified.clone().map(Value::Array), json!(world.notified)),
        ("started", expect.started.clone().map(Value::Array), json!(world.started)),
        ("approvals", expect.approvals.clone().map(Value::Array), Value::Array(approvals)),
    ];
    for (what, wanted, found) in subsets {
        if let Some(wanted) = wanted {
            contains(&found, &wanted, what, &mut problems);
        }
    }
    if let Some(elapsed) = &expect.elapsed
        && START.plus(length(elapsed)) != world.now
    {
        problems.push(format!("elapsed: expected {elapsed}, found {} ms", world.now.0 - START.0));
    }
    problems
}

/// Whether `found` has everything in `wanted`: objects may have more, lists and values may not.
pub fn contains(found: &Value, wanted: &Value, at: &str, problems: &mut Vec<String>) {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            for (key, wanted) in wanted {
                contains(found.get(key).unwrap_or(&Value::Null), wanted, &format!("{at}.{key}"), problems);
            }
        }
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            for (index, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                contains(found, wanted, &format!("{at}[{index}]"), problems);
            }
        }
        (found, wanted) if equal(found, wanted, START) => {}
        (found, wanted) => problems.push(format!("{at}: expected {wanted}, found {found}")),
    }
}
