//! Arguments of `sluice executions` and `sluice show`.

use clap::Args;

use super::ServerOptions;

/// Which executions are meant; all conditions must hold.
#[derive(Debug, Args)]
pub struct WhichOptions {
    /// Of this workflow, by its slug or id.
    #[arg(long)]
    pub workflow: Option<String>,
    /// In this state, such as `waiting`; may be given several times.
    #[arg(long = "status")]
    pub statuses: Vec<String>,
    /// With this label, as `name=value`; may be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// With this business key.
    #[arg(long)]
    pub key: Option<String>,
    /// Started by this schedule, by its id.
    #[arg(long)]
    pub schedule: Option<String>,
    /// A filter as the API takes it: JSON, or `@` and a file; `{}` for all executions. The other conditions have to
    /// hold too.
    #[arg(long)]
    pub filter: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExecutionsOptions {
    #[command(flatten)]
    pub which: WhichOptions,
    /// How many to list, newest first.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Show instead which enter the list from now on, change in it and leave it.
    #[arg(long, conflicts_with = "limit")]
    pub watch: bool,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct ShowOptions {
    /// Id of the execution.
    pub execution: String,
    #[command(flatten)]
    pub server: ServerOptions,
}
