//! What people say about approvals.

use entity::{approval, approval_event};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

use super::row;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::approval::{ApprovalRow, NewComment};
use crate::store::Store;

impl Store {
    /// Adds a comment, whatever the approval has come to; none when there is no such approval.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn comment_approval(&self, comment: NewComment) -> Result<Option<ApprovalRow>, StoreError> {
        check_texts([("body", Some(comment.body.as_str()))])?;
        let transaction = self.backend.begin().await?;
        let found = approval::Entity::find()
            .filter(approval::Column::OrganizationId.eq(comment.organization_id.uuid()))
            .filter(approval::Column::Id.eq(comment.approval_id.uuid()))
            .one(&*transaction)
            .await?;
        let Some(found) = found else { return Ok(None) };
        let event = approval_event::ActiveModel {
            position: NotSet,
            organization_id: Set(comment.organization_id.uuid()),
            approval_id: Set(comment.approval_id.uuid()),
            kind: Set("commented".to_owned()),
            actor: Set(Some(comment.actor)),
            detail: Set(Some(comment.body)),
            comment_id: Set(Some(comment.id.uuid())),
            at_ms: Set(comment.at_ms),
        };
        approval_event::Entity::insert(event).exec_without_returning(&*transaction).await?;
        transaction.commit().await?;
        row(found).map(Some)
    }
}
