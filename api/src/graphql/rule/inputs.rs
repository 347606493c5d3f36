//! What rules are made, changed, found and tried with.

use async_graphql::{ID, InputObject, Result};
use serde_json::Value;
use service::rules::{ExpressionRequest, NewRule, RulePatch, Subject};

use super::node::RuleKind;
use crate::graphql::errors::invalid;
use crate::graphql::filters::{StringFilter, parse_id};
use crate::graphql::scalars::Json;

/// A rule.
#[derive(InputObject)]
pub struct RuleCreateInput {
    /// Name in definitions.
    slug: String,
    /// Title.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// What it does.
    kind: RuleKind,
    /// Conditions and effects.
    definition: Json,
    /// JSON Schema of the data it reads.
    input_schema: Option<Json>,
}

impl From<RuleCreateInput> for NewRule {
    fn from(input: RuleCreateInput) -> Self {
        let RuleCreateInput { slug, name, description, kind, definition, input_schema } = input;
        let input_schema = input_schema.map(|schema| schema.0);
        Self { slug, name, description, kind: kind.into(), definition: definition.0, input_schema }
    }
}

/// Changes to a rule; absent fields stay.
#[derive(InputObject)]
pub struct RuleUpdateInput {
    /// Which.
    pub(super) id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// Title.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Conditions and effects.
    definition: Option<Json>,
    /// JSON Schema of the data it reads.
    input_schema: Option<Json>,
}

impl From<RuleUpdateInput> for RulePatch {
    fn from(input: RuleUpdateInput) -> Self {
        Self {
            expected_revision: input.expected_revision,
            name: input.name,
            description: input.description,
            definition: input.definition.map(|definition| definition.0),
            input_schema: input.input_schema.map(|schema| schema.0),
        }
    }
}

/// A rule to switch on.
#[derive(InputObject)]
pub struct RuleEnableInput {
    /// Which.
    pub(super) id: ID,
}

/// A rule to switch off.
#[derive(InputObject)]
pub struct RuleDisableInput {
    /// Which.
    pub(super) id: ID,
}

/// A rule to remove.
#[derive(InputObject)]
pub struct RuleDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// Which rules.
#[derive(Default, InputObject)]
pub struct RuleFilter {
    /// Of one of these kinds.
    kinds: Option<Vec<RuleKind>>,
    /// Enabled or disabled ones.
    is_enabled: Option<bool>,
    /// By name or slug.
    name: Option<StringFilter>,
}

impl From<RuleFilter> for store::RuleFilter {
    fn from(filter: RuleFilter) -> Self {
        Self {
            kinds: filter.kinds.unwrap_or_default().into_iter().map(Into::into).collect(),
            is_enabled: filter.is_enabled,
            name: filter.name.map(Into::into),
        }
    }
}

/// A rule to try: one that is saved, or kind and definition of one that is not.
#[derive(InputObject)]
pub struct RuleEvaluateInput {
    /// Saved rule.
    id: Option<ID>,
    /// Kind of an unsaved rule.
    kind: Option<RuleKind>,
    /// Definition of an unsaved rule.
    definition: Option<Json>,
    /// Data.
    data: Json,
}

impl RuleEvaluateInput {
    /// The rule, and the data.
    pub(super) fn split(self) -> Result<(Subject, Value)> {
        let subject = match (self.id, self.kind, self.definition) {
            (Some(id), None, None) => Subject::Saved(parse_id(&id)?),
            (None, Some(kind), Some(definition)) => Subject::Unsaved { kind: kind.into(), definition: definition.0 },
            _unclear => return Err(invalid("give `id`, or else `kind` and `definition`")),
        };
        Ok((subject, self.data.0))
    }
}

/// An expression to try.
#[derive(InputObject)]
pub struct ExpressionEvaluateInput {
    /// Expression, or text with `{{ }}` when `isTemplate`.
    expression: String,
    /// True for text with `{{ }}`.
    #[graphql(default = false)]
    is_template: bool,
    /// Data.
    data: Option<Json>,
}

impl From<ExpressionEvaluateInput> for ExpressionRequest {
    fn from(input: ExpressionEvaluateInput) -> Self {
        let ExpressionEvaluateInput { expression, is_template, data } = input;
        Self { expression, is_template, data: data.map(|data| data.0) }
    }
}
