//! What to measure, with what.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, bail};

/// Every figure that can be asked for.
const ALL: [&str; 16] =
    ["F1", "bare", "ping", "W1", "W1b", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "rss", "scale"];

/// Those that take minutes and many gigabytes: only when they are asked for.
const LONG: [&str; 3] = ["W7", "W8", "scale"];

/// One run of the benchmarks.
#[derive(Debug)]
pub struct Settings {
    /// An administrative PostgreSQL URL; each run makes its own database.
    pub database_url: String,
    /// A Redis that may be emptied.
    pub redis_url: String,
    /// The release binary.
    pub sluice: PathBuf,
    /// Executions per throughput run.
    pub executions: usize,
    /// Repetitions; the median counts.
    pub runs: usize,
    /// Queued executions of W7.
    pub backlog: usize,
    /// Ended executions of W8.
    pub stored: usize,
    wanted: BTreeSet<String>,
}

impl Settings {
    /// Reads `[--quick] [--executions N] [--runs N] [--backlog N] [--stored N] [NAME…]` and the environment.
    pub fn from_args(args: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut settings = Self {
            database_url: variable("SLUICE_TEST_DATABASE_URL")?,
            redis_url: variable("SLUICE_TEST_REDIS_URL")?,
            sluice: std::env::var_os("SLUICE_BIN")
                .map_or_else(|| PathBuf::from("target/release/sluice"), PathBuf::from),
            executions: 50_000,
            runs: 3,
            backlog: 1_000_000,
            stored: 5_000_000,
            wanted: BTreeSet::new(),
        };
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => {
                    (settings.executions, settings.runs) = (5_000, 1);
                    (settings.backlog, settings.stored) = (50_000, 100_000);
                }
                "--executions" => settings.executions = number(args.next())?,
                "--runs" => settings.runs = number(args.next())?,
                "--backlog" => settings.backlog = number(args.next())?,
                "--stored" => settings.stored = number(args.next())?,
                name if ALL.contains(&name) => {
                    settings.wanted.insert(name.to_owned());
                }
                other => {
                    bail!(
                        "`{other}` is not known; there are --quick, --executions N, --runs N, --backlog N, --stored N and {}",
                        ALL.join(", ")
                    )
                }
            }
        }
        if !settings.sluice.exists() {
            bail!("{} does not exist: build it with `cargo build --release --workspace`", settings.sluice.display());
        }
        Ok(settings)
    }

    /// Whether the figure was asked for; without names, everything is that does not take long.
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.contains(name) || (self.wanted.is_empty() && !LONG.contains(&name))
    }

    /// Whether anything needs the API and a worker.
    pub fn wants_cluster(&self) -> bool {
        ["ping", "W1", "W1b", "W2", "W3", "W4", "W5", "rss"].iter().any(|name| self.wants(name))
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} executions per run, {} runs, median (minimum to maximum)", self.executions, self.runs)
    }
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run this through `cargo xtask bench`"))
}

fn number(text: Option<String>) -> anyhow::Result<usize> {
    text.context("a number is missing")?.parse().context("not a number")
}
