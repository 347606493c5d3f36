//! The processes: everything in one, the API, a worker.

mod connect;
mod examples;
mod health;
mod logs;
mod secret;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use api::graphql::{ServerMode, schema};
use api::{FrontDoor, Health, HostCheck, HttpConfig, OwnerOf, Probes, ServerLimits, Shutdown};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use queue::{Notices, RedisConfig, WorkQueue};
use service::{Clock, SecretKey, Services, Settings};
use store::{DatabaseUrl, MigrationStatus, Store, StoreConfig};
use tokio::net::TcpListener;
use tracing::{info, warn};
use worker::effects::{Effects, HttpEffect, HttpLimits};
use worker::egress::EgressPolicy;
use worker::{ServiceEvents, ServiceExecutions, Worker, WorkerConfig};

use crate::arguments::{ApiOptions, DevOptions, MigrateOptions, Migration, WorkerOptions};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{self, Format};

use self::health::{DatabasePart, QueuePart, WorkerPart};
use self::signals::Signals;

/// Connections to the database that requests use in the embedded mode.
const EMBEDDED_POOL: u32 = 4;
/// How long requests may go on after a shutdown has begun.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// Everything in one process.
pub async fn dev(options: DevOptions) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    logs::start(&config);
    let metrics = recorder()?;
    let bind = address(options.bind.as_deref().unwrap_or(config.text("SLUICE_BIND")))?;
    if !bind.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "`sluice dev` does not listen on {bind}: it asks for no sign-in, and every request acts as the owner"
        ))
        .help("listen on 127.0.0.1, or run `sluice api` behind something that authenticates"));
    }
    let listener = listen(bind).await?;
    let folder = options.data_dir.unwrap_or_else(|| PathBuf::from(config.text("SLUICE_DATA_DIR")));
    let _alone = connect::lock(&folder)?;
    let path = folder.join("sluice.db");
    let mut store_config = StoreConfig::new(DatabaseUrl::sqlite(&path));
    store_config.pool_size = EMBEDDED_POOL;
    let store = Store::connect(&store_config)
        .await
        .map_err(|problem| Failure::of(&format!("the database {}", path.display()), &problem))?;
    store.migrate_up().await.map_err(|problem| {
        Failure::of(&format!("the database {} cannot be brought up to date", path.display()), &problem)
    })?;
    let services =
        services(&config, secret::embedded(&config, &folder)?, store, WorkQueue::memory(), Notices::memory()).await?;
    let loaded = examples::load(&services).await?;
    let egress = policy(&config)?.with_loopback();
    let worker =
        start_worker(&config, &services, egress, WorkerOptions { queues: None, slots: None, health_bind: None }, true)
            .await?;

    output::line(&greeting(bind, &folder, loaded))?;

    let door = Door { services: services.clone(), mode: ServerMode::Embedded, metrics, hosts: HostCheck::Loopback };
    serve_until_signal(door, listener, Some(worker)).await;
    services.store().close().await;
    Ok(ExitCode::SUCCESS)
}

/// What a person wants to know first.
fn greeting(bind: SocketAddr, folder: &std::path::Path, loaded: usize) -> String {
    let examples = if loaded > 0 {
        format!("\n  examples          {loaded} workflows were loaded, see `sluice list`")
    } else {
        String::new()
    };
    format!(
        "Sluice {} is ready.\n\n  API and GraphiQL  http://{bind}/graphql\n  data              {}{examples}\n\n\
         Requests without credentials act as the owner of organization `default`, and actions may call this machine.\n\
         Ctrl+C ends it.",
        env!("CARGO_PKG_VERSION"),
        folder.display(),
    )
}

/// The API over PostgreSQL and Redis.
pub async fn api(options: ApiOptions) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    connect::require_production(&config)?;
    logs::start(&config);
    let metrics = recorder()?;
    let bind = address(options.bind.as_deref().unwrap_or(config.text("SLUICE_BIND")))?;
    let is_insecure = options.insecure_no_auth || config.text("SLUICE_INSECURE_NO_AUTH") == "true";
    if !bind.ip().is_loopback() && !is_insecure {
        return Err(Failure::usage(format!(
            "`sluice api` does not listen on {bind}: there is no sign-in yet, and every request acts as the owner"
        ))
        .help("listen on 127.0.0.1, or put something that authenticates in front and give --insecure-no-auth"));
    }
    if !bind.ip().is_loopback() {
        warn!(%bind, "listening on {bind} without sign-in: everybody who reaches it acts as the owner");
    }
    let listener = listen(bind).await?;
    let services = cluster_services(&config).await?;
    info!(%bind, "the API listens on http://{bind}/graphql");
    let hosts = if bind.ip().is_loopback() { HostCheck::Loopback } else { HostCheck::Any };
    let door = Door { services: services.clone(), mode: ServerMode::Cluster, metrics, hosts };
    serve_until_signal(door, listener, None).await;
    services.store().close().await;
    Ok(ExitCode::SUCCESS)
}

