//! Small changes of open approvals: who works on one, that people are reminded, and what all changes share.

use entity::{approval, approval_event, approval_link};
use ids::{ApprovalId, OrganizationId};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};

use super::row;
use crate::backend::WriteTransaction;
use crate::error::StoreError;
use crate::model::approval::ApprovalStatus;
use crate::model::approval_hands::{ClaimApproval, HandOutcome, RemindApproval};
use crate::store::Store;

impl Store {
    /// Notes who works on an open approval. Of two who take it on at once, one gets it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claim_approval(&self, claim: ClaimApproval) -> Result<HandOutcome, StoreError> {
        let (organization, id) = (claim.organization_id, claim.approval_id);
        let held = match (&claim.from, &claim.to) {
            (Some(from), _to) => Condition::all().add(approval::Column::ClaimedBy.eq(from)),
            (None, Some(to)) => {
                Condition::any().add(approval::Column::ClaimedBy.is_null()).add(approval::Column::ClaimedBy.eq(to))
            }
            (None, None) => Condition::all().add(approval::Column::ClaimedBy.is_null()),
        };
        let transaction = self.backend.begin().await?;
        let updated = approval::Entity::update_many()
            .col_expr(approval::Column::ClaimedBy, Expr::val(claim.to.clone()))
            .filter(is_open(organization, id, claim.at_ms))
            .filter(held)
            .exec(&*transaction)
            .await?;
        let is_done = updated.rows_affected > 0;
        let outcome = outcome(&transaction, organization, id, is_done, claim.at_ms).await?;
        if is_done {
            let kind = if claim.to.is_some() { "claimed" } else { "released" };
            note(&transaction, organization, id, kind, &claim.actor, None, claim.at_ms).await?;
            transaction.commit().await?;
        }
        Ok(outcome)
    }

    /// Notes that people are reminded of an open approval, with the links that they get. Not if somebody reminded
    /// them a moment before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn remind_approval(&self, reminder: RemindApproval) -> Result<HandOutcome, StoreError> {
        let (organization, id) = (reminder.organization_id, reminder.approval_id);
        let long_ago = Condition::any()
            .add(approval::Column::RemindedAtMs.is_null())
            .add(approval::Column::RemindedAtMs.lte(reminder.not_since_ms));
        let transaction = self.backend.begin().await?;
        let updated = approval::Entity::update_many()
            .col_expr(approval::Column::RemindedAtMs, Expr::val(reminder.at_ms))
            .filter(is_open(organization, id, reminder.at_ms))
            .filter(long_ago)
            .exec(&*transaction)
            .await?;
        let is_done = updated.rows_affected > 0;
        let outcome = outcome(&transaction, organization, id, is_done, reminder.at_ms).await?;
        if is_done {
            note(&transaction, organization, id, "reminded", &reminder.actor, None, reminder.at_ms).await?;
            let links: Vec<_> = reminder.links.into_iter().map(super::links::model).collect();
            if !links.is_empty() {
                approval_link::Entity::insert_many(links).exec_without_returning(&*transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(outcome)
    }
}

/// An approval that somebody may still decide at a moment.
pub(super) fn is_open(organization: OrganizationId, id: ApprovalId, now_ms: i64) -> Condition {
    let in_time =
        Condition::any().add(approval::Column::ExpiresAtMs.is_null()).add(approval::Column::ExpiresAtMs.gt(now_ms));
    Condition::all()
        .add(approval::Column::OrganizationId.eq(organization.uuid()))
        .add(approval::Column::Id.eq(id.uuid()))
        .add(approval::Column::Status.eq(ApprovalStatus::Pending.code()))
        .add(in_time)
}

/// What came of a change, told by the approval as it is now.
pub(super) async fn outcome(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    id: ApprovalId,
    is_done: bool,
    now_ms: i64,
) -> Result<HandOutcome, StoreError> {
    let found = approval::Entity::find()
        .filter(approval::Column::OrganizationId.eq(organization.uuid()))
        .filter(approval::Column::Id.eq(id.uuid()))
        .one(&**transaction)
        .await?;
    let Some(found) = found.map(row).transpose()? else { return Ok(HandOutcome::Unknown) };
    let is_still_open = found.is_open(now_ms);
    let found = Box::new(found);
    Ok(match (is_done, is_still_open) {
        (true, _) => HandOutcome::Done(found),
        (false, true) => HandOutcome::Moved(found),
        (false, false) => HandOutcome::Closed(found),
    })
}

/// Writes down what happened.
pub(super) async fn note(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    approval: ApprovalId,
    kind: &str,
    actor: &str,
    detail: Option<&str>,
    at_ms: i64,
) -> Result<(), StoreError> {
    let event = approval_event::ActiveModel {
        position: NotSet,
        organization_id: Set(organization.uuid()),
        approval_id: Set(approval.uuid()),
        kind: Set(kind.to_owned()),
        actor: Set(Some(actor.to_owned())),
        detail: Set(detail.map(str::to_owned)),
        comment_id: Set(None),
        at_ms: Set(at_ms),
    };
    approval_event::Entity::insert(event).exec_without_returning(&**transaction).await?;
    Ok(())
}
