//! The GraphQL schema: resolvers translate, use cases decide.

mod connection;
mod control;
mod errors;
mod event;
mod execution;
mod explanation;
mod filters;
mod history;
mod loaders;
mod mutations;
mod operations;
mod operator;
mod payload;
mod problem;
mod queries;
mod retention;
mod scalars;
mod server;
mod step;
mod subscriptions;
mod summary;
mod test_run;
mod viewer;
mod waking;
mod workflow;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest};
use async_graphql::{Context, MergedObject, Request, SDLExportOptions, Schema, SchemaBuilder, ServerResult};
use service::{ServiceError, Services};

use crate::limits;

use self::loaders::LoaderCell;
use self::mutations::Mutation;
use self::operator::OperatorMutation;
use self::queries::Query;
use self::subscriptions::Subscription;

pub use self::server::ServerMode;

/// Changes.
#[derive(MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutations(Mutation, OperatorMutation);

/// The schema of this API.
pub type ApiSchema = Schema<Query, Mutations, Subscription>;

/// Who asks.
///
/// # Errors
/// `UNAUTHENTICATED` when the request carries no credentials.
fn viewer_of<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a service::Viewer> {
    ctx.data_opt::<service::Viewer>().ok_or_else(|| errors::top_level(&ServiceError::Unauthenticated))
}

/// Where the request came from.
#[expect(dead_code, reason = "signing in needs it")]
fn origin_of<'a>(ctx: &Context<'a>) -> &'a service::Origin {
    ctx.data_unchecked::<service::Origin>()
}

/// Gives every request a loader of its own: what one viewer reads is never another's.
struct LoaderPerRequest;

impl ExtensionFactory for LoaderPerRequest {
    fn create(&self) -> std::sync::Arc<dyn Extension> {
        std::sync::Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for LoaderPerRequest {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        next.run(ctx, request.data(LoaderCell::default())).await
    }
}

fn builder() -> SchemaBuilder<Query, Mutations, Subscription> {
    Schema::build(Query, Mutations(Mutation, OperatorMutation), Subscription)
        .limit_depth(limits::MAX_DEPTH)
        .limit_complexity(limits::MAX_COST)
        .limit_directives(limits::MAX_DIRECTIVES_PER_FIELD)
        // Looking for similar names costs more than the rest of validation on long unknown ones.
        .disable_suggestions()
        .extension(LoaderPerRequest)
}

/// The schema over the use cases.
#[must_use]
pub fn schema(services: Services, mode: ServerMode) -> ApiSchema {
    builder().data(services).data(mode).finish()
}

/// The schema as text, sorted: `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
    builder().finish().sdl_with_options(options)
}
