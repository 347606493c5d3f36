//! The command line of what comes in: events and hooks.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct EventsOptions {
    /// What to do; lists the latest events when absent.
    #[command(subcommand)]
    pub what: Option<EventsCommand>,
    /// With this name.
    #[arg(long = "type", value_name = "NAME")]
    pub event_type: Option<String>,
    /// From this source.
    #[arg(long)]
    pub source: Option<String>,
    /// About this.
    #[arg(long)]
    pub subject: Option<String>,
    /// Of which this came for a workflow: `started`, `filtered`, `refused` or `disabled`; may be given several times.
    #[arg(long = "outcome")]
    pub outcomes: Vec<String>,
    /// Show instead those that are accepted from now on; what comes of one is known later, and `show` tells it.
    #[arg(long, conflicts_with_all = ["outcomes", "limit"])]
    pub watch: bool,
    /// How many to list, newest first; at most 100.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Shows an event, and why workflows were started or not.
    Show {
        /// Id of the event.
        event: String,
    },
    /// Sends an event again, as a new one that names it.
    Replay {
        /// Id of the event.
        event: String,
        /// Only to this workflow, by its id; may be given several times.
        #[arg(long = "workflow")]
        workflows: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
pub struct HooksOptions {
    /// What to do; lists the hooks when absent.
    #[command(subcommand)]
    pub what: Option<HooksCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Gives a hook a new secret and prints it, this once; the one before works for a while yet.
    Rotate {
        /// Id of the hook, or its path when no other hook has it.
        hook: String,
        /// How long the secret before still counts.
        #[arg(long, default_value = "24h")]
        overlap: String,
        /// Take the secret that the sender made: it is typed or comes from standard input.
        #[arg(long)]
        take: bool,
    },
    /// Calls a hook as its sender would; its secret is typed or comes from standard input.
    Test {
        /// Id of the hook, or its path when no other hook has it.
        hook: String,
        /// The body: JSON, or `@` and a file.
        #[arg(long)]
        body: Option<String>,
        /// Header of the signature, where the trigger says `hmac_sha256`.
        #[arg(long, default_value = "X-Hub-Signature-256")]
        header: String,
    },
}
