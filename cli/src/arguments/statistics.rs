//! The command line of numbers.

use clap::{Args, Subcommand, ValueEnum};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct StatsOptions {
    /// Slug or id of one workflow; all of them when absent.
    #[arg(long)]
    pub workflow: Option<String>,
    /// How far back, such as `1h`, `24h` or `30d`.
    #[arg(long, default_value = "24h")]
    pub since: String,
    /// Print the numbers over time too, in parts as wide as this.
    #[arg(long, value_enum, value_name = "WIDTH")]
    pub by: Option<Width>,
    /// Zone of the borders of those parts, such as `Europe/Berlin`; UTC when absent.
    #[arg(long, value_name = "ZONE", requires = "by")]
    pub time_zone: Option<String>,
    /// Go on, and print the numbers again whenever they have changed, but not more often than this; `5s` when nothing
    /// is said.
    #[arg(long, value_name = "EVERY", num_args = 0..=1, default_missing_value = "5s")]
    pub watch: Option<String>,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// Parts of time.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Width {
    /// Quarters of an hour.
    QuarterHour,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks from Monday.
    Week,
}

impl Width {
    /// As the API calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuarterHour => "QUARTER_HOUR",
            Self::Hour => "HOUR",
            Self::Day => "DAY",
            Self::Week => "WEEK",
        }
    }
}

#[derive(Debug, Args)]
pub struct ErrorsOptions {
    /// What to do; lists them when absent.
    #[command(subcommand)]
    pub what: Option<ErrorsCommand>,
    /// Slug or id of one workflow; all of them when absent.
    #[arg(long)]
    pub workflow: Option<String>,
    /// How far back, such as `1h`, `24h` or `30d`.
    #[arg(long, default_value = "24h")]
    pub since: String,
    /// Those that are resolved or ignored, too.
    #[arg(long)]
    pub all: bool,
    /// How many to list, the most frequent first; at most 100.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum ErrorsCommand {
    /// Marks a cause as corrected; it opens again when it comes back.
    Resolve {
        /// Its id.
        group: String,
        /// Why; for the audit log.
        #[arg(long)]
        note: Option<String>,
    },
    /// Marks a cause as of no interest.
    Ignore {
        /// Its id.
        group: String,
        /// Why; for the audit log.
        #[arg(long)]
        note: Option<String>,
    },
    /// Marks a cause as not looked after.
    Reopen {
        /// Its id.
        group: String,
        /// Why; for the audit log.
        #[arg(long)]
        note: Option<String>,
    },
}
