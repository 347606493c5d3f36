//! A loader: how data that definitions declare by name is fetched.

use async_graphql::{Context, ID, Object, Result};
use store::{PartKind, ResourceLoaderRow};

use super::called::Service;
use super::used::{stored, used_by};
use crate::graphql::connection::{PageArguments, Paged};
use crate::graphql::directives::authorized;
use crate::graphql::scalars::{DateTime, Duration, Json};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::workflow::Workflow;

/// Fetches data that workflows declare, such as `order.details`.
#[derive(Debug, Clone)]
pub struct ResourceLoader(pub(super) ResourceLoaderRow);

/// Fetches data that workflows declare, such as `order.details`.
#[Object]
impl ResourceLoader {
    /// Global id, prefix `ldr_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in `context.load`.
    async fn resource(&self) -> &str {
        &self.0.name
    }

    /// What it gives.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Where it asks.
    async fn service(&self, ctx: &Context<'_>) -> Result<Option<Service>> {
        super::loaders::service(ctx, &self.0.service).await
    }

    /// Request with templates.
    async fn request(&self) -> Result<Json> {
        Ok(async_graphql::Json(stored(&self.0.request)?))
    }

    /// Which part of the answer to keep.
    async fn result_path(&self) -> Option<&str> {
        self.0.result_path.as_deref()
    }

    /// JSON Schema that the result has to fit.
    async fn output_schema(&self) -> Result<Option<Json>> {
        Ok(self.0.output_schema.as_deref().map(stored).transpose()?.map(async_graphql::Json))
    }

    /// True: without it the execution fails.
    async fn is_required(&self) -> bool {
        self.0.is_required
    }

    /// How long an answer is kept; zero: not at all.
    async fn time_to_live(&self) -> Duration {
        Duration::between_ms(0, self.0.time_to_live_ms)
    }

    /// Workflows whose published version declares it.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<Workflow>> {
        used_by(ctx, PartKind::Resource, &self.0.name, PageArguments { first, after, last, before }).await
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.0.revision
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
