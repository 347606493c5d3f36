use std::collections::BTreeSet;

use ids::{ExecutionId, WorkerId};
use store::{ExecutionStatus, Patch, Runnable, WorkerRow};

use crate::harness::{Database, completed, parked, running};
use crate::on_both_databases;

fn ids_of(runnable: &[Runnable]) -> BTreeSet<ExecutionId> {
    runnable.iter().map(|runnable| runnable.id).collect()
}

pub fn heartbeat(worker: WorkerId, at_ms: i64) -> WorkerRow {
    WorkerRow {
        id: worker,
        name: "test".to_owned(),
        queues: vec!["default".to_owned()],
        slots: 8,
        started_at_ms: at_ms,
        heartbeat_at_ms: at_ms,
        draining: false,
        host: "here".to_owned(),
        version: "0".to_owned(),
        lease_ms: 10_000,
        busy_slots: 0,
        processed: 0,
        failed: 0,
        last_fetch_at_ms: None,
        drain_asked_at_ms: None,
        stopped_at_ms: None,
    }
}

on_both_databases! {
    async fn executions_of_silent_workers_are_queued_again_once(database: &Database) {
        let (silent, unknown, alive) = (WorkerId::new(), WorkerId::new(), WorkerId::new());
        let store = &database.store;
        store.heartbeat(heartbeat(silent, 1_000)).await.unwrap();
        store.heartbeat(heartbeat(alive, 1_000)).await.unwrap();
        let lost = [database.claimed(silent).await, database.claimed(silent).await, database.claimed(unknown).await];
        let kept = database.claimed(alive).await;
        store.heartbeat(heartbeat(alive, 60_000)).await.unwrap();
        let runnable = store.lost_workers(30_000, 60_000).await.unwrap();
        assert_eq!(ids_of(&runnable), lost.iter().map(|claimed| claimed.id).collect());
        assert_eq!((runnable[0].queue.as_str(), runnable[0].priority), ("default", 5));
        assert_eq!(store.lost_workers(30_000, 60_000).await.unwrap(), []);
        assert_eq!(store.claims_of(alive).await.unwrap(), [(kept.id, 1)]);
        let late = store.commit(database.checkpoint(&lost[0], silent, running())).await.unwrap();
        assert_eq!(late, store::CommitOutcome::Fenced);
        let again = store.claim(alive, &[lost[0].id], database.now()).await.unwrap().remove(0);
        assert_eq!((again.epoch, again.claims), (2, 2));
    }

    async fn a_worker_that_signs_off_leaves_nothing_claimed(database: &Database) {
        let worker = WorkerId::new();
        database.store.heartbeat(heartbeat(worker, 1)).await.unwrap();
        let claimed = database.claimed(worker).await;
        let runnable = database.store.release_worker(worker, database.now()).await.unwrap();
        assert_eq!(ids_of(&runnable), BTreeSet::from([claimed.id]));
        assert_eq!(database.store.claims_of(worker).await.unwrap(), []);
    }

    async fn whoever_is_alone_takes_up_what_others_left(database: &Database) {
        let (left, alone) = (WorkerId::new(), WorkerId::new());
        let claimed = database.claimed(left).await;
        let own = database.claimed(alone).await;
        let runnable = database.store.lost_workers_but(alone, database.now()).await.unwrap();
        assert_eq!(ids_of(&runnable), BTreeSet::from([claimed.id]));
        assert_eq!(database.store.claims_of(alone).await.unwrap(), [(own.id, 1)]);
    }

    async fn due_waits_wake_their_executions_once(database: &Database) {
        let worker = WorkerId::new();
        let mut parked_ids = Vec::new();
        for times in [&[10_i64, 12][..], &[20], &[30]] {
            let claimed = database.claimed(worker).await;
            database.store.commit(database.checkpoint(&claimed, worker, parked(times))).await.unwrap();
            parked_ids.push(claimed.id);
        }
        let other = database.another_process().await;
        assert_eq!(database.store.due_waits(9, 100).await.unwrap(), []);
        let (here, there) = tokio::join!(database.store.due_waits(20, 100), other.due_waits(20, 100));
        let runnable = [here.unwrap(), there.unwrap()].concat();
        assert_eq!(runnable.len(), 2, "each is woken by one process, however many waits it has");
        assert_eq!(ids_of(&runnable), parked_ids[..2].iter().copied().collect());
        let row = database.store.execution(database.organization, parked_ids[0]).await.unwrap().unwrap();
        assert_eq!((row.status, row.wake_at_ms), (ExecutionStatus::Queued, None));
        assert_eq!(database.store.claim(worker, &parked_ids, database.now()).await.unwrap().len(), 2);
        other.close().await;
    }

    async fn waits_are_taken_in_bounded_parts(database: &Database) {
        let worker = WorkerId::new();
        for at in 0..5 {
            let claimed = database.claimed(worker).await;
            database.store.commit(database.checkpoint(&claimed, worker, parked(&[at]))).await.unwrap();
        }
        let mut sizes = Vec::new();
        for _part in 0..4 {
            sizes.push(database.store.due_waits(100, 2).await.unwrap().len());
        }
        assert_eq!(sizes, [2, 2, 1, 0]);
    }

    async fn new_waits_replace_old_ones_and_an_end_removes_them(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        database.store.commit(database.checkpoint(&claimed, worker, parked(&[10, 1_000]))).await.unwrap();
        assert_eq!(database.store.due_waits(10, 100).await.unwrap().len(), 1);
        let claimed = database.store.claim(worker, &[claimed.id], database.now()).await.unwrap().remove(0);
        database.store.commit(database.checkpoint(&claimed, worker, parked(&[2_000]))).await.unwrap();
        assert_eq!(database.store.due_waits(1_500, 100).await.unwrap(), [], "the wait for 1000 is gone");
        assert_eq!(database.store.due_waits(2_000, 100).await.unwrap().len(), 1);
        let claimed = database.store.claim(worker, &[claimed.id], database.now()).await.unwrap().remove(0);
        database.store.commit(database.checkpoint(&claimed, worker, Patch::Ended(completed()))).await.unwrap();
        assert_eq!(database.store.due_waits(i64::MAX, 100).await.unwrap(), []);
    }

    async fn what_nobody_claimed_is_pushed_again_after_a_while(database: &Database) {
        let store = &database.store;
        let mut ids = Vec::new();
        for _execution in 0..3 {
            ids.push(database.started(database.new_execution()).await);
        }
        let now = database.now();
        let running = database.claimed(WorkerId::new()).await;
        assert_eq!(store.stale_queued(now - 1_000, now, 100).await.unwrap(), []);
        let first = store.stale_queued(now + 1_000, now + 6_000, 2).await.unwrap();
        assert_eq!(ids_of(&first), ids[..2].iter().copied().collect(), "longest ago first");
        let second = store.stale_queued(now + 1_000, now + 6_000, 2).await.unwrap();
        assert_eq!(ids_of(&second), BTreeSet::from([ids[2]]), "and not those that were just pushed");
        assert_eq!(store.stale_queued(now + 1_000, now + 6_000, 2).await.unwrap(), []);
        let all = store.stale_queued(now + 60_000, now + 60_000, u64::MAX).await.unwrap();
        assert_eq!((all.len(), ids_of(&all).contains(&running.id)), (3, false));
    }

    async fn a_claim_is_handed_back_only_by_its_owner_and_epoch(database: &Database) {
        let (owner, other) = (WorkerId::new(), WorkerId::new());
        let claimed = database.claimed(owner).await;
        let store = &database.store;
        assert_eq!(store.hand_back(other, claimed.id, claimed.epoch, 1).await.unwrap(), None);
        assert_eq!(store.hand_back(owner, claimed.id, claimed.epoch + 1, 1).await.unwrap(), None);
        let runnable = store.hand_back(owner, claimed.id, claimed.epoch, 1).await.unwrap().unwrap();
        assert_eq!((runnable.id, runnable.priority), (claimed.id, 5));
        assert_eq!(store.hand_back(owner, claimed.id, claimed.epoch, 1).await.unwrap(), None);
    }
}
