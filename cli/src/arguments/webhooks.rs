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
