//! Who asks, in which organization, and what they may do: the first argument of every use case.

use ids::OrganizationId;

/// An action that can be allowed or refused in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Permission {
    /// See workflows and their versions.
    WorkflowRead,
    /// Create and change workflows.
    WorkflowWrite,
    /// Publish, enable and disable workflows.
    WorkflowPublish,
    /// See executions.
    ExecutionRead,
    /// See inputs, outputs and data of executions.
    ExecutionDataRead,
    /// Start executions.
    ExecutionStart,
    /// Pause, resume and cancel executions.
    ExecutionControl,
    /// See events.
    EventRead,
    /// Emit events.
    EventEmit,
    /// Change an organization.
    OrganizationWrite,
    /// See workers, queues and the health of the installation.
    OperationsRead,
    /// Drain workers, repair what is damaged.
    OperationsWrite,
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Self; 12] = [
        Self::WorkflowRead,
        Self::WorkflowWrite,
        Self::WorkflowPublish,
        Self::ExecutionRead,
        Self::ExecutionDataRead,
        Self::ExecutionStart,
        Self::ExecutionControl,
        Self::EventRead,
        Self::EventEmit,
        Self::OrganizationWrite,
        Self::OperationsRead,
        Self::OperationsWrite,
    ];

    /// Name in the API and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkflowRead => "WORKFLOW_READ",
            Self::WorkflowWrite => "WORKFLOW_WRITE",
            Self::WorkflowPublish => "WORKFLOW_PUBLISH",
            Self::ExecutionRead => "EXECUTION_READ",
            Self::ExecutionDataRead => "EXECUTION_DATA_READ",
            Self::ExecutionStart => "EXECUTION_START",
            Self::ExecutionControl => "EXECUTION_CONTROL",
            Self::EventRead => "EVENT_READ",
            Self::EventEmit => "EVENT_EMIT",
            Self::OrganizationWrite => "ORGANIZATION_WRITE",
            Self::OperationsRead => "OPERATIONS_READ",
            Self::OperationsWrite => "OPERATIONS_WRITE",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// Every permission.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether `permission` is in the set.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

/// Sorts of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    User,
    /// The engine itself.
    System,
}

/// Whoever does something, as it is recorded with what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Global id.
    pub id: String,
    /// Name to show.
    pub display_name: String,
    /// What sort of actor.
    pub kind: ActorKind,
}

impl Actor {
    /// The engine itself: a schedule, a deadline, a reconciler.
    #[must_use]
    pub fn system() -> Self {
        Self { id: SYSTEM_ACTOR_ID.to_owned(), display_name: "Sluice".to_owned(), kind: ActorKind::System }
    }

    /// The actor behind an id that was stored with what it did.
    #[must_use]
    pub fn from_id(id: &str) -> Self {
        if id == SYSTEM_ACTOR_ID {
            return Self::system();
        }
        let display_name = if id == OWNER_ACTOR_ID { "Owner" } else { id };
        Self { id: id.to_owned(), display_name: display_name.to_owned(), kind: ActorKind::User }
    }
}

const SYSTEM_ACTOR_ID: &str = "sys_engine";
const OWNER_ACTOR_ID: &str = "usr_00000000000000000000000000";

/// Someone who asks for something in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Everything is read and written in this organization alone.
    pub organization: OrganizationId,
    /// Who it is.
    pub actor: Actor,
    /// What they may do there.
    pub permissions: Permissions,
}

/// The viewer lacks a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission {}", .0.name())]
pub struct Forbidden(pub Permission);

impl Viewer {
    /// The owner of an organization, who may do everything in it.
    #[must_use]
    pub fn owner(organization: OrganizationId) -> Self {
        Self { organization, actor: Actor::from_id(OWNER_ACTOR_ID), permissions: Permissions::all() }
    }

    /// The engine acting in an organization, for example when a step emits an event.
    #[must_use]
    pub fn system(organization: OrganizationId) -> Self {
        Self { organization, actor: Actor::system(), permissions: Permissions::all() }
    }

    /// Refuses unless the viewer holds `permission`.
    ///
    /// # Errors
    /// [`Forbidden`] names the permission that is missing.
    pub const fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.permissions.contains(permission) { Ok(()) } else { Err(Forbidden(permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_without_a_permission_is_told_which_one_is_missing() {
        let viewer = Viewer {
            permissions: [Permission::WorkflowRead].into_iter().collect(),
            ..Viewer::owner(OrganizationId::new())
        };
        assert_eq!(viewer.require(Permission::WorkflowRead), Ok(()));
        assert_eq!(viewer.require(Permission::EventEmit), Err(Forbidden(Permission::EventEmit)));
        assert_eq!(Forbidden(Permission::EventEmit).to_string(), "this needs the permission EVENT_EMIT");
    }

    #[test]
    fn an_owner_holds_every_permission() {
        let owner = Viewer::owner(OrganizationId::new());
        assert!(Permission::ALL.into_iter().all(|permission| owner.require(permission).is_ok()));
    }
}
