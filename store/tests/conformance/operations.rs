use ids::{ExecutionId, WorkerId};
use store::{Damage, Damaged, ExecutionStatus, PageRequest, Patch, Phase, Place, ReconcilerRun, Store, WaitRow};

use crate::harness::{Database, EPOCH_MS, completed, parked};
use crate::on_both_databases;
use crate::reconcilers::heartbeat;

const NOW: i64 = EPOCH_MS + 60_000;
const PHASES: [Phase; 4] = [Phase::Claims, Phase::Queued, Phase::Resting, Phase::Waits];

/// Everything that is wrong, looked for in parts of two rows.
async fn check(store: &Store) -> Vec<Damaged> {
    let mut all = Vec::new();
    for phase in PHASES {
        let mut place = Some(Place::default());
        while let Some(here) = place {
            let (found, next) = store.check(phase, &here, NOW, 2).await.unwrap();
            all.extend(found);
            place = next;
        }
    }
    all
}

/// Repairs everything; says which executions can run then.
async fn repair(store: &Store, found: &[Damaged]) -> Vec<ExecutionId> {
    let mut runnable = Vec::new();
    for one in found {
        let repaired = store.repair(one, NOW).await.unwrap().expect("nobody changed it meanwhile");
        runnable.extend(repaired.map(|runnable| runnable.id));
        assert_eq!(store.repair(one, NOW).await.unwrap(), None, "it is not as it was seen any more: {one:?}");
    }
    runnable
}

async fn parked_ones(database: &Database, count: usize) -> Vec<ExecutionId> {
    let worker = WorkerId::new();
    let mut ids = Vec::new();
    for _one in 0..count {
        let claimed = database.claimed(worker).await;
        database.store.commit(database.checkpoint(&claimed, worker, parked(&[NOW + 1_000_000]))).await.unwrap();
        ids.push(claimed.id);
    }
    ids
}

