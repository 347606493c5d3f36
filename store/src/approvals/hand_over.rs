//! Other people are asked: somebody hands an approval over, or an administrator changes who may decide.

use std::collections::BTreeSet;

use entity::{approval, approval_assignee, approval_delegation};
use ids::{ApprovalId, OrganizationId};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::change::{is_open, note, outcome};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::approval_hands::{DelegationRow, HandOutcome, HandOver, HandedTo};
use crate::store::Store;

impl Store {
    /// Changes who may decide an open approval. Whoever decides at the same moment was judged by the revision of
    /// before, so one of the two looks again. Nobody works on it any more.
    ///
    /// # Errors
    /// `Invalid`, or the database is away.
    pub async fn hand_over_approval(&self, change: HandOver) -> Result<HandOutcome, StoreError> {
        check_texts([("reason", change.reason.as_deref())])?;
        let (organization, id) = (change.organization_id, change.approval_id);
        let transaction = self.backend.begin().await?;
        let updated = approval::Entity::update_many()
            .col_expr(approval::Column::Revision, Expr::col(approval::Column::Revision).add(1))
            .col_expr(approval::Column::ClaimedBy, Expr::val(None::<String>))
            .filter(is_open(organization, id, change.at_ms))
            .filter(approval::Column::Revision.eq(change.revision))
            .exec(&*transaction)
            .await?;
        if updated.rows_affected == 0 {
            return outcome(&transaction, organization, id, false, change.at_ms).await;
        }
        match &change.to {
            HandedTo::Person { from, names, voice, to } => {
                replace(&transaction, &change, from, names, to).await?;
                delegate(&transaction, &change, from, voice, to).await?;
                note(&transaction, organization, id, "delegated", &change.actor, Some(to), change.at_ms).await?;
            }
            HandedTo::Anew(assignees) => {
                ask_anew(&transaction, &change, assignees).await?;
                let (actor, reason) = (&change.actor, change.reason.as_deref());
                note(&transaction, organization, id, "reassigned", actor, reason, change.at_ms).await?;
            }
        }
        let done = outcome(&transaction, organization, id, true, change.at_ms).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// Hand-overs of several approvals, in order; `limit` rows at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn approval_delegations(
        &self,
        organization: OrganizationId,
        ids: &[ApprovalId],
        limit: u64,
    ) -> Result<Vec<DelegationRow>, StoreError> {
        use approval_delegation::Column;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = approval_delegation::Entity::find()
            .filter(Column::OrganizationId.eq(organization.uuid()))
            .filter(Column::ApprovalId.is_in(ids.iter().map(|id| id.uuid())))
            .order_by_asc(Column::ApprovalId)
            .order_by_asc(Column::Number)
            .limit(limit)
            .all(&self.backend.reads_of(organization))
            .await?;
        let row = |model: approval_delegation::Model| DelegationRow {
            approval_id: ApprovalId::from_uuid(model.approval_id),
            number: model.number,
            from: model.from_person,
            to: model.to_person,
            voice: model.voice,
            reason: model.reason,
            at_ms: model.at_ms,
            is_in_force: model.ended_at_ms.is_none(),
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

/// One person is asked by name in place of another.
async fn replace(
    transaction: &WriteTransaction,
    change: &HandOver,
    from: &str,
    names: &[String],
    to: &str,
) -> Result<(), StoreError> {
    use approval_assignee::{Column, Entity};
    let own = format!("user:{from}");
    let gone = names.iter().map(String::as_str).chain([own.as_str()]);
    Entity::delete_many()
        .filter(Column::OrganizationId.eq(change.organization_id.uuid()))
        .filter(Column::ApprovalId.eq(change.approval_id.uuid()))
        .filter(Column::Assignee.is_in(gone))
        .exec(&**transaction)
        .await?;
    assign(transaction, change, [format!("user:{to}")].into()).await
}

async fn ask_anew(transaction: &WriteTransaction, change: &HandOver, assignees: &[String]) -> Result<(), StoreError> {
    use approval_assignee::{Column, Entity};
    Entity::delete_many()
        .filter(Column::OrganizationId.eq(change.organization_id.uuid()))
        .filter(Column::ApprovalId.eq(change.approval_id.uuid()))
        .exec(&**transaction)
        .await?;
    end_delegations(transaction, change, None).await?;
    assign(transaction, change, assignees.iter().cloned().collect()).await
}

async fn assign(
    transaction: &WriteTransaction,
    change: &HandOver,
    assignees: BTreeSet<String>,
) -> Result<(), StoreError> {
    use approval_assignee::{ActiveModel, Column, Entity};
    let models = assignees.into_iter().map(|assignee| ActiveModel {
        organization_id: Set(change.organization_id.uuid()),
        approval_id: Set(change.approval_id.uuid()),
        assignee: Set(assignee),
    });
    let there_already = OnConflict::columns([Column::ApprovalId, Column::Assignee]).do_nothing().to_owned();
    Entity::insert_many(models).on_conflict(there_already).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// Records it. To whom it comes, to them what they handed over themselves has come back.
async fn delegate(
    transaction: &WriteTransaction,
    change: &HandOver,
    from: &str,
    voice: &str,
    to: &str,
) -> Result<(), StoreError> {
    use approval_delegation::{ActiveModel, Column, Entity};
    end_delegations(transaction, change, Some(to)).await?;
    let last = Entity::find()
        .select_only()
        .column_as(Column::Number.max(), "last")
        .filter(Column::OrganizationId.eq(change.organization_id.uuid()))
        .filter(Column::ApprovalId.eq(change.approval_id.uuid()))
        .into_tuple::<Option<i32>>()
        .one(&**transaction)
        .await?;
    let recorded = ActiveModel {
        organization_id: Set(change.organization_id.uuid()),
        approval_id: Set(change.approval_id.uuid()),
        number: Set(last.flatten().unwrap_or(0) + 1),
        from_person: Set(from.to_owned()),
        actor: Set(change.actor.clone()),
        to_person: Set(to.to_owned()),
        voice: Set(voice.to_owned()),
        reason: Set(change.reason.clone()),
        at_ms: Set(change.at_ms),
        ended_at_ms: Set(None),
    };
    Entity::insert(recorded).exec_without_returning(&**transaction).await?;
    Ok(())
}

async fn end_delegations(
    transaction: &WriteTransaction,
    change: &HandOver,
    from: Option<&str>,
) -> Result<(), StoreError> {
    use approval_delegation::{Column, Entity};
    let mut ended = Entity::update_many()
        .col_expr(Column::EndedAtMs, Expr::val(change.at_ms))
        .filter(Column::OrganizationId.eq(change.organization_id.uuid()))
        .filter(Column::ApprovalId.eq(change.approval_id.uuid()))
        .filter(Column::EndedAtMs.is_null());
    if let Some(from) = from {
        ended = ended.filter(Column::FromPerson.eq(from));
    }
    ended.exec(&**transaction).await?;
    Ok(())
}
