//! The rate of a workflow: an execution takes a turn before its first step, and begins when it comes.

use std::sync::Arc;

use engine::machine::{self, Command};
use store::{Pace, RateKey, RateScope};

use super::DriveError;
use super::execution::Execution;
use crate::context::Context;

/// Longest key, in bytes: the database finds rates by it.
const MAX_KEY: usize = 1_000;

impl Execution {
    /// Takes a turn, if that is what keeps the execution from beginning; says whether it decided something.
    pub(super) async fn take_turn(&mut self, context: &Arc<Context>) -> Result<bool, DriveError> {
        let rate = match machine::rate(&self.version.plan, &self.origin, &self.state, context.now()) {
            Ok(None) => return Ok(false),
            Ok(Some(rate)) if rate.key.len() > MAX_KEY => {
                let message = format!("the key of the rate has {} bytes, {MAX_KEY} is the most", rate.key.len());
                return self.interrupt(context, "RATE_KEY", message).map(|()| true);
            }
            Ok(Some(rate)) => rate,
            Err(problem) => {
                return self.interrupt(context, "RATE_KEY", format!("the key of the rate: {problem}")).map(|()| true);
            }
        };
        let key = RateKey {
            organization_id: self.organization(),
            scope: RateScope::Workflow(self.claimed.workflow_id),
            key: rate.key.clone(),
        };
        let begins_at = context.turns.take_next(key, Pace::new(rate.limit, rate.per, rate.burst)).await?;
        self.advance(context, Command::TakeTurn { key: rate.key, begins_at })?;
        Ok(true)
    }
}
