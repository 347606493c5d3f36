//! What operators see and do: health, workers, queues, why executions rest, and the check of the whole database.
//!
//! Workers, queues and health are of the installation, not of one organization.

mod check;
mod health;
mod queues;
mod waking;
mod workers;

pub use check::{Finding, FindingCode, Report, check, repair};
pub use health::{Component, Health, HealthStatus, health};
pub use queues::{QueueState, queues};
pub use waking::{WakeKind, WakeReason, wake_reasons};
pub use workers::{WorkerStatus, count_workers, drain, status_of, workers};
