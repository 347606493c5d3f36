//! One worker: its consumer, its heartbeat, its ticks, and how it shuts down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{Monitor, WorkerBuilder};
use ids::WorkerId;
use queue::{ConsumerConfig, Lane, keep_running};
use service::Services;
use service::error_groups::Causes;
use tokio::sync::{Notify, RwLock, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::consume;
use crate::context::{Context, Tally};
use crate::driving::Driving;
use crate::effects::Effects;
use crate::lease::Lease;
use crate::readiness::Signs;
use crate::reconcile::Statuses;
use crate::slots::Slots;
use crate::turns::Turns;
use crate::{heartbeat, listen, tick};

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Name for people; need not be unique.
    pub name: String,
    /// Name of its machine.
    pub host: String,
    /// Queues it serves.
    pub queues: Vec<String>,
    /// How many executions it drives at once.
    pub slots: usize,
    /// How long it may be silent before others take its executions.
    pub lease: Duration,
    /// How long drives may go on after a shutdown has begun.
    pub grace: Duration,
    /// Nobody else uses the database: at the start, whatever is claimed or queued is taken up at once.
    pub is_alone: bool,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    context: Arc<Context>,
    config: WorkerConfig,
    pub(crate) stop_consuming: CancellationToken,
    stop_ticking: CancellationToken,
    consumer: JoinHandle<()>,
    background: Vec<JoinHandle<()>>,
}

impl Worker {
    /// Registers the worker and begins to consume.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn start(
        services: Services,
        effects: Arc<Effects>,
        config: WorkerConfig,
    ) -> Result<Self, store::StoreError> {
        let context = Arc::new(Context {
            turns: Turns::new(services.clone()),
            services,
            worker: WorkerId::new(),
            slots: Slots::new(config.slots),
            driving: Driving::default(),
            lease: Lease::new(config.lease),
            effects,
            causes: Causes::default(),
            statuses: Statuses::default(),
            claiming: RwLock::new(()),
            claims_in_doubt: AtomicBool::new(false),
            slots_place: Mutex::default(),
            forsaken_place: Mutex::default(),
            retention_place: tokio::sync::Mutex::default(),
            webhooks_turn: tokio::sync::Mutex::default(),
            webhooks: Arc::new(Semaphore::new(WEBHOOKS)),
            tally: Tally::default(),
            drain: CancellationToken::new(),
            tick_now: Notify::new(),
            hand_back: CancellationToken::new(),
            queues: config.queues.clone(),
            signs: Signs::default(),
        });
        heartbeat::beat(&context, &config).await?;
        if config.is_alone {
            take_up_everything(&context).await?;
        }
        let stop_consuming = CancellationToken::new();
        let stop_ticking = CancellationToken::new();
        let consumer = kept("consume", &context, &config, &stop_consuming, consume_until);
        let background = vec![
            kept("heartbeat", &context, &config, &stop_ticking, heartbeat::run),
            kept("listen", &context, &config, &stop_ticking, |context, _config, stop| listen::run(context, stop)),
            kept("tick", &context, &config, &stop_ticking, |context, config, stop| {
                tick::run(context, config.queues, stop)
            }),
        ];
        info!(worker.id = %context.worker, worker.name = %config.name, slots = config.slots, "worker {} serves {}", context.worker, config.queues.join(", "));
        Ok(Self { context, config, stop_consuming, stop_ticking, consumer, background })
    }

    /// What the parts of this worker share.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Waits until somebody has asked it to drain: then it should be shut down.
    pub async fn drain_asked(&self) {
        self.context.drain.cancelled().await;
    }

    /// Stops claiming, lets what runs end or park within the grace time, hands back the rest.
    pub async fn shut_down(self) {
        self.stop_consuming.cancel();
        self.context.tally.draining.store(true, Ordering::SeqCst);
        self.context.slots.close();
        let running = self.context.driving.len();
        info!(worker.id = %self.context.worker, running, "worker {} shuts down, {running} executions have {:?} to end or park", self.context.worker, self.config.grace);
        if tokio::time::timeout(self.config.grace, self.context.driving.emptied()).await.is_err() {
            self.context.hand_back.cancel();
            if tokio::time::timeout(HAND_BACK, self.context.driving.emptied()).await.is_err() {
                warn!(
                    left = self.context.driving.len(),
                    "some executions could not be handed back, the lease will free them"
                );
            }
        }
        self.context.hand_back.cancel();
        // A database that does not answer keeps nobody from ending: what is cut off is put right by others.
        let limit = Instant::now() + ENDING;
        ended(self.consumer, limit).await;
        self.stop_ticking.cancel();
        for task in self.background {
            ended(task, limit).await;
        }
        let signing_off = self.context.store().release_worker(self.context.worker, self.context.now().0);
        match timeout_at(limit.max(Instant::now() + SIGNING_OFF), signing_off).await {
            Ok(Ok(left)) => crate::wake::push(&self.context, left),
            Ok(Err(problem)) => {
                warn!(error = %service::chain(&problem), "the worker cannot sign off, its lease will end by itself");
            }
            Err(_elapsed) => warn!("the worker cannot sign off in time, its lease will end by itself"),
        }
    }
}

