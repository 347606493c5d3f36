//! Variables: named values for definitions.

use entity::variable::{ActiveModel, Column, Entity, Model};
use ids::{OrganizationId, VariableId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::table::{self, Part};
use crate::backend::Dialect;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::part::{PartDeleted, PartFilter, PartInserted, PartKind, PartSaved, VariableRow};
use crate::organizations;
use crate::page::{Page, PageRequest};
use crate::store::Store;

impl Part for Entity {
    type Row = VariableRow;
    const TABLE: &'static str = "variable";
    const KIND: PartKind = PartKind::Variable;

    fn id() -> Column {
        Column::Id
    }

    fn organization() -> Column {
        Column::OrganizationId
    }

    fn name() -> Column {
        Column::Name
    }

    fn row(model: Model) -> Result<VariableRow, StoreError> {
        Ok(row(model))
    }

    fn id_of(row: &VariableRow) -> Uuid {
        row.id.uuid()
    }
}

fn row(model: Model) -> VariableRow {
    VariableRow {
        id: VariableId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        name: model.name,
        description: model.description,
        value: model.value,
        schema: model.schema,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        updated_by: model.updated_by,
    }
}

fn model(row: &VariableRow) -> ActiveModel {
    ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        value: Set(row.value.clone()),
        schema: Set(row.schema.clone()),
        revision: Set(row.revision),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by.clone()),
        updated_at_ms: Set(row.updated_at_ms),
        updated_by: Set(row.updated_by.clone()),
    }
}

fn check(row: &VariableRow) -> Result<(), StoreError> {
    check_texts([
        ("name", Some(row.name.as_str())),
        ("description", row.description.as_deref()),
        ("value", Some(row.value.as_str())),
        ("schema", row.schema.as_deref()),
        ("updated_by", Some(row.updated_by.as_str())),
    ])
}

fn condition(filter: &PartFilter, dialect: Dialect) -> Condition {
    table::fitting(filter, [Column::Name.into_expr(), Column::Description.into_expr()], dialect)
}

impl Store {
    /// Several variables, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn variables_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[VariableId],
    ) -> Result<Vec<VariableRow>, StoreError> {
        table::by_ids::<Entity>(self, organization, ids.iter().map(|id| id.uuid()).collect()).await
    }

    /// Several variables by name, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn variables_by_names(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<VariableRow>, StoreError> {
        table::by_names::<Entity>(self, organization, names).await
    }

    /// A page of the variables that fit, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn variables(
        &self,
        organization: OrganizationId,
        filter: &PartFilter,
        request: &PageRequest,
    ) -> Result<Page<VariableRow>, StoreError> {
        let condition = condition(filter, self.backend.dialect());
        table::page::<Entity>(self, organization, condition, request).await
    }

    /// How many variables fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_variables(
        &self,
        organization: OrganizationId,
        filter: &PartFilter,
    ) -> Result<(u64, bool), StoreError> {
        table::count::<Entity>(self, organization, condition(filter, self.backend.dialect())).await
    }

    /// Records a variable, unless the organization has `most` of them.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_variable(&self, row: VariableRow, most: u64) -> Result<PartInserted<VariableRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartInserted::NoOrganization);
        }
        if table::is_full::<Entity>(&transaction, row.organization_id, most).await? {
            return Ok(PartInserted::TooMany);
        }
        let nothing = OnConflict::columns([Column::OrganizationId, Column::Name]).do_nothing().to_owned();
        let insert = Entity::insert(model(&row)).on_conflict(nothing);
        if insert.exec_without_returning(&*transaction).await? == 0 {
            return Ok(PartInserted::NameTaken);
        }
        transaction.commit().await?;
        Ok(PartInserted::New(row))
    }

    /// Writes what may change of a variable, if it is at `expected_revision`; answers it as it is then.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_variable(
        &self,
        row: VariableRow,
        expected_revision: i32,
    ) -> Result<PartSaved<VariableRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartSaved::MovedOn);
        }
        let models = Entity::update_many()
            .col_expr(Column::Description, Expr::val(row.description))
            .col_expr(Column::Value, Expr::val(row.value))
            .col_expr(Column::Schema, Expr::val(row.schema))
            .col_expr(Column::Revision, Expr::val(expected_revision + 1))
            .col_expr(Column::UpdatedAtMs, Expr::val(row.updated_at_ms))
            .col_expr(Column::UpdatedBy, Expr::val(row.updated_by))
            .filter(Column::Id.eq(row.id.uuid()))
            .filter(Column::OrganizationId.eq(row.organization_id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(saved) = models.into_iter().next().map(self::row) else { return Ok(PartSaved::MovedOn) };
        transaction.commit().await?;
        Ok(PartSaved::Saved(saved))
    }

    /// Deletes a variable that no published version names.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_variable(
        &self,
        organization: OrganizationId,
        id: VariableId,
    ) -> Result<PartDeleted, StoreError> {
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, organization).await? {
            return Ok(PartDeleted::Absent);
        }
        let Some(name) = table::name_of::<Entity>(&transaction, organization, id.uuid()).await? else {
            return Ok(PartDeleted::Absent);
        };
        match table::delete::<Entity>(&transaction, organization, id.uuid(), &name).await? {
            None => return Ok(PartDeleted::Absent),
            Some(true) => return Ok(PartDeleted::InUse),
            Some(false) => {}
        }
        transaction.commit().await?;
        Ok(PartDeleted::Done)
    }
}
