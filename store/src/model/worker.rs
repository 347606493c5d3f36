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
    /// Name of its machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// How long it may be silent before others take its executions, in milliseconds.
    pub lease_ms: i64,
    /// Slots in use at the heartbeat.
    pub busy_slots: i32,
    /// Executions that ended in its hands since its start.
    pub processed: i64,
    /// Those of them that failed.
    pub failed: i64,
    /// When it last claimed something, Unix milliseconds.
    pub last_fetch_at_ms: Option<i64>,
    /// When somebody asked it to take no more work, Unix milliseconds; a heartbeat does not write it.
    pub drain_asked_at_ms: Option<i64>,
    /// When it signed off, Unix milliseconds; a heartbeat does not write it.
    pub stopped_at_ms: Option<i64>,
}
