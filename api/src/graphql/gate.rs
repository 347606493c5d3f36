//! What happens before a resolver: it gets a loader of its own request, and does not run unless the viewer has
//! what its field declares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextPrepareRequest, NextResolve, ResolveInfo,
};
use async_graphql::{
    Context, PathSegment, QueryPathNode, QueryPathSegment, Request, Response, ServerError, ServerResult, Value,
};
use service::{Code, Viewer};

use super::audit;
use super::errors::top_level;
use super::loaders::LoaderCell;
use super::needs::{Need, Needs, Refusal};
use crate::errors::server_error;

/// Makes a [`Gate`] for each request. It is one extension for two purposes, because each one costs every
/// field an allocation.
pub(super) struct Gates;

impl ExtensionFactory for Gates {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Gate { needs: Needs::of_api(), refused: Mutex::default() })
    }
}

struct Gate {
    needs: &'static Needs,
    /// Errors of fields that are null because they were refused.
    refused: Mutex<Vec<ServerError>>,
}

impl Gate {
    fn refused(&self) -> MutexGuard<'_, Vec<ServerError>> {
        // No code panics while it holds the lock.
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Gate {
    /// What one viewer reads is never another's.
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        next.run(ctx, request.data(LoaderCell::default())).await
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(need) = self.needs.of_field(parent(&info), info.name) else { return next.run(ctx, info).await };
        let Err(refusal) = need.check(ctx.data_opt::<Viewer>()) else { return next.run(ctx, info).await };
        let mut error = refusal.told(info.name).into_server_error(info.field.name.pos);
        error.path = path(info.path_node);
        if info.return_type.ends_with('!') {
            return Err(error);
        }
        if info.path_node.parent.is_none() {
            audit::note_denial(error.extensions.as_ref());
        }
        // An error would take the field's key out of the answer.
        self.refused().push(error);
        Ok(None)
    }

    /// Runs once for a query or mutation, and once for each event of a subscription.
    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let mut response = next.run(ctx, operation_name).await;
        response.errors.append(&mut self.refused());
        response
    }
}

impl Refusal {
    fn told(self, field: &str) -> async_graphql::Error {
        match self {
            Self::Known(error) => top_level(&error),
            Self::Undeclared => {
                tracing::error!(field, "a field declares no permission and is refused");
                let error = server_error(Code::Forbidden, format!("the field `{field}` is open to nobody"));
                async_graphql::Error { message: error.message, source: None, extensions: error.extensions }
            }
        }
    }
}

/// The type that a field is declared in. What belongs to no field is a root; those of subscriptions come under the name
/// of the part that they are merged from.
fn parent<'a>(info: &ResolveInfo<'a>) -> &'a str {
    match (info.path_node.parent, info.parent_type) {
        (Some(_), parent) | (None, parent @ ("Query" | "Mutation")) => parent,
        (None, _part) => "Subscription",
    }
}

fn path(node: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let mut path: Vec<PathSegment> = std::iter::successors(Some(node), |node| node.parent)
        .map(|node| match node.segment {
            QueryPathSegment::Index(index) => PathSegment::Index(index),
            QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
        })
        .collect();
    path.reverse();
    path
}

/// Refuses a subscription before its stream begins: extensions see its events alone.
pub(super) fn declared(ctx: &Context<'_>) -> async_graphql::Result<()> {
    let name = ctx.field().name();
    let need = Needs::of_api().of_field("Subscription", name).unwrap_or(Need::Undeclared);
    need.check(ctx.data_opt::<Viewer>()).map_err(|refusal| refusal.told(name))
}
