//! What every part of one worker shares.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::Timestamp;
use ids::{OrganizationId, WorkerId};
use service::Services;
use service::error_groups::Causes;
use service::executions::ForsakenPlace;
use service::retention::RetentionPlace;
use store::{SlotKey, Store};
use tokio::sync::{Notify, RwLock, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::driving::Driving;
use crate::effects::Effects;
use crate::lease::Lease;
use crate::readiness::Signs;
use crate::reconcile::Statuses;
use crate::slots::Slots;
use crate::turns::Turns;

/// Waits shorter than this are not left to the tick alone.
const SOON: Duration = Duration::from_secs(2);

/// What a worker has done since its start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Executions that ended in its hands.
    pub processed: AtomicI64,
    /// Those of them that failed.
    pub failed: AtomicI64,
    /// When it last claimed something, Unix milliseconds; 0 before that.
    pub last_fetch_at_ms: AtomicI64,
    /// It takes no more work.
    pub draining: AtomicBool,
}

impl Tally {
    /// Counts an execution that ended here.
    pub fn ended(&self, has_failed: bool) {
        self.processed.fetch_add(1, Ordering::SeqCst);
        self.failed.fetch_add(i64::from(has_failed), Ordering::SeqCst);
    }
}

/// The state of one worker.
#[derive(Debug)]
pub struct Context {
    /// Store, queue, notices, plans and clock.
    pub services: Services,
    /// This start of this process; never reused.
    pub worker: WorkerId,
    /// How many executions may be driven at once.
    pub slots: Slots,
    /// Which are driven now.
    pub driving: Driving,
    /// Whether effects may still begin.
    pub lease: Lease,
    /// What runs effects.
    pub effects: Arc<Effects>,
    /// Which causes of failures were seen lately.
    pub causes: Causes,
    /// Turns of executions whose workflow has a rate.
    pub turns: Turns,
    /// The last run of each reconciler.
    pub statuses: Statuses,
    /// Held for reading from before a claim until its executions are in `driving`.
    pub claiming: RwLock<()>,
    /// The database may hold claims of this worker that it does not drive.
    pub claims_in_doubt: AtomicBool,
    /// The key of executions waiting for slots at which the reconciler goes on.
    pub slots_place: Mutex<Option<SlotKey>>,
    /// The parent and the child behind which the reconciler of forsaken children goes on.
    pub forsaken_place: Mutex<Option<ForsakenPlace>>,
    /// Where retention goes on.
    pub retention_place: tokio::sync::Mutex<RetentionPlace>,
    /// The organization behind which telling addresses goes on.
    pub webhooks_turn: tokio::sync::Mutex<Option<OrganizationId>>,
    /// Messages to addresses that may be under way at once.
    pub webhooks: Arc<Semaphore>,
    /// What it has done since its start, for the heartbeat.
    pub tally: Tally,
    /// Somebody asked it to take no more work and end.
    pub drain: CancellationToken,
    /// Rings when a reconciler should run before the next tick.
    pub tick_now: Notify,
    /// The queues it serves.
    pub queues: Vec<String>,
    /// The grace time is over: drives hand back what they have.
    pub hand_back: CancellationToken,
    /// What shows that it works.
    pub signs: Signs,
}

impl Context {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.services.clock().now()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.services.store()
    }

    /// Rings for the reconcilers at `due`, when that is before the next tick would come anyway.
    pub fn wake_at(self: &Arc<Self>, due: Timestamp) {
        let left = Duration::from_millis(u64::try_from(due.0.saturating_sub(self.now().0)).unwrap_or(0));
        if left < SOON {
            let context = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(left).await;
                context.tick_now.notify_one();
            });
        }
    }

    /// Notes that the database may hold claims that are not driven; the next tick looks.
    pub fn doubt_claims(&self) {
        self.claims_in_doubt.store(true, Ordering::SeqCst);
    }
}