on_both_databases! {
    async fn a_healthy_database_has_no_findings(database: &Database) {
        let store = &database.store;
        let worker = WorkerId::new();
        store.heartbeat(heartbeat(worker, NOW)).await.unwrap();
        parked_ones(database, 5).await;
        database.claimed(worker).await;
        database.started(database.new_execution()).await;
        database.ended(database.new_execution(), completed()).await;
        assert_eq!(check(store).await, []);
        assert_eq!(store.count_stuck(NOW).await.unwrap(), 0);
        let spans = store.journal_spans(None, 100).await.unwrap();
        assert_eq!(spans.len(), 8);
        assert!(spans.iter().all(|span| i64::from(span.seq) == span.rows && span.seq == span.greatest), "{spans:?}");
    }

    async fn claims_of_workers_that_are_not_there_are_found_and_taken_back(database: &Database) {
        let store = &database.store;
        let (unknown, silent) = (WorkerId::new(), WorkerId::new());
        store.heartbeat(heartbeat(silent, NOW - 60_000)).await.unwrap();
        let mut ids = Vec::new();
        for worker in [unknown, silent, unknown, silent, unknown] {
            ids.push(database.claimed(worker).await.id);
        }
        let found = check(store).await;
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(found.iter().all(|one| matches!(one.damage, Damage::ClaimWithoutWorker { epoch: 1, .. })));
        assert_eq!(store.count_stuck(NOW).await.unwrap(), 5);
        let mut runnable = repair(store, &found).await;
        runnable.sort_unstable();
        ids.sort_unstable();
        assert_eq!(runnable, ids);
        assert_eq!(check(store).await, []);
    }

    async fn what_nothing_wakes_is_found_and_queued_again(database: &Database) {
        let store = &database.store;
        let mut ids = parked_ones(database, 5).await;
        assert_eq!(database.damage("delete from wait").await, 5);
        assert_eq!(store.count_stuck(NOW).await.unwrap(), 5);
        let found = check(store).await;
        assert_eq!(found.len(), 5, "{found:?}");
        let expected = Damage::NothingWakes { status: ExecutionStatus::Waiting, seq: 2, epoch: 1 };
        assert!(found.iter().all(|one| one.damage == expected), "{found:?}");
        let mut runnable = repair(store, &found).await;
        runnable.sort_unstable();
        ids.sort_unstable();
        assert_eq!(runnable, ids);
        assert_eq!(store.claim(WorkerId::new(), &ids, NOW).await.unwrap().len(), 5);
    }

    async fn a_wait_without_time_and_event_wakes_nobody(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let waits = vec![WaitRow { step_path: "s".to_owned(), kind: "timer".to_owned(), ..WaitRow::default() }];
        let state = "{}".to_owned();
        let patch = Patch::Parked { status: ExecutionStatus::Waiting, state, waits, wake_at_ms: None, paused_at_ms: None };
        database.store.commit(database.checkpoint(&claimed, worker, patch)).await.unwrap();
        let found = check(&database.store).await;
        assert_eq!(found.iter().map(|one| one.execution).collect::<Vec<_>>(), [claimed.id]);
    }

    async fn what_rests_although_it_was_told_something_is_found_and_queued_again(database: &Database) {
        let ids = parked_ones(database, 1).await;
        database.damage("update execution set signals = 1 where status = 2").await;
        let found = check(&database.store).await;
        assert!(matches!(found[..], [Damaged { damage: Damage::ToldButResting { .. }, .. }]), "{found:?}");
        assert_eq!(repair(&database.store, &found).await, ids);
        assert_eq!(check(&database.store).await, []);
    }

    async fn what_counts_as_pushed_in_the_future_is_found_and_pushed(database: &Database) {
        let mut ids = Vec::new();
        for _one in 0..3 {
            ids.push(database.started(database.new_execution()).await);
        }
        database.damage("update execution set pushed_at_ms = 99999999999999 where status = 0").await;
        let found = check(&database.store).await;
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(repair(&database.store, &found).await, ids);
        assert_eq!(database.store.stale_queued(NOW + 1, NOW + 2, 10).await.unwrap().len(), 3);
    }

    async fn waits_of_the_ended_are_found_and_deleted(database: &Database) {
        let live = parked_ones(database, 1).await;
        for _one in 0..3 {
            database.ended(database.new_execution(), completed()).await;
        }
        let left = "insert into wait (organization_id, execution_id, step_path, kind, due_at_ms)
            select organization_id, id, 's', 'timer', 1 from execution where ended_at_ms is not null";
        assert_eq!(database.damage(left).await, 3);
        let found = check(&database.store).await;
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(repair(&database.store, &found).await, []);
        assert_eq!(check(&database.store).await, []);
        let (_rows, waits, _workers) = database.store.waking(database.organization, &live).await.unwrap();
        assert_eq!(waits.len(), 1, "what lives waits on");
    }

    async fn a_journal_with_a_gap_is_told_apart(database: &Database) {
        let id = parked_ones(database, 1).await[0];
        database.damage("delete from journal where seq = 1").await;
        let spans = database.store.journal_spans(None, 10).await.unwrap();
        assert_eq!((spans[0].execution, spans[0].seq, spans[0].rows, spans[0].greatest), (id, 2, 1, 2));
        assert!(spans[0].is_live);
        let (seq, state) = database.store.recorded_state(database.organization, id).await.unwrap().unwrap();
        assert_eq!((seq, state.as_str()), (2, r#"{"step":1}"#));
    }

    async fn a_worker_hears_with_its_heartbeat_that_it_is_to_drain(database: &Database) {
        let store = &database.store;
        let (one, other) = (WorkerId::new(), WorkerId::new());
        assert!(!store.heartbeat(heartbeat(one, 1_000)).await.unwrap());
        store.heartbeat(heartbeat(other, 1_000)).await.unwrap();
        assert_eq!(store.ask_to_drain(WorkerId::new(), 1_500).await.unwrap(), None);
        store.ask_to_drain(one, 1_500).await.unwrap().unwrap();
        let again = store.ask_to_drain(one, 1_600).await.unwrap().unwrap();
        assert_eq!(again.drain_asked_at_ms, Some(1_500));
        assert!(store.heartbeat(heartbeat(one, 2_000)).await.unwrap());
        assert!(!store.heartbeat(heartbeat(other, 2_000)).await.unwrap());
        store.release_worker(one, 3_000).await.unwrap();
        let live: Vec<_> = store.live_workers(4_000, 10).await.unwrap().iter().map(|row| row.id).collect();
        assert_eq!(live, [other]);
        assert_eq!(store.live_workers(12_001, 10).await.unwrap(), [], "the lease of the other one is over");
        let page = store.workers(&PageRequest::first(1)).await.unwrap();
        assert!(page.has_next && page.rows[0].1.id == other);
        let mut request = PageRequest::first(1);
        request.after = Some(page.rows[0].0.clone());
        let page = store.workers(&request).await.unwrap();
        assert_eq!((page.rows[0].1.id, page.rows[0].1.stopped_at_ms), (one, Some(3_000)));
        assert_eq!((page.rows[0].1.started_at_ms, page.has_next), (1_000, false));
    }

    async fn a_claim_of_a_worker_that_signed_off_is_taken_back_at_once(database: &Database) {
        let worker = WorkerId::new();
        database.store.heartbeat(heartbeat(worker, NOW)).await.unwrap();
        database.store.release_worker(worker, NOW).await.unwrap();
        let late = database.claimed(worker).await;
        let runnable = database.store.lost_workers(NOW - 10_000, NOW).await.unwrap();
        assert_eq!(runnable.iter().map(|one| one.id).collect::<Vec<_>>(), [late.id]);
    }

    async fn the_runs_of_reconcilers_add_up(database: &Database) {
        let run = |name: &str, at_ms, repaired, error: Option<&str>| ReconcilerRun {
            name: name.to_owned(),
            at_ms,
            took_us: 250,
            count: repaired,
            repaired,
            error: error.map(str::to_owned),
        };
        let other = database.another_process().await;
        database.store.record_reconcilers(vec![run("b", 1, 2, None), run("a", 1, 0, None)]).await.unwrap();
        let (here, there) = tokio::join!(
            database.store.record_reconcilers(vec![run("a", 2, 1, None), run("b", 2, 3, None)]),
            other.record_reconcilers(vec![run("b", 2, 5, None), run("a", 2, 1, None)]),
        );
        here.unwrap();
        there.unwrap();
        database.store.record_reconcilers(vec![run("a", 3, 0, Some("the database is away"))]).await.unwrap();
        let rows = database.store.reconcilers().await.unwrap();
        let seen: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.last_run_at_ms, row.repaired)).collect();
        assert_eq!(seen, [("a", 3, 2), ("b", 2, 10)]);
        assert_eq!((rows[0].last_error.as_deref(), rows[0].last_duration_us), (Some("the database is away"), 250));
        other.close().await;
    }

    async fn queues_tell_what_waits_and_since_when(database: &Database) {
        let store = &database.store;
        for (queue, priority, at) in [("slow", 1, 30), ("fast", 5, 10), ("slow", 9, 20), ("slow", 1, 40)] {
            let mut new = database.new_execution();
            (new.queue, new.priority, new.queued_at_ms) = (queue.to_owned(), priority, at);
            database.started(new).await;
        }
        database.claimed(WorkerId::new()).await;
        assert_eq!(store.waiting_queues().await.unwrap(), ["fast", "slow"]);
        let slow = store.queue("slow").await.unwrap();
        assert_eq!((slow.waiting, slow.running, slow.oldest_at_ms), (3, 0, Some(20)));
        let default = store.queue("default").await.unwrap();
        assert_eq!((default.waiting, default.running, default.oldest_at_ms), (0, 1, None));
    }
}
