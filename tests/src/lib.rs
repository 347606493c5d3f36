//! The harness of the end-to-end tests: starts the real binary, as users do, and talks to it
//! through its doors alone.
//!
//! Tests over PostgreSQL and Redis run when `SLUICE_TEST_DATABASE_URL` and `SLUICE_TEST_REDIS_URL`
//! are set, as `cargo ci` does; otherwise they say on standard error that they were skipped. Tests
//! over the embedded mode always run.

#![expect(clippy::panic, reason = "a harness fails loudly")]

mod api;
mod command;
mod keys;
mod neighbours;
mod parts;
mod process;
mod proxy;
mod recorder;
mod services;
mod socket;
mod stub;
mod system;

pub use api::{Api, Events};
pub use command::{Ran, begin, run, run_in, run_with_input};
pub use keys::serve_keys;
pub use neighbours::{Neighbours, TOKEN};
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use recorder::{Asked, Recorder};
pub use services::{Services, SharedRedis};
pub use socket::Socket;
pub use stub::{Answer, Received, Stub};
pub use system::{Embedded, Fleet, SECRET_KEY, Statements};

use std::time::Duration;

use tokio::time::Instant;

/// Waits until `condition` holds; fails with `what` after a minute.
///
/// # Panics
/// When the condition does not hold in time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(Instant::now() < limit, "not within a minute: {what}");
        // tidy: allow no-sleep because this is the pause between two looks at a condition
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
