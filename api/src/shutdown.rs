//! Stopping in order: no new work, streams told to come back, running requests finished.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Told once, heard by the listener, every connection and every stream.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    begun: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that begins with `signal`.
    #[must_use]
    pub fn following(signal: CancellationToken) -> Self {
        Self { begun: signal, tasks: TaskTracker::new() }
    }

    /// Begins: `/readyz` answers 503, WebSockets are closed with 1001, SSE streams end.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits for all connections to end, at most `grace`; tells whether they did.
    pub async fn finished(&self, grace: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }

    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    pub(crate) fn begun_owned(&self) -> impl Future<Output = ()> + Send + 'static {
        self.begun.clone().cancelled_owned()
    }

    pub(crate) const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
