//! Arguments of `sluice schedules`.

use clap::{ArgGroup, Args, Subcommand};

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
    #[arg(long = "cron", conflicts_with_all = ["every", "once"])]
    pub cron: Vec<String>,
    /// But not when this cron expression matches; may be given several times.
    #[arg(long = "exclude", value_name = "CRON", requires = "cron")]
    pub exclusions: Vec<String>,
    /// But not on this day, such as `2027-12-25`; may be given several times.
    #[arg(long = "exclude-date", value_name = "DATE", requires = "cron")]
    pub excluded_dates: Vec<String>,
    /// Every so often, such as `90s`.
    #[arg(long, conflicts_with = "once")]
    pub every: Option<String>,
    /// Counted from this moment, such as `2027-01-01T00:00:00Z`; from when it is made when absent.
    #[arg(long, value_name = "TIME", requires = "every")]
    pub anchor: Option<String>,
    /// Once, such as `2027-01-01T00:00:00Z`.
    #[arg(long)]
    pub once: Option<String>,
    /// Zone in which cron expressions are meant; UTC when nothing is said.
    #[arg(long)]
    pub zone: Option<String>,
    /// Times that a clock leaves out: shift (moved behind the gap, when nothing is said) or skip.
    #[arg(long)]
    pub gap: Option<String>,
    /// Times that a clock shows twice: first (when nothing is said), last or both.
    #[arg(long)]
    pub repeated: Option<String>,
}

/// What a schedule does when it fires, and within which bounds.
#[derive(Debug, Args)]
pub struct FiringOptions {
    #[command(flatten)]
    pub when: WhenOptions,
    /// Not before this moment.
    #[arg(long, value_name = "TIME")]
    pub starts_at: Option<String>,
    /// Not after this moment.
    #[arg(long, value_name = "TIME")]
    pub ends_at: Option<String>,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// The input of its executions: JSON, or `@` and a file.
    #[arg(long)]
    pub input: Option<String>,
    /// When the last execution still runs: skip (when nothing is said), `buffer_one`, `buffer_all`, `cancel_other` or
    /// `allow_all`.
    #[arg(long)]
    pub overlap: Option<String>,
    /// Missed times: none, latest (when nothing is said) or all.
    #[arg(long)]
    pub catch_up: Option<String>,
    /// With `--catch-up all` how many missed times at most, the latest ones; 100 when nothing is said.
    #[arg(long, value_name = "NUMBER")]
    pub catch_up_limit: Option<i32>,
    /// How far back missed times count; `1h` when nothing is said.
    #[arg(long)]
    pub window: Option<String>,
    /// Delay, at most this; `0s` when nothing is said.
    #[arg(long)]
    pub jitter: Option<String>,
    /// Pauses itself after so many failures in a row.
    #[arg(long)]
    pub pause_after_failures: Option<u8>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("times").args(["cron", "every", "once"]).required(true)))]
pub struct CreateOptions {
    /// Name to show.
    pub name: String,
    /// Slug or id of the workflow that it starts.
    #[arg(long)]
    pub workflow: String,
    #[command(flatten)]
    pub firing: FiringOptions,
    /// Make it paused.
    #[arg(long)]
    pub paused: bool,
}

#[derive(Debug, Args)]
pub struct UpdateOptions {
    /// Id of the schedule.
    pub id: String,
    /// Another name to show.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub firing: FiringOptions,
    /// Go on firing whatever its executions come to.
    #[arg(long, conflicts_with = "pause_after_failures")]
    pub fire_after_failures: bool,
    /// Only when nobody has changed it since this revision, which `show` tells.
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<i32>,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("times").args(["cron", "every", "once"]).required(true)))]
pub struct PreviewOptions {
    #[command(flatten)]
    pub when: WhenOptions,
    /// From when; now when absent.
    #[arg(long)]
    pub from: Option<String>,
    /// How many points in time.
    #[arg(long, default_value_t = 10)]
    pub count: u8,
}

#[derive(Debug, Subcommand)]
pub enum SchedulesCommand {
    /// Lists the schedules, newest first.
    List,
    /// Makes a schedule and prints its id.
    Create(Box<CreateOptions>),
    /// Changes what is given of a schedule, and leaves the rest as it is.
    Update(Box<UpdateOptions>),
    /// Shows a schedule, and when it fires next.
    Show {
        /// Id of the schedule.
        id: String,
    },
    /// Follows a schedule: as it is, and whenever it has changed or fired, until it is deleted.
    Watch {
        /// Id of the schedule.
        id: String,
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
    Preview(Box<PreviewOptions>),
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
