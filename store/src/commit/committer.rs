//! Group commit: whatever has queued up while one transaction was running is the next one.
//!
//! Idle, a write goes at once. Busy, groups grow by themselves, up to [`MAX_GROUP`]. Whoever
//! handed something in is answered after the commit.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use sqlx::error::DatabaseError;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::error;

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
}

type Reply<G> = oneshot::Sender<Result<<G as Group>::Outcome, StoreError>>;
type Entry<G> = (<G as Group>::Item, Reply<G>);

/// Takes items and writes them in groups.
pub struct Committer<G: Group> {
    sender: mpsc::Sender<Entry<G>>,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl<G: Group> fmt::Debug for Committer<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("name", &G::NAME).finish_non_exhaustive()
    }
}

impl<G: Group> Committer<G> {
    pub fn spawn(group: G) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let closing = Arc::new(Notify::new());
        let task = tokio::spawn(run(group, receiver, Arc::clone(&closing)));
        Self { sender, closing, task: Mutex::new(Some(task)) }
    }

    /// Hands `item` in and waits until it is written.
    pub async fn write(&self, item: G::Item) -> Result<G::Outcome, StoreError> {
        self.hand_in(item).await?.await.map_err(|_dropped| StoreError::Closed)?
    }

    /// Hands `items` in one after another and waits until all are written.
    pub async fn write_all(&self, items: Vec<G::Item>) -> Result<Vec<Result<G::Outcome, StoreError>>, StoreError> {
        let mut replies = Vec::with_capacity(items.len());
        for item in items {
            replies.push(self.hand_in(item).await?);
        }
        let mut outcomes = Vec::with_capacity(replies.len());
        for reply in replies {
            outcomes.push(reply.await.map_err(|_dropped| StoreError::Closed)?);
        }
        Ok(outcomes)
    }

    async fn hand_in(&self, item: G::Item) -> Result<oneshot::Receiver<Result<G::Outcome, StoreError>>, StoreError> {
        let (reply, outcome) = oneshot::channel();
        self.sender.send((item, reply)).await.map_err(|_closed| StoreError::Closed)?;
        Ok(outcome)
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

async fn run<G: Group>(group: G, mut receiver: mpsc::Receiver<Entry<G>>, closing: Arc<Notify>) {
    let mut entries = Vec::with_capacity(MAX_GROUP);
    loop {
        tokio::select! {
            taken = receiver.recv_many(&mut entries, MAX_GROUP) => if taken == 0 { return },
            // What waits in the channel is still received, and nothing comes after it.
            () = closing.notified() => { receiver.close(); continue }
        }
        let (items, replies): (Vec<G::Item>, Vec<Reply<G>>) = entries.drain(..).unzip();
        let began = Instant::now();
        let outcomes = write_group(&group, &items).await;
        metrics::histogram!("sluice_commit_seconds", "committer" => G::NAME).record(began.elapsed());
        metrics::histogram!("sluice_commit_rows", "committer" => G::NAME).record(items.len() as f64);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever handed it in may have gone away; what is written stays written.
            drop(reply.send(outcome));
        }
    }
}

/// Writes all of them together; if a single one of them spoils that, each by itself.
async fn write_group<G: Group>(group: &G, items: &[G::Item]) -> Vec<Result<G::Outcome, StoreError>> {
    let problem = match group.write(items).await {
        Ok(outcomes) => return outcomes.into_iter().map(Ok).collect(),
        Err(problem) => problem,
    };
    let was_victim = is_victim_of_another(&problem);
    if problem.is_retryable() && !was_victim {
        // The database is away: it would be for each single one as well.
        return items.iter().map(|_item| Err(problem.for_another())).collect();
    }
    if items.len() == 1 && !was_victim {
        return vec![Err(problem)];
    }
    metrics::counter!("sluice_commit_groups_split_total", "committer" => G::NAME).increment(1);
    let mut outcomes = Vec::with_capacity(items.len());
    for item in items {
        let one = group.write(std::slice::from_ref(item)).await;
        outcomes.push(one.map(|mut outcomes| outcomes.remove(0)));
    }
    outcomes
}

/// Rolled back for the sake of another transaction (a deadlock), not for what it is.
fn is_victim_of_another(problem: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = problem else { return false };
    let cause: &(dyn std::error::Error + 'static) = &**cause;
    let database = cause.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    database.and_then(DatabaseError::code).is_some_and(|code| code.starts_with("40") && code.len() == 5)
}
