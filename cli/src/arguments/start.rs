//! Arguments of `sluice start`.

use std::path::PathBuf;

use clap::Args;

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct StartOptions {
    /// Slug or id of the workflow; with `--batch` that of the lines that name none.
    #[arg(required_unless_present = "batch")]
    pub workflow: Option<String>,
    /// The input: JSON, or `@` and a file.
    #[arg(long)]
    pub input: Option<String>,
    /// Wait for the end and print the decision.
    #[arg(long)]
    pub wait: bool,
    /// Business key.
    #[arg(long)]
    pub key: Option<String>,
    /// Same key within 24 hours, same execution; with `--batch` what the keys of lines without one begin with, before
    /// `-` and the number of the line.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    /// Labels, as `name=value`.
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// Starts the executions of this file instead, `-` for standard input: one a line, as the JSON of an
    /// `ExecutionStartInput`, such as `{"workflow": "order", "input": {"id": 1}, "idempotencyKey": "1"}`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "wait", "key", "labels"])]
    pub batch: Option<PathBuf>,
    /// Leaves the starting of the file to the server, as a bulk operation, and prints that.
    #[arg(long, requires = "batch")]
    pub background: bool,
    #[command(flatten)]
    pub apart: BackgroundOptions,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// How executions are started in the background.
#[derive(Debug, Args)]
pub struct BackgroundOptions {
    /// Why, for the record; with `--background`.
    #[arg(long, requires = "background")]
    pub reason: Option<String>,
    /// Executions in a second at most; with `--background`.
    #[arg(long, value_name = "NUMBER", requires = "background")]
    pub rate: Option<i32>,
    /// Only check what would be started; with `--background`.
    #[arg(long, requires = "background")]
    pub dry_run: bool,
}
