//! Work on many executions: claimed by one at a time, written in parts that count once.

use ids::{BulkOperationId, ExecutionId, OrganizationId, WorkerId, WorkflowId};
use store::{
    BulkFailureRow, BulkKind, BulkOperationRow, BulkPart, BulkStatus, Ended, ExecutionFilter, ExecutionStatus,
    Measured, NewExecution, NewSignal, PageRequest, Relocation, RollupBy, RollupQuery, Ruled, Ruling, slice_of,
};

use crate::harness::{Database, EPOCH_MS, failed, start_key};
use crate::on_both_databases;
use crate::reconcilers::heartbeat;
use crate::versions::{relocation, resting};

/// An operation over everything, accepted at the start of time.
pub fn operation(organization: OrganizationId) -> BulkOperationRow {
    BulkOperationRow {
        id: BulkOperationId::new(),
        organization_id: organization,
        kind: BulkKind::Cancel,
        status: BulkStatus::Pending,
        filter: "{}".to_owned(),
        arguments: Some("{}".to_owned()),
        reason: "they are in the way".to_owned(),
        is_dry_run: false,
        rate_per_second: 1_000,
        created_by: "usr_test".to_owned(),
        acts_as: "{}".to_owned(),
        total: 0,
        is_counted: false,
        succeeded: 0,
        failed: 0,
        skipped: 0,
        position: None,
        epoch: 0,
        lease_until_ms: 0,
        due_at_ms: Some(EPOCH_MS),
        status_reason: None,
        created_at_ms: EPOCH_MS,
        ended_at_ms: None,
    }
}

/// A part in which nothing happens.
pub fn part_of(row: &BulkOperationRow) -> BulkPart {
    BulkPart {
        organization_id: row.organization_id,
        operation_id: row.id,
        epoch: row.epoch,
        sends: Vec::new(),
        rulings: Vec::new(),
        relocations: Vec::new(),
        deletions: Vec::new(),
        has_happened: false,
        failures: Vec::new(),
        results: Vec::new(),
        counted: 0,
        succeeded: 0,
        skipped: 0,
        position: row.position,
        is_counted: true,
        status: BulkStatus::Running,
        status_reason: None,
        due_at_ms: Some(EPOCH_MS),
        at_ms: EPOCH_MS + 5,
    }
}

pub fn failure(row: &BulkOperationRow, execution: ExecutionId) -> BulkFailureRow {
    BulkFailureRow {
        organization_id: row.organization_id,
        operation_id: row.id,
        execution_id: execution,
        item: None,
        code: "WRONG_STATE".to_owned(),
        message: "its deadline is over".to_owned(),
        at_ms: EPOCH_MS,
    }
}

