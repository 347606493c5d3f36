use ids::{ExecutionId, WorkerId, WorkflowId};
use store::{Claimed, NewSlot, Patch, SlotKey, SlotTaken};

use crate::harness::{Database, completed, parked};
use crate::on_both_databases;

const TOLD: &str = "{\"tell\":\"slot\"}";

fn key(workflow: WorkflowId, key: &str) -> SlotKey {
    SlotKey { workflow_id: workflow, key: key.to_owned() }
}

fn slot(database: &Database, execution: ExecutionId, key: &SlotKey, slots: i32) -> NewSlot {
    NewSlot { execution_id: execution, organization_id: database.organization, key: key.clone(), priority: 5, slots }
}

async fn take(database: &Database, execution: ExecutionId, key: &SlotKey, slots: i32, waits: bool) -> SlotTaken {
    database.store.take_slot(&slot(database, execution, key, slots), waits, TOLD, database.now()).await.unwrap()
}

/// Executions in the order in which they were accepted.
async fn some(database: &Database, worker: WorkerId, count: usize) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    for _one in 0..count {
        claimed.push(database.claimed(worker).await);
    }
    claimed.sort_by_key(|claimed| claimed.id);
    claimed
}

async fn end(database: &Database, claimed: &Claimed, worker: WorkerId) {
    database.store.commit(database.checkpoint(claimed, worker, Patch::Ended(completed()))).await.unwrap();
}

on_both_databases! {
    async fn no_more_slots_are_held_than_there_are(database: &Database) {
        let (worker, key, other) = (WorkerId::new(), key(WorkflowId::new(), "a"), key(WorkflowId::new(), "a"));
        let rows = some(database, worker, 4).await;
        assert!(take(database, rows[0].id, &key, 2, true).await.is_taken);
        assert!(take(database, rows[0].id, &key, 2, true).await.is_taken, "asking again changes nothing");
        assert!(take(database, rows[1].id, &key, 2, true).await.is_taken);
        let third = take(database, rows[2].id, &key, 2, true).await;
        let before = vec![(database.organization, rows[0].id), (database.organization, rows[1].id)];
        assert_eq!((third.is_taken, third.held, third.before, third.given), (false, 2, before, vec![]));
        assert!(take(database, rows[3].id, &other, 2, true).await.is_taken, "of another workflow");
    }

    async fn of_many_that_ask_at_once_no_more_get_a_slot_than_there_are(database: &Database) {
        let (worker, key) = (WorkerId::new(), key(WorkflowId::new(), ""));
        let rows = some(database, worker, 12).await;
        let asked = rows.iter().map(|row| take(database, row.id, &key, 3, true));
        let taken = futures::future::join_all(asked).await;
        assert_eq!(taken.iter().filter(|taken| taken.is_taken).count(), 3);
    }

    async fn who_does_not_wait_takes_no_place_in_the_line(database: &Database) {
        let (worker, key) = (WorkerId::new(), key(WorkflowId::new(), "a"));
        let rows = some(database, worker, 2).await;
        assert!(take(database, rows[0].id, &key, 1, false).await.is_taken);
        assert!(!take(database, rows[1].id, &key, 1, false).await.is_taken);
        end(database, &rows[0], worker).await;
        assert_eq!(database.store.free_slot(rows[0].id, &key, TOLD, 1).await.unwrap(), []);
    }

    async fn a_slot_that_is_given_back_goes_to_the_first_in_the_line_who_is_told(database: &Database) {
        let (worker, key) = (WorkerId::new(), key(WorkflowId::new(), "a"));
        let rows = some(database, worker, 3).await;
        take(database, rows[0].id, &key, 1, true).await;
        for row in [&rows[2], &rows[1]] {
            assert!(!take(database, row.id, &key, 1, true).await.is_taken);
            database.store.commit(database.checkpoint(row, worker, parked(&[]))).await.unwrap();
        }
        end(database, &rows[0], worker).await;
        assert_eq!(database.store.free_slot(rows[0].id, &key, TOLD, database.now()).await.unwrap(), [rows[1].id]);
        let delivered = database.store.deliver_signals(&[rows[1].id], database.now()).await.unwrap();
        assert_eq!(delivered.runnable.iter().map(|one| one.id).collect::<Vec<_>>(), [rows[1].id]);
        let signals = database.store.signals(database.organization, rows[1].id).await.unwrap();
        assert_eq!(signals.iter().map(|signal| signal.data.as_str()).collect::<Vec<_>>(), [TOLD]);
        assert!(take(database, rows[1].id, &key, 1, true).await.is_taken, "it has it");
        assert!(!take(database, rows[2].id, &key, 1, true).await.is_taken, "and this one waits on");
    }

    async fn who_has_ended_holds_nothing_although_nobody_gave_it_back(database: &Database) {
        let (worker, key) = (WorkerId::new(), key(WorkflowId::new(), "a"));
        let rows = some(database, worker, 3).await;
        take(database, rows[0].id, &key, 1, true).await;
        for row in &rows[1..] {
            take(database, row.id, &key, 1, true).await;
        }
        // The first two end, and their worker dies before it says so.
        end(database, &rows[0], worker).await;
        end(database, &rows[1], worker).await;
        assert_eq!(database.store.next_awaited_slot(None).await.unwrap(), Some(key.clone()));
        assert_eq!(database.store.give_slots(&key, TOLD, database.now()).await.unwrap(), [rows[2].id]);
    }

    async fn keys_that_are_waited_for_are_found_one_by_one(database: &Database) {
        let (worker, workflow) = (WorkerId::new(), WorkflowId::new());
        let mut keys = Vec::new();
        for name in ["a", "b", "c"] {
            let key = key(workflow, name);
            for row in some(database, worker, 3).await {
                take(database, row.id, &key, 1, true).await;
            }
            keys.push(key);
        }
        let mut found = Vec::new();
        while let Some(next) = database.store.next_awaited_slot(found.last()).await.unwrap() {
            found.push(next);
        }
        assert_eq!(found, keys);
    }
}
