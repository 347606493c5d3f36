//! Whether a worker works: not that it is connected, but that it took work lately, or heard that there is none.

use std::time::Duration;

use queue::Pulse;

use crate::context::Context;

/// What was last seen to work.
#[derive(Debug, Default)]
pub struct Signs {
    /// Work was fetched from the queue, or the queue said that there is none.
    pub fetched: Pulse,
    /// The database was looked into in place of the queue.
    pub polled: Pulse,
    /// The reconcilers have run.
    pub ticked: Pulse,
    /// Where tests make it fail.
    #[cfg(test)]
    pub(crate) faults: crate::faults::Faults,
}

/// How a worker gets its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consuming {
    /// From the queue.
    FromQueue,
    /// From the database, because the queue is away: later, but all of it.
    FromDatabase,
    /// None is taken because every slot is taken.
    Full,
}

/// Why a worker does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWorking {
    /// Nothing may begin.
    #[error("the lease could not be renewed in time")]
    Lease,
    /// Nothing is taken.
    #[error("for {FRESH:?} no work was fetched, from the queue or from the database")]
    Consumer,
    /// Nothing is put right.
    #[error("for {TICKED:?} the reconcilers have not run")]
    Reconcilers,
}

/// A worker that has not fetched for so long does not consume. A read of the queue takes a second, and
/// a look into the database comes each second.
const FRESH: Duration = Duration::from_secs(10);
/// A round of the reconcilers takes long only when the database does.
const TICKED: Duration = Duration::from_secs(30);

impl Context {
    /// How this worker consumes.
    ///
    /// # Errors
    /// When it does not.
    pub fn works(&self) -> Result<Consuming, NotWorking> {
        if self.lease.safe_term().is_none() {
            return Err(NotWorking::Lease);
        }
        if !self.signs.ticked.is_within(TICKED) {
            return Err(NotWorking::Reconcilers);
        }
        if self.services.queue().is_up() && self.signs.fetched.is_within(FRESH) {
            return Ok(Consuming::FromQueue);
        }
        if self.slots.in_use() == self.slots.size() {
            return Ok(Consuming::Full);
        }
        if self.signs.polled.is_within(FRESH) {
            return Ok(Consuming::FromDatabase);
        }
        Err(NotWorking::Consumer)
    }
}
