//! How data that definitions declare by name is fetched.

use entity::resource_loader::{ActiveModel, Column, Entity, Model};
use entity::service;
use ids::{OrganizationId, ResourceLoaderId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::table::{self, Part};
use crate::backend::Dialect;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::part::{PartDeleted, PartFilter, PartInserted, PartKind, PartSaved, ResourceLoaderRow};
use crate::organizations;
use crate::page::{Page, PageRequest};
use crate::store::Store;

impl Part for Entity {
    type Row = ResourceLoaderRow;
    const TABLE: &'static str = "resource_loader";
    const KIND: PartKind = PartKind::Resource;

    fn id() -> Column {
        Column::Id
    }

    fn organization() -> Column {
        Column::OrganizationId
    }

    fn name() -> Column {
        Column::Name
    }

    fn row(model: Model) -> Result<ResourceLoaderRow, StoreError> {
        Ok(row(model))
    }

    fn id_of(row: &ResourceLoaderRow) -> Uuid {
        row.id.uuid()
    }
}

fn row(model: Model) -> ResourceLoaderRow {
    ResourceLoaderRow {
        id: ResourceLoaderId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        name: model.name,
        description: model.description,
        service: model.service,
        request: model.request,
        result_path: model.result_path,
        output_schema: model.output_schema,
        is_required: model.is_required,
        time_to_live_ms: model.time_to_live_ms,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        updated_by: model.updated_by,
    }
}

fn model(row: &ResourceLoaderRow) -> ActiveModel {
    ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        name: Set(row.name.clone()),
        description: Set(row.description.clone()),
        service: Set(row.service.clone()),
        request: Set(row.request.clone()),
        result_path: Set(row.result_path.clone()),
        output_schema: Set(row.output_schema.clone()),
        is_required: Set(row.is_required),
        time_to_live_ms: Set(row.time_to_live_ms),
        revision: Set(row.revision),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by.clone()),
        updated_at_ms: Set(row.updated_at_ms),
        updated_by: Set(row.updated_by.clone()),
    }
}

fn check(row: &ResourceLoaderRow) -> Result<(), StoreError> {
    check_texts([
        ("name", Some(row.name.as_str())),
        ("description", row.description.as_deref()),
        ("service", Some(row.service.as_str())),
        ("request", Some(row.request.as_str())),
        ("result_path", row.result_path.as_deref()),
        ("output_schema", row.output_schema.as_deref()),
        ("updated_by", Some(row.updated_by.as_str())),
    ])
}

fn condition(filter: &PartFilter, dialect: Dialect) -> Condition {
    table::fitting(filter, [Column::Name.into_expr(), Column::Description.into_expr()], dialect)
}

impl Store {
    /// Several resources, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn resource_loaders_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ResourceLoaderId],
    ) -> Result<Vec<ResourceLoaderRow>, StoreError> {
        table::by_ids::<Entity>(self, organization, ids.iter().map(|id| id.uuid()).collect()).await
    }

    /// Several resources by name, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn resource_loaders_by_names(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<ResourceLoaderRow>, StoreError> {
        table::by_names::<Entity>(self, organization, names).await
    }

    /// A page of the resources that fit, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn resource_loaders(
        &self,
        organization: OrganizationId,
        filter: &PartFilter,
        request: &PageRequest,
    ) -> Result<Page<ResourceLoaderRow>, StoreError> {
        let condition = condition(filter, self.backend.dialect());
        table::page::<Entity>(self, organization, condition, request).await
    }

    /// How many resources fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_resource_loaders(
        &self,
        organization: OrganizationId,
        filter: &PartFilter,
    ) -> Result<(u64, bool), StoreError> {
        table::count::<Entity>(self, organization, condition(filter, self.backend.dialect())).await
    }

    /// Up to `limit` resources that are fetched from a service, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn resource_loaders_of(
        &self,
        organization: OrganizationId,
        service: &str,
        limit: u64,
    ) -> Result<Vec<ResourceLoaderRow>, StoreError> {
        let select =
            table::of::<Entity>(organization).filter(Column::Service.eq(service)).order_by_asc(Column::Id).limit(limit);
        Ok(select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect())
    }

    /// Records a resource, unless the organization has `most` of them.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_resource_loader(
        &self,
        row: ResourceLoaderRow,
        most: u64,
    ) -> Result<PartInserted<ResourceLoaderRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartInserted::NoOrganization);
        }
        if table::is_full::<Entity>(&transaction, row.organization_id, most).await? {
            return Ok(PartInserted::TooMany);
        }
        if !table::exists::<service::Entity>(&transaction, row.organization_id, &row.service).await? {
            return Ok(PartInserted::NoSuchPart);
        }
        let nothing = OnConflict::columns([Column::OrganizationId, Column::Name]).do_nothing().to_owned();
        let insert = Entity::insert(model(&row)).on_conflict(nothing);
        if insert.exec_without_returning(&*transaction).await? == 0 {
            return Ok(PartInserted::NameTaken);
        }
        transaction.commit().await?;
        Ok(PartInserted::New(row))
    }

    /// Writes what may change of a resource, if it is at `expected_revision`; answers it as it is then.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_resource_loader(
        &self,
        row: ResourceLoaderRow,
        expected_revision: i32,
    ) -> Result<PartSaved<ResourceLoaderRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartSaved::MovedOn);
        }
        if !table::exists::<service::Entity>(&transaction, row.organization_id, &row.service).await? {
            return Ok(PartSaved::NoSuchPart);
        }
        let models = Entity::update_many()
            .col_expr(Column::Description, Expr::val(row.description))
            .col_expr(Column::Service, Expr::val(row.service))
            .col_expr(Column::Request, Expr::val(row.request))
            .col_expr(Column::ResultPath, Expr::val(row.result_path))
            .col_expr(Column::OutputSchema, Expr::val(row.output_schema))
            .col_expr(Column::IsRequired, Expr::val(row.is_required))
            .col_expr(Column::TimeToLiveMs, Expr::val(row.time_to_live_ms))
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

    /// Deletes a resource that no published version names.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_resource_loader(
        &self,
        organization: OrganizationId,
        id: ResourceLoaderId,
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
