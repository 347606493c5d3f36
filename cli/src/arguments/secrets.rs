//! Arguments of `sluice secret` and `sluice variable`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct SecretOptions {
    /// What to do; lists the secrets when absent.
    #[command(subcommand)]
    pub what: Option<SecretCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Lists the secrets, never their values.
    List,
    /// Makes a secret, or gives it a new value: it is typed, or comes from standard input or a file.
    Set {
        /// Name in definitions, as in `{{secrets.NAME}}`.
        name: String,
        /// Takes the value from this file, without its last line break; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
        /// Leaves the value as it is, to change hosts or description alone.
        #[arg(long, conflicts_with = "value_file")]
        keep_value: bool,
        /// Only in calls to this host, such as `api.example.com`; may be given several times. What was said before
        /// stays when absent.
        #[arg(long = "host")]
        hosts: Vec<String>,
        /// In calls to any host.
        #[arg(long, conflicts_with = "hosts")]
        any_host: bool,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// Removes a secret that nobody uses.
    #[command(alias = "delete")]
    Rm {
        /// Name or id of the secret.
        secret: String,
    },
}

#[derive(Debug, Args)]
pub struct VariableOptions {
    /// What to do; lists the variables when absent.
    #[command(subcommand)]
    pub what: Option<VariableCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum VariableCommand {
    /// Lists the variables with their values.
    List,
    /// Makes a variable, or gives it another value: executions that are started from now on have it.
    Set {
        /// Name in definitions, as in `{{vars.NAME}}`.
        name: String,
        /// The value: JSON, or `@` and a file.
        #[arg(allow_negative_numbers = true)]
        value: String,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
        /// JSON Schema that the value has to fit: JSON, or `@` and a file; `null` for none.
        #[arg(long)]
        schema: Option<String>,
        /// Revision that the change is based on.
        #[arg(long)]
        revision: Option<i32>,
    },
    /// Removes a variable that nobody uses.
    #[command(alias = "delete")]
    Rm {
        /// Name or id of the variable.
        variable: String,
    },
}
