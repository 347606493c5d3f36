//! Arguments of `sluice rules`.

use clap::{Args, Subcommand};

use super::ServerOptions;

#[derive(Debug, Args)]
pub struct RulesOptions {
    /// What to do; lists the rules when absent.
    #[command(subcommand)]
    pub what: Option<RulesCommand>,
    #[command(flatten)]
    pub server: ServerOptions,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Lists the rules, newest first.
    List,
    /// Shows a rule, and the steps that use it.
    Show {
        /// Slug or id of the rule.
        rule: String,
    },
    /// Follows a rule: as it is, and whenever it has changed, until it is deleted.
    Watch {
        /// Slug or id of the rule.
        rule: String,
    },
    /// Makes a rule and prints its id.
    Create {
        /// Name in definitions.
        slug: String,
        /// What it does: condition, validation or enrichment.
        #[arg(long)]
        kind: String,
        /// Conditions and effects: JSON, or `@` and a file.
        #[arg(long)]
        definition: String,
        /// Title; the slug when absent.
        #[arg(long)]
        name: Option<String>,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
        /// JSON Schema of the data that it reads: JSON, or `@` and a file.
        #[arg(long)]
        schema: Option<String>,
    },
    /// Changes a rule: executions that are started from now on use the new content.
    Update {
        /// Slug or id of the rule.
        rule: String,
        /// Conditions and effects: JSON, or `@` and a file.
        #[arg(long)]
        definition: Option<String>,
        /// Title.
        #[arg(long)]
        name: Option<String>,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
        /// JSON Schema of the data that it reads: JSON, or `@` and a file.
        #[arg(long)]
        schema: Option<String>,
        /// Revision that the change is based on.
        #[arg(long)]
        revision: Option<i32>,
    },
    /// Switches a rule on.
    Enable {
        /// Slug or id of the rule.
        rule: String,
    },
    /// Switches a rule off that no published version uses.
    Disable {
        /// Slug or id of the rule.
        rule: String,
    },
    /// Removes a rule that no published version uses.
    Delete {
        /// Slug or id of the rule.
        rule: String,
    },
    /// Tries a rule on some data; exits with 1 when it does not hold.
    Evaluate {
        /// Slug or id of a rule; none when `--kind` and `--definition` tell one that is not saved.
        #[arg(required_unless_present = "definition", conflicts_with_all = ["kind", "definition"])]
        rule: Option<String>,
        /// What it does: condition, validation or enrichment.
        #[arg(long, requires = "definition")]
        kind: Option<String>,
        /// Conditions and effects: JSON, or `@` and a file.
        #[arg(long, requires = "kind")]
        definition: Option<String>,
        /// What it reads: JSON, or `@` and a file.
        #[arg(long)]
        data: String,
    },
}
