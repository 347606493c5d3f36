//! Events, live.

use async_graphql::{Context, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, events};

use super::directives::authorized;
use super::errors::{IntoGraphql, top_level};
use super::event::Event;
use super::filters::EventFilter;
use super::gate::declared;
use super::viewer::Permission;
use super::viewer_of;

/// An event that came.
#[derive(SimpleObject)]
pub struct EventReceived {
    /// Position, for `after`.
    cursor: String,
    /// Event.
    event: Event,
}

/// Live lists of events.
pub struct EventSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl EventSubscription {
    /// Events as they come, each once, in the order in which they were committed.
    #[graphql(directive = authorized::apply(Permission::EventRead))]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Which items to return; all conditions must hold. `hasExecutions` and `outcomes` are not possible here: what comes of an event is known later."
        )]
        filter: Option<EventFilter>,
        #[graphql(desc = "Cursor of the last item seen.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<EventReceived>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let filter = filter.unwrap_or_default().resolve(services);
        let received = events::follow(services, viewer, filter, after.as_deref()).await.graphql()?;
        Ok(received
            .map_err(|error| top_level(&error))
            .map_ok(|one| EventReceived { cursor: one.cursor, event: Event(one.event) })
            .boxed())
    }
}
