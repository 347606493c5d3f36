//! The apalis backend over either transport. It never fails: what goes wrong with Redis is dealt
//! with inside, so no handler is ever dropped because of it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::worker::context::WorkerContext;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::WorkItem;
use super::ack::AckLayer;

/// The error that this backend never has.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the work queue never fails")]
pub struct NeverFails(Infallible);

/// What feeds a consumer, until it is told to stop; it ends once everything is settled.
pub(super) type Feed = Box<dyn FnOnce(mpsc::Sender<WorkItem>, CancellationToken) -> BoxFuture<'static, ()> + Send>;

/// A source of tasks for one apalis worker.
pub struct Consumer {
    start: Option<(Feed, mpsc::Sender<WorkItem>)>,
    items: mpsc::Receiver<WorkItem>,
    stop: CancellationToken,
    feeding: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("started", &self.start.is_none()).finish_non_exhaustive()
    }
}

impl Consumer {
    pub(super) fn new(prefetch: usize, feed: Feed) -> Self {
        let (sender, items) = mpsc::channel(prefetch);
        Self { start: Some((feed, sender)), items, stop: CancellationToken::new(), feeding: None }
    }

    fn give_back(&mut self) {
        while let Ok(item) = self.items.try_recv() {
            item.receipt.give_back();
        }
    }

    fn start(&mut self) {
        if let Some((feed, sender)) = self.start.take() {
            self.feeding = Some(tokio::spawn(feed(sender, self.stop.clone())));
        }
    }
}

impl Backend for Consumer {
    type Task = Task<WorkItem>;
    type Error = NeverFails;

    fn poll_ready(&mut self, _cx: &mut Context<'_>, _worker: &WorkerContext) -> Poll<Result<(), NeverFails>> {
        self.start();
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<WorkItem>, NeverFails>>> {
        self.start();
        self.items.poll_recv(cx).map(|item| item.map(|item| Ok(TaskBuilder::new(item).build())))
    }

    /// Stops fetching and gives back what was fetched and not handed on.
    fn poll_close(&mut self, cx: &mut Context<'_>, _worker: &WorkerContext) -> Poll<Result<(), NeverFails>> {
        self.stop.cancel();
        self.items.close();
        self.give_back();
        let Some(feeding) = &mut self.feeding else { return Poll::Ready(Ok(())) };
        match feeding.poll_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(outcome) => {
                self.feeding = None;
                // What had a place already when the door was closed.
                self.give_back();
                if let Err(problem) = outcome {
                    tracing::error!(error = %problem, "what feeds the consumer ended badly");
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl BackendConfig for Consumer {
    type Args = WorkItem;
    type Id = ();
    type Kind = Ephemeral;
    type Config = ();
    type Layer = AckLayer;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _worker: &mut WorkerContext) -> AckLayer {
        AckLayer
    }
}
