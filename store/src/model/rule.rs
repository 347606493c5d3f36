//! Rules that workflows share.

use ids::{OrganizationId, RuleId, WorkflowId};

use super::code::{UnknownCode, codes};

codes! {
    /// What a rule does.
    RuleKind, "kind of a rule", {
        /// Answers true or false.
        Condition = 0,
        /// Answers a list of failed checks.
        Validation = 1,
        /// Adds data.
        Enrichment = 2,
    }
}

/// A condition, check or addition that workflows share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Its id.
    pub id: RuleId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Name in definitions.
    pub slug: String,
    /// Title.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub kind: RuleKind,
    /// Conditions and effects, JSON.
    pub definition: String,
    /// JSON Schema of the data that it reads.
    pub input_schema: Option<String>,
    /// Number of its content: 1, 2, 3 …
    pub version: i32,
    /// Disabled rules cannot be used.
    pub is_enabled: bool,
    /// Grows with each change.
    pub revision: i32,
    /// When it was created, Unix milliseconds.
    pub created_at_ms: i64,
    /// Who created it.
    pub created_by: String,
    /// When it was last changed, Unix milliseconds.
    pub updated_at_ms: i64,
    /// Who changed it last.
    pub updated_by: String,
}

/// A content that a rule has or had; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleVersionRow {
    /// Its organization.
    pub organization_id: OrganizationId,
    /// The rule, which may be deleted.
    pub rule_id: RuleId,
    /// 1, 2, 3 … of each rule.
    pub number: i32,
    /// What it does.
    pub kind: RuleKind,
    /// Conditions and effects, JSON.
    pub definition: String,
}

/// A place of a version on its way in that names a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRuleUse {
    /// The rule.
    pub rule_id: RuleId,
    /// Id of the step.
    pub step: String,
    /// JSON Pointer of the name in the definition.
    pub pointer: String,
}

/// A place of a published version that names a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUseRow {
    /// The rule.
    pub rule_id: RuleId,
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Id of the step.
    pub step: String,
    /// JSON Pointer of the name in the definition.
    pub pointer: String,
}

/// What became of recording a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one per request, taken apart at once")]
pub enum RuleInserted {
    /// It is recorded.
    New(RuleRow),
    /// The organization has a rule with this slug.
    SlugTaken,
    /// The organization is gone.
    NoOrganization,
}

/// What became of a change that nobody may need undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange<T> {
    /// It is done.
    Done(T),
    /// Published versions use the rule; nothing was done.
    InUse,
    /// There is no such rule, or it was changed meanwhile; nothing was done.
    Absent,
}

/// Which rules; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFilter {
    /// Of one of these kinds; of any when empty.
    pub kinds: Vec<RuleKind>,
    /// Enabled or disabled ones.
    pub is_enabled: Option<bool>,
    /// By title or slug.
    pub name: Option<crate::filter::StringFilter>,
}
