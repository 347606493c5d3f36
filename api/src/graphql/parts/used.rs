//! Workflows that use a part, and what columns with JSON hold.

use async_graphql::{Context, Result};
use serde::de::DeserializeOwned;
use service::{ServiceError, Services, workflows};
use store::{PartKind, PartName, WorkflowFilter, WorkflowOrder};

use crate::graphql::connection::{CountOf, PageArguments, Paged, paged};
use crate::graphql::errors::IntoGraphql;
use crate::graphql::viewer_of;
use crate::graphql::workflow::Workflow;

/// The workflows within reach whose published version names the part.
pub(super) async fn used_by(
    ctx: &Context<'_>,
    kind: PartKind,
    name: &str,
    arguments: PageArguments,
) -> Result<Paged<Workflow>> {
    let (services, viewer) = (ctx.data::<Services>()?, viewer_of(ctx)?);
    let list = format!("users:{kind:?}:{name}");
    let request = arguments.request(ctx, &list)?;
    let part = PartName { kind, name: name.to_owned() };
    let filter = WorkflowFilter { uses_part: Some(part), ..WorkflowFilter::default() };
    let page = workflows::page(services, viewer, &filter, WorkflowOrder::default(), &request).await.graphql()?;
    paged(ctx, page, &list, CountOf::Workflows(Box::new(filter)), Workflow)
}

/// What a column with JSON holds.
pub(super) fn stored<T: DeserializeOwned>(text: &str) -> Result<T> {
    let read = serde_json::from_str(text).map_err(|error| ServiceError::Internal {
        what: "a stored part of the organization cannot be read",
        source: error.into(),
    });
    read.graphql()
}
