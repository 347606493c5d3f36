//! What came of the cases, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use testing::Covered;

use super::{Outcome, Run};

/// A line for each case, what differs, and what was never reached.
pub fn text(run: &Run) -> String {
    let mut text = String::new();
    for outcome in &run.outcomes {
        let mark = if outcome.passed() { "ok  " } else { "FAIL" };
        let title = outcome.title.as_ref().map_or_else(String::new, |title| format!(": {title}"));
        let _written = writeln!(
            text,
            "{mark}  {}  {}{title}  ({:.1} ms{})",
            outcome.file.display(),
            outcome.id,
            outcome.took.as_secs_f64() * 1_000.0,
            virtual_time(outcome),
        );
        for line in lines(outcome) {
            let _written = writeln!(text, "        {line}");
        }
    }
    for file in &run.updated {
        let _written = writeln!(text, "wrote {}", file.display());
    }
    text.push_str("\ncoverage\n");
    for (file, tested) in &run.workflows {
        let (steps, branches) = (tested.coverage.steps(&tested.plan), tested.coverage.branches(&tested.plan));
        let _written = writeln!(text, "  {}  steps {}, branches {}", file.display(), share(&steps), share(&branches));
        for (what, covered) in [("steps never reached", &steps), ("branches never taken", &branches)] {
            if !covered.missing.is_empty() {
                let _written = writeln!(text, "    {what}: {}", covered.missing.join(", "));
            }
        }
    }
    let failed = run.outcomes.iter().filter(|outcome| !outcome.passed()).count();
    let total = run.outcomes.len();
    let _written = write!(
        text,
        "\n{total} case{}: {} passed, {failed} failed ({:.0} ms)",
        if total == 1 { "" } else { "s" },
        total - failed,
        run.took.as_secs_f64() * 1_000.0,
    );
    text
}

/// What is wrong with a case, line by line.
pub fn lines(outcome: &Outcome) -> Vec<String> {
    let differences = outcome.differences.iter().map(ToString::to_string);
    outcome.problem.clone().into_iter().chain(differences).collect()
}

fn virtual_time(outcome: &Outcome) -> String {
    let time = outcome.virtual_time;
    if time.as_secs() == 0 { String::new() } else { format!(" for {}", engine::duration::format_iso(time)) }
}

fn share(covered: &Covered) -> String {
    format!("{}/{}", covered.reached, covered.total)
}

/// The same for programs.
pub fn json(run: &Run) -> Value {
    let cases: Vec<Value> = run
        .outcomes
        .iter()
        .map(|outcome| {
            let differences: Vec<Value> = outcome
                .differences
                .iter()
                .map(|one| json!({ "place": one.place, "expected": one.expected, "seen": one.seen }))
                .collect();
            json!({
                "file": outcome.file, "id": outcome.id, "title": outcome.title, "passed": outcome.passed(),
                "problem": outcome.problem, "differences": differences,
                "milliseconds": outcome.took.as_secs_f64() * 1_000.0,
                "virtual_seconds": outcome.virtual_time.as_secs_f64(),
            })
        })
        .collect();
    let covered =
        |covered: &Covered| json!({ "reached": covered.reached, "total": covered.total, "missing": covered.missing });
    let workflows: Vec<Value> = run
        .workflows
        .iter()
        .map(|(file, tested)| {
            json!({
                "file": file,
                "steps": covered(&tested.coverage.steps(&tested.plan)),
                "branches": covered(&tested.coverage.branches(&tested.plan)),
            })
        })
        .collect();
    let failed = run.outcomes.iter().filter(|outcome| !outcome.passed()).count();
    json!({
        "passed": run.outcomes.len() - failed, "failed": failed, "milliseconds": run.took.as_secs_f64() * 1_000.0,
        "cases": cases, "coverage": workflows, "updated": run.updated,
    })
}
