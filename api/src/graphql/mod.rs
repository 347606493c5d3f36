//! The GraphQL schema: resolvers translate, use cases decide.

mod approval;
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
mod failure;
mod filters;
mod gate;
mod history;
mod hook;
mod identity;
mod identity_provider;
mod lifecycle;
mod loaders;
mod mutations;
mod needs;
mod offers;
mod operations;
mod operator;
mod payload;
mod problem;
mod queries;
mod repair;
mod retention;
mod scalars;
mod schedule;
mod server;
mod step;
mod subscriptions;
mod summary;
mod test_run;
mod version;
mod viewer;
mod waking;
mod workflow;

use async_graphql::{Context, MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};
use service::{ServiceError, Services};

use crate::limits;
use crate::rates::ChargeCost;

use self::approval::{ApprovalMutation, ApprovalQuery, ApprovalSubscription};
use self::audit::{AuditMutations, AuditQuery};
use self::emit::EventMutation;
use self::gate::Gates;
use self::hook::{HookMutation, HookQuery};
use self::identity::{
    AccountMutation, ApiKeyMutation, MemberMutation, OrganizationMutation, OrganizationQuery, RoleMutation,
    ServiceAccountMutation, SessionMutation,
};
use self::identity_provider::{SignInMutation, SignInQuery};
use self::lifecycle::LifecycleMutation;
use self::mutations::Mutation;
use self::operator::OperatorMutation;
use self::queries::Query;
use self::repair::RepairMutation;
use self::schedule::{ScheduleMutation, ScheduleQuery};
use self::subscriptions::Subscription;
use self::version::{VersionMutation, VersionQuery};

pub use self::server::ServerMode;

/// What can be asked.
#[derive(MergedObject)]
#[graphql(name = "Query")]
pub struct Queries(
    Query,
    OrganizationQuery,
    AuditQuery,
    SignInQuery,
    HookQuery,
    ScheduleQuery,
    ApprovalQuery,
    VersionQuery,
);

/// Changes.
#[derive(MergedObject)]
#[graphql(name = "Mutation")]
pub struct Mutations(
    Mutation,
    OperatorMutation,
    LifecycleMutation,
    RepairMutation,
    OrganizationMutation,
    MemberMutation,
    RoleMutation,
    ApiKeyMutation,
    ServiceAccountMutation,
    SessionMutation,
    AccountMutation,
    SignInMutation,
    HookMutation,
    EventMutation,
    ScheduleMutation,
    ApprovalMutation,
    VersionMutation,
);

/// What can be followed live.
#[derive(MergedSubscription)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(Subscription, ApprovalSubscription);

/// The schema of this API.
pub type ApiSchema = Schema<Queries, Mutations, Subscriptions>;

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
fn bare() -> SchemaBuilder<Queries, Mutations, Subscriptions> {
    let queries = Queries(
        Query,
        OrganizationQuery,
        AuditQuery,
        SignInQuery,
        HookQuery,
        ScheduleQuery,
        ApprovalQuery,
        VersionQuery,
    );
    let mutations = Mutations(
        Mutation,
        OperatorMutation,
        LifecycleMutation,
        RepairMutation,
        OrganizationMutation,
        MemberMutation,
        RoleMutation,
        ApiKeyMutation,
        ServiceAccountMutation,
        SessionMutation,
        AccountMutation,
        SignInMutation,
        HookMutation,
        EventMutation,
        ScheduleMutation,
        ApprovalMutation,
        VersionMutation,
    );
    Schema::build(queries, mutations, Subscriptions(Subscription, ApprovalSubscription))
}

fn builder() -> SchemaBuilder<Queries, Mutations, Subscriptions> {
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
