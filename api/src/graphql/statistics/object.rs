//! Numbers over a window, as a whole, over time, by workflow and by step.

use std::collections::HashMap;

use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use ids::WorkflowId;
use service::statistics::{self, Numbers, Scope, StepNumbers, Window};
use service::{Services, Viewer, error_groups};
use store::Measured;

use super::approvals::ApprovalStatistics;
use super::counts::{OutcomeCount, StatusCount};
use super::durations::DurationStatistics;
use super::series::{Bucket, StatisticsPoint};
use crate::graphql::connection::MAX_PAGE;
use crate::graphql::directives::authorized;
use crate::graphql::error_groups::ErrorGroup;
use crate::graphql::errors::{IntoGraphql, invalid};
use crate::graphql::loaders::{loader, shared};
use crate::graphql::scalars::{DateTime, TimeZone, int};
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// From one moment to another.
#[derive(Debug, Clone, Copy, SimpleObject)]
pub struct TimeRange {
    /// Start, included.
    from: DateTime,
    /// End, left out.
    to: DateTime,
}

impl TimeRange {
    fn of(window: Window) -> Self {
        Self { from: DateTime::from_ms(window.from_ms()), to: DateTime::from_ms(window.to_ms()) }
    }
}

/// What workflows are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum WorkflowRankField {
    /// Executions started.
    Started,
    /// Failures.
    Failed,
    /// Share of failures.
    FailureRate,
    /// 95th percentile of the duration.
    P95,
}

impl From<WorkflowRankField> for statistics::WorkflowRank {
    fn from(field: WorkflowRankField) -> Self {
        match field {
            WorkflowRankField::Started => Self::Started,
            WorkflowRankField::Failed => Self::Failed,
            WorkflowRankField::FailureRate => Self::FailureRate,
            WorkflowRankField::P95 => Self::P95,
        }
    }
}

/// Numbers over a time window. Rates are over ended executions only.
#[derive(Debug, Clone)]
pub struct Statistics {
    scope: Scope,
    numbers: Numbers,
}

impl Statistics {
    pub(super) async fn read(services: &Services, viewer: &Viewer, scope: Scope) -> Result<Self> {
        let numbers = statistics::totals(services, viewer, &scope).await.graphql()?;
        Ok(Self { scope, numbers })
    }

    pub(super) const fn of(scope: Scope, numbers: Numbers) -> Self {
        Self { scope, numbers }
    }
}

/// Numbers over a time window. Rates are over ended executions only.
#[Object]
impl Statistics {
    /// The window measured: what was asked for, widened to whole quarters of an hour.
    async fn window(&self) -> TimeRange {
        TimeRange::of(self.scope.window)
    }

    /// Executions that ended in the window, by state; `executionCounts` has those that live.
    async fn counts(&self) -> Vec<StatusCount> {
        StatusCount::of_ended(&self.numbers)
    }

    /// Executions that ended well in the window, by decision.
    async fn outcomes(&self) -> Vec<OutcomeCount> {
        OutcomeCount::of_ended(&self.numbers)
    }

    /// Started in the window.
    async fn started(&self) -> i32 {
        int(self.numbers.of(Measured::Started))
    }

    /// Ended in the window. What failed, was retried and ended again has ended twice.
    async fn ended(&self) -> i32 {
        int(self.numbers.ended())
    }

    /// Completed over ended; null when none ended.
    async fn success_rate(&self) -> Option<f64> {
        self.numbers.success_rate()
    }

    /// Failed over ended; null when none ended.
    async fn failure_rate(&self) -> Option<f64> {
        self.numbers.failure_rate()
    }

    /// From start to end.
    async fn duration(&self) -> DurationStatistics {
        DurationStatistics(self.numbers.duration.clone())
    }

    /// From acceptance to start.
    async fn queue_wait(&self) -> DurationStatistics {
        DurationStatistics(self.numbers.queue_wait.clone())
    }

    /// Attempts of steps beyond the first.
    async fn retries(&self) -> i32 {
        int(self.numbers.of(Measured::StepRetried))
    }

