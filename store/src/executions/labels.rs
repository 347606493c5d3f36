//! Changes the labels of executions.

use entity::{execution, execution_label};
use ids::{ExecutionId, OrganizationId};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::record::labels;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::execution::Label;
use crate::store::Store;

/// What became of a change of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelsOutcome {
    /// They are these now.
    Changed(Vec<Label>),
    /// There would be more than `most`: nothing was changed.
    TooMany,
    /// The organization has no such execution.
    NotFound,
}

impl Store {
    /// Sets and removes labels of an execution, `most` of them at the end.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then nothing was changed.
    pub async fn change_labels(
        &self,
        organization: OrganizationId,
        id: ExecutionId,
        set: &[Label],
        remove: &[String],
        most: usize,
    ) -> Result<LabelsOutcome, StoreError> {
        use execution::Column;
        check_texts(set.iter().flat_map(|label| [("name", Some(&*label.name)), ("value", Some(&*label.value))]))?;
        let turn = self.backend.begin().await?;
        let text: Option<String> = execution::Entity::find()
            .select_only()
            .column(Column::Labels)
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            // Others who change them wait; SQLite has one writer anyway.
            .lock_exclusive()
            .into_tuple()
            .one(&*turn)
            .await?;
        let Some(text) = text else { return Ok(LabelsOutcome::NotFound) };
        let mut all = labels(&text)?;
        let is_changed = |name: &String| remove.contains(name) || set.iter().any(|label| label.name == *name);
        all.retain(|label| !is_changed(&label.name));
        all.extend(set.iter().cloned());
        if all.len() > most {
            return Ok(LabelsOutcome::TooMany);
        }
        let pairs: Vec<(&str, &str)> = all.iter().map(|label| (&*label.name, &*label.value)).collect();
        let new = serde_json::to_string(&pairs).expect("texts are JSON");
        execution::Entity::update_many()
            .col_expr(Column::Labels, Expr::value(new))
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Id.eq(id.uuid()))
            .exec(&*turn)
            .await?;
        let before = labels(&text)?;
        for old in before.iter().filter(|old| !all.contains(old)) {
            execution_label::Entity::delete_by_id((
                organization.uuid(),
                old.name.clone(),
                old.value.clone(),
                id.uuid(),
            ))
            .exec(&*turn)
            .await?;
        }
        let fresh = all.iter().filter(|label| !before.contains(label)).map(|label| execution_label::ActiveModel {
            organization_id: Set(organization.uuid()),
            name: Set(label.name.clone()),
            value: Set(label.value.clone()),
            execution_id: Set(id.uuid()),
        });
        let fresh: Vec<_> = fresh.collect();
        if !fresh.is_empty() {
            execution_label::Entity::insert_many(fresh).exec_without_returning(&*turn).await?;
        }
        turn.commit().await?;
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(LabelsOutcome::Changed(all))
    }
}
