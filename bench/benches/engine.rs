//! Conditions and templates alone. `cargo bench --workspace --bench engine` prints the figures; F1 itself is a
//! workload of `cargo xtask bench`.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Timestamp;
use engine::expr::{Condition, Scope, Template};
use serde_json::{Value, json};

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

criterion_group!(benches, condition_with_ten_leaves, template_with_five_values);
criterion_main!(benches);
