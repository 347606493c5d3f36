//! Filters of workflows.

use entity::workflow::{Column, Entity};
use entity::{part_use, rule_use};
use ids::RuleId;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SimpleExpr};

use super::check_depth;
use super::parts::{StringFilter, contains, not, position_of};
use crate::backend::Dialect;
use crate::error::StoreError;
use crate::model::part::PartName;

/// Which workflows; all conditions that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Enabled or disabled ones.
    pub is_enabled: Option<bool>,
    /// Archived ones, or those that are not.
    pub is_archived: Option<bool>,
    /// With or without unpublished work.
    pub has_draft: Option<bool>,
    /// In this folder or below.
    pub namespace: Option<String>,
    /// In one of these folders or below; nowhere when empty.
    pub folders: Option<Vec<String>>,
    /// With all of these tags.
    pub tags: Vec<String>,
    /// By title or slug.
    pub name: Option<StringFilter>,
    /// Words, each of which is part of the title, the slug or the description.
    pub search: Option<String>,
    /// Whose published version names this rule.
    pub uses_rule: Option<RuleId>,
    /// Whose published version names this secret, variable, service or resource.
    pub uses_part: Option<PartName>,
    /// All of these.
    pub and: Vec<Self>,
    /// At least one of these; no condition when empty.
    pub or: Vec<Self>,
    /// Not this.
    pub not: Option<Box<Self>>,
}

/// Words that are looked for at most.
const MAX_WORDS: usize = 8;

impl WorkflowFilter {
    /// Leaves archived workflows out, unless it says of itself which ones it is about.
    #[must_use]
    pub fn or_present(self) -> Self {
        Self { is_archived: self.is_archived.or(Some(false)), ..self }
    }

    pub(crate) fn condition(&self, dialect: Dialect) -> Result<Condition, StoreError> {
        self.at_depth(dialect, 0)
    }

    fn at_depth(&self, dialect: Dialect, depth: usize) -> Result<Condition, StoreError> {
        check_depth(depth)?;
        let mut all = Condition::all()
            .add_option(self.is_enabled.map(|is_enabled| Column::IsEnabled.eq(is_enabled)))
            .add_option(
                self.is_archived
                    .map(|is| if is { Column::ArchivedAtMs.is_not_null() } else { Column::ArchivedAtMs.is_null() }),
            )
            .add_option(
                self.has_draft
                    .map(|has| if has { Column::DraftSource.is_not_null() } else { Column::DraftSource.is_null() }),
            )
            .add_option(self.namespace.as_ref().map(|namespace| in_folder(namespace, dialect)))
            .add_option(self.folders.as_ref().map(|folders| in_folders(folders, dialect)))
            .add_option(self.uses_rule.map(uses))
            .add_option(self.uses_part.as_ref().map(names));
        for tag in &self.tags {
            // A quotation mark inside a tag is escaped in the list, so the quoted tag is found only as a whole.
            let quoted = serde_json::to_string(tag).expect("a text is JSON");
            all = all.add(position_of(Expr::val(quoted), Column::Tags.into_expr(), dialect).gt(0));
        }
        if let Some(name) = &self.name {
            let either = Condition::any()
                .add(name.condition(&Column::Name.into_expr(), dialect))
                .add(name.condition(&Column::Slug.into_expr(), dialect));
            all = all.add(either);
        }
        if let Some(search) = &self.search {
            for word in search.split_whitespace().take(MAX_WORDS) {
                let columns = [Column::Name, Column::Slug, Column::Description];
                all = all.add(
                    columns
                        .into_iter()
                        .fold(Condition::any(), |any, column| any.add(contains(column.into_expr(), word, dialect))),
                );
            }
        }
        for part in &self.and {
            all = all.add(part.at_depth(dialect, depth + 1)?);
        }
        if !self.or.is_empty() {
            let mut any = Condition::any();
            for part in &self.or {
                any = any.add(part.at_depth(dialect, depth + 1)?);
            }
            all = all.add(any);
        }
        if let Some(part) = &self.not {
            all = all.add(not(part.at_depth(dialect, depth + 1)?));
        }
        Ok(all)
    }
}

fn uses(rule: RuleId) -> SimpleExpr {
    let using = Query::select()
        .column((rule_use::Entity, rule_use::Column::WorkflowId))
        .from(rule_use::Entity)
        .and_where(
            Expr::col((rule_use::Entity, rule_use::Column::OrganizationId)).equals((Entity, Column::OrganizationId)),
        )
        .and_where(rule_use::Column::RuleId.eq(rule.uuid()))
        .to_owned();
    Column::Id.in_subquery(using)
}

fn names(part: &PartName) -> SimpleExpr {
    let naming = Query::select()
        .column((part_use::Entity, part_use::Column::WorkflowId))
        .from(part_use::Entity)
        .and_where(
            Expr::col((part_use::Entity, part_use::Column::OrganizationId)).equals((Entity, Column::OrganizationId)),
        )
        .and_where(part_use::Column::Kind.eq(part.kind.code()))
        .and_where(part_use::Column::Name.eq(part.name.as_str()))
        .to_owned();
    Column::Id.in_subquery(naming)
}

fn in_folder(namespace: &str, dialect: Dialect) -> Condition {
    let below = StringFilter { starts_with: Some(format!("{namespace}/")), ..StringFilter::default() };
    Condition::any().add(Column::Namespace.eq(namespace)).add(below.condition(&Column::Namespace.into_expr(), dialect))
}

/// Workflows in one of `folders` or below.
pub(crate) fn in_folders(folders: &[String], dialect: Dialect) -> Condition {
    // An empty list of alternatives would be no condition at all.
    let nowhere = Condition::any().add(Expr::val(1).eq(0));
    folders.iter().fold(nowhere, |any, folder| any.add(in_folder(folder, dialect)))
}