/// A worker over PostgreSQL and Redis.
pub async fn worker(options: WorkerOptions) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    connect::require_production(&config)?;
    logs::start(&config);
    let metrics = recorder()?;
    let health = match &options.health_bind {
        Some(bind) => Some(listen(address(bind)?).await?),
        None => None,
    };
    let services = cluster_services(&config).await?;
    let worker = start_worker(&config, &services, policy(&config)?, options, false).await?;
    if let Some(listener) = health {
        serve_probes_until_signal(&services, metrics, listener, worker).await;
    } else {
        tokio::select! {
            () = Signals::listen().first() => {}
            () = worker.drain_asked() => {}
        }
        tokio::spawn(Signals::exit_on_next());
        worker.shut_down().await;
    }
    services.store().close().await;
    Ok(ExitCode::SUCCESS)
}

/// Changes the schema, or tells where it stands.
pub async fn migrate(options: MigrateOptions, format: Format) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    logs::start(&config);
    let store = connect::database(&config).await?;
    let failed = |problem: store::StoreError| Failure::of("the schema cannot be changed", &problem);
    match options.what {
        Migration::Up => store.migrate_up().await.map_err(failed)?,
        Migration::Down => store.migrate_down(1).await.map_err(failed)?,
        Migration::Status => {}
    }
    let steps = store.migrations().await.map_err(failed)?;
    let state = |step: &store::Migration| if step.status == MigrationStatus::Applied { "applied" } else { "pending" };
    match format {
        Format::Json => output::json(
            &steps.iter().map(|step| serde_json::json!({ "name": step.name, "status": state(step) })).collect(),
        ),
        Format::Table => output::table(
            &["migration", "status"],
            steps.iter().map(|step| vec![step.name.clone(), state(step).to_owned()]).collect(),
        ),
    }
}

/// What the front door is opened with.
struct Door {
    services: Services,
    mode: ServerMode,
    metrics: PrometheusHandle,
    hosts: HostCheck,
}

/// Serves until the first signal: then readiness ends, requests and executions get their grace.
async fn serve_until_signal(door: Door, listener: TcpListener, worker: Option<Worker>) {
    let signals = Signals::listen();
    let shutdown = Shutdown::new();
    let parts = parts(&door.services, door.mode, worker.as_ref());
    keep_up(door.metrics.clone());
    let defaults = HttpConfig::default();
    // A payload travels as JSON text within JSON text at most: twice its size, and room for the rest.
    let max_body = defaults.max_body.max(2 * door.services.settings().max_payload_bytes + defaults.max_body / 2);
    let config = HttpConfig { hosts: door.hosts, max_body, ..defaults };
    let organization = door.services.default_organization();
    let router = api::router(FrontDoor {
        executor: schema(door.services, door.mode),
        health: Health::new(parts),
        viewers: Arc::new(OwnerOf(organization)),
        metrics: Some(door.metrics),
        shutdown: shutdown.clone(),
        config,
    });
    serve(listener, router, signals, shutdown, worker).await;
}

/// Probes and metrics of a worker, until the first signal.
async fn serve_probes_until_signal(
    services: &Services,
    metrics: PrometheusHandle,
    listener: TcpListener,
    worker: Worker,
) {
    let signals = Signals::listen();
    let shutdown = Shutdown::new();
    keep_up(metrics.clone());
    let router = api::probes(Probes {
        health: Health::new(parts(services, ServerMode::Cluster, Some(&worker))),
        metrics: Some(metrics),
        shutdown: shutdown.clone(),
        timeout: HttpConfig::default().health_timeout,
    });
    serve(listener, router, signals, shutdown, Some(worker)).await;
}

/// What readiness asks.
fn parts(services: &Services, mode: ServerMode, worker: Option<&Worker>) -> Vec<Arc<dyn api::HealthPart>> {
    let mut parts: Vec<Arc<dyn api::HealthPart>> = vec![Arc::new(DatabasePart(services.clone()))];
    if mode == ServerMode::Cluster {
        parts.push(Arc::new(QueuePart(services.clone())));
    }
    if let Some(worker) = worker {
        parts.push(Arc::new(WorkerPart(Arc::clone(worker.context()))));
    }
    parts
}

/// Histograms are folded now and then, also when nobody reads them.
fn keep_up(metrics: PrometheusHandle) {
    tokio::spawn(async move {
        queue::keep_running("metrics", || async {
            let mut ticks = tokio::time::interval(Duration::from_secs(5));
            loop {
                ticks.tick().await;
                metrics.run_upkeep();
            }
        })
        .await;
    });
}

