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
    /// What it is.
    pub description: Option<String>,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
}

/// Changes to an organization; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrganizationChanges {
    /// Title.
    pub name: Option<String>,
    /// What it is; `Some(None)` removes it.
    pub description: Option<Option<String>>,
}
