//! The command line.

pub mod approvals;
pub mod bulk;
pub mod executions;
mod inbound;
pub mod lifecycle;
mod rules;
pub mod schedules;
mod secrets;
mod services;
mod start;
mod statistics;
pub mod versions;
pub mod webhooks;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use rules::{RulesCommand, RulesOptions};
pub use secrets::{SecretCommand, SecretOptions, VariableCommand, VariableOptions};
pub use services::{ResourceCommand, ResourceFields, ResourceOptions, ServiceCommand, ServiceFields, ServiceOptions};

use crate::output::Format;

pub use start::StartOptions;
pub use statistics::{ErrorsCommand, ErrorsOptions, StatsOptions, Width};

pub use inbound::{EventsCommand, EventsOptions, HooksCommand, HooksOptions};

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
    /// Makes the first owner, straight in the database; the password is typed or comes from standard input.
    Bootstrap(BootstrapOptions),
    /// Checks definitions offline.
    Validate {
        /// Files in JSON or YAML.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Runs case files offline, in virtual time and with stubbed effects.
    Test(TestOptions),
    /// Publishes definitions on a server, or saves them there as drafts.
    Deploy(DeployOptions),
    /// Signs in at a server; the password is typed or comes from standard input.
    Login(LoginOptions),
    /// Signs out, and forgets what `login` kept.
    Logout(ServerOptions),
    /// Says who the server takes the commands for.
    Whoami(ServerOptions),
    /// Lists the workflows of a server.
    List(ServerOptions),
    /// Lists the members of the organization.
    Members(ServerOptions),
    /// Invites somebody into the organization, and prints where they accept.
    Invite(InviteOptions),
    /// Lists the roles of the organization.
    Roles(ServerOptions),
    /// Lists the API keys of the organization, makes one, renews one, or makes one void.
    Keys(KeysOptions),
    /// Lists the rules of the organization, shows, makes, changes, switches, tries or removes one.
    Rules(RulesOptions),
    /// Lists the secrets of the organization, never their values; sets or removes one.
    Secret(SecretOptions),
    /// Lists the variables of the organization, sets or removes one.
    Variable(VariableOptions),
    /// Lists the services that workflows call by name, shows, makes, changes, checks or removes one.
    Service(ServiceOptions),
    /// Lists the resources that workflows load, shows, makes, changes or removes one.
    Resource(ResourceOptions),
    /// Lists the schedules of the organization, makes, changes, pauses, resumes, fires or removes one, or shows what one
    /// does.
    Schedules(schedules::SchedulesOptions),
    /// Lists what waits for your decision, or all that is open; shows an approval, approves or rejects it.
    Approvals(approvals::ApprovalsOptions),
    /// Starts an execution, or many.
    Start(StartOptions),
    /// Emits an event, or many.
    Emit(EmitOptions),
    /// Lists events or follows them as they come, shows what came of one, or sends one again.
    Events(EventsOptions),
    /// Lists the hooks of the organization, gives one a secret, or calls one.
    Hooks(HooksOptions),
    /// Lists the addresses that are told of what happens, makes, changes, tries or removes one, or shows what was sent to
    /// one.
    Webhooks(webhooks::WebhooksOptions),
    /// Lists executions, newest first, or follows which come and go.
    Executions(executions::ExecutionsOptions),
    /// Shows how an execution stands, what its pause waits for, its steps, and what can be done with it.
    Show(executions::ShowOptions),
    /// Follows an execution until it has ended.
    Watch(WatchOptions),
    /// Cancels, terminates, pauses, resumes, retries, repeats, moves or deletes many executions in the background, and
    /// follows, holds or stops that; `start --background` starts many.
    Bulk(bulk::BulkOptions),
    #[command(flatten)]
    Lifecycle(lifecycle::LifecycleCommand),
    /// Tells how many executions there were, how they ended and how long they and their steps took.
    Stats(StatsOptions),
    /// Lists failures by cause, and marks which of them are looked after.
    Errors(ErrorsOptions),
    #[command(flatten)]
    Versions(versions::VersionsCommand),
    /// Asks a worker to take no more work, finish what it has, and end.
    Drain(DrainOptions),
    /// Prints the audit log of a server, newest first, or verifies it.
    Audit(AuditOptions),
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
    #[arg(long, global = true, env = "SLUICE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// Credentials: an access token or an API key.
    #[arg(long, global = true, env = "SLUICE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

#[derive(Debug, Args)]
pub struct DevOptions {
    /// Address to listen on; only addresses of this machine, since requests without credentials act as the owner.
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
    /// Ask for no sign-in: everybody who reaches the address acts as the owner.
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
pub struct BootstrapOptions {
    /// Address of the owner.
    #[arg(long)]
    pub email: String,
    /// Name to show; the part of the address before `@` when absent.
    #[arg(long)]
    pub name: Option<String>,
    /// Make one although there is an owner: for when nobody can sign in as owner any more.
    #[arg(long)]
    pub force_new_owner: bool,
    /// Folder of the embedded database, when DATABASE_URL is not set.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct LoginOptions {
    /// Address of the account; asked for on a terminal when absent.
    #[arg(long)]
    pub email: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct DeployOptions {
    /// Files in JSON or YAML.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Save them as drafts: nothing is started with them before `sluice publish`.
    #[arg(long)]
    pub draft: bool,
    /// Only check.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct EmitOptions {
    /// Name of the event, such as `order.checkout.initiated`.
    #[arg(required_unless_present = "batch")]
    pub event: Option<String>,
    /// The payload: JSON, or `@` and a file.
    #[arg(long)]
    pub payload: Option<String>,
    /// Accepted once within seven days.
    #[arg(long)]
    pub deduplication_key: Option<String>,
    /// Emits the events of this file instead, `-` for standard input: one a line, as the JSON of an `EventEmitInput`,
    /// such as `{"type": "order.created", "payload": {"id": 1}, "deduplicationKey": "1"}`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event", "payload", "deduplication_key"])]
    pub batch: Option<PathBuf>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct SimOptions {
    /// The history to play; the same number, the same history.
    #[arg(long)]
    pub seed: u64,
    /// How many to play, from this one on; stops at the first in which something does not hold. Without it one, or
    /// what can be played in `--minutes`.
    #[arg(long)]
    pub histories: Option<u64>,
    /// Plays for so long at most.
    #[arg(long)]
    pub minutes: Option<f64>,
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
    /// Look at the settings here instead: tells each that is less safe than its default.
    #[arg(long, conflicts_with_all = ["repair", "deep"])]
    pub security: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct InviteOptions {
    /// Address of the person.
    pub email: String,
    /// Name or id of the role that they get.
    #[arg(long)]
    pub role: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct KeysOptions {
    /// What to do; lists the keys when absent.
    #[command(subcommand)]
    pub what: Option<KeysCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a key and prints it, this once.
    Create {
        /// Name to show.
        name: String,
        /// What it allows, such as `EXECUTION_START`; may be given several times.
        #[arg(long = "permission", required = true)]
        permissions: Vec<String>,
        /// Only in this workflow folder and below; may be given several times.
        #[arg(long = "namespace")]
        namespaces: Vec<String>,
        /// Only from this address or network; may be given several times.
        #[arg(long = "from")]
        addresses: Vec<String>,
        /// Until when, such as `2027-01-01T00:00:00Z`; without end when absent.
        #[arg(long)]
        expires_at: Option<String>,
        /// Id of the service account that it acts for; the caller when absent.
        #[arg(long)]
        service_account: Option<String>,
    },
    /// Makes a new key like this one and prints it; this one works for a while yet.
    Rotate {
        /// Id of the key.
        id: String,
        /// How long this one still works.
        #[arg(long, default_value = "24h")]
        overlap: String,
    },
    /// Makes a key void at once.
    Revoke {
        /// Id of the key.
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct AuditOptions {
    #[command(subcommand)]
    pub what: Option<AuditCommand>,
    /// Since this moment, such as 2026-01-31T00:00:00Z, or for so long, such as `24h`.
    #[arg(long)]
    pub since: Option<String>,
    /// Before this moment.
    #[arg(long)]
    pub until: Option<String>,
    /// By this actor: its id.
    #[arg(long)]
    pub actor: Option<String>,
    /// With this action, such as `workflow.published` or `workflow.*`; may be given several times.
    #[arg(long = "action")]
    pub actions: Vec<String>,
    /// On this object: its id.
    #[arg(long)]
    pub target: Option<String>,
    /// As CSV; `--output json` prints one entry a line.
    #[arg(long)]
    pub csv: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Checks that no entry was changed or removed.
    Verify(AuditVerifyOptions),
}

#[derive(Debug, Args)]
pub struct AuditVerifyOptions {
    /// Since this moment, such as 2026-01-31T00:00:00Z, or for so long, such as `24h`; from the beginning when absent.
    #[arg(long)]
    pub since: Option<String>,
    /// Before this moment; to the end when absent.
    #[arg(long)]
    pub until: Option<String>,
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
