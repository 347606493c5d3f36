//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::output::Format;

/// Sluice runs workflows: it decides, calls services, and loses nothing.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    /// How results are printed: `table` on a terminal, `json` elsewhere.
    #[arg(long, short, global = true, value_enum, default_value_t = OutputChoice::Auto)]
    pub output: OutputChoice,
    #[command(subcommand)]
    pub command: Command,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum OutputChoice {
    /// A table on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl OutputChoice {
    /// The format to print in.
    pub fn resolve(self) -> Format {
        use std::io::IsTerminal;
        match self {
            Self::Table => Format::Table,
            Self::Json => Format::Json,
            Self::Auto if std::io::stdout().is_terminal() => Format::Table,
            Self::Auto => Format::Json,
        }
    }
}

/// Which cases to run, and what to write.
#[derive(Debug, Args)]
pub struct TestOptions {
    /// Case files in JSON or YAML, or folders with `*.case.json` and `*.case.yaml` in them.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Writes what was seen into the case files (JSON only): look at the difference before you keep it.
    #[arg(long)]
    pub update: bool,
    /// Writes a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs everything in one process, with SQLite: API, worker and reconcilers.
    Dev(DevOptions),
    /// Runs the API over PostgreSQL and Redis.
    Api(ApiOptions),
    /// Runs a worker over PostgreSQL and Redis.
    Worker(WorkerOptions),
    /// Changes the schema of the database, or tells where it stands.
    Migrate(MigrateOptions),
    /// Checks definitions offline.
    Validate {
        /// Files in JSON or YAML.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Runs case files offline, in virtual time and with stubbed effects.
    Test(TestOptions),
    /// Publishes definitions on a server.
    Deploy(DeployOptions),
    /// Lists the workflows of a server.
    List(ServerOptions),
    /// Starts an execution.
    Start(StartOptions),
    /// Emits an event.
    Emit(EmitOptions),
    /// Follows an execution until it has ended.
    Watch(WatchOptions),
    /// Asks a worker to take no more work, finish what it has, and end.
    Drain(DrainOptions),
    /// Looks whether every live execution of an installation has a reason to wake.
    Doctor(DoctorOptions),
    /// Plays random histories of a fleet in memory, with faults, and looks whether what must hold does.
    Sim(SimOptions),
    /// Asks a server whether it is ready; for container health checks.
    Health(ServerOptions),
    /// Prints the settings in force and where each comes from.
    Config,
    /// Prints completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Prints the schema of the API, or of the definition language.
    Schema {
        /// Which schema.
        #[arg(value_enum)]
        kind: SchemaKind,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SchemaKind {
    /// GraphQL SDL.
    Graphql,
    /// JSON Schema of definitions.
    Definition,
}

/// A server to talk to.
#[derive(Debug, Clone, Args)]
pub struct ServerOptions {
    /// Address of the server.
    #[arg(long, env = "SLUICE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Credentials: an access token or an API key.
    #[arg(long, env = "SLUICE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Debug, Args)]
pub struct DevOptions {
    /// Address to listen on; only addresses of this machine, since no sign-in is asked for.
    #[arg(long)]
    pub bind: Option<String>,
    /// Folder of the database.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ApiOptions {
    /// Address to listen on.
    #[arg(long)]
    pub bind: Option<String>,
    /// Accept that everybody who reaches the address acts as the owner: there is no sign-in yet.
    #[arg(long)]
    pub insecure_no_auth: bool,
}

#[derive(Debug, Args)]
pub struct WorkerOptions {
    /// Queues to serve, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub queues: Option<Vec<String>>,
    /// How many executions to drive at once.
    #[arg(long)]
    pub slots: Option<usize>,
    /// Address for /livez, /readyz and /metrics; none when absent.
    #[arg(long)]
    pub health_bind: Option<String>,
}

#[derive(Debug, Args)]
pub struct MigrateOptions {
    /// What to do.
    #[arg(value_enum, default_value_t = Migration::Up)]
    pub what: Migration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Migration {
    /// Brings the schema up to date.
    Up,
    /// Takes the last step back.
    Down,
    /// Tells which steps were taken.
    Status,
}

#[derive(Debug, Args)]
pub struct DeployOptions {
    /// Files in JSON or YAML.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Only check.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct StartOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// The input: JSON, or `@` and a file.
    #[arg(long)]
    pub input: Option<String>,
    /// Wait for the end and print the decision.
    #[arg(long)]
    pub wait: bool,
    /// Business key.
    #[arg(long)]
    pub key: Option<String>,
    /// Same key within 24 hours, same execution.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    /// Labels, as `name=value`.
    #[arg(long = "label")]
    pub labels: Vec<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct EmitOptions {
    /// Name of the event, such as `order.checkout.initiated`.
    pub event: String,
    /// The payload: JSON, or `@` and a file.
    #[arg(long)]
    pub payload: Option<String>,
    /// Accepted once within seven days.
    #[arg(long)]
    pub deduplication_key: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct SimOptions {
    /// The history to play; the same number, the same history.
    #[arg(long)]
    pub seed: u64,
    /// How many to play, from this one on; stops at the first in which something does not hold.
    #[arg(long, default_value_t = 1)]
    pub histories: u64,
}

#[derive(Debug, Args)]
pub struct DrainOptions {
    /// Id of the worker, or its name when no other live one has it.
    pub worker: String,
    /// Return at once instead of when it has ended.
    #[arg(long)]
    pub no_wait: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct DoctorOptions {
    /// Put right what is found.
    #[arg(long)]
    pub repair: bool,
    /// Look at the journals too: reads the whole database.
    #[arg(long)]
    pub deep: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct WatchOptions {
    /// Id of the execution.
    pub execution: String,
    #[command(flatten)]
    pub server: ServerOptions,
}
