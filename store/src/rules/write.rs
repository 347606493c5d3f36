//! What people change about rules.

use entity::rule::{Column, Entity};
use entity::{rule_use, rule_version};
use ids::{OrganizationId, RuleId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::record::{check, rule_model, rule_row, version_model};
use crate::backend::WriteTransaction;
use crate::error::StoreError;
use crate::model::rule::{RuleChange, RuleInserted, RuleRow};
use crate::organizations;
use crate::store::Store;

impl Store {
    /// Records a rule with its first version.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_rule(&self, row: RuleRow) -> Result<RuleInserted, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(RuleInserted::NoOrganization);
        }
        let nothing = OnConflict::columns([Column::OrganizationId, Column::Slug]).do_nothing().to_owned();
        let insert = Entity::insert(rule_model(&row)).on_conflict(nothing);
        if insert.exec_without_returning(&*transaction).await? == 0 {
            return Ok(RuleInserted::SlugTaken);
        }
        rule_version::Entity::insert(version_model(&row)).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(RuleInserted::New(row))
    }

    /// Writes title, description and content, if the rule is at `expected_revision`; a content with another number
    /// than before becomes a version. Answers the rule as it is then.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_rule(&self, row: RuleRow, expected_revision: i32) -> Result<Option<RuleRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        let models = Entity::update_many()
            .col_expr(Column::Name, Expr::val(row.name))
            .col_expr(Column::Description, Expr::val(row.description))
            .col_expr(Column::Definition, Expr::val(row.definition))
            .col_expr(Column::InputSchema, Expr::val(row.input_schema))
            .col_expr(Column::Version, Expr::val(row.version))
            .col_expr(Column::Revision, Expr::val(expected_revision + 1))
            .col_expr(Column::UpdatedAtMs, Expr::val(row.updated_at_ms))
            .col_expr(Column::UpdatedBy, Expr::val(row.updated_by))
            .filter(Column::Id.eq(row.id.uuid()))
            .filter(Column::OrganizationId.eq(row.organization_id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(saved) = models.into_iter().next().map(rule_row).transpose()? else { return Ok(None) };
        let columns = [rule_version::Column::RuleId, rule_version::Column::Number];
        // The version that it was at stays as it is.
        let nothing = OnConflict::columns(columns).do_nothing().to_owned();
        let version = rule_version::Entity::insert(version_model(&saved)).on_conflict(nothing);
        version.exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        Ok(Some(saved))
    }

    /// Switches a rule on or off, the latter only if no published version uses it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn switch_rule(
        &self,
        organization: OrganizationId,
        id: RuleId,
        is_enabled: bool,
        actor: &str,
        now_ms: i64,
    ) -> Result<RuleChange<RuleRow>, StoreError> {
        let transaction = self.backend.begin().await?;
        // The row first: whoever publishes a version with this rule waits for it, or is waited for.
        let models = Entity::update_many()
            .col_expr(Column::IsEnabled, Expr::val(is_enabled))
            .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
            .col_expr(Column::UpdatedAtMs, Expr::val(now_ms))
            .col_expr(Column::UpdatedBy, Expr::val(actor))
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(row) = models.into_iter().next().map(rule_row).transpose()? else { return Ok(RuleChange::Absent) };
        if !is_enabled && is_used(&transaction, organization, id).await? {
            return Ok(RuleChange::InUse);
        }
        transaction.commit().await?;
        Ok(RuleChange::Done(row))
    }

    /// Deletes a rule that no published version uses. Its versions stay for the executions that began with them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_rule(&self, organization: OrganizationId, id: RuleId) -> Result<RuleChange<()>, StoreError> {
        let transaction = self.backend.begin().await?;
        let deleted = Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(RuleChange::Absent);
        }
        if is_used(&transaction, organization, id).await? {
            return Ok(RuleChange::InUse);
        }
        transaction.commit().await?;
        Ok(RuleChange::Done(()))
    }
}

/// Whether a published version names the rule.
async fn is_used(transaction: &WriteTransaction, organization: OrganizationId, id: RuleId) -> Result<bool, StoreError> {
    let used = rule_use::Entity::find()
        .filter(rule_use::Column::OrganizationId.eq(organization.uuid()))
        .filter(rule_use::Column::RuleId.eq(id.uuid()))
        .one(&**transaction)
        .await?;
    Ok(used.is_some())
}
