//! F1: the engine alone. `cargo bench --workspace --bench engine` prints the figures.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Timestamp;
use engine::check::{Offline, check};
use engine::definition::Format;
use engine::expr::{Condition, Scope, Template};
use engine::machine::{Command, Origin, State, advance};
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};

const TEN_STEPS: &str = include_str!("../workflows/ten_steps.yaml");

fn ten_pure_steps(criterion: &mut Criterion) {
    let definition = check(TEN_STEPS, Format::Yaml, &Offline).definition.expect("the workflow is valid");
    let settings = Settings { default_timeout: Duration::from_mins(5) };
    let plan = Plan::new(definition, settings).expect("the workflow has steps");
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
    criterion.bench_function("F1 advance over ten pure steps", |bencher| {
        bencher.iter(|| {
            let mut state = State::new();
            let decided = advance(&plan, &origin, &mut state, Command::TakeUp, Timestamp(1_763_000_000_001));
            black_box((decided, state))
        });
    });
}

/// One root, as an execution has its payload.
struct Order(Value);

impl Scope for Order {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "order").then_some(Cow::Borrowed(&self.0))
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_763_000_000_000)
    }
}

fn order() -> Order {
    Order(json!({
        "id": "o-1", "total": 120.5, "currency": "EUR", "items": [1, 2, 3],
        "customer": { "email": "ada@example.org", "tier": "gold", "country": "DE", "age": 41 },
        "placed_at": "2026-01-01T10:00:00Z", "note": "leave at the door", "paid": true,
    }))
}

fn condition_with_ten_leaves(criterion: &mut Criterion) {
    let condition = json!({ "and": [
        { "field": "order.total", "operator": "greater_than", "value": 100 },
        { "field": "order.currency", "operator": "in", "value": ["EUR", "USD"] },
        { "field": "order.customer.tier", "operator": "equals", "value": "gold" },
        { "field": "order.customer.email", "operator": "ends_with", "value": "@example.org" },
        { "field": "order.customer.country", "operator": "not_equals", "value": "FR" },
        { "field": "order.customer.age", "operator": "between", "value": [18, 99] },
        { "field": "order.note", "operator": "contains", "value": "door" },
        { "field": "order.items.length", "operator": "less_than", "value": 10 },
        { "or": [
            { "field": "order.paid", "operator": "equals", "value": false },
            { "field": "order.id", "operator": "starts_with", "value": "o-" },
        ] },
    ] });
    let condition = Condition::compile(&condition).expect("the condition is valid");
    let order = order();
    criterion.bench_function("F1 condition with ten leaves", |bencher| {
        bencher.iter(|| black_box(condition.evaluate(&order).expect("it can be evaluated")));
    });
    let mut other = order;
    other.0["total"] = json!(99);
    criterion.bench_function("F1 condition with ten leaves, decided by the first", |bencher| {
        bencher.iter(|| black_box(condition.evaluate(&other).expect("it can be evaluated")));
    });
}

fn template_with_five_values(criterion: &mut Criterion) {
    let template = json!({
        "subject": "Order {{order.id}} over {{order.total}} {{order.currency}}",
        "to": "{{order.customer.email}}",
        "tier": "{{order.customer.tier}}",
    });
    let template = Template::compile(&template).expect("the template is valid");
    let order = order();
    criterion.bench_function("F1 template with five values", |bencher| {
        bencher.iter(|| black_box(template.render(&order).expect("it can be rendered")));
    });
}

/// A definition of 500 steps of several types, each leading to the next.
fn five_hundred_steps() -> String {
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
            _ => json!({ "id": id, "type": "wait", "wait": { "for": "5m" }, "next": next }),
        }
    };
    let mut steps: Vec<Value> = (0..499).map(step).collect();
    steps.push(json!({ "id": "step_499", "type": "end" }));
    let definition = json!({ "workflow_id": "bench_check", "steps": steps });
    serde_json::to_string_pretty(&definition).expect("it is plain data")
}

fn check_of_five_hundred_steps(criterion: &mut Criterion) {
    let good = five_hundred_steps();
    let checked = check(&good, Format::Json, &Offline);
    assert!(checked.is_valid(), "{:?}", checked.problems.first());
    criterion.bench_function("F1 check of 500 steps", |bencher| {
        bencher.iter(|| black_box(check(&good, Format::Json, &Offline)));
    });
    // Every step has two findings: the places and the suggestions cost most.
    let bad = good.replace("\"next\"", "\"nxet\"");
    criterion.bench_function("F1 check of 500 steps with 500 findings", |bencher| {
        bencher.iter(|| black_box(check(&bad, Format::Json, &Offline)));
    });
}

criterion_group!(
    benches,
    ten_pure_steps,
    condition_with_ten_leaves,
    template_with_five_values,
    check_of_five_hundred_steps
);
criterion_main!(benches);
