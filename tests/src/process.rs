//! One `sluice` process: started, awaited, killed by its id.

use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::process::{Child, Command};

/// A running `sluice`; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// What it was started as, for messages.
    name: String,
}

/// The binary under test: `SLUICE_BIN`, or the debug build of this workspace.
fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SLUICE_BIN") {
        return PathBuf::from(path);
    }
    // This test's own executable lies in target/<profile>/deps.
    let test = std::env::current_exe().expect("a running test has an executable");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests lie in target/<profile>/deps");
    profile.join("sluice")
}

/// A command of the binary; nothing of the caller's SLUICE_* settings is passed on.
pub(crate) fn command() -> Command {
    let mut command = Command::new(binary());
    for (name, _value) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("SLUICE_") || name == "DATABASE_URL" || name == "REDIS_URL" {
            command.env_remove(name.as_ref());
        }
    }
    command.env("SLUICE_LOG", "warn").stdin(Stdio::null());
    command
}

impl Process {
    /// Starts `sluice` with `arguments`; nothing of the caller's SLUICE_* settings is passed on.
    ///
    /// # Panics
    /// When the binary is not there: build it with `cargo build --workspace`.
    #[must_use]
    pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_logging(arguments, variables, Stdio::inherit())
    }

    /// The same, with its log in `log`.
    pub(crate) fn start_logging(arguments: &[&str], variables: &[(&str, &str)], log: Stdio) -> Self {
        let child = command()
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|problem| {
                panic!("{} cannot be started ({problem}): build it with `cargo build --workspace`", binary().display())
            });
        Self { child, name: arguments.join(" ") }
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap_or_else(|problem| panic!("sluice {} cannot be killed: {problem}", self.name));
    }

    /// Sends a signal, such as `TERM` or `STOP`.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap_or_else(|| panic!("sluice {} has ended", self.name));
        let status = Command::new("kill").arg(format!("-{signal}")).arg(id.to_string()).status().await;
        assert!(status.expect("`kill` is everywhere").success(), "kill -{signal} {id}");
    }

    /// Waits for the end, and returns the exit code.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub async fn ended(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(Duration::from_mins(1), self.child.wait()).await;
        let status = status.unwrap_or_else(|_elapsed| panic!("sluice {} did not end within a minute", self.name));
        status.expect("a child can be waited for").code()
    }
}

/// Where ports for servers are looked for: below those that systems give to whoever only wants any, so that a
/// server that was stopped finds its own still free.
const PORTS: Range<u16> = 10_000..30_000;

/// A port nobody listens on, and that this process was not given before.
///
/// # Panics
/// When the machine has none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU32> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU32::new(first_place()));
    let count = u32::from(PORTS.end - PORTS.start);
    let mut tried = PORTS.map(|_try| {
        let place = next.fetch_add(1, Ordering::Relaxed) % count;
        PORTS.start + u16::try_from(place).expect("it is smaller than a port")
    });
    tried.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("loopback has free ports")
}

/// Ports between one test and the next that runs beside it: more than any of them takes.
const APART: u32 = 500;

/// Where this process begins to look: tests side by side at places of their own, so that none takes a port while the
/// server that had it is started again.
fn first_place() -> u32 {
    let [.., a, b, c, d] = *uuid::Uuid::now_v7().as_bytes();
    let anywhere = u32::from_be_bytes([a, b, c, d]);
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse::<u32>().ok());
    // Not the same place for each test of a slot: what the one before it had is closing still.
    slot.map_or(anywhere, |slot| slot * APART + anywhere % (APART / 2))
}
