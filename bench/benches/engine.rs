//! F1: the engine alone. `cargo bench --workspace --bench engine` prints the figures.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Timestamp;
use engine::check::{Offline, check};
use engine::definition::Format;
use engine::machine::{Command, Origin, State, advance};
use engine::plan::{Plan, Settings};
use serde_json::json;

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

criterion_group!(benches, ten_pure_steps);
criterion_main!(benches);
