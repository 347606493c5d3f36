//! Resident memory over many executions: it must not grow with what has passed through.

use anyhow::Context;

use super::throughput;
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::Cluster;

/// Memory before and after a further round of executions.
pub async fn run(settings: &Settings, system: &Cluster, table: &mut Table) -> anyhow::Result<()> {
    if !settings.wants("rss") {
        return Ok(());
    }
    throughput::round(settings, system).await.context("warming up")?;
    let (api_before, worker_before) = system.resident_mib()?;
    for _round in 0..ROUNDS {
        throughput::round(settings, system).await.context("memory round")?;
    }
    let (api, worker) = system.resident_mib()?;
    let executions = settings.executions * ROUNDS;
    table.add("rss api", Figure::new(vec![api]), "MiB", format!("{api_before:.1} MiB {executions} executions earlier"));
    table.add(
        "rss worker",
        Figure::new(vec![worker]),
        "MiB",
        format!("{worker_before:.1} MiB {executions} executions earlier"),
    );
    Ok(())
}

/// Rounds between the two looks.
const ROUNDS: usize = 2;
