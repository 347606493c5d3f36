//! The tick of the reconcilers: apalis-cron each second in every process, or sooner on a signal.
//!
//! Ticks carry nothing and are never counted: what is due is read from the database, so a tick
//! that is late, missed or doubled changes nothing.

use std::str::FromStr;
use std::sync::Arc;

use apalis_cron::CronScheduler;
use cron::Schedule;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::consume;
use crate::context::Context;
use crate::faults;
use crate::reconcile::{Reconciler, report};

/// Every second.
const EVERY_SECOND: &str = "* * * * * *";

/// Runs all reconcilers at each tick and signal until `stop`; once at the start.
pub(crate) async fn run(context: Arc<Context>, queues: Vec<String>, stop: CancellationToken) {
    let schedule = Schedule::from_str(EVERY_SECOND).expect("the constant is a cron expression");
    let ticker = || Box::pin(CronScheduler::new(schedule.clone()).into_stream());
    let mut ticks = ticker();
    loop {
        faults::point(&context, "tick");
        for reconciler in Reconciler::ALL {
            reconciler.run(&context).await;
        }
        context.signs.ticked.beat();
        report(&context).await;
        if !context.services.queue().is_up() {
            consume::poll(&context, &queues).await;
        }
        tokio::select! {
            tick = ticks.next() => if !matches!(tick, Some(Ok(_))) {
                // A tick that is late is a tick all the same. Its source keeps it and would say so again at once, and
                // for ever, so it is made anew.
                debug!(?tick, "the tick came late");
                ticks = ticker();
            },
            () = context.tick_now.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}
