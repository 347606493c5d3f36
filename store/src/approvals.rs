//! Reads approvals, who may decide them, and what happened to them.

mod change;
mod changes;
mod comment;
mod decide;
mod forget;
mod hand_over;
mod links;
mod mails;
mod substitutions;

use entity::approval::{Column, Entity, Model};
use entity::{approval_assignee, approval_decision, approval_event};
use ids::{ApprovalCommentId, ApprovalId, ExecutionId, OrganizationId, WorkflowId};
use sea_orm::sea_query::{Expr, Func, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use sqlx::types::Uuid;

use crate::error::StoreError;
use crate::filter::ApprovalFilter;
use crate::model::approval::{ApprovalEventRow, ApprovalRow, ApprovalStatus, DecisionRow};
use crate::page::{self, ApprovalOrder, ApprovalOrderField, Cursor, Page, PageRequest, Sort, SortKey};
use crate::store::Store;

pub use forget::forget;

fn of(organization: OrganizationId) -> Select<Entity> {
    Entity::find().filter(Column::OrganizationId.eq(organization.uuid()))
}

fn row(model: Model) -> Result<ApprovalRow, StoreError> {
    Ok(ApprovalRow {
        id: ApprovalId::from_uuid(model.id),
        organization_id: OrganizationId::from_uuid(model.organization_id),
        execution_id: ExecutionId::from_uuid(model.execution_id),
        workflow_id: WorkflowId::from_uuid(model.workflow_id),
        step_path: model.step_path,
        status: ApprovalStatus::try_from(model.status)?,
        request: model.request,
        entity: model.entity,
        entity_id: model.entity_id,
        quorum: model.quorum,
        votes: model.votes,
        allow_self: model.allow_self,
        requester: model.requester,
        revision: model.revision,
        requested_at_ms: model.requested_at_ms,
        expires_at_ms: model.expires_at_ms,
        remind_at_ms: model.remind_at_ms,
        escalate_at_ms: model.escalate_at_ms,
        escalated_role: model.escalated_role,
        decided_at_ms: model.decided_at_ms,
        decided_by: model.decided_by,
        reason: model.reason,
        claimed_by: model.claimed_by,
        reminded_at_ms: model.reminded_at_ms,
    })
}

impl Store {
    /// One approval.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval(
        &self,
        organization: OrganizationId,
        id: ApprovalId,
    ) -> Result<Option<ApprovalRow>, StoreError> {
        let found = of(organization).filter(Column::Id.eq(id.uuid())).one(&self.backend.reads_of(organization)).await?;
        found.map(row).transpose()
    }

    /// Several approvals, in any order; unknown ones are left out.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approvals_by_ids(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
    ) -> Result<Vec<ApprovalRow>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let select = of(organization).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
        select.all(&self.backend.reads_of(organization)).await?.into_iter().map(row).collect()
    }

    /// A page of the approvals that fit.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another order, or the database is away.
    pub async fn approvals(
        &self,
        organization: OrganizationId,
        filter: &ApprovalFilter,
        order: ApprovalOrder,
        request: &PageRequest,
    ) -> Result<Page<ApprovalRow>, StoreError> {
        let select = of(organization).filter(filter.condition(organization, self.backend.dialect()));
        let sort = Sort { key: Some(sort_key(order.field)), table: "approval", direction: order.direction };
        let cursor = |row: &ApprovalRow| Cursor { key: key_of(row, order.field), id: row.id.uuid() };
        page::read(&self.backend.reads_of(organization), select, &sort, request, |model: Model| row(model), cursor)
            .await
    }

    /// How many approvals fit, counted up to ten thousand; false when counting stopped there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_approvals(
        &self,
        organization: OrganizationId,
        filter: &ApprovalFilter,
    ) -> Result<(u64, bool), StoreError> {
        let select = of(organization).filter(filter.condition(organization, self.backend.dialect()));
        page::count(&self.backend.reads_of(organization), select).await
    }

    /// Those of `ids` that fit `filter`, in any order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn filter_approvals(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
        filter: &ApprovalFilter,
    ) -> Result<Vec<ApprovalId>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fitting: Vec<Uuid> = of(organization)
            .select_only()
            .column(Column::Id)
            .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
            .filter(filter.condition(organization, self.backend.dialect()))
            .into_tuple()
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(fitting.into_iter().map(ApprovalId::from_uuid).collect())
    }

    /// Who may decide each of several approvals: `role:NAME`, `user:ID` or `user:ADDRESS`, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_assignees(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
    ) -> Result<Vec<(ApprovalId, String)>, StoreError> {
        use approval_assignee::Column;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = approval_assignee::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ApprovalId.is_in(ids.iter().map(|id| id.uuid())))
            .order_by_asc(Column::ApprovalId)
            .order_by_asc(Column::Assignee)
            .all(&self.backend.reads_of(organization))
            .await?;
        Ok(rows.into_iter().map(|model| (ApprovalId::from_uuid(model.approval_id), model.assignee)).collect())
    }

    /// What people decided about several approvals, in order; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_decisions(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
        limit: u64,
    ) -> Result<Vec<DecisionRow>, StoreError> {
        use approval_decision::Column;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = approval_decision::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ApprovalId.is_in(ids.iter().map(|id| id.uuid())))
            .order_by_asc(Column::AtMs)
            // The one that settles it comes last, also within a millisecond.
            .order_by_asc(Column::Closes)
            .order_by_asc(Column::Person)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        let row = |model: approval_decision::Model| DecisionRow {
            approval_id: ApprovalId::from_uuid(model.approval_id),
            person: model.person,
            on_behalf_of: model.on_behalf_of,
            actor: model.actor,
            approves: model.approves,
            closes: model.closes,
            reason: model.reason,
            form: model.form,
            channel: model.channel,
            at_ms: model.at_ms,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// What happened to several approvals, oldest first; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_events(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
        limit: u64,
    ) -> Result<Vec<ApprovalEventRow>, StoreError> {
        use approval_event::Column;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = approval_event::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ApprovalId.is_in(ids.iter().map(|id| id.uuid())))
            .order_by_asc(Column::Position)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        let row = |model: approval_event::Model| ApprovalEventRow {
            approval_id: ApprovalId::from_uuid(model.approval_id),
            position: model.position,
            kind: model.kind,
            actor: model.actor,
            detail: model.detail,
            comment_id: model.comment_id.map(ApprovalCommentId::from_uuid),
            at_ms: model.at_ms,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// Stands for a moment that has not come, or will not.
const NEVER: i64 = i64::MAX;

fn sort_key(field: ApprovalOrderField) -> SimpleExpr {
    match field {
        ApprovalOrderField::RequestedAt => Column::RequestedAtMs.into_expr(),
        // Word for word as in the index.
        ApprovalOrderField::DueAt => Expr::cust("coalesce(approval.expires_at_ms, 9223372036854775807)"),
        ApprovalOrderField::DecidedAt => Func::coalesce([Column::DecidedAtMs.into_expr(), Expr::val(NEVER)]).into(),
    }
}

fn key_of(row: &ApprovalRow, field: ApprovalOrderField) -> SortKey {
    SortKey::Number(match field {
        ApprovalOrderField::RequestedAt => row.requested_at_ms,
        ApprovalOrderField::DueAt => row.expires_at_ms.unwrap_or(NEVER),
        ApprovalOrderField::DecidedAt => row.decided_at_ms.unwrap_or(NEVER),
    })
}
