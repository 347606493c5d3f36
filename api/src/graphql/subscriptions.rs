//! The subscriptions: each item carries a cursor, and `after` continues without gap or repeat.

use async_graphql::{Context, Enum, ID, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, executions};

use super::directives::authorized;
use super::errors::{IntoGraphql, top_level};
use super::execution::Execution;
use super::filters::{ExecutionFilter, parse_id};
use super::gate::declared;
use super::history::ExecutionEvent;
use super::viewer::Permission;
use super::viewer_of;

/// Live streams.
pub struct Subscription;

/// What happened in an execution.
#[derive(SimpleObject)]
pub struct ExecutionUpdate {
    /// Position, for `after`.
    cursor: String,
    /// Entry of the journal; null in the first item when `after` was absent.
    event: Option<ExecutionEvent>,
    /// The execution when this item was read.
    execution: Execution,
}

/// What a change means for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "executions::ChangeKind")]
pub enum ListChangeKind {
    /// The item fits the filter now.
    Entered,
    /// The item changed and still fits.
    Updated,
    /// The item does not fit any more.
    Left,
}

/// A change in a live list.
#[derive(SimpleObject)]
pub struct ExecutionChange {
    /// Position, for `after`.
    cursor: String,
    /// What happened.
    kind: ListChangeKind,
    /// Item.
    execution: Execution,
}

/// What can be followed live.
#[GraphqlSubscription(name = "MainSubscription", guard = "declared")]
impl Subscription {
    /// One execution, event by event, until it has ended.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn execution_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Execution.")] id: ID,
        #[graphql(desc = "Cursor of the last item seen; the current state first when absent.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ExecutionUpdate>> + use<>> {
        let id = parse_id(&id)?;
        let updates =
            executions::updates(ctx.data::<Services>()?, viewer_of(ctx)?, id, after.as_deref()).await.graphql()?;
        Ok(updates
            .map_err(|error| top_level(&error))
            .map_ok(move |update| ExecutionUpdate {
                cursor: update.cursor,
                event: update.event.map(|event| ExecutionEvent { execution: id, event }),
                execution: Execution(update.execution),
            })
            .boxed())
    }

    /// A live list: items that enter it, change in it, leave it.
    #[graphql(directive = authorized::apply(Permission::ExecutionRead))]
    async fn executions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which items to return; all conditions must hold.")] filter: Option<ExecutionFilter>,
        #[graphql(desc = "Cursor of the last item seen.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<ExecutionChange>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let filter = filter.unwrap_or_default().resolve(services, viewer).await?;
        let changes = executions::changes(services, viewer, filter, after.as_deref()).await.graphql()?;
        Ok(changes
            .map_err(|error| top_level(&error))
            .map_ok(|change| ExecutionChange {
                cursor: change.cursor,
                kind: change.kind.into(),
                execution: Execution(change.execution),
            })
            .boxed())
    }
}
