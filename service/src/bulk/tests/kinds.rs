//! The kinds that end, repeat, move and remove executions.

use store::BulkFailureRow;

use super::*;
use crate::bulk::item::Deciding;
use crate::bulk::part::{self, write};
use crate::bulk::start::Arguments;
use crate::bulk::{failures, walk, work};

impl Bed {
    /// Executions that somebody ended, and a moment after that.
    async fn some_ended(&self, count: usize) -> Vec<ExecutionId> {
        let mut ids = Vec::new();
        for _one in 0..count {
            ids.push(self.started("rests").await);
        }
        let ended =
            self.done(NewOperation { which: Some(Which::Named(ids.clone())), ..all(BulkKind::Terminate) }).await;
        assert_eq!(ended.succeeded, i64::try_from(count).unwrap());
        self.clock.advance(Duration::from_millis(1));
        ids
    }

    /// An operation once it has passed everything.
    async fn done(&self, new: NewOperation) -> BulkOperationRow {
        let accepted = self.start(new).await;
        tick(&self.services).await.unwrap();
        let done = self.now(accepted.id).await;
        assert_eq!(done.status, BulkStatus::Completed);
        done
    }

    async fn row(&self, id: ExecutionId) -> Option<store::ExecutionRow> {
        executions::execution(&self.services, &self.viewer, id).await.unwrap()
    }

    /// How many there are, ended ones too.
    async fn count(&self) -> u64 {
        executions::count(&self.services, &self.viewer, &ExecutionFilter::default()).await.unwrap().0
    }

    async fn failed(&self, operation: BulkOperationId) -> Vec<BulkFailureRow> {
        let request = store::PageRequest::first(10);
        let page = failures(&self.services, &self.viewer, operation, &request).await.unwrap();
        page.rows.into_iter().map(|(_, row)| row).collect()
    }

    /// A part that somebody has decided over and not written yet.
    async fn half_done(&self) -> (BulkOperationRow, part::Part) {
        let (store, now) = (self.services.store(), self.services.now().0);
        let operation = store.claim_bulk_operation(now, now + 20_000).await.unwrap().unwrap();
        let arguments: Arguments = serde_json::from_str(operation.arguments.as_deref().unwrap()).unwrap();
        let filter = walk::filter(&operation, &ExecutionFilter::default(), &arguments, &self.viewer);
        let mut deciding = Deciding::new(&self.services, &self.viewer, &operation, &arguments);
        let nothing = work::unchanged(&self.services, &operation);
        let decided = part::decided(&mut deciding, &filter, nothing).await.unwrap();
        (operation, decided)
    }

    /// A rerun of everything that is counted and has not begun to work.
    async fn counted_rerun(&self) -> BulkOperationRow {
        // Slow enough for the tick to count and then wait.
        let accepted = self.start(NewOperation { rate_per_second: Some(3), ..all(BulkKind::Rerun) }).await;
        let (store, now) = (self.services.store(), self.services.now().0);
        let claimed = store.claim_bulk_operation(now, now + 1).await.unwrap().unwrap();
        let counted = store::BulkPart {
            counted: 3,
            is_counted: true,
            status: BulkStatus::Running,
            ..work::unchanged(&self.services, &claimed)
        };
        store.write_bulk_part(&counted).await.unwrap().unwrap();
        self.now(accepted.id).await
    }
}

#[tokio::test]
async fn what_no_worker_has_is_terminated_at_once() {
    let bed = Bed::new().await;
    let id = bed.started("rests").await;
    let looked = bed.done(NewOperation { is_dry_run: true, ..all(BulkKind::Terminate) }).await;
    assert_eq!((looked.total, looked.succeeded), (1, 1));
    assert_eq!(bed.row(id).await.unwrap().status, ExecutionStatus::Queued);
    let done = bed.done(all(BulkKind::Terminate)).await;
    assert_eq!((done.total, done.succeeded, done.skipped), (1, 1, 0));
    assert_eq!(bed.row(id).await.unwrap().status, ExecutionStatus::Cancelled);
    assert_eq!(bed.told(id).await, [""; 0], "it needs to be told nothing more");
}

