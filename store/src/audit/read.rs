//! Pages of the audit log.

use entity::audit_entry::{Column, Entity, Model};
use ids::{AuditEntryId, OrganizationId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Select};

use super::filter::AuditFilter;
use crate::error::StoreError;
use crate::model::audit::{AuditOutcome, AuditRow, NewAuditEntry};
use crate::page::{self, Cursor, Direction, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

pub(super) fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

pub(super) fn row(model: Model) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: model.seq,
        previous_hash: model.previous_hash,
        hash: model.hash,
        entry: NewAuditEntry {
            id: AuditEntryId::from_uuid(model.id),
            organization_id: OrganizationId::from_uuid(model.organization_id),
            at_ms: model.at_ms,
            actor_id: model.actor_id,
            actor_kind: model.actor_kind,
            actor_name: model.actor_name,
            action: model.action,
            outcome: AuditOutcome::try_from(model.outcome.as_str())?,
            code: model.code,
            target_type: model.target_type,
            target_id: model.target_id,
            target_name: model.target_name,
            changes: model.changes,
            reason: model.reason,
            remote_address: model.remote_address,
            user_agent: model.user_agent,
            request_id: model.request_id,
        },
    })
}

impl Store {
    /// A page of the entries that fit `filter`, newest first.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list, or the database is away.
    pub async fn audit_entries(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
        request: &PageRequest,
    ) -> Result<Page<AuditRow>, StoreError> {
        let select = of(organization).filter(filter.condition(self.backend.dialect()));
        let sort = Sort { key: Some(Column::Seq.into_expr()), table: "audit_entry", direction: Direction::Descending };
        let cursor = |row: &AuditRow| Cursor { key: SortKey::Number(row.seq), id: row.entry.id.uuid() };
        page::read(&self.backend.reads_of(organization), select, &sort, request, |model: Model| row(model), cursor)
            .await
    }

    /// How many entries fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_audit_entries(
        &self,
        organization: OrganizationId,
        filter: &AuditFilter,
    ) -> Result<(u64, bool), StoreError> {
        page::count(
            &self.backend.reads_of(organization),
            of(organization).filter(filter.condition(self.backend.dialect())),
        )
        .await
    }
}
