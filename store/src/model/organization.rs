//! Tenants.

use ids::OrganizationId;

/// A tenant: everything stored belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its id.
    pub id: OrganizationId,
    /// Name for addresses; unique.
    pub slug: String,
    /// Title.
    pub name: String,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
}