fn tells(database: &Database, execution: ExecutionId) -> NewSignal {
    NewSignal { organization_id: database.organization, execution_id: execution, data: r#"{"tell":"x"}"#.to_owned() }
}

/// One that is claimed until a moment far away.
async fn claimed(database: &Database) -> BulkOperationRow {
    assert!(database.store.insert_bulk_operation(operation(database.organization)).await.unwrap());
    database.store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap()
}

/// Ends at once what was accepted and is in nobody's hands.
fn ends(database: &Database, execution_id: ExecutionId) -> Ruling {
    Ruling {
        organization_id: database.organization,
        execution_id,
        seq: 1,
        events: r#"["ended"]"#.to_owned(),
        at_ms: database.now(),
        what: Ruled::Ended(Ended { status: ExecutionStatus::Cancelled, result: None, ..failed() }),
        sends: Vec::new(),
    }
}

async fn now(database: &Database, id: BulkOperationId) -> BulkOperationRow {
    database.store.bulk_operation(database.organization, id).await.unwrap().unwrap()
}

on_both_databases! {
    async fn of_many_who_claim_an_operation_at_the_same_moment_one_gets_it(database: &Database) {
        let row = operation(database.organization);
        database.store.insert_bulk_operation(row.clone()).await.unwrap();
        let other = database.another_process().await;
        let claims = (0..8).map(|number| {
            let store = if number % 2 == 0 { &database.store } else { &other };
            async move { store.claim_bulk_operation(EPOCH_MS, EPOCH_MS + 100).await.unwrap() }
        });
        let got: Vec<_> = futures::future::join_all(claims).await.into_iter().flatten().collect();
        assert_eq!(got.iter().map(|row| (row.id, row.epoch)).collect::<Vec<_>>(), [(row.id, 1)]);
        assert_eq!(database.store.claim_bulk_operation(EPOCH_MS + 99, i64::MAX).await.unwrap(), None);
        let next = database.store.claim_bulk_operation(EPOCH_MS + 100, i64::MAX).await.unwrap().unwrap();
        assert_eq!(next.epoch, 2, "the claim ran out");
        other.close().await;
    }

    async fn a_part_is_written_whole_with_what_executions_are_told(database: &Database) {
        let store = &database.store;
        let (row, told) = (claimed(database).await, database.started(database.new_execution()).await);
        let part = BulkPart {
            sends: vec![tells(database, told)],
            failures: vec![failure(&row, ExecutionId::new())],
            counted: 5,
            succeeded: 1,
            skipped: 2,
            position: Some(told),
            due_at_ms: Some(EPOCH_MS + 7),
            ..part_of(&row)
        };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap().operation;
        assert_eq!((written.total, written.succeeded, written.failed, written.skipped), (5, 1, 1, 2));
        assert_eq!((written.position, written.due_at_ms, written.lease_until_ms), (Some(told), Some(EPOCH_MS + 7), 0));
        assert_eq!(now(database, row.id).await, written);
        store.deliver_signals(&[told], EPOCH_MS).await.unwrap();
        assert_eq!(store.signals(database.organization, told).await.unwrap().len(), 1);
        let failures = store.bulk_failures(database.organization, row.id, &PageRequest::first(10)).await.unwrap();
        assert_eq!(failures.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), part.failures);
        let again = store.claim_bulk_operation(EPOCH_MS + 7, i64::MAX).await.unwrap().unwrap();
        assert_eq!((again.id, again.epoch), (row.id, 2));
    }

    async fn whoever_lost_the_claim_writes_nothing_and_nobody_is_told(database: &Database) {
        let store = &database.store;
        store.insert_bulk_operation(operation(database.organization)).await.unwrap();
        let late = store.claim_bulk_operation(EPOCH_MS, EPOCH_MS + 1).await.unwrap().unwrap();
        let current = store.claim_bulk_operation(EPOCH_MS + 1, i64::MAX).await.unwrap().unwrap();
        let told = database.started(database.new_execution()).await;
        let part = |row: &BulkOperationRow| {
            BulkPart { sends: vec![tells(database, told)], succeeded: 1, ..part_of(row) }
        };
        assert_eq!(store.write_bulk_part(&part(&late)).await.unwrap(), None);
        assert!(store.write_bulk_part(&part(&current)).await.unwrap().is_some());
        store.deliver_signals(&[told], EPOCH_MS).await.unwrap();
        assert_eq!(store.signals(database.organization, told).await.unwrap().len(), 1, "once");
        assert_eq!(now(database, current.id).await.succeeded, 1);
    }

    async fn what_is_held_or_stopped_in_between_is_not_written(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        for status in [BulkStatus::Paused, BulkStatus::Cancelled] {
            let row = claimed(database).await;
            let switched = store.switch_bulk_operation(organization, row.id, status, EPOCH_MS + 1).await.unwrap();
            assert_eq!(switched.map(|row| (row.status, row.due_at_ms)), Some((status, None)));
            assert_eq!(store.write_bulk_part(&BulkPart { succeeded: 1, ..part_of(&row) }).await.unwrap(), None);
            assert_eq!(now(database, row.id).await.succeeded, 0);
        }
    }

    async fn one_that_is_held_goes_on_counting_or_working(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        for (is_counted, status) in [(false, BulkStatus::Pending), (true, BulkStatus::Running)] {
            let row = claimed(database).await;
            store.write_bulk_part(&BulkPart { is_counted, status, ..part_of(&row) }).await.unwrap().unwrap();
            let switch = |to| store.switch_bulk_operation(organization, row.id, to, EPOCH_MS + 1);
            assert_eq!(switch(BulkStatus::Running).await.unwrap(), None, "nobody held it");
            switch(BulkStatus::Paused).await.unwrap().unwrap();
            let goes_on = switch(BulkStatus::Running).await.unwrap().unwrap();
            assert_eq!((goes_on.status, goes_on.due_at_ms), (status, Some(EPOCH_MS + 1)));
            let stopped = switch(BulkStatus::Cancelled).await.unwrap().unwrap();
            assert_eq!(stopped.ended_at_ms, Some(EPOCH_MS + 1));
            assert_eq!(switch(BulkStatus::Running).await.unwrap(), None, "it has ended");
        }
    }

    async fn at_its_end_the_numbers_add_up_whatever_changed_in_between(database: &Database) {
        let store = &database.store;
        for (counted, succeeded, expected) in [(10, 7, (10, 7, 3)), (3, 5, (5, 5, 0))] {
            let row = claimed(database).await;
            store.write_bulk_part(&BulkPart { counted, ..part_of(&row) }).await.unwrap().unwrap();
            let row = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
            let last = BulkPart { succeeded, status: BulkStatus::Completed, due_at_ms: None, ..part_of(&row) };
            let done = store.write_bulk_part(&last).await.unwrap().unwrap().operation;
            assert_eq!((done.total, done.succeeded, done.skipped), expected);
            assert_eq!((done.status, done.ended_at_ms), (BulkStatus::Completed, Some(last.at_ms)));
        }
    }

    async fn what_failed_goes_on_together_with_the_place_and_others_are_skipped(database: &Database) {
        let store = &database.store;
        let row = claimed(database).await;
        let mut rulings = Vec::new();
        for seq in [2, 1] {
            let execution_id = database.ended(database.new_execution(), failed()).await;
            let (events, at_ms) = (r#"["decided"]"#.to_owned(), EPOCH_MS);
            let organization_id = database.organization;
            let what = Ruled::Retried;
            rulings.push(Ruling { organization_id, execution_id, seq, events, at_ms, what, sends: Vec::new() });
        }
        let part = BulkPart { rulings: rulings.clone(), succeeded: 2, ..part_of(&row) };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap();
        assert_eq!(written.rulings.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert_eq!((written.operation.succeeded, written.operation.skipped), (1, 1));
        let found = store.execution(database.organization, rulings[0].execution_id).await.unwrap().unwrap();
        assert_eq!(found.status, ExecutionStatus::Queued);
    }

    async fn what_no_worker_has_is_ended_and_what_one_has_is_told_and_both_count(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let worker = WorkerId::new();
        store.heartbeat(heartbeat(worker, database.now())).await.unwrap();
        let (free, held) = (database.started(database.new_execution()).await, database.claimed(worker).await.id);
        let row = claimed(database).await;
        let part = BulkPart {
            sends: vec![tells(database, free), tells(database, held)],
            rulings: vec![ends(database, free), ends(database, held)],
            succeeded: 2,
            ..part_of(&row)
        };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap();
        assert_eq!(written.rulings.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
        assert_eq!((written.operation.succeeded, written.operation.skipped), (2, 0));
        let ended = store.execution(organization, free).await.unwrap().unwrap();
        assert_eq!(ended.status, ExecutionStatus::Cancelled);
        assert_eq!(store.signals(organization, free).await.unwrap(), [], "it needs to be told nothing");
        store.deliver_signals(&[held], EPOCH_MS).await.unwrap();
        assert_eq!(store.signals(organization, held).await.unwrap().len(), 1);
    }

    async fn parts_that_end_executions_of_the_same_workflows_count_them_without_locking_each_other_out(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let workflows: Vec<WorkflowId> = (0..6).map(|_| WorkflowId::new()).collect();
        for _round in 0..4 {
            let mut parts = Vec::new();
            for is_backwards in [false, true] {
                let row = claimed(database).await;
                let mut order: Vec<WorkflowId> = workflows.repeat(3);
                if is_backwards {
                    order.reverse();
                }
                let mut rulings = Vec::new();
                for workflow_id in order {
                    let id = database.started(NewExecution { workflow_id, ..database.new_execution() }).await;
                    rulings.push(ends(database, id));
                }
                let (succeeded, status) = (18, BulkStatus::Completed);
                parts.push(BulkPart { rulings, succeeded, status, due_at_ms: None, ..part_of(&row) });
            }
            let (one, other) = tokio::join!(store.write_bulk_part(&parts[0]), store.write_bulk_part(&parts[1]));
            for written in [one, other] {
                assert_eq!(written.unwrap().unwrap().operation.succeeded, 18);
            }
        }
        let from = slice_of(EPOCH_MS);
        let (what, by) = (Measured::ENDS.to_vec(), RollupBy::Nothing);
        let query = RollupQuery { from, to: from + 1, workflows: None, folders: None, steps: None, what, by };
        let counted = store.rollups(organization, &query).await.unwrap();
        assert_eq!(counted.iter().map(|row| row.sum.count).sum::<i64>(), 4 * 2 * 18);
    }

    async fn what_has_ended_is_deleted_and_what_has_not_is_skipped(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = claimed(database).await;
        let gone = database.ended(database.new_execution(), failed()).await;
        let lives = database.started(database.new_execution()).await;
        let part = BulkPart { deletions: vec![gone, lives], succeeded: 2, ..part_of(&row) };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap();
        assert_eq!(written.deleted, [gone]);
        let written = written.operation;
        assert_eq!((written.succeeded, written.skipped), (1, 1));
        assert_eq!(store.execution(organization, gone).await.unwrap(), None);
        assert_eq!(store.journal(organization, gone, 0, 10).await.unwrap(), []);
        assert!(store.execution(organization, lives).await.unwrap().is_some());
    }

    async fn what_was_repeated_is_found_by_what_it_repeats_together_with_its_key(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let one = database.started(database.new_execution()).await;
        let other = database.started(database.new_execution()).await;
        for (rerun_of, key) in [(Some(one), "bulk/one"), (Some(one), "mine"), (None, "bulk/other")] {
            let start_key = start_key(key, "f");
            database.started(NewExecution { rerun_of, start_key, ..database.new_execution() }).await;
        }
        let asked = [(one, "bulk/one"), (other, "bulk/other"), (other, "mine"), (one, "bulk/other")];
        let asked = asked.map(|(id, key)| (id, key.to_owned()));
        assert_eq!(store.repeated_under(organization, &asked).await.unwrap(), [one]);
        assert!(store.repeated_under(organization, &asked[1..]).await.unwrap().is_empty());
    }

    async fn what_rests_moves_and_what_went_on_is_kept_as_a_failure(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = claimed(database).await;
        let mut relocations = Vec::new();
        for seq in [2, 1] {
            let new = database.new_execution();
            let (from, to) = (new.version_id, ids::WorkflowVersionId::new());
            let id = resting(database, new, 5_000).await;
            relocations.push((Relocation { seq, ..relocation(database, id, from, to) }, failure(&row, id)));
        }
        let part = BulkPart { relocations: relocations.clone(), succeeded: 2, ..part_of(&row) };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap();
        assert_eq!(written.relocations, [Some(3), None]);
        assert_eq!((written.operation.succeeded, written.operation.failed), (1, 1));
        let moved = store.execution(organization, relocations[0].0.execution_id).await.unwrap().unwrap();
        assert_eq!(moved.version_id, relocations[0].0.to);
        let kept = store.bulk_failures(organization, row.id, &PageRequest::first(10)).await.unwrap();
        assert_eq!(kept.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [relocations[1].1.clone()]);
    }

    async fn what_has_happened_counts_although_somebody_held_or_stopped_the_operation(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        for status in [BulkStatus::Paused, BulkStatus::Cancelled] {
            let row = claimed(database).await;
            let switched = store.switch_bulk_operation(organization, row.id, status, EPOCH_MS + 1).await.unwrap().unwrap();
            let place = ExecutionId::new();
            let part = BulkPart { succeeded: 3, has_happened: true, position: Some(place), ..part_of(&row) };
            let written = store.write_bulk_part(&part).await.unwrap().unwrap().operation;
            assert_eq!((written.status, written.succeeded, written.position), (status, 3, Some(place)));
            assert_eq!((written.due_at_ms, written.ended_at_ms), (None, switched.ended_at_ms));
            assert_eq!(now(database, row.id).await, written);
        }
    }

    async fn a_thousand_failures_are_kept_and_all_are_counted(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = claimed(database).await;
        let failures: Vec<_> = (0..700).map(|_| failure(&row, ExecutionId::new())).collect();
        store.write_bulk_part(&BulkPart { failures, ..part_of(&row) }).await.unwrap().unwrap();
        let row = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        let failures: Vec<_> = (0..700).map(|_| failure(&row, ExecutionId::new())).collect();
        let written = store.write_bulk_part(&BulkPart { failures, ..part_of(&row) }).await.unwrap().unwrap();
        assert_eq!(written.operation.failed, 1_400);
        assert_eq!(store.count_bulk_failures(organization, row.id).await.unwrap(), (1_000, true));
    }

    async fn a_walk_passes_each_execution_once_in_the_order_of_acceptance(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let mut ids = Vec::new();
        for _one in 0..7 {
            ids.push(database.started(database.new_execution()).await);
        }
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let some = store.walk_executions(organization, &ExecutionFilter::default(), after, 3).await.unwrap();
            after = some.last().copied().or(after);
            if some.is_empty() {
                break;
            }
            walked.extend(some);
        }
        assert_eq!(walked, ids);
    }

    async fn those_that_ended_long_ago_are_forgotten_with_their_failures(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let (old, live) = (claimed(database).await, claimed(database).await);
        let end = BulkPart {
            failures: vec![failure(&old, ExecutionId::new())],
            status: BulkStatus::Completed,
            due_at_ms: None,
            ..part_of(&old)
        };
        store.write_bulk_part(&end).await.unwrap().unwrap();
        assert_eq!(store.sweep_bulk_operations(end.at_ms, 10).await.unwrap(), 0);
        assert_eq!(store.count_open_bulk_operations(organization).await.unwrap(), 1);
        assert_eq!(store.sweep_bulk_operations(end.at_ms + 1, 10).await.unwrap(), 1);
        assert_eq!(store.count_bulk_failures(organization, old.id).await.unwrap(), (0, true));
        assert_eq!(store.count_bulk_operations(organization, None).await.unwrap(), (1, true));
        assert_eq!(now(database, live.id).await.status, BulkStatus::Pending);
    }
}

#[test]
fn a_stored_filter_is_read_as_it_was_and_one_with_unknown_conditions_is_not() {
    let filter = ExecutionFilter {
        statuses: Some(vec![ExecutionStatus::Waiting, ExecutionStatus::Paused]),
        labels: vec![store::LabelFilter { name: "team".to_owned(), exists: Some(true), ..Default::default() }],
        not: Some(Box::new(ExecutionFilter { version_number: Some(2), ..ExecutionFilter::default() })),
        queued_at: Some(store::TimeFilter { lte: Some(5), ..Default::default() }),
        ..ExecutionFilter::default()
    };
    let text = serde_json::to_string(&filter).unwrap();
    assert_eq!(serde_json::from_str::<ExecutionFilter>(&text).unwrap(), filter);
    assert_eq!(serde_json::from_str::<ExecutionFilter>("{}").unwrap(), ExecutionFilter::default());
    assert!(serde_json::from_str::<ExecutionFilter>(r#"{"colour":"red"}"#).is_err());
}
