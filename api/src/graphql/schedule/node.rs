//! A schedule.

use async_graphql::{Context, ID, Object, Result};
use service::schedules::{self, Timing};
use service::{ServiceError, Services};
use store::ScheduleRow;

use super::backfill::ScheduleBackfill;
use super::fire::{FireTime, ScheduleFire};
use super::spec::{CatchUpPolicy, GapPolicy, OverlapPolicy, RepeatedTimePolicy, ScheduleSpec};
use crate::graphql::connection::{CountOf, PageArguments, Paged, of_list, paged};
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, invalid};
use crate::graphql::loaders::{LastFireOf, loader, shared};
use crate::graphql::operations::HealthStatus;
use crate::graphql::scalars::{DateTime, Duration, Json, TimeZone, int};
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// Starts a workflow at points in time.
#[derive(Debug, Clone)]
pub struct Schedule {
    row: ScheduleRow,
    timing: Timing,
}

impl Schedule {
    pub(in crate::graphql) fn of(row: ScheduleRow) -> Result<Self> {
        let timing = Timing::of(&row)
            .map_err(|error| ServiceError::Internal { what: "a stored schedule cannot be read", source: error.into() });
        Ok(Self { timing: timing.graphql()?, row })
    }
}

fn length(millis: i64) -> Duration {
    Duration::between_ms(0, millis)
}

/// Starts a workflow at points in time.
#[Object]
impl Schedule {
    /// Global id, prefix `sch_`.
    async fn id(&self) -> ID {
        ID(self.row.id.to_string())
    }

    /// What it starts.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow(&self, ctx: &Context<'_>) -> Result<Option<Workflow>> {
        Ok(loader(ctx)?.load_one(self.row.workflow_id).await.map_err(|error| shared(&error))?.map(Workflow))
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// Note.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// True: a trigger of the workflow's definition made it, and changes it when it is published.
    async fn is_managed(&self) -> bool {
        self.row.trigger_ordinal.is_some()
    }

    /// When.
    async fn spec(&self) -> ScheduleSpec {
        self.timing.spec.clone().into()
    }

    /// When, in words.
    async fn spec_text(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(schedules::next_fires(ctx.data::<Services>()?, &self.row, 0).graphql()?.words)
    }

    /// Zone in which the times are meant.
    async fn time_zone(&self) -> TimeZone {
        TimeZone(self.timing.time_zone.clone())
    }

    /// What happens to times that a clock change leaves out, unless every hour is meant.
    async fn gap_policy(&self) -> GapPolicy {
        self.timing.gap.into()
    }

    /// What happens to times that a clock change repeats, unless every hour is meant.
    async fn overlap_time_policy(&self) -> RepeatedTimePolicy {
        self.timing.repeated.into()
    }

    /// What happens when the last execution still runs.
    async fn overlap_policy(&self) -> OverlapPolicy {
        self.timing.overlap.into()
    }

    /// What happens to missed times.
    async fn catch_up_policy(&self) -> CatchUpPolicy {
        self.timing.catch_up.into()
    }

    /// How far back missed times count; without bound when null.
    async fn catch_up_window(&self) -> Option<Duration> {
        self.timing.catch_up_window_ms.map(length)
    }

    /// How many missed times are made up for at most, the latest of them; for `ALL`.
    async fn catch_up_limit(&self) -> i32 {
        int(self.timing.catch_up_limit)
    }

    /// Delay, at most this: the same in every process, and different from one time to the next.
    async fn jitter(&self) -> Duration {
        length(self.timing.jitter_ms)
    }

    /// Not before.
    async fn starts_at(&self) -> Option<DateTime> {
        self.timing.starts_at.map(DateTime)
    }

    /// Not after.
    async fn ends_at(&self) -> Option<DateTime> {
        self.timing.ends_at.map(DateTime)
    }

    /// Input of the executions; null too when a definition makes it.
    #[graphql(directive = authorized::apply(Permission::ExecutionDataRead))]
    async fn input(&self) -> Result<Option<Json>> {
        Ok(self.row.input.as_deref().map(serde_json::from_str).transpose()?.map(async_graphql::Json))
    }

    /// True: it does not fire.
    async fn is_paused(&self) -> bool {
        self.row.paused_at_ms.is_some()
    }

    /// Why.
    async fn paused_reason(&self) -> Option<&str> {
        self.row.paused_reason.as_deref()
    }

    /// By whom.
    async fn paused_by(&self) -> Option<Actor> {
        self.row.paused_by.as_deref().map(Actor::from_id)
    }

    /// What comes next, with what clock changes have to do with it; nothing while it is paused.
    #[graphql(complexity = "count.clamp(1, 100) as usize * child_complexity")]
    async fn next_fires(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many to return, at most 100.", default = 10)] count: i32,
    ) -> Result<Vec<FireTime>> {
        let next = schedules::next_fires(ctx.data::<Services>()?, &self.row, checked_count(count)?).graphql()?;
        Ok(next.fires.into_iter().map(FireTime::from).collect())
    }

    /// What came last.
    async fn last_fire(&self, ctx: &Context<'_>) -> Result<Option<ScheduleFire>> {
        let last = loader(ctx)?.load_one(LastFireOf(self.row.id)).await.map_err(|error| shared(&error))?;
        Ok(last.map(ScheduleFire))
    }

    /// What came, newest first; it is kept for 90 days.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn fires(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<ScheduleFire>> {
        let list = format!("fires:{}", self.row.id);
        let request = PageArguments { first, after, last, before }.request(ctx, &list)?;
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let page = schedules::runs(services, viewer, self.row.id, &request).await.graphql()?;
        paged(ctx, page, &list, CountOf::ScheduleFires(self.row.id), ScheduleFire)
    }

    /// True: it pauses itself when executions fail.
    async fn pause_on_failure(&self) -> bool {
        self.row.pause_after.is_some()
    }

    /// After how many failures in a row it pauses itself; null when it does not.
    async fn pause_after_failures(&self) -> Option<i32> {
        self.row.pause_after
    }

    /// Past times that were made up for, newest first.
    #[graphql(complexity = "first.or(last).unwrap_or(25).clamp(1, 100) as usize * child_complexity")]
    async fn backfills(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Take the first n items, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Continue after this cursor.")] after: Option<String>,
        #[graphql(desc = "Take the last n items, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<Paged<ScheduleBackfill>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let rows = schedules::backfills(services, viewer, self.row.id).await.graphql()?;
        let items = rows.into_iter().map(ScheduleBackfill).collect();
        of_list(ctx, items, &format!("backfills:{}", self.row.id), &PageArguments { first, after, last, before })
    }

    /// DEGRADED when a fire is late.
    async fn health(&self, ctx: &Context<'_>) -> Result<HealthStatus> {
        let is_late = schedules::is_late(ctx.data::<Services>()?, &self.row);
        Ok(if is_late { HealthStatus::Degraded } else { HealthStatus::Healthy })
    }

    /// Grows with each change.
    async fn revision(&self) -> i32 {
        self.row.revision
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        DateTime::from_ms(self.row.created_at_ms)
    }

    /// Who created it.
    async fn created_by(&self) -> Actor {
        Actor::from_id(&self.row.created_by)
    }
}

/// A number of points in time to show.
pub(super) fn checked_count(count: i32) -> Result<usize> {
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= 100)
        .ok_or_else(|| invalid(format!("`count` must be 0 to 100, not {count}")))
}
