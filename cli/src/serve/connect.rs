//! Waits for database and Redis at the start, and keeps two processes out of one data folder.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use queue::WorkQueue;
use store::{DatabaseUrl, Store, StoreConfig};
use tracing::warn;

use crate::config::Config;
use crate::failure::Failure;

/// How long a start waits for what it needs.
const PATIENCE: Duration = Duration::from_mins(1);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);

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
    let is_key = is_32_bytes_of_base64(config.text("SLUICE_SECRET_KEY"));
    if is_key {
        Ok(())
    } else {
        Err(Failure::usage("SLUICE_SECRET_KEY is not 32 bytes in base64")
            .help("make one with `openssl rand -base64 32`"))
    }
}

fn is_32_bytes_of_base64(text: &str) -> bool {
    text.len() == 44
        && text.ends_with('=')
        && text[..43].bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
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
    let began = Instant::now();
    loop {
        match Store::connect(&settings).await {
            Ok(store) => return Ok(store),
            Err(problem) if problem.is_retryable() && began.elapsed() < PATIENCE => {
                warn!(database = %shown, error = %service::chain(&problem), "the {shown} does not answer, will try for {:?} in all", PATIENCE);
                tokio::time::sleep(PAUSE).await;
            }
            Err(problem) => {
                let what = if problem.is_retryable() {
                    format!("the {shown} did not answer for {:.0?}", began.elapsed())
                } else {
                    format!("the {shown} cannot be used")
                };
                return Err(Failure::of(&what, &problem).help("check DATABASE_URL, and that PostgreSQL runs there"));
            }
        }
    }
}

/// Redis, waited for.
pub async fn redis(queue: &WorkQueue) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        match queue.ping().await {
            Ok(()) => return Ok(()),
            Err(problem) if began.elapsed() < PATIENCE => {
                warn!(error = %service::chain(&problem), "Redis does not answer, will try for {:?} in all", PATIENCE);
                tokio::time::sleep(PAUSE).await;
            }
            Err(problem) => {
                return Err(
                    Failure::of("Redis did not answer", &problem).help("check REDIS_URL, and that Redis runs there")
                );
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
