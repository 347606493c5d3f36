//! The GraphQL schema: resolvers translate, use cases decide.

mod audit;
mod browser;
mod connection;
mod control;
mod deleted;
mod directives;
mod emit;
mod errors;
mod event;
mod execution;
mod explanation;
mod filters;
mod gate;
mod history;
mod identity;
mod identity_provider;
mod loaders;
mod mutations;
mod needs;
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

use async_graphql::{Context, MergedObject, SDLExportOptions, Schema, SchemaBuilder};
use service::{ServiceError, Services};

use crate::limits;
use crate::rates::ChargeCost;

use self::audit::{AuditMutations, AuditQuery};
use self::gate::Gates;
use self::identity::{
    AccountMutation, ApiKeyMutation, MemberMutation, OrganizationMutation, OrganizationQuery, RoleMutation,
    ServiceAccountMutation, SessionMutation,
};
use self::identity_provider::{SignInMutation, SignInQuery};
use self::mutations::Mutation;
use self::operator::OperatorMutation;
use self::queries::Query;
use self::subscriptions::Subscription;

pub use self::server::ServerMode;

/// What can be asked.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct Queries(Query, OrganizationQuery, AuditQuery, SignInQuery);

/// Changes.
#[derive(MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutations(
    Mutation,
    OperatorMutation,
    OrganizationMutation,
    MemberMutation,
    RoleMutation,
    ApiKeyMutation,
    ServiceAccountMutation,
    SessionMutation,
    AccountMutation,
    SignInMutation,
);

/// The schema of this API.
pub type ApiSchema = Schema<Queries, Mutations, Subscription>;

/// Who asks.
///
/// # Errors
/// `UNAUTHENTICATED` when the request carries no credentials.
fn viewer_of<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a service::Viewer> {
    ctx.data_opt::<service::Viewer>().ok_or_else(|| errors::top_level(&ServiceError::Unauthenticated))
}

/// Where the request came from.
fn origin_of<'a>(ctx: &Context<'a>) -> &'a service::Origin {
    ctx.data_unchecked::<service::Origin>()
}

/// The types and their fields.
fn bare() -> SchemaBuilder<Queries, Mutations, Subscription> {
    let queries = Queries(Query, OrganizationQuery, AuditQuery, SignInQuery);
    let mutations = Mutations(
        Mutation,
        OperatorMutation,
        OrganizationMutation,
        MemberMutation,
        RoleMutation,
        ApiKeyMutation,
        ServiceAccountMutation,
        SessionMutation,
        AccountMutation,
        SignInMutation,
    );
    Schema::build(queries, mutations, Subscription)
}

fn builder() -> SchemaBuilder<Queries, Mutations, Subscription> {
    bare()
        .limit_depth(limits::MAX_DEPTH)
        .limit_complexity(limits::MAX_COST)
        .limit_directives(limits::MAX_DIRECTIVES_PER_FIELD)
        // Looking for similar names costs more than the rest of validation on long unknown ones.
        .disable_suggestions()
        .extension(ChargeCost)
        .extension(AuditMutations)
        // The last one, so next to the resolvers: what it refuses is recorded too.
        .extension(Gates)
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
