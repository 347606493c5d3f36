//! `cargo xtask bench`: the benchmarks, on servers that keep what they promise.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::programs;
use crate::services::{self, DATABASE_URL, Durability, REDIS_URL};
use crate::workspace::Workspace;

/// Variable with the path of the `sluice` that is measured.
const BINARY: &str = "SLUICE_BIN";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::install()?;
    let programs = programs::release(workspace, &["sluice", "sluice-bench"], &interrupt)?;
    let services = services::obtain(workspace, Durability::Full, &interrupt)?;
    println!("PostgreSQL: {}\nRedis: {}", services.database.origin, services.redis.origin);
    let mut bench = std::process::Command::new(programs.join("sluice-bench"));
    bench.args(arguments).current_dir(workspace.root());
    bench
        .env(DATABASE_URL, &services.database.url)
        .env(REDIS_URL, &services.redis.url)
        .env(BINARY, programs.join("sluice"));
    let status = process::run_in_group(&mut bench, &interrupt)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
