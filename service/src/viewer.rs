//! Who asks, in which organization, and what they may do: the first argument of every use case.

use std::net::IpAddr;
use std::sync::Arc;

use ids::{ApiKeyId, OrganizationId, SessionId, UserId};

use crate::audit::Trail;

pub use crate::permission::{Permission, Permissions};

/// Sorts of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with a membership of its own.
    ServiceAccount,
    /// A program with a key.
    ApiKey,
    /// An AI agent with a key.
    Agent,
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

    /// Somebody who is not known: whoever tries to sign in, or sends no credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { id: "anonymous".to_owned(), display_name: "Anonymous".to_owned(), kind: ActorKind::User }
    }

    /// The actor behind an id that was stored with what it did.
    #[must_use]
    pub fn from_id(id: &str) -> Self {
        if id == SYSTEM_ACTOR_ID {
            return Self::system();
        }
        let kind = if id.starts_with(ApiKeyId::PREFIX) { ActorKind::ApiKey } else { ActorKind::User };
        let display_name = if id == OWNER_ACTOR_ID { "Owner" } else { id };
        Self { id: id.to_owned(), display_name: display_name.to_owned(), kind }
    }
}

const SYSTEM_ACTOR_ID: &str = "sys_engine";
const OWNER_ACTOR_ID: &str = "usr_00000000000000000000000000";

/// Where a request came from, for the record and for limits; never for decisions about rights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the other side of the connection, or what a trusted proxy says it is.
    pub address: Option<IpAddr>,
    /// What the client calls itself, cut to 256 characters.
    pub user_agent: Option<String>,
    /// Id of the request in the log.
    pub request_id: String,
    /// What the request changes, for the audit log.
    pub trail: Trail,
}

/// What a viewer was recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// A person who signed in.
    Session {
        /// Who.
        user: UserId,
        /// The signed-in browser or program.
        session: SessionId,
    },
    /// A key.
    ApiKey {
        /// Which.
        key: ApiKeyId,
        /// Whose rights bound those of the key: its maker, or the service account that it belongs to.
        on_behalf_of: UserId,
    },
    /// A link of a mail, by which one person decides one approval.
    Link {
        /// Whom it was sent to.
        user: UserId,
    },
    /// None: an installation without sign-in, where everybody acts as the owner.
    Unguarded,
    /// The engine acts by itself.
    System,
}

/// Someone who asks for something in one organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Everything is read and written in this organization alone.
    pub organization: OrganizationId,
    /// Who it is.
    pub actor: Actor,
    /// What they may do there.
    pub permissions: Permissions,
    /// Names of the roles held there, as approvals name them.
    pub roles: Arc<[String]>,
    /// Workflow folders (`namespace`) to which everything about workflows and executions is limited,
    /// folders below them included; everywhere when absent.
    pub folders: Option<Arc<[String]>>,
    /// What they were recognised by.
    pub credential: Credential,
    /// Where the request came from.
    pub origin: Origin,
}

/// The viewer lacks a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission {}", .0.name())]
pub struct Forbidden(pub Permission);

impl Viewer {
    /// The owner of an organization, who may do everything in it: for installations without sign-in.
    #[must_use]
    pub fn owner(organization: OrganizationId) -> Self {
        Self::unlimited(organization, Actor::from_id(OWNER_ACTOR_ID), Credential::Unguarded)
    }

    /// The engine acting in an organization, for example when a step emits an event.
    #[must_use]
    pub fn system(organization: OrganizationId) -> Self {
        Self::unlimited(organization, Actor::system(), Credential::System)
    }

    fn unlimited(organization: OrganizationId, actor: Actor, credential: Credential) -> Self {
        Self {
            organization,
            actor,
            permissions: Permissions::all(),
            roles: Arc::from(vec!["owner".to_owned()]),
            folders: None,
            credential,
            origin: Origin::default(),
        }
    }

    /// Refuses unless the viewer holds `permission`.
    ///
    /// # Errors
    /// [`Forbidden`] names the permission that is missing.
    pub const fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if self.permissions.contains(permission) { Ok(()) } else { Err(Forbidden(permission)) }
    }

    /// Whether things in `folder` are within the viewer's reach.
    #[must_use]
    pub fn reaches(&self, folder: &str) -> bool {
        self.folders.as_ref().is_none_or(|folders| {
            folders.iter().any(|allowed| {
                folder.strip_prefix(allowed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
    }

    /// The person or service account behind the request, where there is one.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self.credential {
            Credential::Session { user, .. } | Credential::Link { user } => Some(user),
            Credential::ApiKey { on_behalf_of, .. } => Some(on_behalf_of),
            Credential::Unguarded | Credential::System => None,
        }
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
        assert!(Permission::ALL.iter().all(|permission| owner.require(*permission).is_ok()));
    }

    #[test]
    fn a_folder_reaches_what_is_below_it_and_not_what_is_named_alike() {
        let folders: Arc<[String]> = Arc::from(vec!["sales".to_owned()]);
        let viewer = Viewer { folders: Some(folders), ..Viewer::owner(OrganizationId::new()) };
        assert!(viewer.reaches("sales") && viewer.reaches("sales/emea"));
        assert!(!viewer.reaches("salesforce") && !viewer.reaches("") && !viewer.reaches("finance/sales"));
    }
}
