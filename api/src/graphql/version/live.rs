//! Changes of workflows, live.

use async_graphql::{Context, Enum, ID, Result, SimpleObject, Subscription as GraphqlSubscription};
use futures::{Stream, StreamExt, TryStreamExt};
use service::{Services, workflows};

use crate::graphql::directives::authorized;
use crate::graphql::errors::{IntoGraphql, top_level};
use crate::graphql::filters::parse_id;
use crate::graphql::gate::declared;
use crate::graphql::viewer::{Actor, Permission};
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// What can happen to a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "workflows::UpdateKind")]
pub enum WorkflowUpdateKind {
    /// A draft was saved.
    DraftSaved,
    /// A draft was thrown away.
    DraftDiscarded,
    /// A version was published, or is the published one again.
    Published,
    /// Enabled.
    Enabled,
    /// Disabled.
    Disabled,
    /// Its record changed, or it was brought back from the archive.
    Updated,
    /// Archived.
    Archived,
}

/// A change of a workflow.
#[derive(SimpleObject)]
pub struct WorkflowUpdate {
    /// Position, for `after`.
    cursor: String,
    /// What happened.
    kind: WorkflowUpdateKind,
    /// State when this item was read.
    workflow: Workflow,
    /// Who did it.
    actor: Actor,
}

/// Live changes of workflows.
pub struct VersionSubscription;

/// What can be followed live.
#[GraphqlSubscription(guard = "declared")]
impl VersionSubscription {
    /// Drafts, publications and switches of a workflow, also by others, until it is deleted.
    #[graphql(directive = authorized::apply(Permission::WorkflowRead))]
    async fn workflow_updated(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Workflow.")] id: ID,
        #[graphql(desc = "Cursor of the last item seen.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<WorkflowUpdate>> + use<>> {
        let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
        let updates = workflows::updates(services, viewer, parse_id(&id)?, after.as_deref()).await.graphql()?;
        Ok(updates
            .map_err(|error| top_level(&error))
            .map_ok(|update| WorkflowUpdate {
                cursor: update.cursor,
                kind: update.kind.into(),
                workflow: Workflow(update.workflow),
                actor: update.actor.into(),
            })
            .boxed())
    }
}
