//! A server as a child process: started, waited for, stopped by its id.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::Folder;
use crate::failure::Failure;
use crate::interrupt::{self, Interrupt, Target};
use crate::process;

const START_LIMIT: Duration = Duration::from_mins(1);
const STOP_LIMIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// A started server. Dropping it stops the process, then removes its folder.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    stop_signal: &'static str,
    // Behind the process on purpose: fields are dropped in this order.
    _folder: Folder,
}

impl Server {
    /// Starts `command` and waits until `is_ready` says so. Output goes to `log`.
    pub fn start(
        name: &'static str,
        mut command: Command,
        stop_signal: &'static str,
        folder: Folder,
        log: &Path,
        interrupt: &Interrupt,
        is_ready: impl Fn() -> bool,
    ) -> Result<Self, Failure> {
        let output =
            File::create(log).map_err(|error| Failure::io(format!("cannot write {}", log.display()), &error))?;
        let errors = output.try_clone().map_err(|error| Failure::io("cannot share the log file", &error))?;
        // A group of its own: Ctrl+C must reach the tests first and the servers last.
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(|error| process::cannot_run(&command, &error))?;
        let mut server = Self { name, child, stop_signal, _folder: folder };
        let begun = Instant::now();
        loop {
            interrupt.check()?;
            if is_ready() {
                return Ok(server);
            }
            let ended = server.child.try_wait().map_err(|error| Failure::io("cannot watch the server", &error))?;
            if let Some(status) = ended {
                return Err(Failure::message(format!("{name} ended at its start ({status}):\n{}", tail(log))));
            }
            if begun.elapsed() > START_LIMIT {
                return Err(Failure::message(format!(
                    "{name} does not answer after {} s:\n{}",
                    START_LIMIT.as_secs(),
                    tail(log)
                )));
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id();
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        interrupt::send(self.stop_signal, Target::Process(id));
        let begun = Instant::now();
        while begun.elapsed() < STOP_LIMIT {
            match self.child.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(_)) => return,
                Err(error) => {
                    eprintln!("warning: cannot watch {} (process {id}): {error}", self.name);
                    return;
                }
            }
        }
        eprintln!("warning: {} (process {id}) does not stop, it is killed", self.name);
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("warning: cannot kill {} (process {id}): {error}", self.name);
        }
    }
}

/// A port of the loopback address that is free now.
pub fn free_port() -> Result<u16, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::io("cannot find a free port on 127.0.0.1", &error))
}

/// Makes the kernel end the server if this process is killed in a way that leaves no time to stop it.
pub fn tied_to_this_process(program: &Path, signal: &str) -> Command {
    match process::find_program("setpriv") {
        Some(setpriv) if cfg!(target_os = "linux") => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", signal, "--"]).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error| format!("(its log cannot be read: {error})"));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Durability;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_that_ends_at_its_start_is_reported_with_its_log() {
        let interrupt = Interrupt::install().unwrap();
        let folder = Folder::create("server-test", Durability::None, None).unwrap();
        let log = folder.path().join("log");
        let failure =
            Server::start("a server", shell("echo no room; exit 7"), "TERM", folder, &log, &interrupt, || false)
                .unwrap_err();
        assert!(failure.to_string().contains("exit status: 7"), "{failure}");
        assert!(failure.to_string().contains("no room"), "{failure}");
    }

    #[test]
    fn a_dropped_server_is_no_longer_running() {
        let interrupt = Interrupt::install().unwrap();
        let folder = Folder::create("server-test", Durability::None, None).unwrap();
        let log = folder.path().join("log");
        let ready = folder.path().join("ready");
        let script = format!("touch '{}'; exec tail -f /dev/null", ready.display());
        let server =
            Server::start("a server", shell(&script), "TERM", folder, &log, &interrupt, || ready.exists()).unwrap();
        let id = server.child.id();
        drop(server);
        assert!(!process::succeeds(&mut shell(&format!("kill -s 0 -- {id}"))), "process {id} is still there");
    }
}
