use futures::future::join_all;
use ids::WorkerId;
use store::{CommitOutcome, Patch, StartOutcome, StoreError};

use crate::harness::{Database, completed};
use crate::on_both_databases;

on_both_databases! {
    async fn one_bad_row_does_not_fail_the_others_of_its_group(database: &Database) {
        let known = database.new_execution();
        database.started(known.clone()).await;
        let starts = (0..64).map(|number| {
            let mut new = database.new_execution();
            if number == 17 {
                new.id = known.id;
            }
            if number == 40 {
                new.priority = 42;
            }
            database.store.start(new)
        });
        for (number, outcome) in join_all(starts).await.into_iter().enumerate() {
            match number {
                17 => assert!(matches!(&outcome, Err(StoreError::Conflict { constraint, .. }) if constraint.contains("execution")), "{outcome:?}"),
                40 => assert!(matches!(&outcome, Err(StoreError::Conflict { constraint, .. }) if constraint.contains("priority")), "{outcome:?}"),
                _good => assert_eq!(outcome.unwrap(), StartOutcome::New { seq: 1 }),
            }
        }
        let (count, is_exact) = database.store.count_executions(database.organization, &store::ExecutionFilter::default()).await.unwrap();
        assert_eq!((count, is_exact), (63, true));
    }

    async fn many_callers_at_once_all_run_to_the_end(database: &Database) {
        let worker = WorkerId::new();
        let runs = (0..64).map(|_caller| async move {
            for _execution in 0..8 {
                let claimed = database.claimed(worker).await;
                let end = database.checkpoint(&claimed, worker, Patch::Ended(completed()));
                assert_eq!(database.store.commit(end).await.unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
            }
        });
        join_all(runs).await;
        assert_eq!(database.store.claims_of(worker).await.unwrap(), []);
        let ended = store::ExecutionFilter { statuses: Some(vec![store::ExecutionStatus::Completed]), ..Default::default() };
        assert_eq!(database.store.count_executions(database.organization, &ended).await.unwrap(), (512, true));
    }

    async fn what_was_handed_in_before_closing_is_written(database: &Database) {
        let store = database.another_process().await;
        let mut new: Vec<_> = (0..200).map(|_| database.new_execution()).collect();
        let ids: Vec<_> = new.iter().map(|new| new.id).collect();
        let last = new.pop().unwrap();
        let handed_in = tokio::spawn({
            let store = store.clone();
            async move { store.start_many(new).await }
        });
        // The first outcome shows that the group is on its way.
        store.start(last).await.unwrap();
        let outcomes = handed_in.await.unwrap().unwrap();
        store.close().await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert!(matches!(store.start(database.new_execution()).await, Err(StoreError::Closed)));
        assert_eq!(database.store.executions_by_ids(database.organization, &ids).await.unwrap().len(), 200);
    }

    async fn closing_in_the_middle_answers_every_caller(database: &Database) {
        let store = database.another_process().await;
        let starts: Vec<_> = (0..300).map(|_| {
            let (store, new) = (store.clone(), database.new_execution());
            tokio::spawn(async move { (new.id, store.start(new).await) })
        }).collect();
        store.close().await;
        let mut recorded = Vec::new();
        for start in starts {
            let (id, outcome) = start.await.unwrap();
            match outcome {
                Ok(_new) => recorded.push(id),
                Err(problem) => assert!(matches!(problem, StoreError::Closed), "{problem:?}"),
            }
        }
        let rows = database.store.executions_by_ids(database.organization, &recorded).await.unwrap();
        assert_eq!(rows.len(), recorded.len(), "what was reported as written is there");
        let (count, _) = database.store.count_executions(database.organization, &store::ExecutionFilter::default()).await.unwrap();
        assert_eq!(count, recorded.len() as u64, "and nothing else");
    }
}