async fn serve(
    listener: TcpListener,
    router: axum::Router,
    signals: Signals,
    shutdown: Shutdown,
    worker: Option<Worker>,
) {
    let serving = tokio::spawn(api::serve(listener, router, ServerLimits::default(), shutdown.clone(), REQUEST_GRACE));
    match &worker {
        Some(worker) => tokio::select! {
            () = signals.first() => {}
            () = worker.drain_asked() => {}
        },
        None => signals.first().await,
    }
    info!("a shutdown was asked for");
    tokio::spawn(Signals::exit_on_next());
    shutdown.begin();
    if let Some(worker) = worker {
        worker.shut_down().await;
    }
    match serving.await {
        Ok(true) => {}
        Ok(false) => warn!("some requests did not end in time"),
        Err(problem) => warn!(error = %problem, "serving ended badly"),
    }
}

async fn start_worker(
    config: &Config,
    services: &Services,
    egress: EgressPolicy,
    options: WorkerOptions,
    is_alone: bool,
) -> Result<Worker, Failure> {
    let http = HttpEffect::new(egress, HttpLimits::default())
        .map_err(|problem| Failure::of("calls to services cannot be made", &problem))?;
    let effects = Arc::new(Effects::new(
        http,
        Arc::new(ServiceEvents(services.clone())),
        Arc::new(ServiceExecutions(services.clone())),
    ));
    let queues = options
        .queues
        .unwrap_or_else(|| config.text("SLUICE_WORKER_QUEUES").split(',').map(|name| name.trim().to_owned()).collect());
    let worker = WorkerConfig {
        name: std::env::var("HOSTNAME").unwrap_or_else(|_unset| "worker".to_owned()),
        host: host(),
        queues,
        slots: options.slots.unwrap_or(config.number("SLUICE_WORKER_SLOTS") as usize),
        lease: config.duration("SLUICE_LEASE"),
        grace: config.duration("SLUICE_SHUTDOWN_GRACE"),
        is_alone,
    };
    Worker::start(services.clone(), effects, worker)
        .await
        .map_err(|problem| Failure::of("the worker cannot be registered", &problem))
}

/// Name of this machine: containers have it in the environment, Linux in a file.
fn host() -> String {
    let from_file = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    std::env::var("HOSTNAME").ok().or_else(from_file).unwrap_or_else(|| "unknown".to_owned())
}

async fn services(
    config: &Config,
    secret_key: SecretKey,
    store: Store,
    queue: WorkQueue,
    notices: Notices,
) -> Result<Services, Failure> {
    let settings = Settings {
        max_payload_bytes: config.bytes("SLUICE_MAX_PAYLOAD"),
        execution_timeout: config.duration("SLUICE_EXECUTION_TIMEOUT"),
        public_url: config.public_url(),
        secret_key,
        retention: store::Retention {
            completed_ms: config.maybe_ms("SLUICE_RETENTION"),
            failed_ms: config.maybe_ms("SLUICE_RETENTION"),
            cancelled_ms: config.maybe_ms("SLUICE_RETENTION"),
        },
        event_retention_ms: config.maybe_ms("SLUICE_RETENTION_EVENTS"),
        ..Settings::default()
    };
    Services::new(store, queue, notices, Clock::System, settings)
        .await
        .map_err(|problem| Failure::of("the database cannot be used", &problem))
}

async fn cluster_services(config: &Config) -> Result<Services, Failure> {
    let store = connect::database(config).await?;
    store.migrate_up().await.map_err(|problem| Failure::of("the database cannot be brought up to date", &problem))?;
    let redis = RedisConfig::new(config.text("REDIS_URL"));
    let unusable = |problem: queue::QueueError| Failure::usage(format!("REDIS_URL: {}", service::chain(&problem)));
    let queue = WorkQueue::redis(redis.clone()).map_err(unusable)?;
    let notices = Notices::redis(&redis).map_err(unusable)?;
    connect::redis(config, &queue).await?;
    services(config, secret::from_environment(config)?, store, queue, notices).await
}

fn policy(config: &Config) -> Result<EgressPolicy, Failure> {
    EgressPolicy::strict()
        .allowing(config.text("SLUICE_EGRESS_ALLOW"))
        .map_err(|problem| Failure::of("SLUICE_EGRESS_ALLOW", &problem))
}

fn recorder() -> Result<PrometheusHandle, Failure> {
    PrometheusBuilder::new().install_recorder().map_err(|problem| Failure::of("metrics cannot be recorded", &problem))
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse().map_err(|_not_an_address| {
        Failure::usage(format!("`{text}` is not an address to listen on")).help("such as 127.0.0.1:8080")
    })
}

async fn listen(bind: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(bind).await.map_err(|problem| {
        Failure::of(&format!("cannot listen on {bind}"), &problem)
            .help("choose another address with --bind, such as --bind 127.0.0.1:8081")
    })
}
