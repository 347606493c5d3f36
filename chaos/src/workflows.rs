//! The definitions of the run, and what each execution of them has to come to.

use serde_json::{Value, json};

use crate::history::Expected;
use crate::random::Random;
use crate::sink::BEHAVIOURS;

/// Everything that is published.
pub const FILES: [(&str, &str); 10] = [
    ("call.yaml", include_str!("../workflows/call.yaml")),
    ("fan.yaml", include_str!("../workflows/fan.yaml")),
    ("fanned.yaml", include_str!("../workflows/fanned.yaml")),
    ("wait.yaml", include_str!("../workflows/wait.yaml")),
    ("parent.yaml", include_str!("../workflows/parent.yaml")),
    ("approval.yaml", include_str!("../workflows/approval.yaml")),
    ("long.yaml", include_str!("../workflows/long.yaml")),
    ("decide.yaml", include_str!("../workflows/decide.yaml")),
    ("pair.yaml", include_str!("../workflows/pair.yaml")),
    ("tick.yaml", include_str!("../workflows/tick.yaml")),
];

/// The workflow whose executions emit the event that starts [`FANNED`].
pub const FAN: &str = "chaos_fan";
/// Started once for each execution of [`FAN`].
pub const FANNED: &str = "chaos_fanned";
/// The workflow of which few executions may be under way at once.
pub const PAIR: &str = "chaos_pair";
/// How many that are.
pub const PAIR_LIMIT: usize = 2;
/// Started every two seconds, with the point in time as its tag.
pub const TICK: &str = "chaos_tick";
/// The workflow whose executions start a child.
pub const PARENT: &str = "chaos_parent";
/// One call and a decision: its time from start to end is the one that is reported.
pub const CALL: &str = "chaos_call";

/// What to do with an execution beside starting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nothing.
    Alone,
    /// Emit the event that it waits for.
    Emit,
    /// Cancel it after a while.
    Cancel,
    /// Pause it after a while, and let it go on.
    Pause,
    /// Approve and reject it at once.
    Decide,
}

/// One start, as drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Workflow.
    pub workflow: &'static str,
    /// Its input.
    pub input: Value,
    /// What it has to come to.
    pub expected: Expected,
    /// What else to do.
    pub company: Company,
}

/// Draws a start.
pub fn draw(random: &mut Random, tag: &str, url: &str) -> Job {
    let behaviour = BEHAVIOURS[random.place(BEHAVIOURS.len())];
    let amount = random.between(0, 199);
    let input = json!({ "tag": tag, "url": url, "behaviour": behaviour, "amount": amount });
    let (workflow, expected, company) = match random.between(0, 99) {
        0..=49 if amount >= 100 => (CALL, Expected::Allowed, Company::Alone),
        0..=49 => (CALL, Expected::Blocked, Company::Alone),
        50..=61 => (FAN, Expected::Allowed, Company::Alone),
        62..=73 => ("chaos_wait", Expected::Allowed, Company::Emit),
        74..=83 => (PARENT, Expected::Allowed, Company::Alone),
        84..=88 if amount >= 100 => ("chaos_decide", Expected::Decided, Company::Decide),
        84..=88 => ("chaos_approval", Expected::Blocked, Company::Alone),
        89..=92 => ("chaos_long", Expected::Allowed, Company::Cancel),
        93..=96 => ("chaos_long", Expected::Allowed, Company::Pause),
        97 => (PAIR, Expected::Allowed, Company::Alone),
        _rest => ("chaos_long", Expected::Allowed, Company::Alone),
    };
    Job { workflow, input, expected, company }
}
