//! Which parts published versions name: written when one is published, held against those who delete parts.

use std::collections::BTreeSet;
use std::sync::Arc;

use entity::part_use::{ActiveModel, Column, Entity};
use entity::{resource_loader, secret, service, variable};
use ids::{OrganizationId, WorkflowId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::table::keep;
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::part::{PartKind, PartName, PartUseRow};
use crate::store::Store;

/// The constraint that is violated by publishing a version whose service was deleted meanwhile.
pub const SERVICE_GONE: &str = "part_use_service";
/// Rows that are written at once.
const AT_ONCE: usize = 500;

/// A version names a service that there is not.
#[derive(Debug, thiserror::Error)]
#[error("a service of the version was deleted meanwhile")]
struct ServiceGone;

pub fn check_part_uses(parts: &[PartName]) -> Result<(), StoreError> {
    check_texts(parts.iter().map(|part| ("name", Some(part.name.as_str()))))
}

/// Makes the parts that a workflow's published version names those of a new one. A service has to be there; of other
/// parts there may be none yet.
pub async fn replace_part_uses(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    workflow: WorkflowId,
    parts: Vec<PartName>,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::WorkflowId.eq(workflow.uuid()))
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .exec(&**transaction)
        .await?;
    let parts: BTreeSet<PartName> = parts.into_iter().collect();
    // Whoever deletes one of them meanwhile waits, and then finds the rows below.
    for kind in PartKind::ALL {
        let names: Vec<&str> = parts.iter().filter(|part| part.kind == *kind).map(|part| part.name.as_str()).collect();
        let kept = match kind {
            PartKind::Secret => keep::<secret::Entity>(transaction, organization, &names).await?,
            PartKind::Variable => keep::<variable::Entity>(transaction, organization, &names).await?,
            PartKind::Service => keep::<service::Entity>(transaction, organization, &names).await?,
            PartKind::Resource => keep::<resource_loader::Entity>(transaction, organization, &names).await?,
        };
        if *kind == PartKind::Service && kept < names.len() {
            return Err(StoreError::Conflict { constraint: SERVICE_GONE.to_owned(), source: Arc::new(ServiceGone) });
        }
    }
    let parts: Vec<PartName> = parts.into_iter().collect();
    for some in parts.chunks(AT_ONCE) {
        let models = some.iter().map(|part| ActiveModel {
            organization_id: Set(organization.uuid()),
            workflow_id: Set(workflow.uuid()),
            kind: Set(part.kind.code()),
            name: Set(part.name.clone()),
        });
        Entity::insert_many(models).exec_without_returning(&**transaction).await?;
    }
    Ok(())
}

/// Whether a published version names the part.
pub async fn is_used(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    kind: PartKind,
    name: &str,
) -> Result<bool, StoreError> {
    let used = Entity::find()
        .filter(Column::OrganizationId.eq(organization.uuid()))
        .filter(Column::Kind.eq(kind.code()))
        .filter(Column::Name.eq(name))
        .one(&**transaction)
        .await?;
    Ok(used.is_some())
}

impl Store {
    /// Up to `limit` workflows whose published version names a part, in the order of their ids.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn part_uses(
        &self,
        organization: OrganizationId,
        part: &PartName,
        limit: u64,
    ) -> Result<Vec<PartUseRow>, StoreError> {
        let select = Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::Kind.eq(part.kind.code()))
            .filter(Column::Name.eq(part.name.as_str()))
            .order_by_asc(Column::WorkflowId)
            .limit(limit);
        let found = select.all(&self.backend.reads_of(organization)).await?;
        let row = |workflow| PartUseRow { part: part.clone(), workflow_id: WorkflowId::from_uuid(workflow) };
        Ok(found.into_iter().map(|model| row(model.workflow_id)).collect())
    }
}
