//! Reads rules on behalf of one organization.

use entity::rule::{Column, Entity, Model};
use entity::{rule_use, rule_version};
use ids::{OrganizationId, RuleId};
use sea_orm::sea_query::{Condition, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::record::{rule_row, use_row, version_row};
use crate::backend::Dialect;
use crate::error::StoreError;
use crate::model::rule::{RuleFilter, RuleRow, RuleUseRow, RuleVersionRow};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

impl RuleFilter {
    fn condition(&self, dialect: Dialect) -> Condition {
        let kinds = (!self.kinds.is_empty()).then(|| Column::Kind.is_in(self.kinds.iter().map(|kind| kind.code())));
        let named = self.name.as_ref().map(|name| {
            Condition::any()
                .add(name.condition(&Column::Name.into_expr(), dialect))
                .add(name.condition(&Column::Slug.into_expr(), dialect))
        });
        Condition::all()
            .add_option(kinds)
            .add_option(self.is_enabled.map(|is_enabled| Column::IsEnabled.eq(is_enabled)))
            .add_option(named)
    }
}

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

impl Store {
    /// Several rules, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rules_by_ids(&self, organization: OrganizationId, ids: &[RuleId]) -> Result<Vec<RuleRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = of(organization).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        select.all(&self.backend.reads_of(organization)).await?.into_iter().map(rule_row).collect()
    }

    /// Several rules by their slugs, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rules_by_slugs(
        &self,
        organization: OrganizationId,
        slugs: &[String],
    ) -> Result<Vec<RuleRow>, StoreError> {
        if slugs.is_empty() {
            return Ok(Vec::new());
        }
        let select = of(organization).filter(Column::Slug.is_in(slugs));
        select.all(&self.backend.reads_of(organization)).await?.into_iter().map(rule_row).collect()
    }

    /// The slugs of up to `limit` rules, in their order: for telling what a misspelt one was meant for.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rule_slugs(&self, organization: OrganizationId, limit: u64) -> Result<Vec<String>, StoreError> {
        let select = of(organization).select_only().column(Column::Slug).order_by_asc(Column::Slug).limit(limit);
        Ok(select.into_tuple().all(&self.backend.reads_of(organization)).await?)
    }

    /// A page of the rules that fit, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn rules(
        &self,
        organization: OrganizationId,
        filter: &RuleFilter,
        request: &PageRequest,
    ) -> Result<Page<RuleRow>, StoreError> {
        let select = of(organization).filter(filter.condition(self.backend.dialect()));
        let sort = Sort { key: None, table: "rule", direction: Direction::Descending };
        let cursor = |row: &RuleRow| Cursor { key: SortKey::None(()), id: row.id.uuid() };
        let row = |model: Model| rule_row(model);
        page::read(&self.backend.reads_of(organization), select, &sort, request, row, cursor).await
    }

    /// How many rules fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_rules(
        &self,
        organization: OrganizationId,
        filter: &RuleFilter,
    ) -> Result<(u64, bool), StoreError> {
        let select = of(organization).filter(filter.condition(self.backend.dialect()));
        page::count(&self.backend.reads_of(organization), select).await
    }

    /// Several versions of rules, of deleted ones too, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rule_versions(
        &self,
        organization: OrganizationId,
        wanted: &[(RuleId, i32)],
    ) -> Result<Vec<RuleVersionRow>, StoreError> {
        use rule_version::Column;
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let one = |(rule, number): &(RuleId, i32)| Column::RuleId.eq(rule.uuid()).and(Column::Number.eq(*number));
        let any = wanted.iter().map(one).fold(Condition::any(), Condition::add);
        let select = rule_version::Entity::find().filter(Column::OrganizationId.eq(organization.uuid())).filter(any);
        select.all(&self.backend.reads_of(organization)).await?.into_iter().map(version_row).collect()
    }

    /// Up to `limit` places of published versions that name a rule, workflow by workflow.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rule_uses(
        &self,
        organization: OrganizationId,
        rule: RuleId,
        limit: u64,
    ) -> Result<Vec<RuleUseRow>, StoreError> {
        use rule_use::Column;
        let select = rule_use::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::RuleId.eq(rule.uuid()))
            .order_by_asc(Column::WorkflowId)
            .order_by_asc(Column::Pointer)
            .limit(limit);
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(use_row).collect())
    }
}
