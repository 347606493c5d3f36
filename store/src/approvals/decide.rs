//! People decide: one decision ever, recorded together with what wakes the execution.
//!
//! The row of the execution is locked first, as a checkpoint does. So a decision comes either before the checkpoint
//! that closes the approval, which then notices that the execution was told something, or after it, and finds the
//! approval closed.

use entity::{approval, approval_decision, signal};
use ids::{ExecutionId, OrganizationId};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement, Value,
};

use super::change::note;
use super::{links, row};
use crate::backend::WriteTransaction;
use crate::clean::check_texts;
use crate::error::StoreError;
use crate::model::approval::{ApprovalRow, ApprovalStatus, DecisionOutcome, NewDecision};
use crate::model::execution::Runnable;
use crate::model::signal::Delivered;
use crate::store::Store;

impl Store {
    /// Records what somebody decides, and tells the execution in the same transaction: durable when this returns.
    /// Whether they may was judged by the caller, for the revision that the decision names.
    ///
    /// # Errors
    /// `Invalid`, or the database is away: then it may have been recorded all the same.
    pub async fn decide_approval(&self, decision: NewDecision) -> Result<DecisionOutcome, StoreError> {
        check_texts([
            ("reason", decision.reason.as_deref()),
            ("form", decision.form.as_deref()),
            ("signal", Some(decision.signal.as_str())),
        ])?;
        let transaction = self.backend.begin().await?;
        let Some(seen) = read(&transaction, &decision).await? else { return Ok(DecisionOutcome::Unknown) };
        let woken = wake(&transaction, seen.organization_id, seen.execution_id, decision.at_ms).await?;
        // Nobody else changes where it stands from here on.
        let Some(found) = read(&transaction, &decision).await? else { return Ok(DecisionOutcome::Unknown) };
        // First of all: whoever comes second with a link is told that it was used, whatever the approval has come to.
        if let Some(link) = &decision.link {
            let (organization, id) = (decision.organization_id, decision.approval_id);
            if !links::take(&transaction, organization, id, link, decision.at_ms).await? {
                return Ok(DecisionOutcome::LinkSpent);
            }
        }
        let Some(woken) = woken.filter(|_woken| found.is_open(decision.at_ms)) else {
            return Ok(DecisionOutcome::Closed(Box::new(found)));
        };
        if has_decided(&transaction, &decision).await? {
            return Ok(DecisionOutcome::DecidedBefore(Box::new(found)));
        }
        if found.revision != decision.revision {
            return Ok(DecisionOutcome::Moved);
        }
        let votes = found.votes.saturating_add(i32::from(decision.approves));
        let closes = !decision.approves || votes >= found.quorum;
        let now = ApprovalRow { votes, ..found };
        let now = if closes { closed(now, &decision) } else { now };
        if !write(&transaction, &decision, &now, closes).await? {
            return Ok(DecisionOutcome::Moved);
        }
        transaction.commit().await?;
        Ok(DecisionOutcome::Recorded { approval: Box::new(now), woken })
    }
}

fn closed(row: ApprovalRow, decision: &NewDecision) -> ApprovalRow {
    ApprovalRow {
        status: if decision.approves { ApprovalStatus::Approved } else { ApprovalStatus::Rejected },
        decided_at_ms: Some(decision.at_ms),
        decided_by: Some(decision.person.clone()),
        reason: decision.reason.clone(),
        ..row
    }
}

async fn read(transaction: &WriteTransaction, decision: &NewDecision) -> Result<Option<ApprovalRow>, StoreError> {
    let found = approval::Entity::find()
        .filter(approval::Column::OrganizationId.eq(decision.organization_id.uuid()))
        .filter(approval::Column::Id.eq(decision.approval_id.uuid()))
        .one(&**transaction)
        .await?;
    found.map(row).transpose()
}

