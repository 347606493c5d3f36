//! `cargo xtask bench`: the benchmarks, on servers that keep what they promise.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::process;
use crate::services::{self, DATABASE_URL, Durability, REDIS_URL};
use crate::workspace::Workspace;

/// Variable with the path of the `sluice` that is measured.
const BINARY: &str = "SLUICE_BIN";

pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::install()?;
    let mut build = process::cargo();
    build.args(["build", "--release", "--workspace", "--locked"]).current_dir(workspace.root());
    println!("> {}", process::shown(&build));
    let status = process::run_in_group(&mut build, &interrupt)?;
    if !status.success() {
        return Err(Failure::message("the release build failed"));
    }
    let services = services::obtain(workspace, Durability::Full, &interrupt)?;
    println!("PostgreSQL: {}\nRedis: {}", services.database.origin, services.redis.origin);
    let binary = workspace.binary("release")?;
    // The program that the build above made; `cargo run -p` would choose other features and build again.
    let mut bench = std::process::Command::new(binary.with_file_name("sluice-bench"));
    bench.args(arguments).current_dir(workspace.root());
    bench.env(DATABASE_URL, &services.database.url).env(REDIS_URL, &services.redis.url).env(BINARY, &binary);
    let status = process::run_in_group(&mut bench, &interrupt)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
