//! What to run, for how long, and on what.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// How the product is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Two `sluice api` and three `sluice worker` over PostgreSQL and Redis.
    Cluster,
    /// One `sluice dev` over SQLite.
    Embedded,
}

/// How the report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "sluice-chaos", about = "Load, faults at random from a seed, and the check that nothing was lost")]
pub struct Arguments {
    /// Minutes of faults
    #[arg(long, default_value_t = 10.0)]
    pub minutes: f64,
    /// Seed of faults and load
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What to run
    #[arg(long, value_enum, default_value_t = Mode::Cluster)]
    pub mode: Mode,
    /// Faults to choose from, separated by commas; all when absent
    #[arg(long, value_delimiter = ',')]
    pub faults: Vec<String>,
    /// Tasks that start executions
    #[arg(long, default_value_t = 8)]
    pub clients: usize,
    /// Folder for the history and the logs
    #[arg(long, default_value = "target/chaos")]
    pub folder: PathBuf,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How the product is run.
    pub mode: Mode,
    /// Seed of faults and load.
    pub seed: u64,
    /// Load before the first fault.
    pub warm_up: Duration,
    /// Load with faults.
    pub faults_for: Duration,
    /// How long a fault stays, in milliseconds, from and to.
    pub fault_ms: (u64, u64),
    /// Quiet after a fault, in milliseconds, from and to.
    pub quiet_ms: (u64, u64),
    /// Names of faults to choose from; all of the mode when empty.
    pub kinds: Vec<String>,
    /// Tasks that start executions.
    pub clients: usize,
    /// Longest time until everything has ended after the last fault.
    pub quiescence: Duration,
    /// Fewest executions that make a run worth looking at.
    pub at_least: usize,
    /// How long a worker may be silent.
    pub lease: Duration,
    /// The binary.
    pub sluice: PathBuf,
    /// Folder for the history and the logs.
    pub folder: PathBuf,
}

impl Settings {
    /// The long run that the command line asks for, with the binary of `SLUICE_BIN`.
    #[must_use]
    pub fn of(arguments: &Arguments) -> Self {
        let faults_for = Duration::from_secs_f64(arguments.minutes.max(0.1) * 60.0);
        let per_minute = match arguments.mode {
            Mode::Cluster => 300.0,
            Mode::Embedded => 200.0,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive number of executions, far below any bound"
        )]
        let at_least = (per_minute * arguments.minutes.max(0.1)) as usize;
        Self {
            mode: arguments.mode,
            seed: arguments.seed,
            warm_up: Duration::from_secs(10),
            faults_for,
            fault_ms: (3_000, 12_000),
            quiet_ms: (2_000, 6_000),
            kinds: arguments.faults.clone(),
            clients: arguments.clients.max(1),
            quiescence: Duration::from_mins(3),
            at_least,
            lease: Duration::from_secs(3),
            sluice: std::env::var_os("SLUICE_BIN")
                .map_or_else(|| PathBuf::from("target/release/sluice"), PathBuf::from),
            folder: arguments.folder.join(format!("{:?}-{}", arguments.mode, arguments.seed).to_lowercase()),
        }
    }
}
