//! A part of an operation: decided over, written as a whole, and then told to whom it concerns.

use async_recursion::async_recursion as boxed;
use ids::ExecutionId;
use queue::Notice;
use serde_json::json;
use store::{
    BulkFailureRow, BulkOperationRow, BulkPart, BulkStatus, BulkWritten, Cursor, Direction, ExecutionFilter,
    ExecutionOrder, ExecutionOrderField, NewExecution, PageRequest, Relocation, RulingWritten, SortKey,
};
use tracing::{debug, error, info, warn};

use super::item::{Deciding, Verdict};
use super::kinds;
use super::work::LEASE;
use crate::audit::{self, Change, NewEntry, Outcome};
use crate::code::Code;
use crate::error::{Mistake, ServiceError, chain};
use crate::executions::{Ending, announce_moved, announce_retried, start_rows};
use crate::services::Services;
use crate::signals::deliver;
use crate::viewer::{Actor, Origin};

/// Executions that are woken at a time: few, because workers write some of them at the same moment.
const DELIVERED: usize = 100;

/// What is written of an operation, and what is told afterwards.
pub struct Part {
    written: BulkPart,
    /// Executions that may end with it: their rulings are the last ones.
    endings: Vec<Ending>,
    /// In whose name it is done; nobody's where it is only counted.
    by: Option<Actor>,
}

impl Part {
    /// One of which nothing is told.
    pub const fn of(written: BulkPart) -> Self {
        Self { written, endings: Vec::new(), by: None }
    }
}

/// Decides over the next executions; `written` is the part in which nothing happens.
#[boxed]
pub async fn decided(
    deciding: &mut Deciding<'_>,
    filter: &ExecutionFilter,
    written: BulkPart,
) -> Result<Part, ServiceError> {
    let (services, operation) = (deciding.services, deciding.operation);
    let size = Ord::min(kinds::size(operation.kind), u64::try_from(operation.rate_per_second).unwrap_or(1).max(1));
    let order = ExecutionOrder { field: ExecutionOrderField::QueuedAt, direction: Direction::Ascending };
    let mut request = PageRequest::first(size);
    request.after = operation.position.map(|id| Cursor { key: SortKey::None(()), id: id.uuid() });
    let page = services.store().executions(operation.organization_id, filter, order, &request).await?;
    let (mut part, mut starts) = (Part::of(written), Vec::new());
    part.by = Some(deciding.viewer.actor.clone());
    // A part that is not written before the claim runs out is done again by others, for ever if it is always so slow.
    let until = services.now().plus(LEASE / 2);
    let (mut passed, mut last, mut has_more) = (0, None::<ExecutionId>, page.has_next);
    for (_, row) in page.rows {
        if passed > 0 && services.now() >= until {
            has_more = true;
            break;
        }
        passed += 1;
        last = Some(row.id);
        let (id, verdict) = (row.id, deciding.decide(row).await?);
        part.add(id, verdict, &mut starts);
    }
    let Part { written, endings, .. } = &mut part;
    let (ends, starting) = (endings.len(), starts.len());
    let changed =
        written.sends.len() + written.rulings.len() - ends + written.relocations.len() + written.deletions.len();
    written.succeeded = i64::try_from(changed + starting).unwrap_or(i64::MAX);
    if operation.is_dry_run {
        (written.sends, written.rulings, written.relocations) = (Vec::new(), Vec::new(), Vec::new());
        written.deletions = Vec::new();
        endings.clear();
    } else if !starts.is_empty() {
        let refused = start(deciding, starts).await?;
        written.succeeded -= i64::try_from(refused.len()).unwrap_or(i64::MAX);
        written.failures.extend(refused);
        written.has_happened = true;
    }
    written.position = last.or(operation.position);
    if has_more {
        written.due_at_ms = Some(next_due(operation, passed, services.now().0));
    } else {
        written.status = BulkStatus::Completed;
        written.due_at_ms = None;
    }
    Ok(part)
}

