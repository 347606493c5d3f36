//! F1: the engine alone. `cargo bench -p sluice-bench` prints the figures.

use criterion::{Criterion, criterion_group, criterion_main};

fn placeholder(_criterion: &mut Criterion) {}

criterion_group!(benches, placeholder);
criterion_main!(benches);
