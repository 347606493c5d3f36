//! The processes: everything in one, the API, a worker.

mod clock;
mod connect;
mod examples;
mod health;
mod identity_providers;
mod logs;
mod owner;
mod secret;
mod signals;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use api::graphql::{ServerMode, schema_with_calls};
use api::{
    CookieStyle, FrontDoor, Guarded, Health, HostCheck, HttpConfig, PersistedDocuments, Probes, ServerLimits, Shutdown,
    StoredDocuments,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use queue::{Notices, RedisConfig, WorkQueue};
use service::identity::oidc::{SingleSignOn, Transport};
use service::rates::Buckets;
use service::{Clock, SecretKey, Services, Settings};
use store::{DatabaseUrl, MigrationStatus, Store, StoreConfig};
use tokio::net::TcpListener;
use tracing::{info, warn};
use worker::effects::{Effects, HttpEffect, HttpLimits, ServiceRates};
use worker::egress::EgressPolicy;
use worker::{ServiceEvents, ServiceExecutions, ServiceParts, Turns, Worker, WorkerConfig};

use crate::arguments::{ApiOptions, BootstrapOptions, DevOptions, MigrateOptions, Migration, WorkerOptions};
use crate::config::Config;
use crate::door;
use crate::failure::Failure;
use crate::output::{self, Format};

use self::health::{DatabasePart, QueuePart, WorkerPart};
use self::identity_providers::GuardedTransport;
use self::signals::Signals;

/// Connections to the database that requests use in the embedded mode.
const EMBEDDED_POOL: u32 = 4;
/// Connections to the second listener at once.
const ADMIN_CONNECTIONS: usize = 64;
/// How long requests may go on after a shutdown has begun.
const REQUEST_GRACE: Duration = Duration::from_secs(5);

/// Everything in one process.
pub async fn dev(options: DevOptions) -> Result<ExitCode, Failure> {
    let config = Config::read()?.bound_to(options.bind);
    logs::start(&config);
    let metrics = recorder()?;
    let bind = address(config.text("SLUICE_BIND"))?;
    if !bind.ip().is_loopback() {
        return Err(Failure::usage(format!(
            "`sluice dev` does not listen on {bind}: a request without credentials acts as the owner"
        ))
        .help("listen on 127.0.0.1, or run `sluice api`, which asks for a sign-in"));
    }
    let listener = listen(bind).await?;
    let folder = options.data_dir.unwrap_or_else(|| PathBuf::from(config.text("SLUICE_DATA_DIR")));
    let _alone = connect::lock(&folder)?;
    let path = folder.join("sluice.db");
    let secret_key = secret::embedded(&config, &folder)?;
    let mut store_config = StoreConfig::new(DatabaseUrl::sqlite(&path));
    store_config.pool_size = EMBEDDED_POOL;
    store_config.audit_key = secret::audit_key(&secret_key);
    let store = Store::connect(&store_config)
        .await
        .map_err(|problem| Failure::of(&format!("the database {}", path.display()), &problem))?;
    store.migrate_up().await.map_err(|problem| {
        Failure::of(&format!("the database {} cannot be brought up to date", path.display()), &problem)
    })?;
    let services = services(&config, secret_key, store, WorkQueue::memory(), Notices::memory(), Clock::System).await?;
    let loaded = examples::load(&services).await?;
    let egress = policy(&config)?.with_loopback();
    let transport = transport(egress.clone())?;
    let worker =
        start_worker(&config, &services, egress, WorkerOptions { queues: None, slots: None, health_bind: None }, true)
            .await?;

    output::line(&greeting(bind, &folder, loaded))?;

    let viewers = Guarded::open_to(services.clone(), services.default_organization());
    let http = door::http_config(&config, Buckets::memory(), true)?;
    let http = HttpConfig { hosts: HostCheck::Loopback, tells_parts: true, ..http };
    let admin = admin_listener(&config).await?;
    let mode = ServerMode::Embedded;
    let door = Door { services: services.clone(), transport, mode, metrics, viewers, http, admin };
    serve_until_signal(door, listener, Some(worker)).await;
    close(&services).await;
    Ok(ExitCode::SUCCESS)
}

/// Longest time for what was handed in to be written before the process ends.
const CLOSING: Duration = Duration::from_secs(5);

/// Writes what was handed in and leaves the database. One that does not answer keeps nobody from ending.
async fn close(services: &Services) {
    if tokio::time::timeout(CLOSING, services.store().close()).await.is_err() {
        warn!("the database did not answer in time, what was not acknowledged may not be written");
    }
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
    let config = Config::read()?.bound_to(options.bind);
    connect::require_production(&config)?;
    logs::start(&config);
    let metrics = recorder()?;
    let bind = address(config.text("SLUICE_BIND"))?;
    let is_insecure = options.insecure_no_auth || config.text("SLUICE_INSECURE_NO_AUTH") == "true";
    if is_insecure {
        warn!(%bind, "listening on {bind} without sign-in: everybody who reaches it acts as the owner");
    }
    let listener = listen(bind).await?;
    let services = cluster_services(&config).await?;
    info!(%bind, "the API listens on http://{bind}/graphql");
    if !is_insecure {
        owner::announce(&services, &config).await?;
    }
    let is_local = bind.ip().is_loopback();
    // Without credentials the name of the host is all that tells a page of this machine from one of elsewhere.
    let hosts = if is_insecure && is_local { HostCheck::Loopback } else { HostCheck::Any };
    let viewers = if is_insecure {
        Guarded::open_to(services.clone(), services.default_organization())
    } else {
        Guarded::new(services.clone())
    };
    let transport = transport(policy(&config)?)?;
    let buckets = Buckets::redis(&RedisConfig::new(config.text("REDIS_URL")))
        .map_err(|problem| Failure::usage(format!("REDIS_URL: {}", service::chain(&problem))))?;
    // On other addresses strangers may read readiness: they need no names.
    let http = HttpConfig { hosts, tells_parts: is_local, ..door::http_config(&config, buckets, false)? };
    let admin = admin_listener(&config).await?;
    let mode = ServerMode::Cluster;
    let door = Door { services: services.clone(), transport, mode, metrics, viewers, http, admin };
    serve_until_signal(door, listener, None).await;
    close(&services).await;
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
    close(&services).await;
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
    /// Calls identity providers and, for checks, services.
    transport: Arc<dyn Transport>,
    mode: ServerMode,
    metrics: PrometheusHandle,
    viewers: Guarded,
    http: HttpConfig,
    /// Where metrics and probes are served beside the API.
    admin: Option<TcpListener>,
}

/// Serves until the first signal: then readiness ends, requests and executions get their grace.
async fn serve_until_signal(door: Door, listener: TcpListener, worker: Option<Worker>) {
    let signals = Signals::listen();
    let shutdown = Shutdown::new();
    let health = Health::new(parts(&door.services, door.mode, worker.as_ref()));
    keep_up(door.metrics.clone());
    let mut metrics = Some(door.metrics);
    if let Some(admin) = door.admin {
        let probes = api::probes(Probes {
            health: health.clone(),
            metrics: metrics.take(),
            shutdown: shutdown.clone(),
            timeout: door.http.health_timeout,
            tells_parts: true,
        });
        let limits = ServerLimits { connections: ADMIN_CONNECTIONS, ..ServerLimits::default() };
        tokio::spawn(api::serve(admin, probes, limits, shutdown.clone(), REQUEST_GRACE));
    }
    let defaults = door.http;
    // A payload travels as JSON text within JSON text at most: twice its size, and room for the rest.
    let max_body = defaults.max_body.max(2 * door.services.settings().max_payload_bytes + defaults.max_body / 2);
    let cookies = CookieStyle::of_url(&door.services.settings().public_url);
    let persisted: Arc<dyn PersistedDocuments> = Arc::new(StoredDocuments::new(door.services.clone()));
    let config = HttpConfig { cookies, max_body, persisted: Some(persisted), ..defaults };
    let inbound = door.services.clone();
    let single_sign_on = SingleSignOn::new(door.services.clone(), Arc::clone(&door.transport));
    let router = api::router(FrontDoor {
        executor: schema_with_calls(door.services, door.mode, door.transport),
        health,
        viewers: Arc::new(door.viewers),
        metrics,
        single_sign_on: Some(single_sign_on),
        inbound: Some(inbound),
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
        tells_parts: true,
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
    let (events, starts) = (Arc::new(ServiceEvents(services.clone())), Arc::new(ServiceExecutions(services.clone())));
    let effects = Effects::new(http, events, starts, Arc::new(ServiceParts(services.clone())));
    let effects = effects.with_mailer(services.settings().mailer.clone());
    let rates = ServiceRates::parse(config.text("SLUICE_SERVICE_RATES"))
        .map_err(|problem| Failure::of("SLUICE_SERVICE_RATES", &problem))?;
    let effects = Arc::new(effects.with_rates(rates, Arc::new(Turns::new(services.clone()))));
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
    clock: Clock,
) -> Result<Services, Failure> {
    let settings = Settings {
        max_payload_bytes: config.bytes("SLUICE_MAX_PAYLOAD"),
        execution_timeout: config.duration("SLUICE_EXECUTION_TIMEOUT"),
        public_url: config.public_url(),
        secret_key,
        sign_up: config.sign_up(),
        mailer: config.mailer(),
        retention: store::Retention {
            completed_ms: config.maybe_ms("SLUICE_RETENTION"),
            failed_ms: config.maybe_ms("SLUICE_RETENTION"),
            cancelled_ms: config.maybe_ms("SLUICE_RETENTION"),
        },
        event_retention_ms: config.maybe_ms("SLUICE_RETENTION_EVENTS"),
        audit_retention_ms: config.maybe_ms("SLUICE_RETENTION_AUDIT"),
        statistics_retention_ms: config.maybe_ms("SLUICE_RETENTION_STATISTICS"),
        ..Settings::default()
    };
    Services::new(store, queue, notices, clock, settings)
        .await
        .map_err(|problem| Failure::of("the database cannot be used", &problem))
}

/// Makes an owner straight in the database: that of `DATABASE_URL`, or the embedded one.
pub async fn bootstrap(options: BootstrapOptions, format: Format) -> Result<ExitCode, Failure> {
    let config = Config::read()?;
    logs::start(&config);
    let (store, _alone) = if config.text("DATABASE_URL").is_empty() {
        let folder = options.data_dir.clone().unwrap_or_else(|| PathBuf::from(config.text("SLUICE_DATA_DIR")));
        let alone = connect::lock(&folder)?;
        let path = folder.join("sluice.db");
        let store = Store::connect(&StoreConfig::new(DatabaseUrl::sqlite(&path))).await;
        (store.map_err(|problem| Failure::of(&format!("the database {}", path.display()), &problem))?, Some(alone))
    } else {
        (connect::database(&config).await?, None)
    };
    store.migrate_up().await.map_err(|problem| Failure::of("the database cannot be brought up to date", &problem))?;
    // It signs nothing and queues nothing: neither the key nor Redis is needed.
    let services = Services::new(store, WorkQueue::memory(), Notices::memory(), Clock::System, Settings::default())
        .await
        .map_err(|problem| Failure::of("the database cannot be used", &problem))?;
    let made = owner::make(&services, &options, format).await;
    close(&services).await;
    made
}

async fn cluster_services(config: &Config) -> Result<Services, Failure> {
    let store = connect::database(config).await?;
    store.migrate_up().await.map_err(|problem| Failure::of("the database cannot be brought up to date", &problem))?;
    connect::tenants(config, &store).await?;
    let redis = RedisConfig::new(config.text("REDIS_URL"));
    let unusable = |problem: queue::QueueError| Failure::usage(format!("REDIS_URL: {}", service::chain(&problem)));
    let queue = WorkQueue::redis(redis.clone()).map_err(unusable)?;
    let notices = Notices::redis(&redis).map_err(unusable)?;
    connect::redis(config, &queue).await?;
    let clock = clock::of_database(&store).await?;
    services(config, secret::from_environment(config)?, store, queue, notices, clock).await
}

/// Calls of the API itself, to identity providers and to services that are checked, as far as the policy allows.
fn transport(egress: EgressPolicy) -> Result<Arc<dyn Transport>, Failure> {
    let transport =
        GuardedTransport::new(egress).map_err(|problem| Failure::of("calls of the API cannot be made", &problem))?;
    Ok(Arc::new(transport))
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

/// The listener of `SLUICE_ADMIN_BIND`, if there shall be one.
async fn admin_listener(config: &Config) -> Result<Option<TcpListener>, Failure> {
    match config.text("SLUICE_ADMIN_BIND") {
        "" => Ok(None),
        bind => Ok(Some(listen(address(bind)?).await?)),
    }
}

async fn listen(bind: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(bind).await.map_err(|problem| {
        Failure::of(&format!("cannot listen on {bind}"), &problem)
            .help("choose another address with --bind, such as --bind 127.0.0.1:8081")
    })
}
