//! The clock that the processes of a fleet share.

use std::sync::Arc;
use std::time::Duration;

use service::{Clock, DatabaseClock};
use store::Store;
use tokio::time::MissedTickBehavior;
use tracing::debug;

use crate::failure::Failure;

/// How often the clock of a process is held against that of the database.
const PERIOD: Duration = Duration::from_secs(5);

/// The clock of the database; it is followed for as long as the process lives.
pub async fn of_database(store: &Store) -> Result<Clock, Failure> {
    let clock = DatabaseClock::read(store)
        .await
        .map_err(|problem| Failure::of("the database does not say what time it is", &problem))?;
    let clock = Arc::new(clock);
    let (kept, store) = (Arc::clone(&clock), store.clone());
    tokio::spawn(async move { queue::keep_running("clock", || follow(&kept, &store)).await });
    Ok(Clock::Database(clock))
}

async fn follow(clock: &DatabaseClock, store: &Store) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(problem) = clock.adjust(store).await {
            debug!(error = %service::chain(&problem), "the clock of the database cannot be read now");
        }
    }
}
