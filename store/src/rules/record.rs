//! Rows of the database as the store hands them out, and back.

use entity::{rule, rule_use, rule_version};
use ids::{OrganizationId, RuleId, WorkflowId};
use sea_orm::ActiveValue::Set;

use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::rule::{RuleKind, RuleRow, RuleUseRow, RuleVersionRow};

pub fn rule_row(model: rule::Model) -> Result<RuleRow, StoreError> {
    Ok(RuleRow {
        id: RuleId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        slug: model.slug,
        name: model.name,
        description: model.description,
        kind: RuleKind::try_from(model.kind)?,
        definition: model.definition,
        input_schema: model.input_schema,
        version: model.version,
        is_enabled: model.is_enabled,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        updated_by: model.updated_by,
    })
}

pub fn rule_model(row: &RuleRow) -> rule::ActiveModel {
    rule::ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        slug: Set(row.slug.clone()),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        kind: Set(row.kind.code()),
        definition: Set(row.definition.clone()),
        input_schema: Set(row.input_schema.clone()),
        version: Set(row.version),
        is_enabled: Set(row.is_enabled),
        revision: Set(row.revision),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by.clone()),
        updated_at_ms: Set(row.updated_at_ms),
        updated_by: Set(row.updated_by.clone()),
    }
}

/// The content that a rule has now.
pub fn version_model(row: &RuleRow) -> rule_version::ActiveModel {
    rule_version::ActiveModel {
        organization_id: Set(row.organization_id.uuid()),
        rule_id: Set(row.id.uuid()),
        number: Set(row.version),
        kind: Set(row.kind.code()),
        definition: Set(row.definition.clone()),
        created_at_ms: Set(row.updated_at_ms),
        created_by: Set(row.updated_by.clone()),
    }
}

pub fn version_row(model: rule_version::Model) -> Result<RuleVersionRow, StoreError> {
    Ok(RuleVersionRow {
        organization_id: OrganizationId::from_uuid(model.organization_id),
        rule_id: RuleId::from_uuid(model.rule_id),
        number: model.number,
        kind: RuleKind::try_from(model.kind)?,
        definition: model.definition,
    })
}

pub fn use_row(model: rule_use::Model) -> RuleUseRow {
    RuleUseRow {
        rule_id: RuleId::from_uuid(model.rule_id),
        workflow_id: WorkflowId::from_uuid(model.workflow_id),
        step: model.step,
        pointer: model.pointer,
    }
}

pub fn check(row: &RuleRow) -> Result<(), StoreError> {
    check_texts([
        ("slug", Some(row.slug.as_str())),
        ("name", Some(row.name.as_str())),
        ("description", row.description.as_deref()),
        ("definition", Some(row.definition.as_str())),
        ("input_schema", row.input_schema.as_deref()),
        ("updated_by", Some(row.updated_by.as_str())),
    ])
}