impl Part {
    fn add(&mut self, id: ExecutionId, verdict: Verdict, starts: &mut Vec<(ExecutionId, NewExecution)>) {
        let written = &mut self.written;
        match verdict {
            Verdict::Tell(signal) => written.sends.push(signal),
            Verdict::Rule(ruling) => written.rulings.push(*ruling),
            Verdict::End(signal, ending) => {
                written.sends.push(signal);
                written.rulings.extend(ending.iter().map(|ending| ending.ruling.clone()));
                self.endings.extend(ending.map(|ending| *ending));
            }
            Verdict::Move(relocation, failure) => written.relocations.push((*relocation, failure)),
            Verdict::Start(new) => starts.push((id, *new)),
            Verdict::Delete(id) => written.deletions.push(id),
            Verdict::Nothing => written.skipped += 1,
            Verdict::Fail(failure) => written.failures.push(failure),
        }
    }
}

/// Starts the new executions, each of which has a key; answers what is kept of those that were refused. What has been
/// repeated before, by whoever died then, is not started again.
async fn start(
    deciding: &Deciding<'_>,
    starts: Vec<(ExecutionId, NewExecution)>,
) -> Result<Vec<BulkFailureRow>, ServiceError> {
    let (services, organization) = (deciding.services, deciding.operation.organization_id);
    // A key counts for a day, and an operation may be held for longer; the executions themselves are still there.
    let key = |(id, new): &(ExecutionId, NewExecution)| Some((*id, new.start_key.as_ref()?.key.clone()));
    let keys: Vec<(ExecutionId, String)> = starts.iter().filter_map(key).collect();
    let repeated = services.store().repeated_under(organization, &keys).await?;
    let (of, new): (Vec<ExecutionId>, Vec<NewExecution>) =
        starts.into_iter().filter(|(id, _new)| !repeated.contains(id)).unzip();
    let own: Vec<ExecutionId> = new.iter().map(|new| new.id).collect();
    let (mut refused, mut found) = (Vec::new(), Vec::new());
    for ((id, own), started) in of.into_iter().zip(own).zip(start_rows(services, new).await?) {
        match started {
            Ok(started) if started == own => {}
            Ok(known) => found.push((id, known)),
            Err(problem @ (ServiceError::Unavailable(_) | ServiceError::Overloaded)) => return Err(problem),
            Err(problem) => refused.push(deciding.failure(id, &problem)),
        }
    }
    refused.extend(foreign(deciding, &found).await?);
    Ok(refused)
}

/// Of executions whose keys were used before, those whose key stands for something else than their repetition.
async fn foreign(
    deciding: &Deciding<'_>,
    found: &[(ExecutionId, ExecutionId)],
) -> Result<Vec<BulkFailureRow>, ServiceError> {
    let known: Vec<ExecutionId> = found.iter().map(|(_id, known)| *known).collect();
    let rows = deciding.services.store().executions_by_ids(deciding.operation.organization_id, &known).await?;
    let mut refused = Vec::new();
    for (id, known) in found {
        if rows.iter().any(|row| row.id == *known && row.rerun_of == Some(*id)) {
            continue;
        }
        let message =
            format!("execution {id} cannot be repeated: its key was used for {known}, which does not repeat it");
        let problem = ServiceError::mistake(Mistake::new(Code::Duplicate, "idempotencyKey", message));
        refused.push(deciding.failure(*id, &problem));
    }
    Ok(refused)
}

/// When the next part may begin, by the rate. What was missed by ticks is made up for, for a second at most.
pub fn next_due(operation: &BulkOperationRow, passed: usize, now_ms: i64) -> i64 {
    let rate = i64::from(operation.rate_per_second).max(1);
    let cost_ms = i64::try_from(passed).unwrap_or(i64::MAX).saturating_mul(1_000).saturating_add(rate - 1) / rate;
    let from_ms = Ord::max(operation.due_at_ms.unwrap_or(now_ms), now_ms - 1_000);
    from_ms.saturating_add(cost_ms)
}