    /// Over time, without gaps.
    #[graphql(complexity = "100 * child_complexity")]
    async fn series(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Width; chosen for some ten to a hundred points when absent.")] bucket: Option<Bucket>,
        #[graphql(desc = "Zone of the bucket borders; UTC when absent.")] time_zone: Option<TimeZone>,
    ) -> Result<Vec<StatisticsPoint>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let zone = time_zone.as_ref().map(|zone| zone.0.as_str());
        let points = statistics::series(services, viewer, &self.scope, bucket.map(Into::into), zone).await.graphql()?;
        Ok(points.into_iter().map(StatisticsPoint).collect())
    }

    /// By workflow. Workflows that do not exist any more are left out.
    #[graphql(complexity = "50 + first.clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.", default = 10)] first: i32,
        #[graphql(
            desc = "Sort order; the id breaks ties, so pages are stable.",
            default_with = "WorkflowRankField::Started"
        )]
        order_by: WorkflowRankField,
    ) -> Result<Vec<WorkflowStatistics>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let first = size(first)?;
        let ranked = statistics::workflows(services, viewer, &self.scope, order_by.into(), first).await.graphql()?;
        let known = known(ctx, ranked.iter().map(|(id, _numbers)| *id).collect()).await?;
        let shown = ranked.into_iter().filter_map(|(id, numbers)| {
            let workflow = known.get(&id)?.clone();
            Some(WorkflowStatistics { workflow, numbers })
        });
        Ok(shown.collect())
    }

    /// Approvals.
    #[graphql(complexity = "20 + child_complexity", directive = authorized::apply(Permission::ApprovalRead))]
    async fn approvals(&self, ctx: &Context<'_>) -> Result<ApprovalStatistics> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let (numbers, pending, overdue) = statistics::approvals(services, viewer, &self.scope).await.graphql()?;
        Ok(ApprovalStatistics::of(numbers, pending, overdue))
    }

    /// Failures by cause that are not looked after, the most frequent first.
    #[graphql(complexity = "50 + first.clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn errors(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.", default = 10)] first: i32,
    ) -> Result<Vec<ErrorGroup>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let (first, open) = (size(first)?, Some(store::ErrorGroupStatus::Open));
        let groups = error_groups::list(services, viewer, &self.scope, open).await.graphql()?;
        Ok(groups.into_iter().take(first).map(ErrorGroup).collect())
    }

    /// By step, slowest on average first. Steps of workflows that do not exist any more are left out.
    #[graphql(complexity = "50 + first.clamp(1, 100) as usize * child_complexity", directive = authorized::apply(Permission::WorkflowRead))]
    async fn steps(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.", default = 10)] first: i32,
    ) -> Result<Vec<StepStatistics>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let limit = size(first)? as u64;
        let steps = statistics::steps(services, viewer, &self.scope, limit).await.graphql()?;
        let known = known(ctx, steps.iter().map(|step| step.workflow).collect()).await?;
        let shown = steps.into_iter().filter_map(|step| {
            let workflow = known.get(&step.workflow)?.clone();
            Some(StepStatistics { workflow, step })
        });
        Ok(shown.collect())
    }
}

fn size(first: i32) -> Result<usize> {
    let size = usize::try_from(first).ok().filter(|size| (1..=MAX_PAGE).contains(size));
    size.ok_or_else(|| invalid(format!("`first` must be 1 to {MAX_PAGE}, not {first}")))
}

/// Those of these workflows that exist.
async fn known(ctx: &Context<'_>, ids: Vec<WorkflowId>) -> Result<HashMap<WorkflowId, Workflow>> {
    let found = loader(ctx)?.load_many(ids).await.map_err(|error| shared(&error))?;
    Ok(found.into_iter().map(|(id, row)| (id, Workflow(row))).collect())
}

/// Numbers of one workflow.
#[derive(Debug, Clone)]
pub struct WorkflowStatistics {
    workflow: Workflow,
    numbers: Numbers,
}

/// Numbers of one workflow.
#[Object]
impl WorkflowStatistics {
    /// Workflow.
    async fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// Started.
    async fn started(&self) -> i32 {
        int(self.numbers.of(Measured::Started))
    }

    /// Ended.
    async fn ended(&self) -> i32 {
        int(self.numbers.ended())
    }

    /// Failed.
    async fn failed(&self) -> i32 {
        int(self.numbers.of(Measured::Failed))
    }

    /// Completed over ended; null when none ended.
    async fn success_rate(&self) -> Option<f64> {
        self.numbers.success_rate()
    }

    /// Durations.
    async fn duration(&self) -> DurationStatistics {
        DurationStatistics(self.numbers.duration.clone())
    }
}

/// Numbers of one step.
#[derive(Debug, Clone)]
pub struct StepStatistics {
    workflow: Workflow,
    step: StepNumbers,
}

/// Numbers of one step.
#[Object]
impl StepStatistics {
    /// Workflow.
    async fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// Step.
    async fn step_key(&self) -> &str {
        &self.step.step
    }

    /// Executions of the step that ended.
    async fn total(&self) -> i32 {
        let numbers = &self.step.numbers;
        int(numbers.of(Measured::StepSucceeded) + numbers.of(Measured::StepFailed))
    }

    /// Failed ones.
    async fn failed(&self) -> i32 {
        int(self.step.numbers.of(Measured::StepFailed))
    }

    /// Attempts beyond the first.
    async fn retries(&self) -> i32 {
        int(self.step.numbers.of(Measured::StepRetried))
    }

    /// Durations, from the first attempt to the end.
    async fn duration(&self) -> DurationStatistics {
        DurationStatistics(self.step.numbers.duration.clone())
    }
}