#[tokio::test]
async fn what_has_ended_is_repeated_once_and_what_repeats_it_is_not_repeated() {
    let bed = Bed::new().await;
    let ids = bed.some_ended(3).await;
    let looked = bed.done(NewOperation { is_dry_run: true, ..all(BulkKind::Rerun) }).await;
    assert_eq!((looked.succeeded, bed.count().await), (3, 3));
    let done = bed.done(all(BulkKind::Rerun)).await;
    assert_eq!((done.total, done.succeeded, bed.count().await), (3, 3, 6));
    let (filter, order, request) =
        (ExecutionFilter::default(), store::ExecutionOrder::default(), store::PageRequest::first(10));
    let all = bed.services.store().executions(bed.viewer.organization, &filter, order, &request).await.unwrap();
    let mut repeated: Vec<_> = all.rows.into_iter().filter_map(|(_, row)| row.rerun_of).collect();
    repeated.sort_unstable();
    let mut ids = ids;
    ids.sort_unstable();
    assert_eq!(repeated, ids);
}

#[tokio::test]
async fn whoever_dies_before_a_part_is_written_has_repeated_nothing_twice() {
    let bed = Bed::new().await;
    bed.some_ended(3).await;
    let rerun = bed.counted_rerun().await;
    drop(bed.half_done().await);
    assert_eq!(bed.count().await, 6, "they were started");
    bed.clock.advance(Duration::from_mins(1));
    tick(&bed.services).await.unwrap();
    let done = bed.now(rerun.id).await;
    assert_eq!((done.status, done.succeeded, bed.count().await), (BulkStatus::Completed, 3, 6));
}

#[tokio::test]
async fn what_was_repeated_is_not_repeated_again_though_its_keys_count_no_more() {
    let bed = Bed::new().await;
    bed.some_ended(3).await;
    let rerun = bed.counted_rerun().await;
    drop(bed.half_done().await);
    assert_eq!(bed.count().await, 6, "they were started");
    bed.clock.advance(Duration::from_hours(3 * 24));
    tick(&bed.services).await.unwrap();
    let done = bed.now(rerun.id).await;
    assert_eq!((done.status, done.succeeded, bed.count().await), (BulkStatus::Completed, 3, 6));
}

#[tokio::test]
async fn a_key_that_somebody_used_for_something_else_does_not_count_as_a_repetition() {
    let bed = Bed::new().await;
    let ids = bed.some_ended(3).await;
    let rerun = bed.counted_rerun().await;
    bed.started_under("rests", Some(format!("bulk/{}/{}", rerun.id, ids[1]))).await;
    tick(&bed.services).await.unwrap();
    let done = bed.now(rerun.id).await;
    assert_eq!((done.status, done.succeeded, done.failed), (BulkStatus::Completed, 2, 1));
    let kept = bed.failed(rerun.id).await;
    assert_eq!((kept[0].execution_id, kept[0].code.as_str()), (ids[1], "DUPLICATE"));
    assert_eq!(bed.count().await, 3 + 1 + 2);
}

#[tokio::test]
async fn what_was_repeated_while_somebody_stopped_the_operation_is_counted() {
    let bed = Bed::new().await;
    bed.some_ended(3).await;
    let rerun = bed.counted_rerun().await;
    let (operation, half) = bed.half_done().await;
    cancel(&bed.services, &bed.viewer, rerun.id).await.unwrap();
    assert_eq!(write(&bed.services, &operation, half).await.unwrap(), 3);
    let stopped = bed.now(rerun.id).await;
    assert_eq!((stopped.status, stopped.succeeded, bed.count().await), (BulkStatus::Cancelled, 3, 6));
}

#[tokio::test]
async fn what_has_ended_is_deleted_and_what_lives_is_skipped() {
    let bed = Bed::new().await;
    let mut ids = bed.some_ended(2).await;
    let lives = bed.started("rests").await;
    ids.push(lives);
    let looked = bed.done(NewOperation { is_dry_run: true, ..all(BulkKind::Delete) }).await;
    assert_eq!((looked.total, looked.succeeded, bed.count().await), (2, 2, 3));
    let done = bed.done(NewOperation { which: Some(Which::Named(ids)), ..all(BulkKind::Delete) }).await;
    assert_eq!((done.total, done.succeeded, done.skipped), (3, 2, 1));
    assert_eq!((bed.count().await, bed.row(lives).await.is_some()), (1, true));
}

