//! `sluice health`: exits 0 when a server says that it is ready.

use std::process::ExitCode;
use std::time::Duration;

use super::server::Server;
use crate::arguments::ServerOptions;
use crate::failure::Failure;
use crate::output::{self, Format};

pub async fn run(options: &ServerOptions, format: Format) -> Result<ExitCode, Failure> {
    let server = Server::new(options)?;
    let answer = server
        .get("/readyz")
        .timeout(Duration::from_secs(5))
        .send()
        .await
        .map_err(|problem| server.unreachable(&problem))?;
    let is_ready = answer.status().is_success();
    let body = answer.text().await.map_err(|problem| server.unreachable(&problem))?;
    match format {
        Format::Json => output::line(body.trim_end())?,
        Format::Table => output::line(if is_ready { "ready" } else { "not ready" })?,
    };
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