/// Whether one of the voices counts already: their own, or that of whom they decide for.
async fn has_decided(transaction: &WriteTransaction, decision: &NewDecision) -> Result<bool, StoreError> {
    let voices = || [Some(&decision.person), decision.on_behalf_of.as_ref()].into_iter().flatten();
    let told = Condition::any()
        .add(approval_decision::Column::Person.is_in(voices()))
        .add(approval_decision::Column::OnBehalfOf.is_in(voices()));
    let found = approval_decision::Entity::find()
        .filter(approval_decision::Column::OrganizationId.eq(decision.organization_id.uuid()))
        .filter(approval_decision::Column::ApprovalId.eq(decision.approval_id.uuid()))
        .filter(told)
        .one(&**transaction)
        .await?;
    Ok(found.is_some())
}

/// Counts one more signal in the execution and lets it run, if it rests; none when it has ended.
async fn wake(
    transaction: &WriteTransaction,
    organization: OrganizationId,
    execution: ExecutionId,
    now_ms: i64,
) -> Result<Option<Delivered>, StoreError> {
    let values: [Value; 3] = [execution.uuid().into(), organization.uuid().into(), now_ms.into()];
    let sql = include_str!("wake.sql");
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    let Some(row) = transaction.query_one_raw(statement).await? else { return Ok(None) };
    let mut woken = Delivered::default();
    let status: i16 = row.try_get("", "status")?;
    if status == 0 {
        let (queue, priority) = (row.try_get("", "queue")?, row.try_get("", "priority")?);
        woken.runnable.push(Runnable { id: execution, organization, queue, priority });
    } else {
        woken.running.push((organization, execution));
    }
    Ok(Some(woken))
}

async fn write(
    transaction: &WriteTransaction,
    decision: &NewDecision,
    now: &ApprovalRow,
    closes: bool,
) -> Result<bool, StoreError> {
    let (organization, id) = (decision.organization_id.uuid(), decision.approval_id.uuid());
    let recorded = approval_decision::ActiveModel {
        organization_id: Set(organization),
        approval_id: Set(id),
        person: Set(decision.person.clone()),
        on_behalf_of: Set(decision.on_behalf_of.clone()),
        actor: Set(decision.actor.clone()),
        approves: Set(decision.approves),
        closes: Set(closes),
        reason: Set(decision.reason.clone()),
        form: Set(decision.form.clone()),
        channel: Set(decision.channel.to_owned()),
        at_ms: Set(decision.at_ms),
    };
    let updated = approval::Entity::update_many()
        .col_expr(approval::Column::Votes, Expr::val(now.votes))
        .col_expr(approval::Column::Status, Expr::val(now.status.code()))
        .col_expr(approval::Column::DecidedAtMs, Expr::val(now.decided_at_ms))
        .col_expr(approval::Column::DecidedBy, Expr::val(now.decided_by.clone()))
        .col_expr(approval::Column::Reason, Expr::val(now.reason.clone()))
        .filter(approval::Column::OrganizationId.eq(organization))
        .filter(approval::Column::Id.eq(id))
        .filter(approval::Column::Status.eq(ApprovalStatus::Pending.code()))
        // Who hands it over locks no execution.
        .filter(approval::Column::Revision.eq(decision.revision))
        .exec(&**transaction)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(false);
    }
    approval_decision::Entity::insert(recorded).exec_without_returning(&**transaction).await?;
    let (detail, at_ms) = (if decision.approves { "approve" } else { "reject" }, decision.at_ms);
    let (of, which) = (decision.organization_id, decision.approval_id);
    note(transaction, of, which, "decided", &decision.person, Some(detail), at_ms).await?;
    let told = signal::ActiveModel {
        position: NotSet,
        organization_id: Set(organization),
        execution_id: Set(now.execution_id.uuid()),
        data: Set(decision.signal.clone()),
        created_at_ms: Set(decision.at_ms),
        // It is counted in the execution's row already.
        delivered: Set(true),
    };
    signal::Entity::insert(told).exec_without_returning(&**transaction).await?;
    Ok(true)
}
