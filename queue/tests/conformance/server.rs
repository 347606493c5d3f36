//! A Redis server that one test may empty, end and start again.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::harness::eventually;

pub struct Server {
    port: u16,
    program: &'static str,
    folder: tempfile::TempDir,
    child: Child,
}

impl Server {
    /// `None`, and a line on standard error, where there is no server program.
    pub async fn start(case: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        for program in ["redis-server", "valkey-server"] {
            if let Ok(child) = spawn(program, port, folder.path()) {
                let server = Self { port, program, folder, child };
                server.answers().await;
                return Some(server);
            }
        }
        eprintln!("skipped: {case} over Redis, because neither redis-server nor valkey-server is on the path");
        None
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Starts it again on the same port, with nothing in it.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.program, self.port, self.folder.path()).unwrap();
        self.answers().await;
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        eventually("Redis answers", || async {
            let connecting = client.get_multiplexed_async_connection();
            matches!(tokio::time::timeout(Duration::from_secs(1), connecting).await, Ok(Ok(_)))
        })
        .await;
    }
}

fn spawn(program: &str, port: u16, folder: &std::path::Path) -> std::io::Result<Child> {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
}
