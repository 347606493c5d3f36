//! Arguments of `sluice bulk`.

use clap::{Args, Subcommand};

use super::ServerOptions;
use super::executions::WhichOptions;

#[derive(Debug, Args)]
pub struct BulkOptions {
    /// What to do; lists the bulk operations when absent.
    #[command(subcommand)]
    pub what: Option<BulkCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

/// Which executions, and how.
#[derive(Debug, Args)]
pub struct ManyOptions {
    #[command(flatten)]
    pub which: WhichOptions,
    /// This execution; may be given several times.
    #[arg(long = "id", conflicts_with_all = ["workflow", "statuses", "labels", "key", "schedule", "filter"])]
    pub ids: Vec<String>,
    /// Why, for the record.
    #[arg(long)]
    pub reason: String,
    /// Only count, and check what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Executions in a second at most.
    #[arg(long, value_name = "NUMBER")]
    pub rate: Option<i32>,
    /// Wait until it has ended, and show how far it is.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Debug, Subcommand)]
pub enum BulkCommand {
    /// Asks many executions to stop.
    Cancel(ManyOptions),
    /// Ends many executions at once, also where no worker answers.
    Terminate(ManyOptions),
    /// Lets many executions begin no further step until they are resumed.
    Pause(ManyOptions),
    /// Lets many paused executions go on.
    Resume {
        #[command(flatten)]
        many: ManyOptions,
        /// Merged over the data of each: JSON, or `@` and a file.
        #[arg(long)]
        data: Option<String>,
    },
    /// Lets many executions that failed go on from where they failed.
    Retry(ManyOptions),
    /// Starts new executions that repeat many that have ended.
    Rerun {
        #[command(flatten)]
        many: ManyOptions,
        /// Begin at this step of the flow; what was found out before it is taken over.
        #[arg(long, value_name = "STEP")]
        from_step: Option<String>,
    },
    /// Lets many executions that rest go on with another version of their workflow.
    Migrate {
        #[command(flatten)]
        many: ManyOptions,
        /// Number of the version.
        #[arg(long, value_name = "NUMBER")]
        to: i32,
    },
    /// Removes many executions that have ended, with their histories.
    Delete(ManyOptions),
    /// Lists the bulk operations, newest first.
    List,
    /// Shows a bulk operation, with what was not possible.
    Show {
        /// Id of the bulk operation.
        id: String,
    },
    /// Shows what came of each item of a bulk operation that starts executions.
    Items {
        /// Id of the bulk operation.
        id: String,
        /// Those alone of which this came: `open`, `started`, `found` or `refused`.
        #[arg(long)]
        status: Option<String>,
    },
    /// Follows a bulk operation until it has ended.
    Watch {
        /// Id of the bulk operation.
        id: String,
    },
    /// Holds a bulk operation.
    Hold {
        /// Id of the bulk operation.
        id: String,
    },
    /// Lets a bulk operation that is held go on.
    Continue {
        /// Id of the bulk operation.
        id: String,
    },
    /// Stops a bulk operation for good; what is done stays done.
    Stop {
        /// Id of the bulk operation.
        id: String,
    },
}
