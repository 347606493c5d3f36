use std::collections::HashSet;

use futures::future::join_all;
use ids::WorkerId;
use store::ExecutionStatus;

use crate::harness::{Database, completed, released};
use crate::on_both_databases;

on_both_databases! {
    async fn a_claim_hands_out_the_execution_and_raises_its_epoch(database: &Database) {
        let worker = WorkerId::new();
        let new = database.new_execution();
        database.started(new.clone()).await;
        let now = database.now();
        let claimed = database.store.claim(worker, &[new.id, new.id, ids::ExecutionId::new()], now).await.unwrap();
        assert_eq!(claimed.len(), 1);
        let claimed = &claimed[0];
        assert_eq!((claimed.id, claimed.organization_id, claimed.version_id), (new.id, new.organization_id, new.version_id));
        assert_eq!((claimed.input.as_str(), claimed.trigger.as_str(), &claimed.state), (new.input.as_str(), new.trigger.as_str(), &None));
        assert_eq!((claimed.epoch, claimed.claims, claimed.seq, claimed.started_at_ms), (1, 1, 1, now));
        let row = database.store.execution(new.organization_id, new.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.worker_id, row.started_at_ms), (ExecutionStatus::Running, Some(worker), Some(now)));
        assert_eq!(database.store.claims_of(worker).await.unwrap(), [(new.id, 1)]);
    }

    async fn of_several_claimers_exactly_one_gets_each(database: &Database) {
        let other = database.another_process().await;
        let mut ids = Vec::new();
        for _execution in 0..200 {
            ids.push(database.started(database.new_execution()).await);
        }
        let queues = ["default".to_owned()];
        let claimers = (0..8).map(|number| {
            let store = if number % 2 == 0 { &database.store } else { &other };
            let (ids, queues) = (&ids, &queues);
            async move {
                let worker = WorkerId::new();
                match number % 4 {
                    0 | 1 => store.claim(worker, ids, 1).await.unwrap(),
                    _by_polling => store.claim_next(worker, queues, 70, 1).await.unwrap(),
                }
            }
        });
        let mut claimed: Vec<_> = join_all(claimers).await.into_iter().flatten().map(|claimed| claimed.id).collect();
        let count = claimed.len();
        let distinct: HashSet<_> = claimed.iter().copied().collect();
        assert_eq!(distinct.len(), count, "nobody gets what another has");
        // What was skipped because another was just writing it is still queued.
        claimed.extend(other.claim(WorkerId::new(), &ids, 2).await.unwrap().into_iter().map(|claimed| claimed.id));
        let distinct: HashSet<_> = claimed.iter().copied().collect();
        assert_eq!((distinct.len(), claimed.len()), (ids.len(), ids.len()), "each is handed out once");
        other.close().await;
    }

    async fn polling_takes_the_served_queues_by_priority_then_age(database: &Database) {
        let mut expected = Vec::new();
        for (queue, priority, place) in [("slow", 9, 0), ("a", 5, 2), ("b", 7, 1), ("a", 5, 3), ("b", 1, 4)] {
            let mut new = database.new_execution();
            queue.clone_into(&mut new.queue);
            new.priority = priority;
            expected.push((place, database.started(new).await));
        }
        expected.sort_unstable();
        let queues = ["a".to_owned(), "b".to_owned()];
        let mut claimed = Vec::new();
        for _one in 0..5 {
            let one = database.store.claim_next(WorkerId::new(), &queues, 1, 1).await.unwrap();
            claimed.extend(one.into_iter().map(|claimed| claimed.id));
        }
        let expected: Vec<_> = expected[1..].iter().map(|(_, id)| *id).collect();
        assert_eq!(claimed, expected);
    }

    async fn polling_never_leaves_the_less_urgent_out(database: &Database) {
        let mut waiting = Vec::new();
        for priority in [2, 5].into_iter().chain([8; 40]) {
            let mut new = database.new_execution();
            new.priority = priority;
            waiting.push(database.started(new).await);
        }
        let queues = ["default".to_owned()];
        let mut claimed = Vec::new();
        for _one in 0..16 {
            let one = database.store.claim_next(WorkerId::new(), &queues, 1, 1).await.unwrap();
            claimed.extend(one.into_iter().map(|claimed| claimed.id));
        }
        assert_eq!(claimed.len(), 16);
        assert!(waiting[..2].iter().all(|less_urgent| claimed.contains(less_urgent)), "after two times eight looks");
        assert_eq!(claimed[..7], waiting[2..9], "otherwise by priority");
    }

    async fn what_is_running_or_ended_is_not_claimed(database: &Database) {
        let running = database.claimed(WorkerId::new()).await;
        let ended = database.ended(database.new_execution(), completed()).await;
        let claimed = database.store.claim(WorkerId::new(), &[running.id, ended], database.now()).await.unwrap();
        assert_eq!(claimed, []);
    }

    async fn fruitless_claims_are_counted_and_a_commit_resets_them(database: &Database) {
        let worker = WorkerId::new();
        let first = database.claimed(worker).await;
        database.store.hand_back(worker, first.id, first.epoch, database.now()).await.unwrap().unwrap();
        let second = database.store.claim(worker, &[first.id], database.now()).await.unwrap().remove(0);
        assert_eq!((second.epoch, second.claims), (2, 2));
        assert_eq!(second.started_at_ms, first.started_at_ms, "the first start counts");
        database.store.commit(database.checkpoint(&second, worker, released())).await.unwrap();
        let third = database.store.claim(worker, &[first.id], database.now()).await.unwrap().remove(0);
        assert_eq!((third.epoch, third.claims, third.state.as_deref()), (3, 1, Some(r#"{"step":1}"#)));
    }
}
