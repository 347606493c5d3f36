//! A variable.

use async_graphql::{Context, ID, Object, Result};
use store::{PartKind, VariableRow};

use super::used::{stored, used_by};
use crate::graphql::connection::{PageArguments, Paged};
use crate::graphql::directives::authorized;
use crate::graphql::scalars::{DateTime, Json};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::workflow::Workflow;

/// A named value for definitions.
#[derive(Debug, Clone)]
pub struct Variable(pub(super) VariableRow);

/// A named value for definitions.
#[Object]
impl Variable {
    /// Global id, prefix `var_`.
    async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// Name in definitions: `vars.NAME`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What it is for.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Value. Executions keep the one that they began with.
    async fn value(&self) -> Result<Json> {
        Ok(async_graphql::Json(stored(&self.0.value)?))
    }

    /// JSON Schema it must fit.
    async fn schema(&self) -> Result<Option<Json>> {
        Ok(self.0.schema.as_deref().map(stored).transpose()?.map(async_graphql::Json))
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
        used_by(ctx, PartKind::Variable, &self.0.name, PageArguments { first, after, last, before }).await
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
