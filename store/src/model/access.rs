//! Roles, invitations and keys: what members and programs may do.

use ids::{ApiKeyId, InvitationId, OrganizationId, RoleId, UserId};

/// A named set of permissions that an organization made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its id.
    pub id: RoleId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Name in definitions.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON list of names of permissions.
    pub permissions: String,
    /// JSON list of workflow folders; everywhere when absent.
    pub folders: Option<String>,
    /// Grows with each change.
    pub revision: i32,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it was changed last, Unix milliseconds.
    pub updated_at_ms: i64,
}

/// An invitation to an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Address, trimmed and in lower case.
    pub email: String,
    /// As what.
    pub role_id: RoleId,
    /// SHA-256 of the token, in hexadecimal digits.
    pub token_hash: String,
    /// Global id of whoever invited.
    pub invited_by: String,
    /// When, Unix milliseconds.
    pub created_at_ms: i64,
    /// Until when, Unix milliseconds.
    pub expires_at_ms: i64,
}

/// A key of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Name to show.
    pub display_name: String,
    /// Of an AI agent rather than of another program.
    pub is_agent: bool,
    /// First characters, to recognise it.
    pub prefix: String,
    /// SHA-256 of the key, in hexadecimal digits.
    pub token_hash: String,
    /// JSON list of names of permissions.
    pub permissions: String,
    /// JSON list of workflow folders; everywhere when absent.
    pub folders: Option<String>,
    /// JSON list of addresses and networks; from anywhere when absent.
    pub allowed_addresses: Option<String>,
    /// Whose rights bound those of the key at the time of use.
    pub on_behalf_of: UserId,
    /// Global id of whoever made it.
    pub created_by: String,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// Until when it works, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// Last use, Unix milliseconds; kept to the minute.
    pub last_used_at_ms: Option<i64>,
    /// Address of the last use.
    pub last_used_from: Option<String>,
    /// Since when it is void, Unix milliseconds.
    pub revoked_at_ms: Option<i64>,
    /// Why.
    pub revoked_reason: Option<String>,
}

/// Which members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFilter {
    /// With this role.
    pub role: Option<RoleId>,
    /// By name or address.
    pub name: Option<crate::StringFilter>,
    /// Service accounts, or people.
    pub is_service: Option<bool>,
}

/// What became of a change to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberOutcome {
    /// It is done; the member as it is now, or was.
    Done(super::identity::MembershipRow),
    /// There is no such member, or the role is not the one that was seen.
    MovedOn,
    /// The role that was to be given does not exist any more.
    NoSuchRole,
    /// Nobody else is owner.
    LastOwner,
}

/// What became of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// A new member.
    Joined(super::identity::MembershipRow),
    /// There is no such open invitation for this address.
    NotOpen,
    /// They are a member already.
    AlreadyMember,
}
