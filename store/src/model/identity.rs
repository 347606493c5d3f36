//! People, service accounts, and their places in organizations.

use ids::{MembershipId, OrganizationId, RoleId, UserId};

/// A person or a service account; belongs to no organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Its id.
    pub id: UserId,
    /// Address, trimmed and in lower case; service accounts have none.
    pub email: Option<String>,
    /// When the address was proven, Unix milliseconds.
    pub email_verified_at_ms: Option<i64>,
    /// Name to show.
    pub display_name: String,
    /// A program rather than a person.
    pub is_service: bool,
    /// False: may neither sign in nor act through keys.
    pub is_active: bool,
    /// IANA zone for times.
    pub time_zone: String,
    /// Settings of the UI, a JSON object.
    pub preferences: String,
    /// When it was made, Unix milliseconds.
    pub created_at_ms: i64,
    /// Last request, Unix milliseconds; kept to the minute.
    pub last_seen_at_ms: Option<i64>,
}

/// Somebody's place in an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// Its id.
    pub id: MembershipId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// Who.
    pub user_id: UserId,
    /// As what: a role of the organization, or a built-in one.
    pub role_id: RoleId,
    /// Global id of whoever invited.
    pub invited_by: Option<String>,
    /// Since when, Unix milliseconds.
    pub joined_at_ms: i64,
}
