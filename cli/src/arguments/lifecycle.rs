//! Commands that change executions.

use clap::{Args, Subcommand};

use super::ServerOptions;

/// What to do with an execution.
#[derive(Debug, Subcommand)]
pub enum LifecycleCommand {
    /// Lets an execution begin no further step until it is resumed.
    Pause(PauseOptions),
    /// Lets a paused execution go on.
    Resume(ResumeOptions),
    /// Asks an execution to stop.
    Cancel(ReasonOptions),
    /// Stops an execution at once, also when no worker answers.
    Terminate(ReasonOptions),
    /// Lets an execution that failed go on from where it failed.
    Retry(RetryOptions),
    /// Starts a new execution that repeats another one.
    Rerun(RerunOptions),
    /// Lets an execution go on without a step that it waits at.
    Skip(SkipOptions),
    /// Writes values into the data of an execution.
    Edit(EditOptions),
    /// Sends an execution a signal.
    Signal(SignalOptions),
    /// Sets and removes labels of an execution.
    Label(LabelOptions),
    /// Removes an execution that has ended, with its history.
    Delete(ReasonOptions),
}

#[derive(Debug, Args)]
pub struct ReasonOptions {
    /// Id of the execution.
    pub execution: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct PauseOptions {
    /// Id of the execution.
    pub execution: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    /// Let time limits of its waits, its approvals and its whole life go on meanwhile.
    #[arg(long)]
    pub deadlines_go_on: bool,
    /// Go on by itself at this time, such as `2026-11-30T08:00:00Z`.
    #[arg(long, value_name = "TIME")]
    pub resume_at: Option<String>,
    /// Go on by itself when this event comes: its name, or a pattern such as `stock.*`.
    #[arg(long, value_name = "EVENT")]
    pub resume_when: Option<String>,
    #[command(flatten)]
    pub event: EventOptions,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// What an event must be, at which a paused execution goes on.
#[derive(Debug, Args)]
pub struct EventOptions {
    /// What the event must be about: paths such as `["order.id"]`, or paths and values such as `{"order.id": 7}`; JSON, or `@` and a file.
    #[arg(long = "match", value_name = "JSON")]
    pub matching: Option<String>,
    /// What must hold besides: a condition; JSON, or `@` and a file.
    #[arg(long, value_name = "JSON")]
    pub condition: Option<String>,
}

#[derive(Debug, Args)]
pub struct SkipOptions {
    /// Id of the execution.
    pub execution: String,
    /// Path of the step.
    pub step: String,
    /// What is taken for its output: JSON, or `@` and a file.
    #[arg(long)]
    pub step_output: Option<String>,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct EditOptions {
    /// Id of the execution.
    pub execution: String,
    /// What to write, as a JSON Patch, such as `[{"op": "replace", "path": "/order/zip", "value": "8001"}]`: JSON, or
    /// `@` and a file.
    #[arg(long, value_name = "JSON")]
    pub patch: String,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct SignalOptions {
    /// Id of the execution.
    pub execution: String,
    /// Name of the signal: that of the event that a step waits for.
    pub name: String,
    /// Data: JSON, or `@` and a file.
    #[arg(long)]
    pub data: Option<String>,
    /// Same key, taken once.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct LabelOptions {
    /// Id of the execution.
    pub execution: String,
    /// Labels to set, as `name=value`.
    pub set: Vec<String>,
    /// Names of labels to remove.
    #[arg(long)]
    pub remove: Vec<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct ResumeOptions {
    /// Id of the execution.
    pub execution: String,
    /// Merged over its data: JSON, or `@` and a file.
    #[arg(long)]
    pub data: Option<String>,
    /// Go on with this step instead of the next one.
    #[arg(long)]
    pub from_step: Option<String>,
    /// Go on at this time instead of now.
    #[arg(long, value_name = "TIME", conflicts_with = "not_at")]
    pub at: Option<String>,
    /// Go on when this event comes: its name, or a pattern such as `stock.*`.
    #[arg(long, value_name = "EVENT", conflicts_with = "not_at")]
    pub when: Option<String>,
    #[command(flatten)]
    pub event: EventOptions,
    /// Take back that it goes on by itself.
    #[arg(long, conflicts_with_all = ["data", "from_step"])]
    pub not_at: bool,
    /// Why, for the record.
    #[arg(long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct RetryOptions {
    /// Id of the execution.
    pub execution: String,
    /// Pause it before it goes on.
    #[arg(long)]
    pub hold: bool,
    /// Why, for the record.
    #[arg(long)]
    pub reason: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Args)]
pub struct RerunOptions {
    /// Id of the execution to repeat.
    pub execution: String,
    /// Begin with this step; what was found out before it is taken over.
    #[arg(long)]
    pub from_step: Option<String>,
    /// Another input: JSON, or `@` and a file.
    #[arg(long)]
    pub input: Option<String>,
    /// Merged over the data before the step: JSON, or `@` and a file.
    #[arg(long, requires = "from_step")]
    pub context: Option<String>,
    /// Another version.
    #[arg(long, value_name = "NUMBER")]
    pub use_version: Option<i32>,
    /// Why, for the record.
    #[arg(long)]
    pub reason: Option<String>,
    /// Same key within 24 hours, same execution.
    #[arg(long)]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}
