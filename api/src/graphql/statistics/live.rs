//! Numbers, live.

use async_graphql::{Context, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, executions, statistics};

use super::counts::StatusCount;
use super::object::Statistics;
use super::queries::StatisticsFilter;
use crate::graphql::audit::TimeWindowInput;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::filters::ExecutionFilter;
use crate::graphql::gate::declared;
use crate::graphql::scalars::Duration;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Numbers at a moment.
#[derive(SimpleObject)]
pub struct StatisticsUpdate {
    /// Numbers.
    statistics: Statistics,
}

/// Number per state.
#[derive(SimpleObject)]
pub struct ExecutionCountsUpdate {
    /// Numbers.
    counts: Vec<StatusCount>,
}

/// Live numbers.
pub struct StatisticsSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl StatisticsSubscription {
    /// Numbers of the dashboard: at once, and again when something was counted or the window has moved on.
    #[graphql(complexity = "20 + child_complexity", directive = authorized::apply(Permission::AnalyticsRead))]
    async fn statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Time window to measure over; one until now moves on.")] window: TimeWindowInput,
        #[graphql(desc = "Of which executions; of all when absent.")] filter: Option<StatisticsFilter>,
        #[graphql(desc = "Distance of the items, at least one second; five when absent.")] every: Option<Duration>,
    ) -> Result<impl Stream<Item = Result<StatisticsUpdate>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let workflows = filter.unwrap_or_default().resolve(services, viewer).await?;
        let every = every.map_or(statistics::DEFAULT_EVERY, |every| every.0);
        let updates = statistics::updates(services, viewer, window.into(), workflows, every).graphql()?;
        Ok(updates
            .map_err(|error| top_level(&error))
            .map_ok(|update| StatisticsUpdate { statistics: Statistics::of(update.scope, update.totals) })
            .boxed())
    }

    /// Number per state: at once, and again when one has changed, at most once a second.
    #[graphql(complexity = "50 + child_complexity", directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution_counts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Which items to count; all conditions must hold. What is `within` a time is counted back from the beginning of the subscription: it does not move on."
        )]
        filter: Option<ExecutionFilter>,
    ) -> Result<impl Stream<Item = Result<ExecutionCountsUpdate>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let filter = filter.unwrap_or_default().resolve(services, viewer).await?;
        let updates = executions::count_updates(services, viewer, filter).graphql()?;
        Ok(updates
            .map_err(|error| top_level(&error))
            .map_ok(|counts| ExecutionCountsUpdate { counts: StatusCount::of_states(counts) })
            .boxed())
    }
}
