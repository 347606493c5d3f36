//! Who asks, and who did something.

use async_graphql::{ComplexObject, Context, Enum, ID, Object, Result, SimpleObject};
use service::{Services, viewer as known};

use super::errors::IntoGraphql;
use super::retention::RetentionPolicy;
use super::scalars::DateTime;

/// Sorts of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with a membership of its own.
    ServiceAccount,
    /// A program with a key.
    ApiKey,
    /// An AI agent with a key.
    Agent,
    /// The engine itself: a schedule, a deadline, a reconciler.
    System,
}

/// Whoever did something.
#[derive(Debug, Clone, SimpleObject)]
pub struct Actor {
    /// Global id.
    id: ID,
    /// Name to show.
    display_name: String,
    /// What sort of actor.
    kind: ActorKind,
}

impl Actor {
    /// The actor behind a stored id.
    pub(super) fn from_id(id: &str) -> Self {
        known::Actor::from_id(id).into()
    }
}

impl From<known::Actor> for Actor {
    fn from(actor: known::Actor) -> Self {
        let kind = match actor.kind {
            known::ActorKind::User => ActorKind::User,
            known::ActorKind::ServiceAccount => ActorKind::ServiceAccount,
            known::ActorKind::ApiKey => ActorKind::ApiKey,
            known::ActorKind::Agent => ActorKind::Agent,
            known::ActorKind::System => ActorKind::System,
        };
        Self { id: ID(actor.id), display_name: actor.display_name, kind }
    }
}

/// What a caller may do in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::viewer::Permission")]
pub enum Permission {
    /// See workflows, their versions and drafts.
    WorkflowRead,
    /// Create workflows, edit drafts, try them out.
    WorkflowWrite,
    /// Publish, enable, disable, roll back.
    WorkflowPublish,
    /// Archive and delete.
    WorkflowDelete,
    /// See executions without their data.
    ExecutionRead,
    /// See inputs, outputs and logs.
    ExecutionDataRead,
    /// Start executions of workflows.
    ExecutionStart,
    /// Pause, resume, retry, cancel, signal.
    ExecutionControl,
    /// Edit data, skip steps, migrate, delete.
    ExecutionRepair,
    /// See events and what came of them.
    EventRead,
    /// Send events that start or wake executions.
    EventEmit,
    /// See approvals, open and decided.
    ApprovalRead,
    /// Decide, where the approval asks for the caller.
    ApprovalDecide,
    /// Reassign and cancel approvals of others.
    ApprovalAdmin,
    /// See schedules and when they fire.
    ScheduleRead,
    /// Create, change, pause and delete schedules.
    ScheduleWrite,
    /// See rules and where they are used.
    RuleRead,
    /// Create, change and delete rules.
    RuleWrite,
    /// See services and loaders.
    ServiceRead,
    /// Edit services and loaders, hold and release.
    ServiceWrite,
    /// Refer to secrets in definitions.
    SecretUse,
    /// Set and delete secrets.
    SecretWrite,
    /// Set and delete variables.
    VariableWrite,
    /// See members, roles and invitations.
    MemberRead,
    /// Invite, remove, change roles of members.
    MemberWrite,
    /// Create, change and delete roles.
    RoleWrite,
    /// Make and revoke keys.
    ApiKeyWrite,
    /// Change and delete the organization.
    OrganizationWrite,
    /// See, export and verify the audit log.
    AuditRead,
    /// See statistics of executions.
    AnalyticsRead,
    /// See workers, queues and the health of the installation.
    OperationsRead,
    /// Drain workers, repair what is damaged.
    OperationsWrite,
    /// Use model features.
    AiUse,
    /// Edit outgoing and incoming webhooks.
    WebhookWrite,
}

/// A tenant.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub struct Organization {
    /// Global id, prefix `org_`.
    id: ID,
    /// Name for addresses.
    slug: String,
    /// Title.
    name: String,
    /// When it was created.
    created_at: DateTime,
}

#[ComplexObject]
impl Organization {
    /// How long executions are kept whose workflow says nothing.
    async fn default_retention(&self, ctx: &Context<'_>) -> Result<RetentionPolicy> {
        let (services, viewer) = (ctx.data::<Services>()?, super::viewer_of(ctx)?);
        Ok(service::retention::of_organization(services, viewer).await.graphql()?.into())
    }
}

impl From<store::OrganizationRow> for Organization {
    fn from(row: store::OrganizationRow) -> Self {
        Self {
            id: ID(row.id.to_string()),
            slug: row.slug,
            name: row.name,
            created_at: DateTime::from_ms(row.created_at_ms),
        }
    }
}

/// The caller.
pub struct Viewer {
    pub(super) viewer: known::Viewer,
    pub(super) organization: Organization,
}

/// The caller.
#[Object]
impl Viewer {
    /// Who.
    async fn actor(&self) -> Actor {
        self.viewer.actor.clone().into()
    }

    /// Current organization.
    async fn organization(&self) -> &Organization {
        &self.organization
    }

    /// In the current organization.
    async fn permissions(&self) -> Vec<Permission> {
        permissions_of(&self.viewer)
    }
}

/// What the viewer may do.
pub(super) fn permissions_of(viewer: &known::Viewer) -> Vec<Permission> {
    viewer.permissions.iter().map(Permission::from).collect()
}
