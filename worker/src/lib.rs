//! The fleet: consume, claim, drive, run effects, reconcile.
//!
//! A task in the queue only says that an execution may be runnable. The claim in the database
//! decides, the lease protects, and every write carries the epoch of its claim.

mod consume;
pub mod context;
mod drive;
mod driving;
pub mod effects;
pub mod egress;
mod emit;
mod faults;
mod heartbeat;
mod lease;
mod listen;
mod parts;
mod readiness;
pub mod reconcile;
mod retry;
mod runtime;
mod slots;
mod start;
mod tick;
mod turns;
mod unmet;
mod wake;

pub use emit::ServiceEvents;
pub use parts::ServiceParts;
pub use readiness::{Consuming, NotWorking, Signs};
pub use runtime::{Worker, WorkerConfig};
pub use start::ServiceExecutions;
pub use turns::{TurnError, Turns};

#[cfg(test)]
mod tests;