/// Writes a part and tells whom it concerns; answers how many executions were changed.
#[boxed]
pub async fn write(services: &Services, operation: &BulkOperationRow, part: Part) -> Result<u64, ServiceError> {
    let Part { written: part, endings, by } = part;
    let Some(written) = services.store().write_bulk_part(&part).await? else {
        // Held, stopped, or taken over: nothing of this part has happened.
        debug!(operation = %operation.id, "a part of bulk operation {} was left to others", operation.id);
        return Ok(0);
    };
    services.notices().publish(vec![Notice::of(operation.organization_id)]);
    counted(operation, &written.operation);
    let changed = written.operation.succeeded - operation.succeeded;
    let BulkWritten { operation: now, rulings, relocations, deleted } = written;
    if !deleted.is_empty() {
        removed(services, operation, by, &deleted).await;
    }
    let mut told: Vec<ExecutionId> = part.sends.iter().map(|signal| signal.execution_id).collect();
    if endings.is_empty() {
        retried(services, operation, rulings);
    } else {
        ended(services, operation, &endings, &rulings, &mut told).await;
    }
    let moved = part.relocations.iter().zip(relocations);
    let moved: Vec<(&Relocation, i32)> =
        moved.filter_map(|((relocation, _), seq)| seq.map(|seq| (relocation, seq))).collect();
    if !moved.is_empty() {
        announce_moved(services, &moved);
    }
    for some in told.chunks(DELIVERED) {
        if let Err(problem) = deliver(services, some).await {
            // Recorded they are: the reconciler of signals delivers them.
            warn!(operation = %operation.id, error = %chain(&problem), "what executions were told is delivered later");
        }
    }
    if now.status.is_ended() {
        let BulkOperationRow { id, status, succeeded, failed, skipped, .. } = now;
        info!(operation = %id, ?status, succeeded, failed, skipped, "bulk operation {id} has ended");
    }
    Ok(if operation.is_dry_run { 0 } else { u64::try_from(changed).unwrap_or(0) })
}

/// The audit log has what was removed: the history that would tell it is gone.
async fn removed(services: &Services, operation: &BulkOperationRow, by: Option<Actor>, deleted: &[ExecutionId]) {
    let change = Change::of("bulk_operation", operation.id, "").named("execution.deleted");
    let entry = NewEntry {
        organization: Some(operation.organization_id),
        actor: by.unwrap_or_else(Actor::system),
        action: "execution.deleted".to_owned(),
        outcome: Outcome::Ok,
        change: change.after(json!({ "executions": deleted })).because(Some(operation.reason.clone())),
        origin: Origin::default(),
    };
    if let Err(problem) = audit::record(services, entry).await {
        metrics::counter!("sluice_audit_lost_total").increment(1);
        error!(
            operation = %operation.id, executions = ?deleted, error = %chain(&problem),
            "the audit log misses that bulk operation {} deleted executions", operation.id
        );
    }
}

fn retried(services: &Services, operation: &BulkOperationRow, rulings: Vec<Option<RulingWritten>>) {
    let written: Vec<RulingWritten> = rulings.into_iter().flatten().collect();
    if !written.is_empty() {
        announce_retried(services, operation.organization_id, written);
    }
}

/// Tells whom the end of executions concerns; what has ended needs to be told nothing more.
async fn ended(
    services: &Services,
    operation: &BulkOperationRow,
    endings: &[Ending],
    rulings: &[Option<RulingWritten>],
    told: &mut Vec<ExecutionId>,
) {
    for (ending, written) in endings.iter().zip(rulings) {
        let Some(written) = written else { continue };
        told.retain(|id| *id != ending.ruling.execution_id);
        if let Err(problem) = ending.announce(services, written).await {
            // Written it is: reconcilers deliver what others were told, and give the places of slots to others.
            warn!(operation = %operation.id, error = %chain(&problem), "who waits for an end is told later");
        }
    }
}

fn counted(before: &BulkOperationRow, after: &BulkOperationRow) {
    if before.is_dry_run {
        return;
    }
    let outcomes = [
        ("succeeded", after.succeeded - before.succeeded),
        ("failed", after.failed - before.failed),
        ("skipped", after.skipped - before.skipped),
    ];
    for (outcome, count) in outcomes {
        let count = u64::try_from(count).unwrap_or(0);
        let kind = kinds::name(before.kind);
        metrics::counter!("sluice_bulk_executions_total", "kind" => kind, "outcome" => outcome).increment(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::tests::row;

    #[test]
    fn a_rate_holds_over_ticks_and_what_they_miss_is_made_up_for_a_second_at_most() {
        let at = |due_at_ms| BulkOperationRow { rate_per_second: 100, due_at_ms: Some(due_at_ms), ..row() };
        assert_eq!(next_due(&at(10_000), 50, 10_000), 10_500);
        // A tick that is late by 400 ms is not lost.
        assert_eq!(next_due(&at(10_500), 50, 10_900), 11_000);
        // A minute without workers is no reason for a minute's work at once.
        assert_eq!(next_due(&at(10_000), 50, 70_000), 69_500);
    }
}
