//! A Redis server that one test may empty, end and start again.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

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
        let port = sluice_tests::free_port();
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

    pub const fn port(&self) -> u16 {
        self.port
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

/// A line to a server whose connections can be made half-open: they stay, and nothing comes through.
pub struct HalfOpen {
    port: u16,
    frozen_before: watch::Sender<usize>,
    made: Arc<AtomicUsize>,
}

impl HalfOpen {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen_before, made) = (watch::Sender::new(0), Arc::new(AtomicUsize::new(0)));
        let (frozen, count) = (frozen_before.clone(), Arc::clone(&made));
        tokio::spawn(async move {
            while let Ok((mut client, _peer)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let mut frozen = frozen.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let is_frozen = async {
                        let _frozen = frozen.wait_for(|before| number < *before).await;
                    };
                    tokio::select! {
                        _ended = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                        () = is_frozen => {}
                    }
                    // Nothing is closed and nothing is passed on.
                    std::future::pending::<()>().await;
                });
            }
        });
        Self { port, frozen_before, made }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Every connection of now becomes half-open; new ones work.
    pub fn freeze(&self) {
        self.frozen_before.send_replace(self.made.load(Ordering::SeqCst));
    }

    /// Connections made since then.
    pub fn connections_since(&self) -> usize {
        self.made.load(Ordering::SeqCst) - *self.frozen_before.borrow()
    }
}
