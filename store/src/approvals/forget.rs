//! Deletes approvals with their executions.

use entity::{approval, approval_assignee, approval_decision, approval_delegation, approval_event, approval_link};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use sqlx::types::Uuid;

use crate::error::StoreError;

/// Rows of one statement: SQLite nests a thousand conditions at most.
const ROWS: usize = 200;

/// Deletes the approvals of executions, with who may decide them and what happened to them.
pub async fn forget(on: &impl ConnectionTrait, executions: Vec<Uuid>) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = approval::Entity::find()
        .select_only()
        .column(approval::Column::Id)
        .filter(approval::Column::ExecutionId.is_in(executions))
        .into_tuple()
        .all(on)
        .await?;
    for part in ids.chunks(ROWS) {
        let part = || part.iter().copied();
        let (event, decision) = (approval_event::Column::ApprovalId, approval_decision::Column::ApprovalId);
        approval_event::Entity::delete_many().filter(event.is_in(part())).exec(on).await?;
        approval_decision::Entity::delete_many().filter(decision.is_in(part())).exec(on).await?;
        let (link, delegation) = (approval_link::Column::ApprovalId, approval_delegation::Column::ApprovalId);
        approval_link::Entity::delete_many().filter(link.is_in(part())).exec(on).await?;
        approval_delegation::Entity::delete_many().filter(delegation.is_in(part())).exec(on).await?;
        let assignee = approval_assignee::Column::ApprovalId;
        approval_assignee::Entity::delete_many().filter(assignee.is_in(part())).exec(on).await?;
        approval::Entity::delete_many().filter(approval::Column::Id.is_in(part())).exec(on).await?;
    }
    Ok(())
}
