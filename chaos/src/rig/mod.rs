//! What the run is about: servers, processes, and the lines between them; ends with the run.

pub mod clock;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod redis;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use self::clock::WallClock;
use self::postgres::Postgres;
use self::process::{Process, Recipe};
use self::proxy::{Line, Proxy};
use self::redis::Redis;
use crate::settings::{Mode, Settings};

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `sluice api`.
    Api,
    /// `sluice worker`.
    Worker,
    /// `sluice dev`: both in one process.
    Whole,
}

/// One process of the product with its own lines to the servers.
#[derive(Debug)]
pub struct Node {
    /// What it is there for.
    pub role: Role,
    /// Name in messages, such as `worker-2`.
    pub name: String,
    /// The process.
    pub process: Process,
    /// Where it answers HTTP: the API, or a worker's health and metrics.
    pub port: u16,
    /// It was started again since it was last seen to be there.
    pub is_starting: bool,
    /// Its line to PostgreSQL.
    pub database: Option<Proxy>,
    /// Its line to Redis.
    pub redis: Option<Proxy>,
    /// Its wall clock, where clocks can be set.
    pub clock: Option<WallClock>,
}

/// PostgreSQL and Redis of the run.
#[derive(Debug)]
pub struct Servers {
    /// The database.
    pub postgres: Postgres,
    /// The doorbell.
    pub redis: Redis,
}

/// The whole system under test.
#[derive(Debug)]
pub struct Rig {
    /// Processes of the product.
    pub nodes: Vec<Node>,
    /// Its servers, in cluster mode.
    pub servers: Option<Servers>,
    /// Logs and data of the run.
    pub folder: PathBuf,
    // Behind the processes on purpose: fields are dropped in this order.
    data: tempfile::TempDir,
}

/// A key of 32 bytes, for this run alone.
const SECRET_KEY: &str = "Y2hhb3Mta2V5LWNoYW9zLWtleS1jaGFvcy1rZXktMDE=";
const APIS: usize = 2;
const WORKERS: usize = 3;

impl Rig {
    /// Starts everything and waits until each process is ready.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let folder = settings.folder.clone();
        std::fs::create_dir_all(&folder)?;
        // Memory may back the ordinary temporary folder, which would make fsync free of charge.
        let base = Path::new("/var/tmp");
        let data = if base.is_dir() { tempfile::tempdir_in(base) } else { tempfile::tempdir() }?;
        // The user that PostgreSQL runs as has to get through.
        std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o755))?;
        let mut rig = Self { nodes: Vec::new(), servers: None, folder, data };
        match settings.mode {
            Mode::Cluster => rig.start_cluster(settings).await?,
            Mode::Embedded => rig.start_embedded(settings)?,
        }
        for node in 0..rig.nodes.len() {
            rig.ready(node, Duration::from_mins(1)).await?;
        }
        Ok(rig)
    }

    async fn start_cluster(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let servers = Servers {
            postgres: Postgres::start(self.data.path()).await?,
            redis: Redis::start(self.data.path()).await?,
        };
        for number in 1..=APIS + WORKERS {
            let role = if number <= APIS { Role::Api } else { Role::Worker };
            let (port, name) = (
                sluice_tests::free_port(),
                match role {
                    Role::Api | Role::Whole => format!("api-{number}"),
                    Role::Worker => format!("worker-{}", number - APIS),
                },
            );
            let database = Proxy::before(servers.postgres.port).await?;
            let redis = Proxy::before(servers.redis.port).await?;
            let address = format!("127.0.0.1:{port}");
            let arguments = match role {
                Role::Api | Role::Whole => {
                    vec!["api".to_owned(), "--insecure-no-auth".to_owned(), "--bind".to_owned(), address]
                }
                Role::Worker => vec!["worker".to_owned(), "--health-bind".to_owned(), address],
            };
            let mut variables = variables(settings);
            // Workers are known to the database by this name.
            variables.push(("HOSTNAME", name.clone()));
            variables.push(("DATABASE_URL", servers.postgres.url(database.port)));
            variables.push(("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port)));
            let clock = WallClock::of(&name, self.data.path())?;
            variables.extend(clock.iter().flat_map(WallClock::variables));
            let log = self.folder.join(format!("{name}.log"));
            let process = Process::start(Recipe { program: settings.sluice.clone(), arguments, variables, log })?;
            self.nodes.push(Node {
                role,
                name,
                process,
                port,
                is_starting: false,
                database: Some(database),
                redis: Some(redis),
                clock,
            });
            if number == 1 {
                // It makes the tables, which the others need.
                self.ready(0, Duration::from_mins(1)).await?;
            }
        }
        self.servers = Some(servers);
        Ok(())
    }

    fn start_embedded(&mut self, settings: &Settings) -> anyhow::Result<()> {
        let port = sluice_tests::free_port();
        let data = self.data.path().to_str().context("the temporary folder has no plain name")?.to_owned();
        let process = Process::start(Recipe {
            program: settings.sluice.clone(),
            arguments: ["dev", "--bind", &format!("127.0.0.1:{port}"), "--data-dir", &data].map(str::to_owned).to_vec(),
            variables: variables(settings),
            log: self.folder.join("dev.log"),
        })?;
        let name = "dev".to_owned();
        self.nodes.push(Node {
            role: Role::Whole,
            name,
            process,
            port,
            is_starting: false,
            database: None,
            redis: None,
            clock: None,
        });
        Ok(())
    }

    /// Ports of everything that answers GraphQL.
    #[must_use]
    pub fn doors(&self) -> Vec<u16> {
        self.nodes.iter().filter(|node| node.role != Role::Worker).map(|node| node.port).collect()
    }

    /// Places of the nodes with a role.
    #[must_use]
    pub fn with_role(&self, role: Role) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].role == role).collect()
    }

    /// Waits until a node says that it is ready.
    pub async fn ready(&self, node: usize, limit: Duration) -> anyhow::Result<()> {
        let node = &self.nodes[node];
        let client = crate::api::http_client(Duration::from_secs(2))?;
        let began = Instant::now();
        let mut last = "no answer".to_owned();
        while began.elapsed() < limit {
            match client.get(format!("http://127.0.0.1:{}/readyz", node.port)).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => last = format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(problem) => last = problem.to_string(),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{} is not ready after {limit:?}: {last} (log: {})", node.name, node.process.log().display())
    }

    /// Opens every line again.
    pub fn open_lines(&self) {
        for proxy in self.nodes.iter().flat_map(|node| node.database.iter().chain(&node.redis)) {
            proxy.set(Line::Open);
        }
    }

    /// File of the embedded database.
    #[must_use]
    pub fn sqlite(&self) -> PathBuf {
        self.data.path().join("sluice.db")
    }
}

fn variables(settings: &Settings) -> Vec<(&'static str, String)> {
    vec![
        ("SLUICE_SECRET_KEY", SECRET_KEY.to_owned()),
        ("SLUICE_LEASE", format!("{}s", settings.lease.as_secs())),
        ("SLUICE_SHUTDOWN_GRACE", "5s".to_owned()),
        ("SLUICE_EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
        ("SLUICE_LOG", "info".to_owned()),
    ]
}
