//! The operations that run on one socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::task::AbortHandle;
use tracing::Instrument;

use super::outbox::{Closed, Outbox};
use super::protocol::ServerMessage;
use crate::runner::{Reply, ReplySort};

/// Running operations by id. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Operations {
    running: Arc<Mutex<Running>>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Running {
    by_id: HashMap<String, Entry>,
    started: u64,
}

/// The number tells an operation from a later one with the same id.
#[derive(Debug)]
struct Entry {
    number: u64,
    task: AbortHandle,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Free,
    Duplicate,
    Full,
}

impl Operations {
    pub fn new(limit: usize) -> Self {
        Self { running: Arc::default(), limit }
    }

    pub fn admission(&self, id: &str) -> Admission {
        let running = lock(&self.running);
        if running.by_id.contains_key(id) {
            Admission::Duplicate
        } else if running.by_id.len() >= self.limit {
            Admission::Full
        } else {
            Admission::Free
        }
    }

    /// Sends the replies of an operation until it ends, in a task of its own.
    pub fn start(&self, id: String, replies: BoxStream<'static, Reply>, outbox: Outbox) {
        let mut running = lock(&self.running);
        running.started += 1;
        let number = running.started;
        let place = Place { running: self.running.clone(), id: id.clone(), number };
        // The lock is held until the task has its entry, so it cannot look for it too early.
        let task = tokio::spawn(
            async move {
                // A closed outbox means that the socket is gone, and nobody is left to tell.
                let (Ok(()) | Err(Closed)) = send_all(place, replies, outbox).await;
            }
            .in_current_span(),
        );
        running.by_id.insert(id, Entry { number, task: task.abort_handle() });
    }

    /// Ends an operation that the peer does not want any more.
    pub fn cancel(&self, id: &str) {
        if let Some(entry) = lock(&self.running).by_id.remove(id) {
            entry.task.abort();
        }
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        for (_, entry) in lock(&self.running).by_id.drain() {
            entry.task.abort();
        }
    }
}

/// The entry of one operation.
struct Place {
    running: Arc<Mutex<Running>>,
    id: String,
    number: u64,
}

impl Place {
    /// Frees the id before the last message leaves: the peer may use it again as soon as it reads that.
    ///
    /// False when the peer has ended the operation itself and must hear nothing more of it.
    fn free(&self) -> bool {
        let mut running = lock(&self.running);
        let is_ours = running.by_id.get(&self.id).is_some_and(|entry| entry.number == self.number);
        if is_ours {
            running.by_id.remove(&self.id);
        }
        is_ours
    }
}

async fn send_all(place: Place, mut replies: BoxStream<'static, Reply>, outbox: Outbox) -> Result<(), Closed> {
    let id = &place.id;
    while let Some(reply) = replies.next().await {
        match reply.sort {
            ReplySort::Executed => outbox.push(ServerMessage::Next { id, payload: &reply }.to_json()).await?,
            ReplySort::Refused | ReplySort::TimedOut | ReplySort::Broken => {
                drop(replies);
                if place.free() {
                    outbox.push(ServerMessage::Error { id, payload: reply.errors() }.to_json()).await?;
                }
                return Ok(());
            }
        }
    }
    if place.free() {
        outbox.push(ServerMessage::Complete { id }.to_json()).await?;
    }
    Ok(())
}

/// No code panics while it holds the lock, so a poisoned one would still be whole.
fn lock(running: &Mutex<Running>) -> MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
