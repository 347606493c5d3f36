//! Arguments of `sluice service` and `sluice resource`.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct ServiceOptions {
    /// What to do; lists the services when absent.
    #[command(subcommand)]
    pub what: Option<ServiceCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Lists the services, newest first.
    List,
    /// Shows a service, and the workflows that use it.
    Show {
        /// Name or id of the service.
        service: String,
    },
    /// Makes a service and prints its id.
    Create {
        /// Name in definitions.
        name: String,
        /// Sort of system: http, graphql, sql, redis, email, chat, ai or records.
        #[arg(long)]
        kind: String,
        #[command(flatten)]
        said: ServiceFields,
    },
    /// Changes what is given of a service, and leaves the rest as it is; it counts for the next call.
    Update {
        /// Name or id of the service.
        service: String,
        #[command(flatten)]
        said: ServiceFields,
        /// Revision that the change is based on.
        #[arg(long)]
        revision: Option<i32>,
    },
    /// Asks a service that is called over HTTP whether it is there, without credentials; exits with 1 when it is not.
    Check {
        /// Name or id of the service.
        service: String,
    },
    /// Removes a service that nobody uses.
    #[command(alias = "delete")]
    Rm {
        /// Name or id of the service.
        service: String,
    },
}

/// What may be said of a service.
#[derive(Debug, Args)]
pub struct ServiceFields {
    /// Where it is, such as `https://api.example.com/v1`.
    #[arg(long)]
    pub base_url: Option<String>,
    /// How it is called: none, basic, bearer, api-key or hmac.
    #[arg(long, value_name = "WAY")]
    pub auth: Option<String>,
    /// Name of the secret that it is called with.
    #[arg(long, value_name = "NAME", requires = "auth")]
    pub secret: Option<String>,
    /// The header that the key stands in, with `--auth api-key`; `x-api-key` when absent.
    #[arg(long, value_name = "NAME", requires = "auth")]
    pub header: Option<String>,
    /// Headers, time limit, entities, templates and the like: JSON, or `@` and a file.
    #[arg(long)]
    pub settings: Option<String>,
    /// Title.
    #[arg(long)]
    pub title: Option<String>,
}

#[derive(Debug, Args)]
pub struct ResourceOptions {
    /// What to do; lists the resources when absent.
    #[command(subcommand)]
    pub what: Option<ResourceCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum ResourceCommand {
    /// Lists the resources, newest first.
    List,
    /// Shows a resource, and the workflows that load it.
    Show {
        /// Name or id of the resource.
        resource: String,
    },
    /// Makes a resource and prints its id.
    Create {
        /// Name in `context.load`, such as `order.details`.
        name: String,
        /// Name or id of the service that has it.
        #[arg(long)]
        service: String,
        /// The request, with templates over the context: JSON, or `@` and a file.
        #[arg(long)]
        request: String,
        #[command(flatten)]
        said: ResourceFields,
    },
    /// Changes what is given of a resource, and leaves the rest as it is.
    Update {
        /// Name or id of the resource.
        resource: String,
        /// Name or id of the service that has it.
        #[arg(long)]
        service: Option<String>,
        /// The request, with templates over the context: JSON, or `@` and a file.
        #[arg(long)]
        request: Option<String>,
        #[command(flatten)]
        said: ResourceFields,
        /// Revision that the change is based on.
        #[arg(long)]
        revision: Option<i32>,
    },
    /// Removes a resource that nobody uses.
    #[command(alias = "delete")]
    Rm {
        /// Name or id of the resource.
        resource: String,
    },
}

/// What may be said of a resource beside its service and its request.
#[derive(Debug, Args)]
pub struct ResourceFields {
    /// Which part of the answer to keep, such as `data.order`.
    #[arg(long, value_name = "PATH")]
    pub result: Option<String>,
    /// JSON Schema of the result: JSON, or `@` and a file.
    #[arg(long)]
    pub schema: Option<String>,
    /// Whether an execution fails without it.
    #[arg(long, value_name = "BOOLEAN")]
    pub required: Option<bool>,
    /// How long an answer is kept, such as `5m`; `0s` for not at all.
    #[arg(long, value_name = "DURATION")]
    pub keep: Option<String>,
    /// What it gives.
    #[arg(long)]
    pub description: Option<String>,
}
