//! Runs one claimed execution from step to step, as far as it can go: until it ends or has nothing
//! to do but wait.
//!
//! What was decided is committed before an effect leaves the process, and an outcome is committed
//! with the pure steps that follow it. A commit that misses the epoch ends the drive without a
//! trace: another worker owns the execution.

mod approvals;
mod audit;
mod checkpoint;
mod children;
mod early;
mod effects_in_flight;
mod execution;
mod inbox;
mod measures;
mod panicked;
mod patch;
mod slot;
mod snapshot;
mod turn;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use engine::machine::Command;
use futures::FutureExt;
use ids::ExecutionId;
use store::{Claimed, StoreError};
use tokio::time::Instant;
use tracing::{Instrument, error, info_span, warn};

use crate::context::Context;
use crate::driving::InHand;
use crate::faults;
use crate::lease::Term;
use crate::slots::Slot;

use self::checkpoint::Committed;
use self::effects_in_flight::InFlight;
use self::execution::Execution;

/// Why a drive stopped before its execution ended or was parked.
#[derive(Debug, thiserror::Error)]
enum DriveError {
    /// Another worker owns the execution: nothing may be written any more.
    #[error("another worker owns the execution")]
    Fenced,
    /// Somebody decided an approval while it expired here: what is in memory is not what happened.
    #[error("an approval was decided while it expired")]
    Overtaken,
    /// The lease could not be renewed in time: no effect may begin any more.
    #[error("the lease could not be renewed in time")]
    LeaseLost,
    /// The database is away or refused; what it holds is the truth.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The version or the state cannot be read.
    #[error(transparent)]
    Load(#[from] execution::LoadError),
    /// An effect ended without an outcome.
    #[error("an effect ended without an outcome")]
    EffectLost(#[from] tokio::task::JoinError),
    /// The state cannot be written.
    #[error("the state cannot be written")]
    Write(#[source] serde_json::Error),
    /// An event cannot be read.
    #[error("a stored event cannot be read")]
    Event(#[source] serde_json::Error),
    /// No turn of a rate could be taken.
    #[error(transparent)]
    Turn(#[from] crate::turns::TurnError),
    /// The engine refused a command: a fault of this program.
    #[error(transparent)]
    Refused(#[from] engine::machine::Refused),
}

/// Drives `claimed` in a task of its own; `slot` is free again when it ends.
///
/// `term` is that of the lease when the claim was sent.
pub(crate) fn spawn(context: &Arc<Context>, claimed: Claimed, slot: Slot, term: Term) {
    let in_hand = context.driving.begin(claimed.id, claimed.epoch);
    let context = Arc::clone(context);
    let span = info_span!("execution.drive", execution.id = %claimed.id, execution.epoch = claimed.epoch);
    tokio::spawn(async move { supervise(&context, claimed, in_hand, slot, term).await }.instrument(span));
}

/// Runs the drive and deals with what stops it early, a panic included.
async fn supervise(context: &Arc<Context>, claimed: Claimed, in_hand: InHand, slot: Slot, term: Term) {
    let (id, mut epoch) = (claimed.id, claimed.epoch);
    let mut outcome = AssertUnwindSafe(drive(context, claimed, &in_hand, term, Begin::Usual)).catch_unwind().await;
    drop(in_hand);
    while let Ok(Err(DriveError::Overtaken)) = outcome {
        metrics::counter!("sluice_approvals_overtaken_total").increment(1);
        outcome = match panicked::claim_again(context, id, epoch).await {
            Ok(Some((claimed, in_hand))) => {
                epoch = claimed.epoch;
                AssertUnwindSafe(drive(context, claimed, &in_hand, term, Begin::Usual)).catch_unwind().await
            }
            Ok(None) => Ok(Ok(())),
            Err(problem) => Ok(Err(problem.into())),
        };
    }
    let give_up = match outcome {
        Ok(outcome) => gives_up(id, outcome),
        Err(_panic) => {
            panicked::count(id);
            panicked::go_on(context, id, epoch, term).await
        }
    };
    drop(slot);
    if give_up {
        // Its claim is still in the database, and this worker still alive: the reconciler hands it back.
        context.doubt_claims();
        context.tick_now.notify_one();
    }
}

/// Whether the claim is still in the database although nobody drives it.
fn gives_up(id: ExecutionId, outcome: Result<(), DriveError>) -> bool {
    match outcome {
        Ok(()) => false,
        Err(DriveError::Fenced) => {
            metrics::counter!("sluice_fenced_writes_total").increment(1);
            warn!(execution.id = %id, "execution {id} belongs to another worker now, its late result is dropped");
            false
        }
        Err(problem) => {
            error!(execution.id = %id, error = %service::chain(&problem), "execution {id} is handed back");
            true
        }
    }
}

/// How a drive begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// Where the claim before stopped.
    Usual,
    /// A drive of it panicked: what was under way fails with `PANIC`.
    FailSteps,
    /// That panicked too: the execution fails with `PANIC`.
    FailExecution,
}

/// How often an execution is claimed without getting anywhere before it is failed for good.
const MAX_FRUITLESS_CLAIMS: i32 = 5;

async fn drive(
    context: &Arc<Context>,
    claimed: Claimed,
    in_hand: &InHand,
    term: Term,
    begin: Begin,
) -> Result<(), DriveError> {
    let mut in_flight = InFlight::new(context);
    let fruitless = claimed.claims > MAX_FRUITLESS_CLAIMS;
    let mut execution = match Execution::load(context, claimed.clone()).await {
        Ok(execution) => execution,
        // What nobody can read would go round for ever; the database being away is no such case.
        Err(problem) if fruitless && !problem.may_pass() => {
            return checkpoint::give_up_unread(context, &claimed, &problem).await;
        }
        Err(problem) => return Err(problem.into()),
    };
    if fruitless {
        // Work that kills its worker each time must not go round for ever.
        execution.advance(
            context,
            Command::Interrupt {
                code: "QUARANTINED".to_owned(),
                message: format!("its worker was lost or gave up {MAX_FRUITLESS_CLAIMS} times in a row"),
            },
        )?;
    } else {
        match begin {
            Begin::Usual => execution.take_up(context).await?,
            Begin::FailSteps => execution.fail_steps(context).await?,
            Begin::FailExecution => execution.fail(context)?,
        }
    }
    loop {
        faults::point(context, "drive");
        if execution.has_ended() {
            in_flight.cancel();
            return execution.end(context).await;
        }
        if execution.take_turn(context).await? {
            continue;
        }
        if execution.has_effects() {
            execution.checkpoint(context).await?;
            // An event that came early has decided more: that is committed first too.
            if execution.has_ended() || !execution.pending.is_empty() {
                continue;
            }
            if !context.lease.holds(term) {
                return Err(DriveError::LeaseLost);
            }
            store::crash::point("effect.intent");
            let effects = execution.take_effects();
            in_flight.begin(&execution, effects);
        }
        in_flight.keep(|effect| execution.state.awaits(effect));
        if execution.goes_on() {
            execution.checkpoint_and_go_on(context).await?;
            continue;
        }
        if execution.inbox.has_news() {
            execution.look(context).await?;
            execution.take_in(context)?;
            continue;
        }
        if in_flight.is_empty() {
            match execution.park(context).await? {
                Committed::Done => return Ok(()),
                // It could go on at once, such as a back-off that ended while it was committed.
                Committed::GoOn => continue,
            }
        }
        // What was decided is durable before anything else is waited for.
        execution.checkpoint(context).await?;
        if execution.has_ended()
            || execution.has_effects()
            || execution.goes_on()
            || execution.inbox.has_news()
            || !execution.pending.is_empty()
        {
            continue;
        }
        let due = execution.next_due(context.now()).unwrap_or_else(far_away);
        tokio::select! {
            biased;
            outcomes = in_flight.next() => {
                faults::point(context, "drive_outcome");
                store::crash::point("effect.response");
                for (effect, outcome) in outcomes? {
                    if !execution.has_ended() && execution.has_begun(&effect) {
                        execution.advance(context, Command::EffectDone { effect, outcome })?;
                    }
                }
                execution.take_in(context)?;
            }
            () = tokio::time::sleep_until(due) => execution.wake(context).await?,
            () = in_hand.told() => execution.look(context).await.and_then(|()| execution.take_in(context))?,
            () = context.hand_back.cancelled() => {
                in_flight.cancel();
                return execution.hand_back(context).await;
            }
        }
    }
}

fn far_away() -> Instant {
    // A day: longer than any bound on running time, short enough for the timer wheel.
    Instant::now() + std::time::Duration::from_hours(24)
}
