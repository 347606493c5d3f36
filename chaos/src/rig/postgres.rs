//! A PostgreSQL server that keeps what it commits, and that may be stopped at any moment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::{Connection, Executor, PgConnection};
use tokio::process::{Child, Command};

use super::process::send;
use super::programs;

/// The server; it ends with the run.
#[derive(Debug)]
pub struct Postgres {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    folder: PathBuf,
    child: Child,
}

/// The role that the product connects as: no superuser, so that connections can run out for it.
const ROLE: &str = "sluice";
/// The database of the run.
const DATABASE: &str = "chaos";
/// Enough for the fleet, few enough to be used up.
const CONNECTIONS: u32 = 160;

impl Postgres {
    /// Makes a database cluster in `folder` and starts the server.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let (programs, owner) = (programs::postgres()?, programs::owner()?);
        let folder = folder.join("postgres");
        std::fs::create_dir(&folder)?;
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&folder, Some(user), Some(group))?;
        }
        let mut initdb = command(&programs.join("initdb"), owner, &folder);
        initdb.arg("-D").arg(folder.join("data"));
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"]);
        let made = initdb.output().await.context("initdb")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = sluice_tests::free_port();
        let child = serve(&programs, owner, &folder, port)?;
        let server = Self { port, programs, owner, folder, child };
        let mut admin = server.admin_when_up("postgres").await?;
        for statement in [
            sqlx::AssertSqlSafe(format!("create role {ROLE} login")),
            sqlx::AssertSqlSafe(format!("create database {DATABASE} owner {ROLE}")),
        ] {
            admin.execute(statement).await?;
        }
        Ok(server)
    }

    /// URL of the run's database for the product, by way of `port`.
    #[must_use]
    pub fn url(&self, port: u16) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{port}/{DATABASE}")
    }

    /// A connection past all proxies, as superuser.
    pub async fn admin(&self) -> anyhow::Result<PgConnection> {
        self.connect(DATABASE).await
    }

    async fn connect(&self, database: &str) -> anyhow::Result<PgConnection> {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", self.port);
        let connected = tokio::time::timeout(Duration::from_secs(5), PgConnection::connect(&url)).await;
        Ok(connected.context("PostgreSQL does not answer")??)
    }

    /// A connection as the product has them.
    pub async fn guest(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url(self.port)).await?)
    }

    async fn admin_when_up(&self, database: &str) -> anyhow::Result<PgConnection> {
        for _try in 0..600 {
            if let Ok(connection) = self.connect(database).await {
                return Ok(connection);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.connect(database).await.context("PostgreSQL has not come up")
    }

    /// Ends the server: `INT` rolls open work back, `QUIT` is a crash.
    pub async fn stop(&mut self, signal: &str) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            send(id, signal).await?;
        }
        if tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }

    /// Starts the server again on the same data, and waits until it answers.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.child = serve(&self.programs, self.owner, &self.folder, self.port)?;
        self.admin_when_up(DATABASE).await.map(drop)
    }
}

fn command(program: &Path, owner: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    if let Some((user, group)) = owner {
        command.uid(user).gid(group).env("HOME", folder);
    }
    command
}

fn serve(programs: &Path, owner: Option<(u32, u32)>, folder: &Path, port: u16) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    let mut server = command(&programs.join("postgres"), owner, folder);
    server.arg("-D").arg(folder.join("data")).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    let connections = format!("max_connections={CONNECTIONS}");
    for setting in [
        connections.as_str(),
        "unix_socket_directories=",
        "timezone=UTC",
        "fsync=on",
        "synchronous_commit=on",
        "full_page_writes=on",
    ] {
        server.args(["-c", setting]);
    }
    server.stdout(log.try_clone()?).stderr(log);
    server.spawn().context("postgres")
}
