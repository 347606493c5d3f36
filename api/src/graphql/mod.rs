//! The GraphQL schema: resolvers translate, use cases decide.

mod approval;
mod arrivals;
mod audit;
mod browser;
mod bulk;
mod connection;
mod control;
mod decision;
mod deleted;
mod directives;
mod emit;
mod error_groups;
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
mod parts;
mod pause;
mod payload;
mod problem;
mod queries;
mod repair;
mod retention;
mod rule;
mod scalars;
mod schedule;
mod server;
mod statistics;
mod step;
mod subscriptions;
mod summary;
mod test_run;
mod version;
mod viewer;
mod waking;
mod webhook;
mod workflow;

use std::sync::Arc;

use async_graphql::{Context, MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};
use service::identity::oidc::Transport;
use service::{ServiceError, Services};

use crate::limits;
use crate::rates::ChargeCost;

use self::approval::{
    ApprovalHandsMutation, ApprovalLinkMutation, ApprovalLinkQuery, ApprovalMutation, ApprovalQuery,
    ApprovalSubscription, SubstitutionMutation, SubstitutionQuery,
};
use self::arrivals::EventSubscription;
use self::audit::{AuditMutations, AuditQuery};
use self::bulk::{BulkMutation, BulkQuery, BulkSubscription};
use self::emit::EventMutation;
use self::error_groups::{ErrorGroupMutation, ErrorGroupQuery};
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
use self::parts::{Calling, CheckMutation, PartQuery, RegistryMutation, ValueMutation};
use self::queries::Query;
use self::repair::RepairMutation;
use self::rule::{RuleMutation, RuleQuery, RuleSubscription};
use self::schedule::{BackfillMutation, ScheduleMutation, ScheduleQuery, ScheduleSubscription};
use self::statistics::{StatisticsQuery, StatisticsSubscription};
use self::subscriptions::Subscription;
use self::version::{VersionMutation, VersionQuery, VersionSubscription};
use self::webhook::{WebhookMutation, WebhookQuery};

pub use self::server::ServerMode;

/// What is asked about workflows, executions and how they are doing.
#[derive(MergedObject, Default)]
struct Asked(Query, BulkQuery, VersionQuery, RuleQuery, PartQuery, StatisticsQuery, ErrorGroupQuery);

/// What is asked about organizations and the people in them.
#[derive(MergedObject, Default)]
struct AskedOfTenants(OrganizationQuery, AuditQuery, SignInQuery);

/// What is asked about what comes from outside, from clocks and from people.
#[derive(MergedObject, Default)]
struct AskedOfTime(HookQuery, ScheduleQuery, WebhookQuery, ApprovalQuery, ApprovalLinkQuery, SubstitutionQuery);

/// What can be asked.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct Queries(Asked, AskedOfTenants, AskedOfTime);

/// Changes of executions.
#[derive(MergedObject, Default)]
struct Executed(Mutation, OperatorMutation, LifecycleMutation, RepairMutation, BulkMutation);

/// Changes of what executions are made from.
#[derive(MergedObject, Default)]
struct Defined(VersionMutation, RuleMutation, ErrorGroupMutation, RegistryMutation, ValueMutation, CheckMutation);

/// Changes of organizations and who is in them.
#[derive(MergedObject, Default)]
struct Tenants(OrganizationMutation, MemberMutation, RoleMutation, ApiKeyMutation, ServiceAccountMutation);

/// Changes of accounts and sessions.
#[derive(MergedObject, Default)]
struct SignedIn(SessionMutation, AccountMutation, SignInMutation);

/// Changes of what comes from outside and from clocks, and of what is told outside.
#[derive(MergedObject, Default)]
struct Arriving(HookMutation, EventMutation, ScheduleMutation, BackfillMutation, WebhookMutation);

/// What people decide.
#[derive(MergedObject, Default)]
struct Decided(ApprovalMutation, ApprovalHandsMutation, ApprovalLinkMutation, SubstitutionMutation);

/// Changes.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct Mutations(Executed, Defined, Tenants, SignedIn, Arriving, Decided);

/// What can be followed live.
#[derive(MergedSubscription)]
#[graphql(name = "Subscription")]
pub struct Subscriptions(
    Subscription,
    ApprovalSubscription,
    EventSubscription,
    BulkSubscription,
    StatisticsSubscription,
    VersionSubscription,
    ScheduleSubscription,
    RuleSubscription,
);

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
    let subscriptions = Subscriptions(
        Subscription,
        ApprovalSubscription,
        EventSubscription,
        BulkSubscription,
        StatisticsSubscription,
        VersionSubscription,
        ScheduleSubscription,
        RuleSubscription,
    );
    Schema::build(Queries::default(), Mutations::default(), subscriptions)
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

/// The schema over the use cases, with what calls services to check them.
#[must_use]
pub fn schema_with_calls(services: Services, mode: ServerMode, transport: Arc<dyn Transport>) -> ApiSchema {
    builder().data(services).data(mode).data(Calling(transport)).finish()
}

/// The schema as text, sorted: `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items();
    builder().finish().sdl_with_options(options)
}