#[tokio::test]
async fn the_audit_log_has_what_was_deleted_by_whom_and_why() {
    let bed = Bed::new().await;
    let mut ids = bed.some_ended(2).await;
    let deleted = async || {
        let (everything, request) = (store::AuditFilter::default(), store::PageRequest::first(100));
        let page = crate::audit::page(&bed.services, &bed.viewer, &everything, &request).await.unwrap();
        let entries = page.rows.into_iter().map(|(_, row)| row.entry);
        entries.filter(|entry| entry.action == "execution.deleted").collect::<Vec<_>>()
    };
    bed.done(NewOperation { is_dry_run: true, ..all(BulkKind::Delete) }).await;
    assert!(deleted().await.is_empty(), "nothing was");
    let done = bed.done(all(BulkKind::Delete)).await;
    let entries = deleted().await;
    assert_eq!(entries.len(), 1, "one for each part");
    let entry = &entries[0];
    assert_eq!((entry.target_type.as_str(), entry.target_id.clone()), ("bulk_operation", done.id.to_string()));
    assert_eq!(
        (entry.actor_id.as_str(), entry.reason.as_deref()),
        (&*bed.viewer.actor.id, Some("they are in the way"))
    );
    ids.sort_unstable();
    let changes: serde_json::Value = serde_json::from_str(entry.changes.as_deref().unwrap()).unwrap();
    assert_eq!(changes, json!({ "after": { "executions": ids } }));
}

#[tokio::test]
async fn what_cannot_move_stays_and_is_told_why() {
    let bed = Bed::new().await;
    let id = bed.started("rests").await;
    let to = |number| NewOperation { to_version: Some(number), ..all(BulkKind::Migrate) };
    let nowhere = bed.done(to(7)).await;
    let kept = bed.failed(nowhere.id).await;
    assert_eq!((nowhere.failed, kept[0].execution_id, kept[0].code.as_str()), (1, id, "NOT_FOUND"));
    let there = bed.done(to(1)).await;
    assert_eq!((there.succeeded, there.failed, there.skipped), (0, 0, 1), "it is there");
}

#[tokio::test]
async fn each_kind_needs_what_it_needs_of_one_execution() {
    let bed = Bed::new().await;
    let (viewer, _membership) = bed.member("eve", None).await;
    let refused = |new| {
        let (services, viewer) = (bed.services.clone(), viewer.clone());
        async move { matches!(start(&services, &viewer, new).await, Err(ServiceError::Forbidden(_))) }
    };
    for kind in [BulkKind::Rerun, BulkKind::Migrate, BulkKind::Delete] {
        assert!(refused(all(kind)).await, "{kind:?}");
    }
    assert!(!refused(all(BulkKind::Terminate)).await);
    let mut starts = viewer.clone();
    starts.permissions =
        [Permission::ExecutionRead, Permission::ExecutionControl, Permission::ExecutionStart].into_iter().collect();
    let at_step = NewOperation { from_step: Some("rest".to_owned()), ..all(BulkKind::Rerun) };
    let refused = start(&bed.services, &starts, at_step).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{refused:?}");
    assert!(start(&bed.services, &starts, all(BulkKind::Rerun)).await.is_ok());
}

#[tokio::test]
async fn a_kind_takes_what_it_knows_and_nothing_else() {
    let bed = Bed::new().await;
    let wrong = codes(start(&bed.services, &bed.viewer, all(BulkKind::Migrate)).await);
    assert_eq!(wrong, [(Code::Required, "toVersion".to_owned())]);
    let new = NewOperation { to_version: Some(1), from_step: Some("rest".to_owned()), ..all(BulkKind::Cancel) };
    let wrong = codes(start(&bed.services, &bed.viewer, new).await);
    assert_eq!(wrong, [(Code::Invalid, "toVersion".to_owned()), (Code::Invalid, "fromStep".to_owned())]);
}
