//! A Redis server that may be stopped, emptied and slowed down.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};

use super::programs;

/// The server; it ends with the run.
#[derive(Debug)]
pub struct Redis {
    /// Where it listens on 127.0.0.1.
    pub port: u16,
    program: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Redis {
    /// Starts it in `folder`. It saves nothing: what is in it is lost when it ends.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let (program, folder) = (programs::redis()?, folder.join("redis"));
        std::fs::create_dir(&folder)?;
        let port = sluice_tests::free_port();
        let child = serve(&program, &folder, port)?;
        let server = Self { port, program, folder, child };
        server.up().await?;
        Ok(server)
    }

    /// Sends one command past all proxies.
    pub async fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        let answered = tokio::time::timeout(Duration::from_secs(5), async {
            let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            let mut command = redis::Cmd::new();
            for word in words {
                command.arg(word);
            }
            let _answer: redis::Value = command.query_async(&mut connection).await?;
            Ok::<(), redis::RedisError>(())
        });
        Ok(answered.await.context("Redis does not answer")??)
    }

    /// Ends it with all its data.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Starts it again, empty.
    pub async fn resume(&mut self) -> anyhow::Result<()> {
        self.child = serve(&self.program, &self.folder, self.port)?;
        self.up().await
    }

    async fn up(&self) -> anyhow::Result<()> {
        for _try in 0..400 {
            if self.run(&["PING"]).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        self.run(&["PING"]).await.context("Redis has not come up")
    }
}

fn serve(program: &Path, folder: &Path, port: u16) -> anyhow::Result<Child> {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("redis-server")
}
