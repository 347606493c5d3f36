//! From the members of a request to an operation that may run, on every transport alike.

use async_graphql::ServerError;

use crate::http::Shared;
use crate::operation::{Operation, Params};
use crate::persisted;
use crate::runner::Caller;

/// Finds the document, measures it, asks the policies and takes the first points.
pub(crate) async fn admit<E>(
    shared: &Shared<E>,
    mut params: Params,
    caller: &Caller,
) -> Result<Operation, ServerError> {
    // Looking for the document is work too.
    caller.account.pay(1).await?;
    let config = &shared.config;
    let viewer = caller.viewer.as_ref();
    let digest = persisted::digest_of(params.extensions())?;
    let mut is_new = false;
    if let Some(digest) = &digest {
        if let Some(document) = params.query() {
            persisted::check_digest(document, digest)?;
            is_new = true;
        } else {
            let document = match config.operations.find(digest) {
                Some(known) => known.to_owned(),
                None => persisted::find(config.persisted.as_ref(), viewer, digest).await?.to_string(),
            };
            params.set_query(document);
        }
    }
    if let Some(document) = params.query() {
        config.operations.admit(document, viewer)?;
    }
    let documents = if viewer.is_some() { &shared.documents } else { &shared.documents_of_strangers };
    let (operation, known) = params.prepare(documents)?;
    let outline = &known.outline;
    if outline.introspects() {
        config.introspection.admit(viewer)?;
    }
    caller.account.pay(u32::try_from(outline.root_fields()).unwrap_or(u32::MAX).saturating_add(1)).await?;
    if is_new {
        persisted::keep(config.persisted.as_ref(), viewer, &operation.request.query).await;
    }
    Ok(operation)
}
