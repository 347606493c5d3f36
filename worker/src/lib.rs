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
mod heartbeat;
mod lease;
mod listen;
pub mod reconcile;
mod retry;
mod runtime;
mod slots;
mod start;
mod tick;
mod wake;

pub use emit::ServiceEvents;
pub use runtime::{Worker, WorkerConfig};
pub use start::ServiceExecutions;
