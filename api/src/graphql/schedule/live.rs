//! Schedules, live.

use async_graphql::{Context, ID, Result, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt};
use service::{Services, schedules};

use super::node::Schedule;
use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::filters::parse_id;
use crate::graphql::gate::declared;
use crate::graphql::viewer::Permission;
use crate::graphql::viewer_of;

/// Schedules, live.
pub struct ScheduleSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl ScheduleSubscription {
    /// A schedule: at once, and again whenever it was changed or has fired, until it is deleted.
    #[graphql(directive = authorized::apply(Permission::ScheduleRead))]
    async fn schedule_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Schedule.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Schedule>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let updates = schedules::updates(services, viewer, parse_id(&id)?).await.graphql()?;
        Ok(updates.map(|row| row.map_err(|error| top_level(&error)).and_then(Schedule::of)).boxed())
    }
}
