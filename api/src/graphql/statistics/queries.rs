//! What can be asked for numbers.

use async_graphql::{Context, InputObject, Object, Result};
use ids::WorkflowId;
use service::statistics::{Scope, Window};
use service::{Code, Mistake, ServiceError, Services, Viewer, executions};

use super::counts::StatusCount;
use super::object::Statistics;
use crate::graphql::audit::TimeWindowInput;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, or_null};
use crate::graphql::filters::{ExecutionFilter, WorkflowRef};
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Of which executions numbers are told.
#[derive(Debug, Clone, Default, InputObject)]
pub struct StatisticsFilter {
    /// Of this workflow.
    workflow: Option<WorkflowRef>,
}

impl StatisticsFilter {
    /// The workflows. That one does not exist is an error: numbers of nothing look like those of a quiet workflow.
    pub(in crate::graphql) async fn resolve(
        self,
        services: &Services,
        viewer: &Viewer,
    ) -> Result<Option<Vec<WorkflowId>>> {
        let Some(reference) = self.workflow else { return Ok(None) };
        let found = match reference.parse()? {
            service::plans::WorkflowRef::Id(id) => Ok(id),
            service::plans::WorkflowRef::Slug(slug) => service::workflows::workflow_by_slug(services, viewer, &slug)
                .await
                .graphql()?
                .map(|row| row.id)
                .ok_or(slug),
        };
        let unknown = |slug: String| {
            let message = format!("there is no workflow `{slug}`");
            ServiceError::mistake(Mistake::new(Code::NotFound, "filter.workflow", message))
        };
        Ok(Some(vec![found.map_err(unknown).graphql()?]))
    }
}

/// Reads numbers.
#[derive(Default)]
pub struct StatisticsQuery;

/// Reads numbers.
#[Object]
impl StatisticsQuery {
    /// Numbers for the dashboard. What is asked costs the same however much happened in the window.
    #[graphql(complexity = "20 + child_complexity", directive = authorized::apply(Permission::AnalyticsRead))]
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Time window to measure over.")] window: TimeWindowInput,
        #[graphql(desc = "Of which executions; of all when absent.")] filter: Option<StatisticsFilter>,
    ) -> Option<Statistics> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let window = Window::resolve(services, window.into()).graphql()?;
            let workflows = filter.unwrap_or_default().resolve(services, viewer).await?;
            Statistics::read(services, viewer, Scope { window, workflows }).await
        };
        or_null(ctx, read.await)
    }

    /// Number per state, for the tabs of the list.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which items to count; all conditions must hold.")] filter: Option<ExecutionFilter>,
    ) -> Option<Vec<StatusCount>> {
        let read = async {
            let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
            let filter = filter.unwrap_or_default().resolve(services, viewer).await?;
            Ok(StatusCount::of_states(executions::counts(services, viewer, &filter).await.graphql()?))
        };
        or_null(ctx, read.await)
    }
}
