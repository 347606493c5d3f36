//! The processes under measurement, started as a user would start them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::client::Client;
use crate::settings::Settings;

/// One `sluice api`, some `sluice worker`s, a fresh database and an emptied Redis.
pub struct Cluster {
    /// Port of the API.
    pub port: u16,
    /// URL of the database, for verification.
    pub database_url: String,
    api: Child,
    workers: Vec<Child>,
}

/// The workflows that the workloads run.
const WORKFLOWS: [(&str, &str); 2] = [
    ("one_step.yaml", include_str!("../workflows/one_step.yaml")),
    ("ten_steps.yaml", include_str!("../workflows/ten_steps.yaml")),
];

impl Cluster {
    /// Starts an API and a worker and deploys the workflows.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let mut cluster = Self::without_workers(settings).await?;
        cluster.add_worker(settings)?;
        Ok(cluster)
    }

    /// Starts an API and deploys the workflows; nothing runs before there is a worker.
    pub async fn without_workers(settings: &Settings) -> anyhow::Result<Self> {
        let database_url = fresh_database(&settings.database_url).await?;
        empty_redis(&settings.redis_url).await?;
        let port = sluice_tests::free_port();
        let bind = format!("127.0.0.1:{port}");
        let api = sluice(settings, &database_url)
            .args(["api", "--insecure-no-auth", "--bind", &bind])
            .spawn()
            .context("sluice api")?;
        let cluster = Self { port, database_url, api, workers: Vec::new() };
        wait_ready(port, Duration::from_mins(1)).await?;
        deploy(port).await?;
        Ok(cluster)
    }

    /// One more worker.
    pub fn add_worker(&mut self, settings: &Settings) -> anyhow::Result<()> {
        self.workers.push(sluice(settings, &self.database_url).arg("worker").spawn().context("sluice worker")?);
        Ok(())
    }

    /// Resident memory of the API and of the first worker, in MiB.
    pub fn resident_mib(&self) -> anyhow::Result<(f64, f64)> {
        Ok((resident_mib(&self.api)?, resident_mib(self.workers.first().context("no worker")?)?))
    }

    /// Asks all to end and waits until they have.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for child in std::iter::once(&mut self.api).chain(&mut self.workers) {
            terminate(child).await?;
        }
        Ok(())
    }
}

fn sluice(settings: &Settings, database_url: &str) -> Command {
    let mut command = Command::new(&settings.sluice);
    command
        .env("DATABASE_URL", database_url)
        .env("REDIS_URL", &settings.redis_url)
        .env("SLUICE_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .env("SLUICE_EGRESS_ALLOW", "127.0.0.0/8")
        .env("SLUICE_LOG", "warn")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Sends SIGTERM and waits for the end, half a minute at most.
pub async fn terminate(child: &mut Child) -> anyhow::Result<()> {
    if let Some(id) = child.id() {
        Command::new("kill").args(["-TERM", &id.to_string()]).status().await?;
        tokio::time::timeout(Duration::from_secs(30), child.wait()).await.context("it did not end")??;
    }
    Ok(())
}

/// Resident memory of a process, in MiB.
pub fn resident_mib(child: &Child) -> anyhow::Result<f64> {
    let id = child.id().context("the process has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1_024.0)
}

/// Waits until `/graphql` answers.
pub async fn wait_ready(port: u16, limit: Duration) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        if let Ok(mut client) = Client::connect(port).await
            && client.run("{ serverInfo { version } }", json!({})).await.is_ok()
        {
            return Ok(began.elapsed());
        }
        if began.elapsed() > limit {
            bail!("port {port} did not answer within {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Publishes the workflows that most workloads run.
pub async fn deploy(port: u16) -> anyhow::Result<()> {
    publish(port, &WORKFLOWS.map(|(path, content)| (path.to_owned(), content.to_owned()))).await
}

/// Publishes definitions.
pub async fn publish(port: u16, files: &[(String, String)]) -> anyhow::Result<()> {
    let files: Vec<_> = files.iter().map(|(path, content)| json!({ "path": path, "content": content })).collect();
    let query = "mutation($files: [ImportFileInput!]!) { workflowImport(input: { files: $files, publish: true }) { results { path outcome problems { message } } userErrors { message } } }";
    let data = Client::connect(port).await?.run(query, json!({ "files": files })).await?;
    for result in data["workflowImport"]["results"].as_array().context("no results")? {
        if result["outcome"] == "REJECTED" {
            bail!("{result}");
        }
    }
    Ok(())
}

async fn fresh_database(url: &str) -> anyhow::Result<String> {
    let name = format!("sluice_bench_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(url).await.context("PostgreSQL")?;
    // A database cannot be named by a bound parameter; the name is made of hexadecimal digits here.
    connection.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
    let (server, _database) = url.rsplit_once('/').context("the database URL has no path")?;
    Ok(format!("{server}/{name}"))
}

/// Makes a database for a baseline.
pub async fn scratch_database(settings: &Settings) -> anyhow::Result<String> {
    fresh_database(&settings.database_url).await
}

async fn empty_redis(url: &str) -> anyhow::Result<()> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await.context("Redis")?;
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await?;
    Ok(())
}

/// An embedded server in `folder`.
pub fn embedded(settings: &Settings, folder: &Path, port: u16) -> anyhow::Result<Child> {
    Ok(Command::new(&settings.sluice)
        .args(["dev", "--bind", &format!("127.0.0.1:{port}"), "--data-dir"])
        .arg(folder)
        .env("SLUICE_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?)
}
