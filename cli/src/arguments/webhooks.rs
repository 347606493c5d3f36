//! Arguments of `sluice webhooks`.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct WebhooksOptions {
    /// What to do; lists the webhook endpoints when absent.
    #[command(subcommand)]
    pub what: Option<WebhooksCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Lists the addresses that are told of what happens, newest first.
    List,
    /// Lets an address be told from now on, and prints its id and its signing secret.
    Create {
        /// The address.
        address: String,
        /// What to tell, such as `execution.failed`, `execution.*` or `*`; may be given several times.
        #[arg(long = "event", default_value = "*")]
        events: Vec<String>,
        /// Id of a workflow; only such ones are told of; may be given several times.
        #[arg(long = "workflow", value_name = "ID")]
        workflows: Vec<String>,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// Changes what is given of a webhook endpoint, and leaves the rest as it is.
    Update(UpdateOptions),
    /// Switches an address on again.
    Enable {
        /// Id of the webhook endpoint.
        id: String,
    },
    /// Switches an address off: nothing is sent.
    Disable {
        /// Id of the webhook endpoint.
        id: String,
    },
    /// Makes a new signing secret and prints it; for a day messages are signed with both.
    RotateSecret {
        /// Id of the webhook endpoint.
        id: String,
    },
    /// Sends an address a message that tells nothing.
    Test {
        /// Id of the webhook endpoint.
        id: String,
    },
    /// Lists what was sent to an address, newest first, with the last answer.
    Deliveries {
        /// Id of the webhook endpoint.
        id: String,
        /// Only those that were tried and not accepted.
        #[arg(long)]
        failed: bool,
        /// How many to list, newest first; at most 100.
        #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Sends a message again.
    Redeliver {
        /// Id of the message.
        delivery: String,
    },
    /// Removes an address with its messages.
    Delete {
        /// Id of the webhook endpoint.
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct UpdateOptions {
    /// Id of the webhook endpoint.
    pub id: String,
    /// Another address.
    #[arg(long)]
    pub address: Option<String>,
    /// Tell this instead, such as `execution.failed`, `execution.*` or `*`; may be given several times.
    #[arg(long = "event")]
    pub events: Vec<String>,
    /// Id of a workflow; only such ones are told of; may be given several times.
    #[arg(long = "workflow", value_name = "ID")]
    pub workflows: Vec<String>,
    /// Tell of all workflows.
    #[arg(long, conflicts_with = "workflows")]
    pub all_workflows: bool,
    /// What it is for.
    #[arg(long)]
    pub description: Option<String>,
    /// Only when nobody has changed it since this revision, which `list` tells in JSON.
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<i32>,
}
