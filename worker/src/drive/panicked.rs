//! After a panic in a drive: what was under way fails with `PANIC`, and the execution goes on from there.
//!
//! What the drive had in memory is gone with it. The database has what was committed, so the execution
//! is claimed again, and the steps whose effects were under way fail: their retries and `on_error`
//! follow as after any failure. When nothing was under way, or that panics as well, the execution
//! fails. When even that panics it is handed back, to be quarantined after a few claims.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engine::machine::{self, Command, EffectId, EffectOutcome, ErrorClass, StepError};
use futures::FutureExt;
use ids::ExecutionId;
use store::{Claimed, StoreError};
use tracing::error;

use super::execution::Execution;
use super::{Begin, DriveError, drive, gives_up};
use crate::context::Context;
use crate::driving::InHand;
use crate::lease::Term;

const CODE: &str = "PANIC";
const MESSAGE: &str = "the worker met a fault of the server, which is in its log";

/// Notes the panic; the panic hook has logged it with its backtrace.
pub(super) fn count(id: ExecutionId) {
    metrics::counter!("sluice_panics_total", "where" => "drive").increment(1);
    error!(execution.id = %id, "the drive of execution {id} panicked, what was under way fails");
}

/// Goes on with an execution whose drive under `epoch` panicked; returns whether it is given up.
pub(super) async fn go_on(context: &Arc<Context>, id: ExecutionId, mut epoch: i32, term: Term) -> bool {
    let (mut begin, mut got_to) = (Begin::FailSteps, None);
    loop {
        let (claimed, in_hand) = match claim_again(context, id, epoch).await {
            Ok(Some(again)) => again,
            // Another worker has it, and goes on where this one stopped.
            Ok(None) => return false,
            Err(problem) => {
                error!(execution.id = %id, error = %service::chain(&problem), "execution {id} cannot be taken up after a panic, it is handed back");
                return true;
            }
        };
        // A drive that had committed something panicked for a reason of its own.
        begin = match begin {
            _ if got_to != Some(claimed.seq) => Begin::FailSteps,
            Begin::Usual | Begin::FailSteps => Begin::FailExecution,
            Begin::FailExecution => return true,
        };
        (epoch, got_to) = (claimed.epoch, Some(claimed.seq));
        match AssertUnwindSafe(drive(context, claimed, &in_hand, term, begin)).catch_unwind().await {
            Ok(outcome) => return gives_up(id, outcome),
            Err(_panic) => count(id),
        }
    }
}

/// What the database has, under a new epoch; none when another worker has it.
pub(super) async fn claim_again(
    context: &Arc<Context>,
    id: ExecutionId,
    epoch: i32,
) -> Result<Option<(Claimed, InHand)>, StoreError> {
    // Nobody looks for claims without a drive meanwhile.
    let _claiming = context.claiming.read().await;
    let now = context.now().0;
    if context.store().hand_back(context.worker, id, epoch, now).await?.is_none() {
        return Ok(None);
    }
    let claimed = context.store().claim(context.worker, &[id], now).await?.pop();
    Ok(claimed.map(|claimed| {
        let in_hand = context.driving.begin(claimed.id, claimed.epoch);
        (claimed, in_hand)
    }))
}

impl Execution {
    /// Fails the steps whose effects were under way; the execution, if there was none.
    pub(super) async fn fail_steps(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        let under_way: Vec<EffectId> = if self.state.has_not_begun() {
            Vec::new()
        } else {
            let effects = machine::outstanding(&self.version.plan, &self.origin, &self.state);
            effects.into_iter().map(|effect| effect.id).collect()
        };
        if under_way.is_empty() {
            return self.fail(context);
        }
        self.take_up(context).await?;
        for effect in under_way {
            if self.has_ended() {
                break;
            }
            let outcome = EffectOutcome::Failed(StepError {
                code: CODE.to_owned(),
                message: MESSAGE.to_owned(),
                status: None,
                retryable_class: ErrorClass::Other,
                retry_after: None,
                detail: None,
            });
            self.advance(context, Command::EffectDone { effect, outcome })?;
        }
        Ok(())
    }

    /// Fails the execution.
    pub(super) fn fail(&mut self, context: &Arc<Context>) -> Result<(), DriveError> {
        self.advance(context, Command::Interrupt { code: CODE.to_owned(), message: MESSAGE.to_owned() })
    }
}
