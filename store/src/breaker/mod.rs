//! A circuit breaker in front of the database: an outage is told at once instead of by time-outs.
//!
//! It opens when calls fail in a row without an answer from the database. From then on calls are
//! refused within microseconds, and one at a time may try, after delays that grow. The first answer
//! closes it. An answer that says no (a constraint, a deadlock) is an answer.
//!
//! Our own rather than a library: what counts is the error of each of two drivers, its state is
//! shown in readiness, metrics and log, and renewals of leases have to pass it.

mod evidence;
mod guarded;
mod machine;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::delays::Delays;
use machine::{Admission, Change, Machine, State};

pub use evidence::{Evidence, Fault, Refusal, refusal_in};
pub use guarded::{Door, Guarded, GuardedPool};

/// Failures in a row until it opens, by their weight.
const TOLERANCE: u32 = 5;
/// About when the first call may try.
const FIRST_PROBE: Duration = Duration::from_millis(100);
/// About how long the delay between two tries gets.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// The state of the breaker in front of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go to the database.
    Closed,
    /// One call tries, the others are refused.
    HalfOpen,
    /// Calls are refused.
    Open,
}

impl BreakerState {
    /// Name in readiness.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What operators see of the breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Its state.
    pub state: BreakerState,
    /// For how long nothing has worked, when it is not closed.
    pub since: Option<Duration>,
    /// The kind of the last failure, without names or addresses: `connection`, `no_connection`,
    /// `no_answer`, or the database's own code.
    pub last_error: Option<String>,
    /// How many calls were refused since the process began.
    pub refused: u64,
}

/// The breaker of one store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Breaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What it stands in front of, for the log.
    name: String,
    parts: Mutex<Parts>,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Parts {
    machine: Machine,
    delays: Delays,
    last_error: Option<String>,
}

impl Breaker {
    /// A closed one in front of the database called `name`.
    pub fn new(name: String) -> Self {
        metrics::gauge!("sluice_database_breaker_state").set(0.0);
        let parts = Parts {
            machine: Machine::new(TOLERANCE),
            delays: Delays::new(FIRST_PROBE, LONGEST_DELAY),
            last_error: None,
        };
        Self(Arc::new(Inner { name, parts: Mutex::new(parts), refused: AtomicU64::new(0) }))
    }

    /// Runs `call` if calls may go, for `limit` at most, and takes note of what comes of it.
    pub async fn run<T, E: Evidence>(&self, limit: Duration, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let permit = self.permit().map_err(E::refused)?;
        permit.run(limit, call).await
    }

    /// Runs `call` whatever the state: for what began while calls could go, and for renewals of
    /// leases, which decide about everything that a worker has in hand.
    pub async fn run_always<T, E: Evidence>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        Permit { breaker: self, admission: Admission::Pass, is_settled: false }.run(limit, call).await
    }

    /// A call that needed no leave of its own was answered.
    pub fn heard(&self) {
        self.succeeded();
    }

    /// A call that needed no leave of its own failed.
    pub fn missed(&self, fault: Fault) {
        self.failed(Admission::Pass, fault);
    }

    /// Leave to go to the database.
    pub fn permit(&self) -> Result<Permit<'_>, Refusal> {
        let now = Instant::now();
        let mut parts = self.lock();
        let admission = parts.machine.admit(now);
        match admission {
            Admission::Pass => {}
            Admission::Probe => {
                metrics::gauge!("sluice_database_breaker_state").set(1.0);
                debug!("a call tries whether the {} answers again", self.0.name);
            }
            Admission::Refuse => {
                let last_error = parts.last_error.clone().unwrap_or_default();
                drop(parts);
                self.0.refused.fetch_add(1, Ordering::Relaxed);
                metrics::counter!("sluice_database_breaker_rejections_total").increment(1);
                return Err(Refusal::BreakerOpen { last_error });
            }
        }
        drop(parts);
        Ok(Permit { breaker: self, admission, is_settled: false })
    }

    /// What operators see.
    pub fn status(&self) -> BreakerStatus {
        let parts = self.lock();
        let (state, since) = match parts.machine.state() {
            State::Closed { .. } => (BreakerState::Closed, None),
            State::HalfOpen { since } => (BreakerState::HalfOpen, Some(since.elapsed())),
            State::Open { since, .. } => (BreakerState::Open, Some(since.elapsed())),
        };
        let refused = self.0.refused.load(Ordering::Relaxed);
        BreakerStatus { state, since, last_error: parts.last_error.clone(), refused }
    }

    fn succeeded(&self) {
        let mut parts = self.lock();
        let change = parts.machine.succeeded(Instant::now());
        if let Some(Change::Closed(after)) = change {
            parts.delays.reset();
            parts.last_error = None;
            drop(parts);
            metrics::gauge!("sluice_database_breaker_state").set(0.0);
            info!(after_ms = after.as_millis(), "the {} answers again, after {after:.1?}; calls go to it", self.0.name);
        }
    }

    fn failed(&self, admission: Admission, fault: Fault) {
        let mut parts = self.lock();
        let delay = parts.delays.next_delay();
        let change = parts.machine.failed(Instant::now(), admission, fault.weight, delay);
        let kind = fault.kind.clone();
        parts.last_error = Some(fault.kind);
        match change {
            // Delays count tries, not calls that fail.
            None if matches!(parts.machine.state(), State::Closed { .. }) => parts.delays.reset(),
            None => {}
            Some(Change::Opened) => {
                drop(parts);
                metrics::gauge!("sluice_database_breaker_state").set(2.0);
                metrics::counter!("sluice_database_breaker_opens_total").increment(1);
                warn!(kind, "the {} does not answer ({kind}); calls to it fail at once until it does", self.0.name);
            }
            Some(_stays_open) => {
                drop(parts);
                metrics::gauge!("sluice_database_breaker_state").set(2.0);
                debug!(kind, "the {} still does not answer ({kind})", self.0.name);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Parts> {
        // No code panics while holding it; a poisoned state would still be a valid one.
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave of one call to go to the database.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    admission: Admission,
    is_settled: bool,
}

impl Permit<'_> {
    /// Whether what comes of this call decides for all.
    pub const fn is_probe(&self) -> bool {
        matches!(self.admission, Admission::Probe)
    }

    /// Runs `call` for `limit` at most, and takes note of what comes of it.
    pub async fn run<T, E: Evidence>(self, limit: Duration, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let outcome = match tokio::time::timeout(limit, call).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(E::refused(Refusal::NoAnswer { limit })),
        };
        self.settle(&outcome);
        outcome
    }

    /// Takes note of what came of the call.
    pub fn settle<T, E: Evidence>(mut self, outcome: &Result<T, E>) {
        self.is_settled = true;
        match outcome.as_ref().err().and_then(Evidence::fault) {
            None => self.breaker.succeeded(),
            Some(fault) => self.breaker.failed(self.admission, fault),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_settled && self.admission == Admission::Probe {
            self.breaker.lock().machine.abandoned(Instant::now());
        }
    }
}
