use ids::{OrganizationId, WorkerId};
use store::{Checkpoint, CommitOutcome, Deadline, ExecutionResult, ExecutionStatus, Patch};

use crate::harness::{Database, completed, failed, goes_on, parked, released, running};
use crate::on_both_databases;

on_both_databases! {
    async fn checkpoints_are_numbered_and_the_end_clears_the_state(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let mut checkpoint = database.checkpoint(&claimed, worker, running());
        checkpoint.decision = Some(r#"{"outcome":"allow"}"#.to_owned());
        assert_eq!(database.store.commit(checkpoint).await.unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
        let row = database.store.execution(database.organization, claimed.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.seq, row.worker_id), (ExecutionStatus::Running, 2, Some(worker)));
        assert_eq!(row.decision.as_deref(), Some(r#"{"outcome":"allow"}"#), "a decision shows before the end");
        let end = Checkpoint { seq: 2, ..database.checkpoint(&claimed, worker, Patch::Ended(completed())) };
        let at_ms = end.at_ms;
        assert_eq!(database.store.commit(end).await.unwrap(), CommitOutcome::Committed { seq: 3, signals: 0 });
        let row = database.store.execution(database.organization, claimed.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.result, row.worker_id), (ExecutionStatus::Completed, Some(ExecutionResult::Allowed), None));
        assert_eq!((row.ended_at_ms, row.decision.is_some()), (Some(at_ms), true));
        let journal = database.store.journal(database.organization, claimed.id, 1, 10).await.unwrap();
        assert_eq!(journal.iter().map(|row| (row.seq, row.epoch)).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
    }

    async fn what_comes_too_late_does_not_go_on(database: &Database) {
        let (worker, other) = (WorkerId::new(), WorkerId::new());
        let claimed = database.claimed(worker).await;
        let right = || database.checkpoint(&claimed, worker, goes_on());
        let late = [
            Checkpoint { worker_id: other, ..right() },
            Checkpoint { epoch: claimed.epoch - 1, ..right() },
            Checkpoint { seq: claimed.seq + 1, ..right() },
            Checkpoint { organization_id: OrganizationId::new(), ..right() },
        ];
        // At once, so that they share a statement with the right one.
        let writes = late.into_iter().chain([right()]).map(|checkpoint| database.store.commit(checkpoint));
        let outcomes: Vec<_> = futures::future::join_all(writes).await.into_iter().map(Result::unwrap).collect();
        let fenced = [CommitOutcome::Fenced; 4];
        assert_eq!(outcomes, [&fenced[..], &[CommitOutcome::Committed { seq: 2, signals: 0 }]].concat());
        let journal = database.store.journal(database.organization, claimed.id, 0, 10).await.unwrap();
        assert_eq!(journal.len(), 2);
    }

    async fn a_checkpoint_leaves_moves_or_takes_back_the_end_of_the_whole_life(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let steps = [
            (Deadline::At(9), Some(9)),
            (Deadline::Stays, Some(9)),
            (Deadline::Never, None),
            (Deadline::Stays, None),
            (Deadline::At(12), Some(12)),
        ];
        for (seq, (deadline, wanted)) in (claimed.seq..).zip(steps) {
            let checkpoint = Checkpoint { seq, deadline, ..database.checkpoint(&claimed, worker, running()) };
            database.store.commit(checkpoint).await.unwrap();
            let row = database.store.execution(database.organization, claimed.id).await.unwrap().unwrap();
            assert_eq!(row.deadline_at_ms, wanted, "{deadline:?}");
        }
        assert_eq!(Deadline::change(Some(1), Some(1)), Deadline::Stays);
        assert_eq!((Deadline::change(None, Some(1)), Deadline::change(Some(1), None)), (Deadline::At(1), Deadline::Never));
    }

    async fn a_failure_is_recorded_with_its_cause(database: &Database) {
        let id = database.ended(database.new_execution(), failed()).await;
        let row = database.store.execution(database.organization, id).await.unwrap().unwrap();
        assert_eq!((row.status, row.result), (ExecutionStatus::Failed, Some(ExecutionResult::Failed)));
        assert_eq!(row.error_code.as_deref(), Some("HTTP_STATUS"));
        assert_eq!(row.error_message.as_deref(), Some("the service answered 500"));
        assert_eq!(row.failed_step.as_deref(), Some("charge"));
    }

    async fn writes_of_a_lost_claim_change_nothing(database: &Database) {
        let (slow, quick) = (WorkerId::new(), WorkerId::new());
        let lost = database.claimed(slow).await;
        database.store.hand_back(slow, lost.id, lost.epoch, database.now()).await.unwrap().unwrap();
        let held = database.store.claim(quick, &[lost.id], database.now()).await.unwrap().remove(0);
        let good = || database.checkpoint(&held, quick, running());
        let stale = [
            database.checkpoint(&lost, slow, Patch::Ended(completed())),
            Checkpoint { epoch: held.epoch, ..database.checkpoint(&lost, slow, running()) },
            Checkpoint { worker_id: quick, ..database.checkpoint(&lost, slow, running()) },
            Checkpoint { seq: 2, ..good() },
            Checkpoint { seq: 0, ..good() },
            Checkpoint { organization_id: OrganizationId::new(), ..good() },
        ];
        for checkpoint in stale {
            assert_eq!(database.store.commit(checkpoint).await.unwrap(), CommitOutcome::Fenced);
        }
        let row = database.store.execution(database.organization, lost.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.seq, row.epoch, row.worker_id), (ExecutionStatus::Running, 1, 2, Some(quick)));
        assert_eq!(database.store.commit(good()).await.unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
        let journal = database.store.journal(database.organization, lost.id, 0, 10).await.unwrap();
        assert_eq!(journal.iter().map(|row| (row.seq, row.epoch)).collect::<Vec<_>>(), [(1, 0), (2, 2)]);
    }

    async fn late_and_good_writes_in_one_group_are_told_apart(database: &Database) {
        let (slow, quick) = (WorkerId::new(), WorkerId::new());
        let lost = database.claimed(slow).await;
        database.store.hand_back(slow, lost.id, lost.epoch, database.now()).await.unwrap().unwrap();
        let held = database.store.claim(quick, &[lost.id], database.now()).await.unwrap().remove(0);
        let commits = (0..40).map(|number| {
            let (claimed, worker) = if number == 20 { (&held, quick) } else { (&lost, slow) };
            database.store.commit(database.checkpoint(claimed, worker, running()))
        });
        let outcomes: Vec<_> = futures::future::join_all(commits).await.into_iter().map(Result::unwrap).collect();
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let expected = if number == 20 { CommitOutcome::Committed { seq: 2, signals: 0 } } else { CommitOutcome::Fenced };
            assert_eq!(outcome, expected, "number {number}");
        }
    }

    async fn what_is_released_can_be_claimed_and_what_is_parked_cannot(database: &Database) {
        let worker = WorkerId::new();
        let first = database.claimed(worker).await;
        let second = database.claimed(worker).await;
        database.store.commit(database.checkpoint(&first, worker, released())).await.unwrap();
        database.store.commit(database.checkpoint(&second, worker, parked(&[i64::MAX]))).await.unwrap();
        let row = database.store.execution(database.organization, second.id).await.unwrap().unwrap();
        assert_eq!((row.status, row.worker_id, row.wake_at_ms), (ExecutionStatus::Waiting, None, Some(i64::MAX)));
        let claimed = database.store.claim(worker, &[first.id, second.id], database.now()).await.unwrap();
        assert_eq!(claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), [first.id]);
    }

    async fn a_checkpoint_without_a_state_leaves_the_one_before_and_says_where_the_journal_goes_on(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        assert_eq!((claimed.state.as_deref(), claimed.state_seq), (None, 0));
        let mut checkpoint = database.checkpoint(&claimed, worker, running());
        database.store.commit(checkpoint.clone()).await.unwrap();
        for seq in 2..4 {
            checkpoint.seq = seq;
            checkpoint.patch = Patch::Running { state: None, waits: Vec::new() };
            database.store.commit(checkpoint.clone()).await.unwrap();
        }
        // Its worker is lost.
        database.store.lost_workers(i64::MAX, database.now()).await.unwrap();
        let again = database.store.claim(worker, &[claimed.id], database.now()).await.unwrap().remove(0);
        assert_eq!((again.state.as_deref(), again.state_seq, again.seq), (Some(r#"{"step":1}"#), 2, 4));
        database.store.commit(database.checkpoint(&again, worker, released())).await.unwrap();
        let last = database.store.claim(worker, &[claimed.id], database.now()).await.unwrap().remove(0);
        assert_eq!((last.state_seq, last.seq), (5, 5));
    }
}
