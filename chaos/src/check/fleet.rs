//! What the processes themselves came to: panics, and how long the work of a lost worker stood still.

use std::time::Duration;

use super::{Rule, Verdict};

/// How long an execution stood still after its worker was lost, with a call under way and nothing else broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Its id.
    pub execution: String,
    /// From the loss until it went on, in milliseconds.
    pub took_ms: i64,
}

/// What operators are told to expect beyond the lease.
const PROMISED: Duration = Duration::from_secs(2);
/// The call that is repeated first, what earlier faults left in the queue, and a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

/// Checks what processes counted, and the slowest recovery.
pub fn check(verdict: &mut Verdict, panics: u64, slowest: Option<&Recovery>, lease: Duration) {
    if panics > 0 {
        verdict.broken(Rule::NoPanic, format!("{panics} panics, see `panic:` in the logs of the processes"));
    }
    let limit = lease + PROMISED + SLACK;
    if let Some(Recovery { execution, took_ms }) = slowest
        && Duration::from_millis(u64::try_from(*took_ms).unwrap_or(0)) > limit
    {
        let text = format!("{execution} went on {took_ms} ms after its worker was lost, at most {limit:?} are allowed");
        verdict.broken(Rule::RecoveredInTime, text);
    }
}
