//! The queues of the installation.

use async_recursion::async_recursion as boxed;
use std::collections::BTreeSet;

use crate::error::{ServiceError, chain};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Workers whose queues are looked at: more than anybody runs.
const MAX_WORKERS: u64 = 1_000;

/// How a queue is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Executions that can run and that nobody has, counted up to 100,001.
    pub waiting: i64,
    /// Executions in the hands of workers, counted up to 100,001.
    pub running: i64,
    /// When the oldest of those that wait was accepted, Unix milliseconds.
    pub oldest_at_ms: Option<i64>,
    /// Entries of the queue that were put aside; absent when the queue does not answer.
    pub dead_letters: Option<u64>,
    /// Live workers that serve it.
    pub workers: usize,
    /// When it was measured, Unix milliseconds.
    pub at_ms: i64,
}

/// The queues that a live worker serves or in which executions wait, by name.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn queues(services: &Services, viewer: &Viewer) -> Result<Vec<QueueState>, ServiceError> {
    viewer.require(Permission::OperationsRead)?;
    let store = services.store();
    let at_ms = services.now().0;
    let workers = store.live_workers(at_ms, MAX_WORKERS).await?;
    let mut names: BTreeSet<String> = workers.iter().flat_map(|worker| worker.queues.iter().cloned()).collect();
    names.extend(store.waiting_queues().await?);
    let mut states = Vec::with_capacity(names.len());
    for name in names {
        let row = store.queue(&name).await?;
        let backlog = services.queue().backlog(&name).await;
        if let Err(problem) = &backlog {
            tracing::debug!(queue = %name, error = %chain(problem), "queue `{name}` does not tell its length");
        }
        states.push(QueueState {
            workers: workers.iter().filter(|worker| worker.queues.contains(&name)).count(),
            name,
            waiting: row.waiting,
            running: row.running,
            oldest_at_ms: row.oldest_at_ms,
            dead_letters: backlog.ok().map(|backlog| backlog.dead),
            at_ms,
        });
    }
    Ok(states)
}
