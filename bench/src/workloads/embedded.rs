//! W3 and W10 of the embedded mode: latency, cold start, idle memory, size of the binary.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::latency;
use crate::measure::{Figure, Table};
use crate::settings::Settings;
use crate::system::{deploy, embedded, resident_mib, terminate, wait_ready};

/// Runs what was asked for.
pub async fn run(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    if settings.wants("W3") {
        let folder = tempfile::tempdir()?;
        let port = sluice_tests::free_port();
        let mut server = embedded(settings, folder.path(), port)?;
        wait_ready(port, Duration::from_secs(30)).await?;
        deploy(port).await?;
        latency::measure(settings, port, "embedded", "target p50 <= 2.5 ms", table).await.context("W3 embedded")?;
        terminate(&mut server).await?;
    }
    if settings.wants("W10") {
        cold_start(settings, table).await.context("W10")?;
    }
    Ok(())
}

async fn cold_start(settings: &Settings, table: &mut Table) -> anyhow::Result<()> {
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for _run in 0..settings.runs {
        let folder = tempfile::tempdir()?;
        let port = sluice_tests::free_port();
        let began = Instant::now();
        let mut server = embedded(settings, folder.path(), port)?;
        wait_ready(port, Duration::from_secs(30)).await?;
        starts.push(began.elapsed().as_secs_f64() * 1_000.0);
        // Idle memory is read after the first ticks of the reconcilers have run.
        tokio::time::sleep(Duration::from_secs(3)).await;
        idle.push(resident_mib(&server)?);
        terminate(&mut server).await?;
    }
    let size = std::fs::metadata(&settings.sluice)?.len() as f64 / (1_024.0 * 1_024.0);
    table.add("W10 cold start", Figure::new(starts), "ms", "target <= 300 ms");
    table.add("W10 idle memory", Figure::new(idle), "MiB", "target <= 60 MiB");
    table.add("W10 binary", Figure::new(vec![size]), "MiB", "target <= 60 MiB");
    Ok(())
}
