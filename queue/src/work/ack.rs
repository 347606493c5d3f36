//! Acknowledging: after a handler returned without error the task is gone for good; after an
//! error, or when the handler was dropped, it is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use apalis_core::task::Task;
use futures::FutureExt;
use futures::future::BoxFuture;
use tower::{Layer, Service};

use super::WorkItem;

/// What becomes of a delivered task.
pub(super) trait Settle: Send + Sync + std::fmt::Debug {
    /// It is done.
    fn acknowledge(&self);
    /// It is not done: somebody else may try.
    fn give_back(&self);
}

/// Stands for one delivery. Wherever the last of its copies is dropped unsettled, the task is given back: in a channel
/// that was closed, in a consumer that was not asked to close.
#[derive(Debug, Clone)]
pub(super) struct Receipt(Arc<Held>);

#[derive(Debug)]
struct Held {
    settle: Arc<dyn Settle>,
    is_settled: AtomicBool,
}

impl Receipt {
    pub(super) fn new(settle: Arc<dyn Settle>) -> Self {
        Self(Arc::new(Held { settle, is_settled: AtomicBool::new(false) }))
    }

    /// The task is done.
    fn acknowledge(&self) {
        if !self.0.is_settled.swap(true, Ordering::SeqCst) {
            self.0.settle.acknowledge();
        }
    }

    /// Somebody else may try.
    pub(super) fn give_back(&self) {
        self.0.give_back();
    }
}

impl Held {
    fn give_back(&self) {
        if !self.is_settled.swap(true, Ordering::SeqCst) {
            self.settle.give_back();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The layer that acknowledges tasks.
#[derive(Debug, Clone, Copy, Default)]
pub struct AckLayer;

impl<S> Layer<S> for AckLayer {
    type Service = AckService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AckService { inner }
    }
}

/// A handler whose tasks are acknowledged.
#[derive(Debug, Clone)]
pub struct AckService<S> {
    inner: S,
}

/// Gives the task back unless it was acknowledged, also when the handler panics or is dropped.
struct Delivery {
    receipt: Receipt,
    is_done: bool,
}

impl Delivery {
    fn settle(mut self, is_done: bool) {
        self.is_done = is_done;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.is_done {
            self.receipt.acknowledge();
        } else {
            self.receipt.give_back();
        }
    }
}

impl<S> Service<Task<WorkItem>> for AckService<S>
where
    S: Service<Task<WorkItem>>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, task: Task<WorkItem>) -> Self::Future {
        let delivery = Delivery { receipt: task.args.receipt.clone(), is_done: false };
        let handled = self.inner.call(task);
        async move {
            let outcome = handled.await;
            delivery.settle(outcome.is_ok());
            outcome
        }
        .boxed()
    }
}
