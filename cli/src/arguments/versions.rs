//! Commands about versions of workflows.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::ServerOptions;

/// What to do with versions.
#[derive(Debug, Subcommand)]
pub enum VersionsCommand {
    /// Lists the versions of a workflow, newest first, or follows what happens to it.
    Versions(VersionsOptions),
    /// Tells what changed between two versions, from the published one to the draft, or to a file.
    Diff(DiffOptions),
    /// Makes the draft of a workflow its next version, which new executions use.
    Publish(PublishOptions),
    /// Throws the draft of a workflow away.
    Discard(DiscardOptions),
    /// Makes a version of before the published one again.
    Rollback(RollbackOptions),
    /// Writes the definitions of a server into a folder.
    Export(ExportOptions),
    /// Moves executions that rest to another version of their workflow; without `--yes` only tells which can move.
    Move(MoveOptions),
    /// Lists the workflows of a server, switches one on or off, puts one away, brings it back, or deletes it.
    Workflows(WorkflowsOptions),
}

#[derive(Debug, Args)]
pub struct PublishOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// Name of the version.
    #[arg(long)]
    pub label: Option<String>,
    /// What is new in it.
    #[arg(long)]
    pub changelog: Option<String>,
    /// Do not enable the workflow by that.
    #[arg(long)]
    pub disabled: bool,
    /// Only check.
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct DiscardOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct WorkflowsOptions {
    /// What to do; lists the workflows when absent.
    #[command(subcommand)]
    pub what: Option<WorkflowsCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum WorkflowsCommand {
    /// Lists the workflows.
    List {
        /// Those that were put away instead.
        #[arg(long)]
        archived: bool,
    },
    /// Lets a workflow be started again.
    Enable {
        /// Slug or id of the workflow.
        workflow: String,
    },
    /// Lets nothing start a workflow; what runs goes on.
    Disable {
        /// Slug or id of the workflow.
        workflow: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Puts a workflow away: it is listed no more, and nothing starts it.
    Archive {
        /// Slug or id of the workflow.
        workflow: String,
        /// Why.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Brings a workflow back that was put away; it stays disabled.
    Restore {
        /// Slug or id of the workflow.
        workflow: String,
    },
    /// Deletes a workflow that was put away, with its versions and all that it ever ran.
    Delete {
        /// Slug of the workflow; an id is not enough.
        slug: String,
    },
}

#[derive(Debug, Args)]
pub struct VersionsOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// Show instead what happens to it from now on, by whomever: drafts, publications, switches.
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct DiffOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// Number of the older version; the published one when absent.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<i32>,
    /// Number of the newer version; the draft when absent.
    #[arg(long, value_name = "NUMBER", conflicts_with = "file")]
    pub to: Option<i32>,
    /// Compare with this file instead.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Only the text, in the unified format.
    #[arg(long)]
    pub text: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct RollbackOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// Number of the version.
    pub to: i32,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// How definitions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Written {
    /// In JSON.
    Json,
    /// In YAML.
    Yaml,
}

#[derive(Debug, Args)]
pub struct ExportOptions {
    /// The folder; files that are there are written over.
    pub folder: PathBuf,
    /// Only workflows in this folder of the server, or below.
    #[arg(long)]
    pub namespace: Option<String>,
    /// Write all of them in this format; as they were written when absent.
    #[arg(long, value_enum)]
    pub format: Option<Written>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct MoveOptions {
    /// Slug or id of the workflow.
    pub workflow: String,
    /// Number of the version to move to; the published one when absent.
    #[arg(long, value_name = "NUMBER")]
    pub to: Option<i32>,
    /// Only executions of this version.
    #[arg(long, value_name = "NUMBER")]
    pub from: Option<i32>,
    /// Only this execution; may be given more than once.
    #[arg(long = "execution", value_name = "ID")]
    pub executions: Vec<String>,
    /// Move those that can move.
    #[arg(long, requires = "reason")]
    pub yes: bool,
    /// Why, for the record.
    #[arg(long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}
