//! Tasks that outlive their panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use tracing::error;

use crate::delays::Delays;

/// A task that ran for so long before it panicked is begun again without delay.
const STEADY: Duration = Duration::from_secs(10);

/// Runs what `make` makes until it ends by itself; after a panic it is made and run again. The panic
/// hook of the process writes the backtrace; here it is counted as one in `place`.
pub async fn keep_running<F: Future<Output = ()>>(place: &'static str, mut make: impl FnMut() -> F) {
    let mut delays = Delays::new();
    loop {
        let began = tokio::time::Instant::now();
        if AssertUnwindSafe(async { make().await }).catch_unwind().await.is_ok() {
            return;
        }
        metrics::counter!("sluice_panics_total", "where" => place).increment(1);
        error!(task = place, "the task `{place}` panicked, it begins again");
        if began.elapsed() >= STEADY {
            delays.reset();
        }
        delays.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_begins_again_until_it_ends_by_itself() {
        let begun = Cell::new(0);
        keep_running("test", || async {
            begun.set(begun.get() + 1);
            tokio::task::yield_now().await;
            assert!(begun.get() >= 4, "the panic of the test");
        })
        .await;
        assert_eq!(begun.get(), 4);
    }
}
