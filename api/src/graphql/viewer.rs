//! Who asks, and who did something.

use async_graphql::{Context, Enum, ID, Object, Result};
use service::{Services, viewer as known};
use store::PageRequest;

use super::connection::MAX_PAGE;
use super::errors::IntoGraphql;
use super::identity::{Organization, Session, User};
use super::loaders::{ActorOf, loader, shared};
use super::scalars::{Json, int};

/// Sorts of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::viewer::ActorKind")]
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

/// Whoever did something; known by a stored id until more is asked for.
#[derive(Debug, Clone)]
pub struct Actor {
    id: String,
    known: Option<known::Actor>,
}

impl Actor {
    /// The actor behind a stored id.
    pub(super) fn from_id(id: &str) -> Self {
        // These are no rows.
        let actor = known::Actor::from_id(id);
        let is_known = actor.display_name != id;
        Self { id: id.to_owned(), known: is_known.then_some(actor) }
    }

    async fn read(&self, ctx: &Context<'_>) -> Result<known::Actor> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let read = loader(ctx)?.load_one(ActorOf(self.id.clone())).await.map_err(|error| shared(&error))?;
        Ok(read.unwrap_or_else(|| known::Actor::from_id(&self.id)))
    }
}

/// Whoever did something.
#[Object]
impl Actor {
    /// Global id.
    async fn id(&self) -> ID {
        ID(self.id.clone())
    }

    /// Name to show.
    async fn display_name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.read(ctx).await?.display_name)
    }

    /// What sort of actor.
    async fn kind(&self, ctx: &Context<'_>) -> Result<ActorKind> {
        Ok(self.read(ctx).await?.kind.into())
    }
}

impl From<known::Actor> for Actor {
    fn from(actor: known::Actor) -> Self {
        Self { id: actor.id.clone(), known: Some(actor) }
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

    /// All of them, at most a hundred.
    async fn organizations(&self, ctx: &Context<'_>) -> Result<Vec<Organization>> {
        let (services, request) = (ctx.data::<Services>()?, PageRequest::first(MAX_PAGE as u64));
        let page = service::identity::organizations::page(services, &self.viewer, &request).await.graphql()?;
        Ok(page.rows.into_iter().map(|(_, row)| row.into()).collect())
    }

    /// The person, when it is one who signed in.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        let user = service::identity::account::of_viewer(ctx.data::<Services>()?, &self.viewer).await.graphql()?;
        Ok(user.map(User::from))
    }

    /// What waits for the caller, counted up to 10,000.
    async fn pending_approval_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = service::approvals::pending_count(ctx.data::<Services>()?, &self.viewer).await.graphql()?;
        Ok(int(count))
    }

    /// Signed-in browsers and programs of the person, newest first, at most a hundred.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>> {
        let rows = service::identity::sessions::of_viewer(ctx.data::<Services>()?, &self.viewer).await.graphql()?;
        Ok(rows.into_iter().map(|row| Session::of(row, self.viewer.credential)).collect())
    }

    /// Settings of the UI.
    async fn preferences(&self, ctx: &Context<'_>) -> Result<Json> {
        let user = service::identity::account::of_viewer(ctx.data::<Services>()?, &self.viewer).await.graphql()?;
        let preferences = user.and_then(|user| serde_json::from_str(&user.preferences).ok());
        Ok(async_graphql::Json(preferences.unwrap_or_else(|| serde_json::json!({}))))
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
