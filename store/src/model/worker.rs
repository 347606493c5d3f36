//! Worker processes and their heartbeats.

use ids::WorkerId;

/// One start of one worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRow {
    /// Its id; never reused.
    pub id: WorkerId,
    /// Name for people.
    pub name: String,
    /// Queues it serves.
    pub queues: Vec<String>,
    /// How many executions it drives at once.
    pub slots: i32,
    /// When it started, Unix milliseconds; kept from the first heartbeat.
    pub started_at_ms: i64,
    /// Its last heartbeat, Unix milliseconds.
    pub heartbeat_at_ms: i64,
    /// It shuts down and claims nothing more.
    pub draining: bool,
}
