//! One process of the product: started, signalled and ended by its id.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::{Child, Command};

/// How to start a process again.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The `sluice` to run.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its variables; nothing of the caller's is passed on.
    pub variables: Vec<(&'static str, String)>,
    /// File that its log is added to.
    pub log: PathBuf,
}

/// A process of the product, running or not.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    child: Child,
}

impl Process {
    /// Starts it.
    pub fn start(recipe: Recipe) -> anyhow::Result<Self> {
        let child = spawn(&recipe)?;
        Ok(Self { recipe, child })
    }

    /// Its process id; nothing when it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// `kill -9`, and waits for its end.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal such as `TERM`.
    pub async fn signal(&self, signal: &str) -> anyhow::Result<()> {
        send(self.child.id().context("it has ended")?, signal).await
    }

    /// Waits for its end; its exit code, nothing when a signal ended it.
    pub async fn ended(&mut self, limit: Duration) -> anyhow::Result<Option<i32>> {
        let status = tokio::time::timeout(limit, self.child.wait()).await.context("it does not end")??;
        Ok(status.code())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Starts it again after its end.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.recipe)?;
        Ok(())
    }

    /// Where its log is.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.recipe.log
    }
}

fn spawn(recipe: &Recipe) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(&recipe.log)?;
    let mut command = Command::new(&recipe.program);
    for (name, _value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SLUICE_") || name == "DATABASE_URL" || name == "REDIS_URL" {
            command.env_remove(name.as_ref());
        }
    }
    command
        .args(&recipe.arguments)
        .envs(recipe.variables.iter().map(|(name, value)| (*name, value.as_str())))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", recipe.program.display()))
}

/// Sends a signal to a process that this run has started.
pub async fn send(id: u32, signal: &str) -> anyhow::Result<()> {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(id.to_string()).status().await?;
    ensure!(status.success(), "kill -{signal} {id}");
    Ok(())
}
