//! A secret, without its value.

use async_graphql::{Context, ID, Object, Result};
use store::{PartKind, SecretRow};

use super::used::{stored, used_by};
use crate::graphql::connection::{PageArguments, Paged};
use crate::graphql::directives::authorized;
use crate::graphql::scalars::DateTime;
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::workflow::Workflow;

/// A value that can be used but never read back.
#[derive(Debug, Clone)]
pub struct Secret(pub(super) SecretRow);

/// A value that can be used but never read back.
#[Object]
impl Secret {
    /// Global id, prefix `sec_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in definitions: `secrets.NAME`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Hosts that it may go to: `host`, `host:port` or `*.example.com`; any when null.
    async fn allowed_hosts(&self) -> Result<Option<Vec<String>>> {
        self.0.allowed_hosts.as_deref().map(stored).transpose()
    }

    /// Grows with each new value.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Tells values apart without showing them.
    async fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// When it should be renewed.
    async fn rotate_at(&self) -> Option<DateTime> {
        self.0.rotate_at_ms.map(DateTime::from_ms)
    }

    /// Last use, to the hour.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at_ms.map(DateTime::from_ms)
    }

    /// Workflows whose published version uses it.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Workflow>> {
        used_by(ctx, PartKind::Secret, &self.0.name, PageArguments { first, after, last, before }).await
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.0.created_at_ms)
    }

    /// Last change.
    async fn updated_at(&self) -> DateTime {
        DateTime::from_ms(self.0.updated_at_ms)
    }

    /// Who changed it last.
    async fn updated_by(&self) -> Actor {
        Actor::from_id(&self.0.updated_by)
    }
}
