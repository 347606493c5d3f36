//! Measures the whole system against baselines taken in the same run, and prints one table.
//!
//! `cargo xtask bench` builds the release binary, starts PostgreSQL (fsync and synchronous_commit
//! on) and Redis (append-only file) and runs this. Every workload verifies that each execution it
//! started has ended with the right result before it states a rate.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![expect(clippy::cast_possible_wrap, reason = "counts of executions are far below any bound")]

mod baseline;
mod client;
mod measure;
mod settings;
mod system;
mod workloads;

use anyhow::Context;

use crate::measure::Table;
use crate::settings::Settings;

/// That of what is measured, for what runs in this process.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::from_args(std::env::args().skip(1))?;
    let mut table = Table::default();
    println!("{settings}");
    // First, while nothing else runs that it would share the processors with.
    workloads::engine::run(&settings, &mut table)?;
    if settings.wants("bare") {
        baseline::bare(&settings, &mut table).await.context("baseline `bare`")?;
    }
    if settings.wants_cluster() {
        let system = system::Cluster::start(&settings).await.context("starting api and worker")?;
        if settings.wants("ping") {
            baseline::ping(&settings, &system, &mut table).await.context("baseline `ping`")?;
        }
        workloads::throughput::run(&settings, &system, &mut table).await?;
        workloads::latency::cluster(&settings, &system, &mut table).await?;
        workloads::steps::run(&settings, &system, &mut table).await?;
        workloads::memory::run(&settings, &system, &mut table).await?;
        system.stop().await?;
    }
    workloads::backlog::run(&settings, &mut table).await?;
    workloads::stored::run(&settings, &mut table).await?;
    workloads::live::run(&settings, &mut table).await?;
    workloads::schedules::run(&settings, &mut table).await?;
    workloads::embedded::run(&settings, &mut table).await?;
    println!("\n{table}");
    Ok(())
}
