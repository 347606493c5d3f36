//! What people decide over executions that no worker has to follow.

use ids::{ExecutionId, WorkerId};
use store::{
    ApprovalStatus, CommitOutcome, Delivered, Ended, ExecutionFilter, ExecutionStatus, LabelFilter, LabelsOutcome,
    NewSignal, Patch, Retention, Ruled, Ruling, Sweep,
};

use crate::approvals::{asks, new_approval};
use crate::harness::{Database, completed, failed, label, parked, running};
use crate::on_both_databases;
use crate::reconcilers::heartbeat;

fn ruling(database: &Database, execution: ExecutionId, seq: i32, what: Ruled) -> Ruling {
    Ruling {
        organization_id: database.organization,
        execution_id: execution,
        seq,
        events: r#"["decided"]"#.to_owned(),
        at_ms: database.now(),
        what,
        sends: Vec::new(),
    }
}

fn cancelled() -> Ended {
    Ended { status: ExecutionStatus::Cancelled, result: None, error_code: None, error_message: None, failed_step: None }
}

on_both_databases! {
    async fn what_failed_goes_on_in_a_new_epoch_with_its_whole_journal(database: &Database) {
        let store = &database.store;
        let id = database.ended(database.new_execution(), failed()).await;
        let before = store.execution(database.organization, id).await.unwrap().unwrap();
        let written = store.rule(&ruling(database, id, before.seq, Ruled::Retried)).await.unwrap().unwrap();
        assert_eq!((written.seq, written.runnable.id), (before.seq + 1, id));
        let row = store.execution(database.organization, id).await.unwrap().unwrap();
        assert_eq!(row.status, ExecutionStatus::Queued);
        assert_eq!((row.ended_at_ms, row.error_code, row.result, row.failed_step), (None, None, None, None));
        let journal = store.journal(database.organization, id, 0, 10).await.unwrap();
        let rows: Vec<(i32, i32)> = journal.iter().map(|row| (row.seq, row.epoch)).collect();
        assert_eq!(rows, [(1, 0), (2, 1), (3, 2)]);
        let worker = WorkerId::new();
        let claimed = store.claim(worker, &[id], database.now()).await.unwrap().remove(0);
        assert_eq!((claimed.epoch, claimed.claims, claimed.state.as_deref()), (3, 1, None));
        let outcome = store.commit(database.checkpoint(&claimed, worker, Patch::Ended(completed()))).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed { seq: 4, signals: 0 });
    }

    async fn what_is_ended_at_once_leaves_no_approval_open(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let (execution, approval) = asks(database, new_approval(database)).await;
        let (_other, stays) = asks(database, new_approval(database)).await;
        let row = store.execution(organization, execution).await.unwrap().unwrap();
        let ruling = ruling(database, execution, row.seq, Ruled::Ended(cancelled()));
        assert!(store.rule(&ruling).await.unwrap().is_some());
        let withdrawn = store.approval(organization, approval).await.unwrap().unwrap();
        assert_eq!((withdrawn.status, withdrawn.decided_at_ms), (ApprovalStatus::Cancelled, Some(ruling.at_ms)));
        let events = store.approval_events(organization, &[approval], 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>(), ["requested", "cancelled"]);
        let other = store.approval(organization, stays).await.unwrap().unwrap();
        assert_eq!(other.status, ApprovalStatus::Pending, "those of others stay");
    }

    async fn of_a_hundred_retries_at_the_same_moment_one_counts(database: &Database) {
        let id = database.ended(database.new_execution(), failed()).await;
        let asked = (0..100).map(|_| async {
            database.store.rule(&ruling(database, id, 2, Ruled::Retried)).await.unwrap()
        });
        let written = futures::future::join_all(asked).await;
        assert_eq!(written.iter().flatten().count(), 1);
        assert_eq!(database.store.journal(database.organization, id, 0, 10).await.unwrap().len(), 3);
    }

    async fn only_what_failed_and_was_not_written_since_goes_on(database: &Database) {
        let done = database.ended(database.new_execution(), completed()).await;
        assert_eq!(database.store.rule(&ruling(database, done, 2, Ruled::Retried)).await.unwrap(), None);
        let id = database.ended(database.new_execution(), failed()).await;
        assert_eq!(database.store.rule(&ruling(database, id, 1, Ruled::Retried)).await.unwrap(), None);
        let live = database.claimed(WorkerId::new()).await;
        assert_eq!(database.store.rule(&ruling(database, live.id, live.seq, Ruled::Retried)).await.unwrap(), None);
        assert_eq!(database.store.journal(database.organization, id, 0, 10).await.unwrap().len(), 2);
    }

    async fn what_was_told_to_one_that_had_failed_is_void_when_it_goes_on(database: &Database) {
        let id = database.ended(database.new_execution(), failed()).await;
        let (organization_id, data) = (database.organization, "\"late\"".to_owned());
        let late = NewSignal { organization_id, execution_id: id, data };
        database.store.send_signals(vec![late], database.now()).await.unwrap();
        database.store.rule(&ruling(database, id, 2, Ruled::Retried)).await.unwrap().unwrap();
        assert_eq!(database.store.deliver_signals(&[id], database.now()).await.unwrap(), Delivered::default());
        let claimed = database.store.claim(WorkerId::new(), &[id], database.now()).await.unwrap().remove(0);
        assert_eq!(claimed.signals, 0);
    }

    async fn what_is_ended_at_once_is_lost_to_the_worker_that_has_it(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let claimed = database.claimed(worker).await;
        let mut end = ruling(database, claimed.id, claimed.seq, Ruled::Ended(cancelled()));
        let other = database.started(database.new_execution()).await;
        let (organization_id, data) = (database.organization, "\"told\"".to_owned());
        end.sends = vec![NewSignal { organization_id, execution_id: other, data }];
        store.rule(&end).await.unwrap().unwrap();
        let row = store.execution(database.organization, claimed.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.worker_id), (ExecutionStatus::Cancelled, None));
        let late = store.commit(database.checkpoint(&claimed, worker, running())).await.unwrap();
        assert_eq!(late, CommitOutcome::Fenced);
        store.deliver_signals(&[other], database.now()).await.unwrap();
        assert_eq!(store.signals(database.organization, other).await.unwrap().len(), 1, "others are told with it");
        assert_eq!(store.rule(&Ruling { seq: end.seq + 1, ..end }).await.unwrap(), None, "it has ended");
    }

    async fn what_a_worker_has_that_is_there_is_not_ended_behind_its_back(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let claimed = database.claimed(worker).await;
        store.heartbeat(heartbeat(worker, database.now())).await.unwrap();
        let end = ruling(database, claimed.id, claimed.seq, Ruled::Ended(cancelled()));
        assert_eq!(store.rule(&end).await.unwrap(), None);
        let late = Ruling { at_ms: end.at_ms + 60 * 60 * 1_000, ..end };
        assert!(store.rule(&late).await.unwrap().is_some(), "its lease is over");
    }

    async fn what_rests_can_be_ended_at_once_with_its_waits(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let claimed = database.claimed(worker).await;
        store.commit(database.checkpoint(&claimed, worker, parked(&[database.now() + 60_000]))).await.unwrap();
        let end = ruling(database, claimed.id, claimed.seq + 1, Ruled::Ended(cancelled()));
        store.rule(&end).await.unwrap().unwrap();
        let (_waking, waits, _workers) = store.waking(database.organization, &[claimed.id]).await.unwrap();
        assert!(waits.is_empty(), "{waits:?}");
    }

    async fn what_lives_again_is_not_deleted_for_its_first_end(database: &Database) {
        let new = database.new_execution();
        let workflow = new.workflow_id;
        let id = database.ended(new, failed()).await;
        database.store.rule(&ruling(database, id, 2, Ruled::Retried)).await.unwrap().unwrap();
        let retention = Retention { completed_ms: Some(1), failed_ms: Some(1), cancelled_ms: Some(1) };
        let sweep = Sweep { organization: database.organization, workflow, retention, after: None };
        let swept = database.store.sweep(&sweep, i64::MAX / 2, 100).await.unwrap();
        assert_eq!(swept.deleted, 0);
        assert_eq!(database.store.journal(database.organization, id, 0, 10).await.unwrap().len(), 3);
    }

    async fn one_that_has_ended_is_deleted_with_its_history_and_no_other(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let new = store::NewExecution { labels: vec![label("team", "a")], ..database.new_execution() };
        let ended = database.ended(new, completed()).await;
        let live = database.claimed(WorkerId::new()).await;
        assert!(!store.delete_execution(organization, live.id).await.unwrap());
        assert!(store.delete_execution(organization, ended).await.unwrap());
        assert!(!store.delete_execution(organization, ended).await.unwrap(), "it is not there");
        assert_eq!(store.execution(organization, ended).await.unwrap(), None);
        assert!(store.journal(organization, ended, 0, 10).await.unwrap().is_empty());
        assert_eq!(store.journal(organization, live.id, 0, 10).await.unwrap().len(), 1);
    }

    async fn labels_are_set_and_removed_and_found(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let new = store::NewExecution { labels: vec![label("a", "1"), label("b", "1")], ..database.new_execution() };
        let id = database.started(new).await;
        let set = [label("b", "2"), label("c", "1")];
        let changed = store.change_labels(organization, id, &set, &["a".to_owned()], 2).await.unwrap();
        assert_eq!(changed, LabelsOutcome::Changed(set.to_vec()));
        assert_eq!(store.execution(organization, id).await.unwrap().unwrap().labels, set);
        let more = store.change_labels(organization, id, &[label("d", "1")], &[], 2).await.unwrap();
        assert_eq!(more, LabelsOutcome::TooMany);
        for (name, value, count) in [("a", "1", 0), ("b", "1", 0), ("b", "2", 1), ("c", "1", 1)] {
            let wanted = LabelFilter { name: name.to_owned(), eq: Some(value.to_owned()), ..LabelFilter::default() };
            let filter = ExecutionFilter { labels: vec![wanted], ..ExecutionFilter::default() };
            assert_eq!(store.count_executions(organization, &filter).await.unwrap().0, count, "{name}={value}");
        }
    }

    async fn two_who_change_labels_at_the_same_moment_both_do(database: &Database) {
        let id = database.started(database.new_execution()).await;
        let asked = (0..8).map(|number| {
            let set = [label(&format!("n{number}"), "x")];
            async move { database.store.change_labels(database.organization, id, &set, &[], 32).await.unwrap() }
        });
        futures::future::join_all(asked).await;
        let row = database.store.execution(database.organization, id).await.unwrap().unwrap();
        assert_eq!(row.labels.len(), 8);
    }

    async fn those_that_have_been_paused_for_long_are_counted(database: &Database) {
        let (store, worker) = (&database.store, WorkerId::new());
        let claimed = database.claimed(worker).await;
        let Patch::Parked { state, waits, wake_at_ms, .. } = parked(&[]) else { unreachable!("it is parked") };
        let (status, paused_at_ms) = (ExecutionStatus::Paused, Some(5_000));
        let pause = Patch::Parked { status, state, waits, wake_at_ms, paused_at_ms };
        let before = store.count_paused(5_001).await.unwrap();
        store.commit(database.checkpoint(&claimed, worker, pause)).await.unwrap();
        assert_eq!(store.count_paused(5_001).await.unwrap(), before + 1);
        let row = store.execution(database.organization, claimed.id).await.unwrap().unwrap();
        assert_eq!(row.paused_at_ms, Some(5_000));
    }
}
