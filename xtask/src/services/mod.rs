//! PostgreSQL and Redis for tests and benchmarks: found, started, stopped by id.
//!
//! In this order, for each of the two: the address in the environment; programs on this machine;
//! as root with apt, programs that are installed first; Docker compose; else a failure that names
//! these ways.

mod apt;
mod docker;
mod folder;
mod postgres;
mod redis;
mod server;

use std::env;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::workspace::Workspace;

/// Environment variable with the address of a PostgreSQL server for tests.
pub const DATABASE_URL: &str = "SLUICE_TEST_DATABASE_URL";
/// Environment variable with the address of a Redis server for tests.
pub const REDIS_URL: &str = "SLUICE_TEST_REDIS_URL";

/// What a crash of the machine may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Everything: no fsync, nothing saved. For tests, which make their data anew.
    None,
    /// As in production: fsync, synchronous commits, Redis with an append-only file.
    Full,
}

/// Two running servers. Those that were started here stop when this is dropped.
#[derive(Debug)]
pub struct Services {
    pub database: Service,
    pub redis: Service,
}

/// One server that answers.
#[derive(Debug)]
pub struct Service {
    /// Its address, as clients take it.
    pub url: String,
    /// Where it comes from, in words.
    pub origin: String,
    /// What has to live as long as the server is needed; dropping it stops the server.
    #[expect(dead_code, reason = "held for what happens when it is dropped")]
    pub guard: Guard,
}

/// Keeps a server alive.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what happens when they are dropped")]
pub enum Guard {
    /// Somebody else's server.
    Foreign,
    Process(server::Server),
    Compose(docker::Project),
}

/// Finds or starts both servers; fails with the ways to get what is missing.
pub fn obtain(workspace: &Workspace, durability: Durability, interrupt: &Interrupt) -> Result<Services, Failure> {
    let mut tried = Vec::new();
    let mut database = from_environment(DATABASE_URL);
    let mut redis = from_environment(REDIS_URL);
    let start_local = |database: &mut Option<Service>, redis: &mut Option<Service>| -> Result<(), Failure> {
        if database.is_none() {
            *database = postgres::start(durability, interrupt)?;
        }
        if redis.is_none() {
            *redis = redis::start(durability, interrupt)?;
        }
        Ok(())
    };
    start_local(&mut database, &mut redis)?;
    if database.is_none() || redis.is_none() {
        let mut packages = Vec::new();
        if database.is_none() {
            packages.push("postgresql");
        }
        if redis.is_none() {
            packages.push("redis-server");
        }
        match apt::install(&packages, interrupt) {
            apt::Installation::Done => start_local(&mut database, &mut redis)?,
            apt::Installation::Impossible(reason) => tried.push(reason),
        }
    }
    interrupt.check()?;
    if database.is_none() || redis.is_none() {
        match docker::start(workspace.root(), durability, interrupt) {
            docker::Answer::Started(pair) => {
                database = database.or(Some(pair.postgres));
                redis = redis.or(Some(pair.redis));
            }
            docker::Answer::Impossible(reason) => tried.push(reason),
        }
    }
    interrupt.check()?;
    let missing = match (&database, &redis) {
        (None, None) => "PostgreSQL and Redis are needed and not to be had here",
        (None, Some(_)) => "PostgreSQL is needed and not to be had here",
        (Some(_), None) => "Redis is needed and not to be had here",
        (Some(_), Some(_)) => "",
    };
    match (database, redis) {
        (Some(database), Some(redis)) => Ok(Services { database, redis }),
        _ => Err(Failure::message(ways(missing, &tried))),
    }
}

fn from_environment(variable: &str) -> Option<Service> {
    let url = env::var(variable).ok().filter(|url| !url.is_empty())?;
    Some(Service { url, origin: format!("from {variable}"), guard: Guard::Foreign })
}

fn ways(missing: &str, tried: &[String]) -> String {
    let mut text = format!(
        "{missing}. One of these ways:\n  \
         - set {DATABASE_URL} and {REDIS_URL} to servers that tests may use\n  \
         - install PostgreSQL (initdb, postgres) and redis-server or valkey-server; they need not run\n  \
         - run as root on Debian or Ubuntu: they are installed with apt-get\n  \
         - start Docker with the compose plugin"
    );
    for reason in tried {
        text.push_str("\nTried: ");
        text.push_str(reason);
    }
    text
}

/// `cargo xtask services`: both servers until Ctrl+C.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let durability = match arguments {
        [] => Durability::None,
        [flag] if flag == "--durable" => Durability::Full,
        _ => return Err(Failure::usage("usage: cargo xtask services [--durable]")),
    };
    let interrupt = Interrupt::install()?;
    let services = obtain(workspace, durability, &interrupt)?;
    println!("# PostgreSQL: {}", services.database.origin);
    println!("export {DATABASE_URL}={}", services.database.url);
    println!("# Redis: {}", services.redis.origin);
    println!("export {REDIS_URL}={}", services.redis.url);
    println!("# Ctrl+C stops what was started here");
    while interrupt.check().is_ok() {
        thread::sleep(Duration::from_millis(100));
    }
    drop(services);
    println!("# stopped");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_names_every_way_and_what_was_tried() {
        let text = ways("Redis is needed and not to be had here", &["no docker program".to_owned()]);
        for part in [DATABASE_URL, REDIS_URL, "valkey-server", "apt-get", "Docker", "Tried: no docker program"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
