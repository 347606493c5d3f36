//! Arguments of `sluice schedules`.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct SchedulesOptions {
    /// What to do; lists the schedules when absent.
    #[command(subcommand)]
    pub what: Option<SchedulesCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// When a schedule fires.
#[derive(Debug, Args)]
pub struct WhenOptions {
    /// A cron expression, such as `0 9 * * mon-fri` or `@hourly`; may be given several times.
    #[arg(long = "cron", required_unless_present_any = ["every", "once"], conflicts_with_all = ["every", "once"])]
    pub cron: Vec<String>,
    /// Every so often, such as `90s`.
    #[arg(long, conflicts_with = "once")]
    pub every: Option<String>,
    /// Once, such as `2027-01-01T00:00:00Z`.
    #[arg(long)]
    pub once: Option<String>,
    /// Zone in which cron expressions are meant.
    #[arg(long, default_value = "UTC")]
    pub zone: String,
}

#[derive(Debug, Subcommand)]
pub enum SchedulesCommand {
    /// Lists the schedules, newest first.
    List,
    /// Makes a schedule and prints its id.
    Create {
        /// Name to show.
        name: String,
        /// Slug or id of the workflow that it starts.
        #[arg(long)]
        workflow: String,
        #[command(flatten)]
        when: WhenOptions,
        /// The input of its executions: JSON, or `@` and a file.
        #[arg(long)]
        input: Option<String>,
        /// When the last execution still runs: skip, `buffer_one`, `buffer_all`, `cancel_other` or `allow_all`.
        #[arg(long, default_value = "skip")]
        overlap: String,
        /// Missed times: none, latest or all.
        #[arg(long, default_value = "latest")]
        catch_up: String,
        /// How far back missed times count.
        #[arg(long, default_value = "1h")]
        window: String,
        /// Delay, at most this.
        #[arg(long, default_value = "0s")]
        jitter: String,
        /// Pauses itself after so many failures in a row.
        #[arg(long)]
        pause_after_failures: Option<u8>,
    },
    /// Keeps a schedule from firing.
    Pause {
        /// Id of the schedule.
        id: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Lets a schedule fire again, from now on.
    Resume {
        /// Id of the schedule.
        id: String,
    },
    /// Fires a schedule now, and prints the id of the execution.
    Trigger {
        /// Id of the schedule.
        id: String,
        /// Other input: JSON, or `@` and a file.
        #[arg(long)]
        input: Option<String>,
    },
    /// Shows when a schedule would fire, without making one.
    Preview {
        #[command(flatten)]
        when: WhenOptions,
        /// From when; now when absent.
        #[arg(long)]
        from: Option<String>,
        /// How many points in time.
        #[arg(long, default_value_t = 10)]
        count: u8,
    },
    /// Starts executions for past times, one for each; times that were started before are left out.
    Backfill {
        /// Id of the schedule.
        id: String,
        /// From when, included, such as `2027-01-01T00:00:00Z`.
        #[arg(long)]
        from: String,
        /// To when, left out.
        #[arg(long)]
        to: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Beside each other instead of one after the other.
        #[arg(long)]
        parallel: bool,
        /// Only count.
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists what came of a schedule's points in time, newest first.
    History {
        /// Id of the schedule.
        id: String,
    },
    /// Removes a schedule and its history.
    Delete {
        /// Id of the schedule.
        id: String,
    },
}
