//! How the installation is, part by part.

use async_recursion::async_recursion as boxed;
use std::time::{Duration, Instant};

use store::ReconcilerRow;

use super::workers::{WorkerStatus, status_of};
use crate::error::{ServiceError, chain};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// A part that answers later than this works badly.
const SLOW: Duration = Duration::from_millis(500);
/// How long a part may take to answer.
const LIMIT: Duration = Duration::from_secs(2);
/// Reconcilers run each second and report each five: silent for longer, they do not run.
const SILENT_MS: i64 = 30_000;
/// Workers that are looked at.
const MAX_WORKERS: u64 = 1_000;

/// How something is; worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthStatus {
    /// Works.
    Healthy,
    /// Works badly.
    Degraded,
    /// Does not work.
    Unhealthy,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// `database`, `queue`, `workers` or `scheduler`.
    pub name: &'static str,
    /// In a word.
    pub status: HealthStatus,
    /// How long the check took, where there was something to wait for.
    pub latency: Option<Duration>,
    /// What there is to say.
    pub message: Option<String>,
    /// When it was checked, Unix milliseconds.
    pub checked_at_ms: i64,
}

/// How the installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// As the worst part that is needed.
    pub status: HealthStatus,
    /// Part by part.
    pub components: Vec<Component>,
    /// The last run of each reconciler, wherever it was.
    pub reconcilers: Vec<ReconcilerRow>,
    /// Live executions without a reason to wake.
    pub stuck: i64,
    /// Executions that have been paused for more than a day.
    pub paused_long: i64,
}

/// Looks at every part.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn health(services: &Services, viewer: &Viewer) -> Result<Health, ServiceError> {
    viewer.require(Permission::OperationsRead)?;
    let now_ms = services.now().0;
    let store = services.store();
    let (database, queue) = tokio::join!(
        probe("database", now_ms, HealthStatus::Unhealthy, store.ping()),
        // Without it the workers look into the database: slower, and all the same.
        probe("queue", now_ms, HealthStatus::Degraded, services.queue().ping()),
    );
    let workers = store.live_workers(now_ms, MAX_WORKERS).await?;
    let ready = workers.iter().filter(|worker| status_of(worker, now_ms) == WorkerStatus::Ready).count();
    let workers = Component {
        name: "workers",
        status: if ready == 0 { HealthStatus::Unhealthy } else { HealthStatus::Healthy },
        latency: None,
        message: Some(match ready {
            0 => "no worker takes work".to_owned(),
            1 => "1 worker takes work".to_owned(),
            many => format!("{many} workers take work"),
        }),
        checked_at_ms: now_ms,
    };
    let reconcilers = store.reconcilers().await?;
    let scheduler = scheduler(&reconcilers, now_ms);
    let stuck = store.count_stuck(now_ms).await?;
    metrics::gauge!("sluice_stuck_executions").set(stuck as f64);
    let long_ms = i64::try_from(engine::machine::LONG_PAUSE.as_millis()).unwrap_or(i64::MAX);
    let paused_long = store.count_paused(now_ms.saturating_sub(long_ms)).await?;
    metrics::gauge!("sluice_paused_long_executions").set(paused_long as f64);
    let components = vec![database, queue, workers, scheduler];
    let worst = components.iter().map(|component| component.status).max().unwrap_or(HealthStatus::Healthy);
    let status = if stuck > 0 { worst.max(HealthStatus::Degraded) } else { worst };
    Ok(Health { status, components, reconcilers, stuck, paused_long })
}

async fn probe<E: std::error::Error + 'static>(
    name: &'static str,
    now_ms: i64,
    when_away: HealthStatus,
    answer: impl Future<Output = Result<(), E>>,
) -> Component {
    let began = Instant::now();
    let answer = tokio::time::timeout(LIMIT, answer).await;
    let latency = began.elapsed();
    let (status, message) = match answer {
        Ok(Ok(())) if latency > SLOW => (HealthStatus::Degraded, Some("answers slowly".to_owned())),
        Ok(Ok(())) => (HealthStatus::Healthy, None),
        Ok(Err(problem)) => {
            // The cause may name hosts and users: it goes to the log alone.
            tracing::warn!(part = name, error = %chain(&problem), "the {name} does not answer");
            (when_away, Some("does not answer; the log has the cause".to_owned()))
        }
        Err(_too_late) => (when_away, Some(format!("did not answer within {LIMIT:?}"))),
    };
    Component { name, status, latency: Some(latency), message, checked_at_ms: now_ms }
}

fn scheduler(reconcilers: &[ReconcilerRow], now_ms: i64) -> Component {
    let silent: Vec<&str> =
        reconcilers.iter().filter(|one| one.last_run_at_ms < now_ms - SILENT_MS).map(|one| one.name.as_str()).collect();
    let failing: Vec<&str> =
        reconcilers.iter().filter(|one| one.last_error.is_some()).map(|one| one.name.as_str()).collect();
    let (status, message) = if reconcilers.is_empty() {
        (HealthStatus::Unhealthy, Some("no reconciler has run yet".to_owned()))
    } else if !silent.is_empty() {
        (HealthStatus::Unhealthy, Some(format!("not run for half a minute: {}", silent.join(", "))))
    } else if !failing.is_empty() {
        (HealthStatus::Degraded, Some(format!("the last run failed: {}", failing.join(", "))))
    } else {
        (HealthStatus::Healthy, None)
    };
    Component { name: "scheduler", status, latency: None, message, checked_at_ms: now_ms }
}