/// Waits for a task until `limit`, and cuts it off then.
async fn ended(mut task: JoinHandle<()>, limit: Instant) {
    match timeout_at(limit, &mut task).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => error!(error = %problem, "a task of the worker ended badly"),
        Err(_elapsed) => {
            warn!("a task of the worker did not end in time and is cut off");
            task.abort();
        }
    }
}

/// A task of the worker that begins again when it panics.
fn kept<F: Future<Output = ()> + Send + 'static>(
    place: &'static str,
    context: &Arc<Context>,
    config: &WorkerConfig,
    stop: &CancellationToken,
    run: impl Fn(Arc<Context>, WorkerConfig, CancellationToken) -> F + Send + Sync + 'static,
) -> JoinHandle<()> {
    let (context, config, stop) = (Arc::clone(context), config.clone(), stop.clone());
    tokio::spawn(async move {
        keep_running(place, || run(Arc::clone(&context), config.clone(), stop.clone())).await;
    })
}

/// How long tasks in the background may take to end.
const ENDING: Duration = Duration::from_secs(3);
/// How long signing off may take at least.
const SIGNING_OFF: Duration = Duration::from_secs(1);

/// How long handing back may take.
const HAND_BACK: Duration = Duration::from_secs(5);

/// The embedded mode: no other process exists, so nothing has to be waited for.
async fn take_up_everything(context: &Context) -> Result<(), store::StoreError> {
    let now = context.now().0;
    let mut runnable = context.store().lost_workers_but(context.worker, now).await?;
    runnable.extend(context.store().stale_queued(now + 1, now, u64::from(u32::MAX)).await?);
    crate::wake::push(context, runnable);
    Ok(())
}

async fn consume_until(context: Arc<Context>, config: WorkerConfig, stop: CancellationToken) {
    let monitor =
        Lane::ALL.into_iter().fold(Monitor::new().should_restart(|_context, _error| true), |monitor, lane| {
            let handlers = config.slots.clamp(1, HANDLERS);
            let (context, queues) = (Arc::clone(&context), config.queues.clone());
            monitor.register(move |restarts| {
                let mut how = ConsumerConfig::new(context.worker, queues.clone(), lane, handlers);
                how.pulse = context.signs.fetched.clone();
                let consumer = context.services.queue().consumer(how);
                WorkerBuilder::new(format!("{}-{}-{restarts}", context.worker, lane.name()))
                    .backend(consumer)
                    .data(Arc::clone(&context))
                    .data(lane)
                    .concurrency(handlers)
                    .build(consume::handle)
            })
        });
    let stopped = async move {
        stop.cancelled().await;
        Ok::<(), std::io::Error>(())
    };
    if let Err(problem) = monitor.run_with_signal(stopped).await {
        error!(error = %problem, "the consumer ended");
    }
}

/// Tasks of a lane that are handled at once, at most: enough to keep the claim committer's groups full.
const HANDLERS: usize = 64;

/// Messages to addresses that one process has under way at once.
const WEBHOOKS: usize = 32;
