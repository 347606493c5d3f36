//! Group commit: whatever has queued up while one transaction was running is the next one.
//!
//! Idle, a write goes at once. Busy, groups grow by themselves, up to [`MAX_GROUP`]. Whoever
//! handed something in is answered after the commit, in bounded time: a group has a limit, and who
//! finds no place among those that wait is refused.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::error;

use super::attempt::write_group;
use crate::breaker::{Breaker, Evidence, Refusal};
use crate::error::StoreError;

/// Most items in one transaction.
pub const MAX_GROUP: usize = 500;

/// How many items may wait for the next group before callers wait to hand theirs in.
const MAX_WAITING: usize = 4 * MAX_GROUP;

/// A kind of write.
pub trait Group: Send + Sync + 'static {
    /// What is handed in.
    type Item: Send + Sync + 'static;
    /// What comes of it.
    type Outcome: Send + 'static;
    /// Name in metrics.
    const NAME: &'static str;

    /// Writes `items` in one transaction, all or nothing; the outcomes are in the same order.
    fn write(&self, items: &[Self::Item]) -> impl Future<Output = Result<Vec<Self::Outcome>, StoreError>> + Send;

    /// Writes those of `items` that are not written yet: for when the answer to [`Group::write`] was
    /// lost. `None` when what is written cannot be told from what is not.
    fn settle(
        &self,
        _items: &[Self::Item],
    ) -> impl Future<Output = Option<Result<Vec<Self::Outcome>, StoreError>>> + Send {
        std::future::ready(None)
    }
}

/// How a committer bounds what it does.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Longest time for one group to be answered.
    pub group: Duration,
    /// Longest time to wait for a place among those that wait.
    pub place: Duration,
    /// Hears when a group is not answered.
    pub breaker: Breaker,
}

type Reply<G> = oneshot::Sender<Result<<G as Group>::Outcome, StoreError>>;
type Entry<G> = (<G as Group>::Item, Reply<G>);

/// Takes items and writes them in groups.
pub struct Committer<G: Group> {
    sender: mpsc::Sender<Entry<G>>,
    place: Duration,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<G: Group> fmt::Debug for Committer<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("name", &G::NAME).finish_non_exhaustive()
    }
}

impl<G: Group> Committer<G> {
    pub fn spawn(group: G, bounds: Bounds) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let closing = Arc::new(Notify::new());
        let place = bounds.place;
        let task = tokio::spawn(run(group, bounds, receiver, Arc::clone(&closing)));
        Self { sender, place, closing, task: Mutex::new(Some(task)) }
    }

    /// Hands `item` in and waits until it is written.
    pub async fn write(&self, item: G::Item) -> Result<G::Outcome, StoreError> {
        self.hand_in(item).await?.await.map_err(|_dropped| StoreError::Closed)?
    }

    /// Hands `items` in one after another and waits until all are written. Those that find no place
    /// are refused, each for itself.
    pub async fn write_all(&self, items: Vec<G::Item>) -> Result<Vec<Result<G::Outcome, StoreError>>, StoreError> {
        let mut replies = Vec::with_capacity(items.len());
        for item in items {
            replies.push(match self.hand_in(item).await {
                Err(StoreError::Closed) => return Err(StoreError::Closed),
                handed_in => handed_in,
            });
        }
        let mut outcomes = Vec::with_capacity(replies.len());
        for reply in replies {
            outcomes.push(match reply {
                Ok(reply) => reply.await.map_err(|_dropped| StoreError::Closed)?,
                Err(refused) => Err(refused),
            });
        }
        Ok(outcomes)
    }

    async fn hand_in(&self, item: G::Item) -> Result<oneshot::Receiver<Result<G::Outcome, StoreError>>, StoreError> {
        let (reply, outcome) = oneshot::channel();
        match self.sender.send_timeout((item, reply), self.place).await {
            Ok(()) => Ok(outcome),
            Err(SendTimeoutError::Closed(_)) => Err(StoreError::Closed),
            Err(SendTimeoutError::Timeout(_)) => {
                metrics::counter!("sluice_commit_refused_total", "committer" => G::NAME).increment(1);
                Err(sqlx::Error::refused(Refusal::QueueFull { waiting: MAX_WAITING }).into())
            }
        }
    }

    /// Takes nothing more, writes what was taken, ends.
    pub async fn close(&self) {
        self.closing.notify_one();
        if let Some(task) = self.task.lock().await.take()
            && let Err(problem) = task.await
        {
            error!(committer = G::NAME, error = %problem, "committer `{}` ended badly", G::NAME);
        }
    }
}

async fn run<G: Group>(group: G, bounds: Bounds, mut receiver: mpsc::Receiver<Entry<G>>, closing: Arc<Notify>) {
    let mut entries = Vec::with_capacity(MAX_GROUP);
    loop {
        tokio::select! {
            taken = receiver.recv_many(&mut entries, MAX_GROUP) => if taken == 0 { return },
            // What waits in the channel is still received, and nothing comes after it.
            () = closing.notified() => { receiver.close(); continue }
        }
        let (items, replies): (Vec<G::Item>, Vec<Reply<G>>) = entries.drain(..).unzip();
        let began = Instant::now();
        let outcomes = write_group(&group, &bounds, &items).await;
        metrics::histogram!("sluice_commit_seconds", "committer" => G::NAME).record(began.elapsed());
        metrics::histogram!("sluice_commit_rows", "committer" => G::NAME).record(items.len() as f64);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever handed it in may have gone away; what is written stays written.
            drop(reply.send(outcome));
        }
    }
}

#[cfg(test)]
mod tests;
