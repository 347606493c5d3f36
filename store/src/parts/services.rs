//! Services: systems that definitions call by name.

use entity::service::{ActiveModel, Column, Entity, Model};
use entity::{resource_loader, secret};
use ids::{OrganizationId, ServiceId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Condition, Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::table::{self, Part};
use crate::backend::{Dialect, WriteTransaction};
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::part::{
    AuthenticationKind, PartDeleted, PartInserted, PartKind, PartSaved, ServiceFilter, ServiceKind, ServiceRow,
};
use crate::organizations;
use crate::page::{Page, PageRequest};
use crate::store::Store;

impl Part for Entity {
    type Row = ServiceRow;
    const TABLE: &'static str = "service";
    const KIND: PartKind = PartKind::Service;

    fn id() -> Column {
        Column::Id
    }

    fn organization() -> Column {
        Column::OrganizationId
    }

    fn name() -> Column {
        Column::Name
    }

    fn row(model: Model) -> Result<ServiceRow, StoreError> {
        row(model)
    }

    fn id_of(row: &ServiceRow) -> Uuid {
        row.id.uuid()
    }
}

fn row(model: Model) -> Result<ServiceRow, StoreError> {
    Ok(ServiceRow {
        id: ServiceId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        name: model.name,
        title: model.title,
        kind: ServiceKind::try_from(model.kind)?,
        base_url: model.base_url,
        auth_kind: AuthenticationKind::try_from(model.auth_kind)?,
        auth_secret: model.auth_secret,
        auth_header: model.auth_header,
        settings: model.settings,
        revision: model.revision,
        created_at_ms: model.created_at_ms,
        created_by: model.created_by,
        updated_at_ms: model.updated_at_ms,
        updated_by: model.updated_by,
    })
}

fn model(row: &ServiceRow) -> ActiveModel {
    ActiveModel {
        id: Set(row.id.uuid()),
        organization_id: Set(row.organization_id.uuid()),
        name: Set(row.name.clone()),
        title: Set(row.title.clone()),
        kind: Set(row.kind.code()),
        base_url: Set(row.base_url.clone()),
        auth_kind: Set(row.auth_kind.code()),
        auth_secret: Set(row.auth_secret.clone()),
        auth_header: Set(row.auth_header.clone()),
        settings: Set(row.settings.clone()),
        revision: Set(row.revision),
        created_at_ms: Set(row.created_at_ms),
        created_by: Set(row.created_by.clone()),
        updated_at_ms: Set(row.updated_at_ms),
        updated_by: Set(row.updated_by.clone()),
    }
}

fn check(row: &ServiceRow) -> Result<(), StoreError> {
    check_texts([
        ("name", Some(row.name.as_str())),
        ("title", Some(row.title.as_str())),
        ("base_url", row.base_url.as_deref()),
        ("auth_secret", row.auth_secret.as_deref()),
        ("auth_header", row.auth_header.as_deref()),
        ("settings", Some(row.settings.as_str())),
        ("updated_by", Some(row.updated_by.as_str())),
    ])
}

fn condition(filter: &ServiceFilter, dialect: Dialect) -> Condition {
    let kinds = (!filter.kinds.is_empty()).then(|| Column::Kind.is_in(filter.kinds.iter().map(|kind| kind.code())));
    let named = filter.name.as_ref().map(|name| {
        Condition::any()
            .add(name.condition(&Column::Name.into_expr(), dialect))
            .add(name.condition(&Column::Title.into_expr(), dialect))
    });
    Condition::all().add_option(kinds).add_option(named)
}

/// Whether the secret that the service is called with is there.
async fn has_secret(transaction: &WriteTransaction, row: &ServiceRow) -> Result<bool, StoreError> {
    match &row.auth_secret {
        Some(name) => table::exists::<secret::Entity>(transaction, row.organization_id, name).await,
        None => Ok(true),
    }
}

impl Store {
    /// Several services, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn services_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ServiceId],
    ) -> Result<Vec<ServiceRow>, StoreError> {
        table::by_ids::<Entity>(self, organization, ids.iter().map(|id| id.uuid()).collect()).await
    }

    /// Several services by name, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn services_by_names(
        &self,
        organization: OrganizationId,
        names: &[String],
    ) -> Result<Vec<ServiceRow>, StoreError> {
        table::by_names::<Entity>(self, organization, names).await
    }

    /// A page of the services that fit, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn services(
        &self,
        organization: OrganizationId,
        filter: &ServiceFilter,
        request: &PageRequest,
    ) -> Result<Page<ServiceRow>, StoreError> {
        let condition = condition(filter, self.backend.dialect());
        table::page::<Entity>(self, organization, condition, request).await
    }

    /// How many services fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_services(
        &self,
        organization: OrganizationId,
        filter: &ServiceFilter,
    ) -> Result<(u64, bool), StoreError> {
        table::count::<Entity>(self, organization, condition(filter, self.backend.dialect())).await
    }

    /// Up to `limit` services, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn all_services(&self, organization: OrganizationId, limit: u64) -> Result<Vec<ServiceRow>, StoreError> {
        let select = table::of::<Entity>(organization).order_by_asc(Column::Id).limit(limit);
        select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect()
    }

    /// Records a service, unless the organization has `most` of them.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn insert_service(&self, row: ServiceRow, most: u64) -> Result<PartInserted<ServiceRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartInserted::NoOrganization);
        }
        if table::is_full::<Entity>(&transaction, row.organization_id, most).await? {
            return Ok(PartInserted::TooMany);
        }
        if !has_secret(&transaction, &row).await? {
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

    /// Writes what may change of a service, if it is at `expected_revision`; answers it as it is then.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn save_service(
        &self,
        row: ServiceRow,
        expected_revision: i32,
    ) -> Result<PartSaved<ServiceRow>, StoreError> {
        check(&row)?;
        let transaction = self.backend.begin().await?;
        if !organizations::hold(&transaction, row.organization_id).await? {
            return Ok(PartSaved::MovedOn);
        }
        if !has_secret(&transaction, &row).await? {
            return Ok(PartSaved::NoSuchPart);
        }
        let models = Entity::update_many()
            .col_expr(Column::Title, Expr::val(row.title))
            .col_expr(Column::BaseUrl, Expr::val(row.base_url))
            .col_expr(Column::AuthKind, Expr::val(row.auth_kind.code()))
            .col_expr(Column::AuthSecret, Expr::val(row.auth_secret))
            .col_expr(Column::AuthHeader, Expr::val(row.auth_header))
            .col_expr(Column::Settings, Expr::val(row.settings))
            .col_expr(Column::Revision, Expr::val(expected_revision + 1))
            .col_expr(Column::UpdatedAtMs, Expr::val(row.updated_at_ms))
            .col_expr(Column::UpdatedBy, Expr::val(row.updated_by))
            .filter(Column::Id.eq(row.id.uuid()))
            .filter(Column::OrganizationId.eq(row.organization_id.uuid()))
            .filter(Column::Revision.eq(expected_revision))
            .exec_with_returning(&*transaction)
            .await?;
        let Some(saved) = models.into_iter().next().map(self::row).transpose()? else { return Ok(PartSaved::MovedOn) };
        transaction.commit().await?;
        Ok(PartSaved::Saved(saved))
    }

    /// Deletes a service that no published version names and no resource is fetched from.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_service(&self, organization: OrganizationId, id: ServiceId) -> Result<PartDeleted, StoreError> {
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
        let asked = resource_loader::Entity::find()
            .filter(resource_loader::Column::OrganizationId.eq(organization.uuid()))
            .filter(resource_loader::Column::Service.eq(name))
            .one(&*transaction)
            .await?;
        if asked.is_some() {
            return Ok(PartDeleted::ReferredTo);
        }
        transaction.commit().await?;
        Ok(PartDeleted::Done)
    }
}
