//! Addresses that others call to start workflows.

use std::fmt;

use ids::{HookId, OrganizationId, WorkflowId, WorkflowVersionId};

/// A webhook trigger of a version on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookTrigger {
    /// Id that it gets when its address is new.
    pub id: HookId,
    /// Place in the definition's `triggers`.
    pub ordinal: i32,
    /// Path, without a slash at its beginning.
    pub path: String,
    /// HTTP method, in upper case.
    pub method: String,
    /// How callers prove themselves: `none`, `hmac_sha256`, `standard_webhooks`.
    pub verification: String,
}

/// An address that others call to start a workflow.
#[derive(Clone, PartialEq, Eq)]
pub struct HookRow {
    /// Its id.
    pub id: HookId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The workflow that it starts.
    pub workflow_id: WorkflowId,
    /// The published version that it belongs to; none when that has no such trigger any more.
    pub version_id: Option<WorkflowVersionId>,
    /// Place in the definition's `triggers`.
    pub ordinal: i32,
    /// Path, without a slash at its beginning.
    pub path: String,
    /// HTTP method, in upper case.
    pub method: String,
    /// How callers prove themselves: `none`, `hmac_sha256`, `standard_webhooks`.
    pub verification: String,
    /// Whether the workflow is enabled.
    pub is_enabled: bool,
    /// The secret, encrypted.
    pub secret: Option<String>,
    /// The secret before it, encrypted.
    pub previous_secret: Option<String>,
    /// Until when that one counts, Unix milliseconds.
    pub previous_until_ms: Option<i64>,
    /// When the secret was set, Unix milliseconds.
    pub rotated_at_ms: Option<i64>,
    /// When the address was first published, Unix milliseconds.
    pub created_at_ms: i64,
}

/// Without its secrets, although they are encrypted.
impl fmt::Debug for HookRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookRow")
            .field("id", &self.id)
            .field("organization_id", &self.organization_id)
            .field("workflow_id", &self.workflow_id)
            .field("version_id", &self.version_id)
            .field("path", &self.path)
            .field("method", &self.method)
            .field("verification", &self.verification)
            .field("is_enabled", &self.is_enabled)
            .finish_non_exhaustive()
    }
}
