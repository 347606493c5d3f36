//! What an effect asks of our own database: it waits for it, and asks again.
//!
//! While the database is away nothing of an execution can be committed anyhow. So an outage is no failure of a step
//! and takes none of its time; who cancels the effect ends the wait. Every try carries the same key, so one whose
//! answer was lost is found by the next.

use std::error::Error;
use std::time::Duration;

use engine::machine::{EffectOutcome, ErrorClass};
use tokio::time::Instant;
use tracing::warn;

use super::failed;
use crate::retry::Delays;

/// Longest time for one try, if its step does not allow more: the store gives up each of its calls well before.
const PATIENCE: Duration = Duration::from_mins(2);

/// After this time an outage is told for the second time, and then whenever it has lasted twice as long.
const SOON: Duration = Duration::from_secs(10);
/// Longest time in which nothing is told of an outage that goes on.
const SELDOM: Duration = Duration::from_mins(10);

/// What came of one try.
pub(super) enum Answer {
    /// The database has answered.
    Outcome(EffectOutcome),
    /// It is away.
    Away(Box<dyn Error + Send + Sync>),
}

/// Tries until the database answers. `wish` says what is to happen, such as `event a.b is to be stored`.
pub(super) async fn until_answered<F: Future<Output = Answer>>(
    wish: &str,
    limit: Duration,
    mut ask: impl FnMut() -> F,
) -> EffectOutcome {
    let limit = limit.max(PATIENCE);
    let mut outage = Outage::new();
    loop {
        match tokio::time::timeout(limit, ask()).await {
            Ok(Answer::Outcome(outcome)) => return outcome,
            Ok(Answer::Away(problem)) => {
                let delay = outage.goes_on(wish, problem.as_ref());
                drop(problem);
                tokio::time::sleep(delay).await;
            }
            Err(_elapsed) => {
                let message = format!("{wish}, and that was not answered within {limit:?}");
                return failed("STEP_TIMEOUT", message, ErrorClass::Timeout);
            }
        }
    }
}

/// The time in which our own database does not answer.
struct Outage {
    delays: Delays,
    since: Option<Instant>,
    /// It is told when it has lasted so long.
    told_after: Duration,
}

impl Outage {
    fn new() -> Self {
        Self { delays: Delays::unbounded(), since: None, told_after: Duration::ZERO }
    }

    /// Another try found the database away; the delay before the next one.
    fn goes_on(&mut self, wish: &str, problem: &(dyn Error + 'static)) -> Duration {
        let lasted = self.since.get_or_insert_with(Instant::now).elapsed();
        if lasted >= self.told_after {
            self.told_after = lasted + lasted.clamp(SOON, SELDOM);
            warn!(
                outage.seconds = lasted.as_secs(), error = %service::chain(problem),
                "{wish}, and the database is away: it is tried until it answers"
            );
        }
        self.delays.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_told_at_growing_intervals() {
        let mut outage = Outage::new();
        let mut told = Vec::new();
        for second in 0..=3_000 {
            let before = outage.told_after;
            outage.goes_on("it is to be done", &std::io::Error::other("away"));
            if outage.told_after != before {
                told.push(second);
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(told, [0, 10, 20, 40, 80, 160, 320, 640, 1_240, 1_840, 2_440]);
    }
}
