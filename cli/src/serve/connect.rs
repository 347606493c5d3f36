//! Waits for database and Redis at the start, and keeps two processes out of one data folder.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use queue::WorkQueue;
use store::{DatabaseUrl, Delays, Store, StoreConfig, TenantWall};
use tracing::warn;

use super::secret;
use crate::config::Config;
use crate::failure::Failure;

/// About how long the first pause between two tries is; they are doubled, and drawn at random around that.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// About how long the last pauses are.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Tries at the start, for as long as `SLUICE_START_PATIENCE` says.
struct Tries {
    began: Instant,
    patience: Duration,
    pauses: Delays,
}

impl Tries {
    fn begin(config: &Config) -> Self {
        let patience = config.duration("SLUICE_START_PATIENCE");
        Self { began: Instant::now(), patience, pauses: Delays::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// Waits before the next try and says so; false when there is none.
    async fn go_on(&mut self, what: &str, problem: &(dyn std::error::Error + 'static)) -> bool {
        let left = self.patience.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            return false;
        }
        let pause = self.pauses.next_delay().min(left);
        warn!(
            error = %service::chain(problem),
            waited_ms = self.began.elapsed().as_millis(),
            next_ms = pause.as_millis(),
            "{what} does not answer, will try for {:?} in all", self.patience
        );
        tokio::time::sleep(pause).await;
        true
    }
}

/// Refuses to start in production without what it needs; names everything that is missing.
pub fn require_production(config: &Config) -> Result<(), Failure> {
    let missing: Vec<&str> = ["DATABASE_URL", "REDIS_URL", "SLUICE_SECRET_KEY"]
        .into_iter()
        .filter(|name| config.text(name).is_empty())
        .collect();
    if !missing.is_empty() {
        return Err(Failure::usage(format!("{} must be set", missing.join(", ")))
            .help("`sluice config` tells what each means; `sluice dev` needs none of them"));
    }
    secret::from_environment(config).map(|_good| ())
}

/// The production database, waited for.
pub async fn database(config: &Config) -> Result<Store, Failure> {
    if config.text("DATABASE_URL").is_empty() {
        return Err(
            Failure::usage("DATABASE_URL must be set").help("such as postgres://user:password@127.0.0.1:5432/sluice")
        );
    }
    let url: DatabaseUrl = config.text("DATABASE_URL").parse().map_err(|problem: store::DatabaseUrlError| {
        Failure::usage(format!("DATABASE_URL: {}", service::chain(&problem)))
    })?;
    let shown = url.to_string();
    let mut settings = StoreConfig::new(url);
    settings.pool_size = config.number("SLUICE_DATABASE_POOL");
    settings.acquire_timeout = config.duration("SLUICE_DATABASE_ACQUIRE_TIMEOUT");
    settings.statement_timeout = config.duration("SLUICE_DATABASE_STATEMENT_TIMEOUT");
    settings.lock_timeout = config.duration("SLUICE_DATABASE_LOCK_TIMEOUT");
    settings.require_tenant_wall = config.text("SLUICE_REQUIRE_RLS") == "true";
    // The schema can be changed without the key.
    if !config.text("SLUICE_SECRET_KEY").is_empty() {
        settings.audit_key = secret::audit_key(&secret::from_environment(config)?);
    }
    let mut tries = Tries::begin(config);
    loop {
        match Store::connect(&settings).await {
            Ok(store) => return Ok(store),
            Err(problem) => {
                if problem.is_retryable() && tries.go_on(&format!("the {shown}"), &problem).await {
                    continue;
                }
                let what = if problem.is_retryable() {
                    format!("the {shown} did not answer for {:.0?}", tries.began.elapsed())
                } else {
                    format!("the {shown} cannot be used")
                };
                return Err(Failure::of(&what, &problem).help("check DATABASE_URL, and that PostgreSQL runs there"));
            }
        }
    }
}

/// Looks whether the migrated database keeps organizations apart as it should.
pub async fn tenants(config: &Config, store: &Store) -> Result<(), Failure> {
    let failed = |problem: store::StoreError| Failure::of("the database cannot be used", &problem);
    if store.is_walled_in().await.map_err(failed)? {
        return Err(Failure::new(
            "the user of DATABASE_URL does not own the tables, so policies hide rows from workers",
        )
        .help("connect as the user that ran `sluice migrate up`, or give the tables to this one"));
    }
    match store.tenant_wall().await.map_err(failed)? {
        TenantWall::Missing { why } if config.text("SLUICE_REQUIRE_RLS") == "true" => {
            Err(Failure::new(format!("SLUICE_REQUIRE_RLS: {why}")).help(TenantWall::REMEDY))
        }
        // The log has a warning where it was found missing.
        TenantWall::Missing { .. } | TenantWall::Stands | TenantWall::NotOffered => Ok(()),
    }
}

/// Redis, waited for.
pub async fn redis(config: &Config, queue: &WorkQueue) -> Result<(), Failure> {
    let mut tries = Tries::begin(config);
    loop {
        match queue.ping().await {
            Ok(()) => return Ok(()),
            Err(problem) => {
                if !tries.go_on("Redis", &problem).await {
                    return Err(Failure::of("Redis did not answer", &problem)
                        .help("check REDIS_URL, and that Redis runs there"));
                }
            }
        }
    }
}

/// Held for as long as this process uses a data folder.
pub struct Alone(#[expect(dead_code, reason = "held for its lock")] File);

/// Makes the folder and locks it.
pub fn lock(folder: &Path) -> Result<Alone, Failure> {
    let at = |what: &str, problem: &std::io::Error| Failure::of(&format!("{what} {}", folder.display()), problem);
    std::fs::create_dir_all(folder).map_err(|problem| at("cannot make the data folder", &problem))?;
    let file =
        File::create(folder.join("lock")).map_err(|problem| at("cannot write into the data folder", &problem))?;
    file.try_lock().map_err(|_locked| {
        Failure::new(format!("another process uses the data folder {}", folder.display()))
            .help("end it, or choose another folder with --data-dir")
    })?;
    Ok(Alone(file))
}
