//! Functions that put right what a crash, a lost queue or the passing of time left behind.
//!
//! Each takes no input, reads the truth from the database, is safe in any number of processes at
//! once, and may run at any moment: on the tick, on a signal, twice in a row. A failure is logged
//! and counted; the next tick tries again.

mod approval_mails;
mod bulk;
mod due_waits;
mod forsaken;
mod lost_workers;
mod organizations;
mod own_claims;
mod requeue;
mod retention;
mod schedules;
mod sign_ins;
mod slots;
mod status;
mod undelivered_signals;
mod unrouted_events;
mod webhooks;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use tracing::{error, info};

use crate::context::Context;
use crate::faults;

pub(crate) use status::report;
pub use status::{ReconcilerStatus, Statuses};

/// One kind of reconciling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reconciler {
    /// Pushes again what is queued in the database and nobody claimed.
    Requeue,
    /// Takes back the executions of workers that fell silent.
    LostWorkers,
    /// Wakes executions whose time has come.
    DueWaits,
    /// Routes events that were accepted but not routed.
    UnroutedEvents,
    /// Delivers signals that were recorded but not delivered.
    UndeliveredSignals,
    /// Cancels children whose parents have ended.
    Forsaken,
    /// Fires schedules whose time has come.
    Schedules,
    /// Goes on with work on many executions.
    Bulk,
    /// Tells addresses what happened.
    Webhooks,
    /// Asks by mail whoever may decide.
    ApprovalMails,
    /// Gives slots that are free to executions that wait for one.
    Slots,
    /// Hands back claims of this worker that it does not drive.
    OwnClaims,
    /// Deletes what is kept no longer.
    Retention,
    /// Deletes what deleted organizations left behind.
    Organizations,
    /// Deletes what signing in left behind.
    SignIns,
}

/// What went wrong in one run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database refused or was away.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// An event could not be routed.
    #[error(transparent)]
    Route(#[from] service::events::RouteError),
    /// Executions could not be told something.
    #[error(transparent)]
    Tell(#[from] service::ServiceError),
}

impl Reconciler {
    /// Every reconciler, in the order in which a tick runs them.
    pub const ALL: [Self; 15] = [
        Self::LostWorkers,
        Self::OwnClaims,
        Self::DueWaits,
        Self::Schedules,
        Self::UnroutedEvents,
        Self::Slots,
        Self::UndeliveredSignals,
        Self::Forsaken,
        Self::Requeue,
        Self::Bulk,
        Self::Webhooks,
        Self::ApprovalMails,
        Self::Retention,
        Self::Organizations,
        Self::SignIns,
    ];

    /// Name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::LostWorkers => "lost_workers",
            Self::DueWaits => "due_waits",
            Self::UnroutedEvents => "unrouted_events",
            Self::UndeliveredSignals => "undelivered_signals",
            Self::Forsaken => "forsaken",
            Self::Schedules => "schedules",
            Self::Bulk => "bulk",
            Self::Webhooks => "webhooks",
            Self::ApprovalMails => "approval_mails",
            Self::Slots => "slots",
            Self::OwnClaims => "own_claims",
            Self::Retention => "retention",
            Self::Organizations => "organizations",
            Self::SignIns => "sign_ins",
        }
    }

    async fn work(self, context: &Context) -> Result<u64, ReconcileError> {
        match self {
            Self::Requeue => requeue::run(context).await,
            Self::LostWorkers => lost_workers::run(context).await,
            Self::DueWaits => due_waits::run(context).await,
            Self::UnroutedEvents => unrouted_events::run(context).await,
            Self::UndeliveredSignals => undelivered_signals::run(context).await,
            Self::Forsaken => forsaken::run(context).await,
            Self::Schedules => schedules::run(context).await,
            Self::Bulk => bulk::run(context).await,
            Self::Webhooks => webhooks::run(context).await,
            Self::ApprovalMails => approval_mails::run(context).await,
            Self::Slots => slots::run(context).await,
            Self::OwnClaims => own_claims::run(context).await,
            Self::Retention => retention::run(context).await,
            Self::Organizations => organizations::run(context).await,
            Self::SignIns => sign_ins::run(context).await,
        }
    }

    /// Runs it once; says what it did in the log, in the metrics and in its status.
    pub async fn run(self, context: &Arc<Context>) {
        let began = Instant::now();
        let work = async {
            faults::point(context, self.name());
            self.work(context).await
        };
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        let took = began.elapsed();
        metrics::histogram!("sluice_reconciler_seconds", "reconciler" => self.name()).record(took);
        let result = match outcome {
            Ok(Ok(0)) => Ok(0),
            Ok(Ok(count)) => {
                info!(reconciler = self.name(), count, "reconciler `{}` put {count} right", self.name());
                metrics::counter!("sluice_reconciler_done_total", "reconciler" => self.name()).increment(count);
                Ok(count)
            }
            Ok(Err(problem)) => {
                error!(reconciler = self.name(), error = %service::chain(&problem), "reconciler `{}` failed, the next tick tries again", self.name());
                Err(service::chain(&problem).to_string())
            }
            Err(_panic) => {
                // The panic hook has logged it with its backtrace.
                metrics::counter!("sluice_panics_total", "where" => "reconciler").increment(1);
                error!(reconciler = self.name(), "reconciler `{}` panicked, the next tick tries again", self.name());
                Err("panicked; the log has the backtrace".to_owned())
            }
        };
        if result.is_err() {
            metrics::counter!("sluice_reconciler_failures_total", "reconciler" => self.name()).increment(1);
        }
        context.statuses.record(self, context.now(), took, result);
    }
}
