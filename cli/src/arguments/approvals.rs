//! `sluice approvals`.

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
    /// Tells others that you work on it.
    Claim {
        /// Its id.
        id: String,
    },
    /// Gives back what you work on.
    Release {
        /// Its id.
        id: String,
    },
    /// Lets somebody else decide in your place.
    Delegate {
        /// Its id.
        id: String,
        /// Id of the member, such as `usr_…`.
        to: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Says anew who may decide it.
    Reassign {
        /// Its id.
        id: String,
        /// Id of a member or a role, such as `usr_…` or `rol_…`; may be given several times.
        #[arg(long = "to", required = true)]
        to: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Reminds whoever may decide, by mail where the server sends mail.
    Remind {
        /// Its id.
        id: String,
    },
}
