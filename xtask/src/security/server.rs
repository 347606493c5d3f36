//! The server that is tested: embedded, in a folder of its own, on a free port of this machine.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::process;

/// How long it may take to start, in a build without optimisation on a busy machine.
const START: Duration = Duration::from_mins(1);

/// Ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    pub fn start(binary: &Path, folder: &Path) -> Result<Self, Failure> {
        let data = folder.join("data");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| Failure::io("cannot empty the data folder", &error))?;
        }
        let address = free_address()?;
        let log = fs::File::create(folder.join("server.log"))
            .map_err(|error| Failure::io("cannot write the log of the server", &error))?;
        let mut command = Command::new(binary);
        command
            .args(["dev", "--bind", &address.to_string(), "--data-dir"])
            .arg(&data)
            // A burst of a suite must be executed, not turned away.
            .env("SLUICE_RATE_LIMIT", "off")
            .env("SLUICE_LOG", "warn")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command.spawn().map_err(|error| process::cannot_run(&command, &error))?;
        let mut server = Self { child, address };
        let began = Instant::now();
        while !server.is_alive() {
            if began.elapsed() > START || server.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return Err(Failure::message(format!(
                    "the server did not start; its log is {}",
                    folder.join("server.log").display()
                )));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn ws_url(&self) -> String {
        format!("ws://{}/graphql/ws", self.address)
    }

    /// Whether it answers, and at once.
    pub fn is_alive(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(2))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that is kept.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Somebody may take it before the server does; then the server says so.
fn free_address() -> Result<SocketAddr, Failure> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::io("no free port", &error))
}
