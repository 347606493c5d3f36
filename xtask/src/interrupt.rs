//! Signals: what runs in the foreground is told, then this process ends in order.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Remembers the first signal and passes it on to the process group in the foreground.
///
/// While an `Interrupt` is installed, Ctrl+C no longer ends this process by itself: whoever waits
/// asks [`Interrupt::check`], returns the failure, and the guards of the started services stop them.
#[derive(Debug, Clone)]
pub struct Interrupt {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    signal: AtomicI32,
    foreground: AtomicU32,
}

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    pub fn install() -> Result<Self, Failure> {
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| Failure::io("cannot watch for signals", &error))?;
        let interrupt = Self { state: Arc::default() };
        let state = Arc::clone(&interrupt.state);
        thread::spawn(move || {
            for signal in signals.forever() {
                state.receive(signal);
            }
        });
        Ok(interrupt)
    }

    /// The failure to return once a signal has come.
    pub fn check(&self) -> Result<(), Failure> {
        match self.state.signal.load(Ordering::SeqCst) {
            0 => Ok(()),
            signal => Err(Failure::Interrupted(signal)),
        }
    }

    /// From now on signals go to the process group `id`; 0 for nobody.
    pub fn set_foreground(&self, id: u32) {
        self.state.foreground.store(id, Ordering::SeqCst);
        // A signal that came between the start of the group and this line would be lost on it.
        if id != 0 && self.state.signal.load(Ordering::SeqCst) != 0 {
            send("TERM", Target::Group(id));
        }
    }
}

impl State {
    fn receive(&self, signal: i32) {
        let is_first = self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let foreground = self.foreground.load(Ordering::SeqCst);
        if foreground == 0 {
            return;
        }
        let name = match (is_first, signal) {
            (true, SIGINT) => "INT",
            (true, _) => "TERM",
            // The second request says that the orderly end takes too long.
            (false, _) => "KILL",
        };
        send(name, Target::Group(foreground));
    }
}

/// Whom a signal goes to, by id.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    Process(u32),
    Group(u32),
}

/// Sends a signal; a target that is already gone is fine.
pub fn send(signal: &str, target: Target) {
    let id = match target {
        Target::Process(id) => id.to_string(),
        Target::Group(id) => format!("-{id}"),
    };
    // The shell's own `kill` is there even where no program of that name is installed.
    let result = Command::new("sh")
        .args(["-c", "kill -s \"$0\" -- \"$1\"", signal, &id])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if let Err(error) = result {
        eprintln!("warning: cannot send signal {signal} to {id}: {error}");
    }
}
