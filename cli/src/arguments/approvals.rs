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
    List(ListOptions),
    /// Shows an approval with what happened to it.
    Show {
        /// Its id.
        id: String,
    },
    /// Approves.
    Approve {
        /// Its id; may be given several times.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
        /// The answers to its form, JSON or `@file`; for one approval.
        #[arg(long)]
        data: Option<String>,
    },
    /// Rejects.
    Reject {
        /// Its id; may be given several times.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Shows what the link of a mail decides, or decides it, without signing in; the link is typed or comes from standard
    /// input.
    Link(LinkOptions),
    /// Lists who stands in for whom, or says who does while somebody is away.
    Absent(AbsentOptions),
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

#[derive(Debug, Default, Args)]
pub struct ListOptions {
    /// Everything that is open, whoever may decide it.
    #[arg(long)]
    pub all: bool,
    /// In this state, such as `rejected`, whoever may decide it; may be given several times; what is open when absent.
    #[arg(long = "status")]
    pub statuses: Vec<String>,
    /// Of this workflow, by its slug or id.
    #[arg(long)]
    pub workflow: Option<String>,
    /// Show instead which enter the list from now on, change in it and leave it.
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
pub struct LinkOptions {
    /// Answer with this, such as `approve` or `reject`; only shows it when absent.
    #[arg(long)]
    pub outcome: Option<String>,
    /// Why.
    #[arg(long, requires = "outcome")]
    pub reason: Option<String>,
    /// The answers to its form, JSON or `@file`.
    #[arg(long, requires = "outcome")]
    pub data: Option<String>,
}

#[derive(Debug, Args)]
pub struct AbsentOptions {
    /// What to do; lists who stands in for whom when absent.
    #[command(subcommand)]
    pub what: Option<AbsentCommand>,
}

#[derive(Debug, Subcommand)]
pub enum AbsentCommand {
    /// Lists who stands in for whom.
    List,
    /// Lets somebody stand in for a time.
    Set {
        /// Id of the member who stands in, such as `usr_…`.
        substitute: String,
        /// From when, such as `2027-01-01T00:00:00Z`.
        #[arg(long, value_name = "TIME")]
        from: String,
        /// Until when, left out; a year later at most.
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Id of the member who is away; you when absent.
        #[arg(long, value_name = "ID")]
        user: Option<String>,
    },
    /// Ends that somebody stands in.
    Delete {
        /// Id of the substitution.
        id: String,
    },
}
