//! The command line of approvals.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct ApprovalsOptions {
    /// What to do; lists what you may decide when absent.
    #[command(subcommand)]
    pub what: Option<ApprovalsCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// Lists what you may decide.
    List {
        /// Everything that is open, whoever may decide it.
        #[arg(long)]
        all: bool,
    },
    /// Shows an approval with what happened to it.
    Show {
        /// Its id.
        id: String,
    },
    /// Approves.
    Approve {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// The answers to its form, JSON or `@file`.
        #[arg(long)]
        data: Option<String>,
    },
    /// Rejects.
    Reject {
        /// Its id.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Adds a comment.
    Comment {
        /// Its id.
        id: String,
        /// What to say.
        text: String,
    },
}
