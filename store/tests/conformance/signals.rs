use ids::{ExecutionId, WorkerId};
use store::{CommitOutcome, Delivered, ExecutionStatus, NewSignal, Patch, WaitRow};

use crate::harness::{Database, completed, parked, running};
use crate::on_both_databases;

fn told(database: &Database, execution: ExecutionId, data: &str) -> NewSignal {
    NewSignal { organization_id: database.organization, execution_id: execution, data: format!("\"{data}\"") }
}

async fn deliver(database: &Database, execution: ExecutionId) -> Delivered {
    database.store.deliver_signals(&[execution], database.now()).await.unwrap()
}

async fn status(database: &Database, execution: ExecutionId) -> ExecutionStatus {
    database.store.execution(database.organization, execution).await.unwrap().unwrap().status
}

fn awaiting(event: &str, correlation: Option<&str>) -> Patch {
    let wait = WaitRow {
        step_path: "w".to_owned(),
        kind: "event".to_owned(),
        event: Some(event.to_owned()),
        correlation: correlation.map(str::to_owned),
        keys: correlation.map(|key| format!("[[\"order.id\",\"{key}\"]]")),
        ..WaitRow::default()
    };
    Patch::Parked {
        status: ExecutionStatus::Waiting,
        state: "{}".to_owned(),
        waits: vec![wait],
        wake_at_ms: None,
        paused_at_ms: None,
    }
}

on_both_databases! {
    async fn a_delivered_signal_wakes_a_resting_execution_and_is_taken_in_once(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        database.store.commit(database.checkpoint(&claimed, worker, parked(&[]))).await.unwrap();
        let (one, two) = (told(database, claimed.id, "one"), told(database, claimed.id, "two"));
        database.store.send_signals(vec![one, two], database.now()).await.unwrap();
        assert!(database.store.signals(database.organization, claimed.id).await.unwrap().is_empty(), "not delivered yet");
        let delivered = deliver(database, claimed.id).await;
        assert_eq!((delivered.runnable.len(), delivered.running.len()), (1, 0));
        assert_eq!(deliver(database, claimed.id).await, Delivered::default(), "once");

        let again = database.store.claim(worker, &[claimed.id], database.now()).await.unwrap().remove(0);
        assert_eq!(again.signals, 2);
        let signals = database.store.signals(database.organization, claimed.id).await.unwrap();
        assert_eq!(signals.iter().map(|signal| signal.data.as_str()).collect::<Vec<_>>(), ["\"one\"", "\"two\""]);
        let mut checkpoint = database.checkpoint(&again, worker, running());
        checkpoint.taken = vec![signals[0].position];
        let outcome = database.store.commit(checkpoint).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed { seq: again.seq + 1, signals: 1 });
        let left = database.store.signals(database.organization, claimed.id).await.unwrap();
        assert_eq!((left.len(), left[0].data.as_str()), (1, "\"two\""));
    }

    async fn whoever_is_told_something_while_it_is_being_parked_is_queued_again(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        database.store.send_signals(vec![told(database, claimed.id, "now")], database.now()).await.unwrap();
        let delivered = deliver(database, claimed.id).await;
        assert_eq!((delivered.runnable.len(), delivered.running.len()), (0, 1), "a worker has it");
        let outcome = database.store.commit(database.checkpoint(&claimed, worker, parked(&[]))).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed { seq: claimed.seq + 1, signals: 1 });
        assert_eq!(status(database, claimed.id).await, ExecutionStatus::Queued);
    }

    async fn of_a_delivery_and_a_park_at_the_same_moment_one_notices_the_other(database: &Database) {
        for _round in 0..20 {
            let worker = WorkerId::new();
            let claimed = database.claimed(worker).await;
            database.store.send_signals(vec![told(database, claimed.id, "now")], database.now()).await.unwrap();
            let park = database.store.commit(database.checkpoint(&claimed, worker, parked(&[])));
            let (parked, _delivered) = tokio::join!(park, deliver(database, claimed.id));
            parked.unwrap();
            assert_eq!(status(database, claimed.id).await, ExecutionStatus::Queued);
        }
    }

    async fn signals_that_nobody_delivered_are_found_and_those_of_ended_executions_go(database: &Database) {
        let ended = database.ended(database.new_execution(), completed()).await;
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let now = database.now();
        let signals = vec![told(database, ended, "late"), told(database, claimed.id, "soon")];
        database.store.send_signals(signals, now).await.unwrap();
        assert!(database.store.undelivered_signals(now, 10).await.unwrap().is_empty(), "too young");
        let found = database.store.undelivered_signals(now + 1, 10).await.unwrap();
        assert_eq!(found.len(), 2);
        database.store.deliver_signals(&found, now).await.unwrap();
        database.store.deliver_signals(&found, now).await.unwrap();
        assert!(database.store.undelivered_signals(now + 1, 10).await.unwrap().is_empty());
        assert!(database.store.signals(database.organization, ended).await.unwrap().is_empty());
    }

    async fn an_end_can_tell_another_execution_in_the_same_commit(database: &Database) {
        let worker = WorkerId::new();
        let parent = database.claimed(worker).await;
        database.store.commit(database.checkpoint(&parent, worker, parked(&[]))).await.unwrap();
        let child = database.claimed(worker).await;
        let mut end = database.checkpoint(&child, worker, Patch::Ended(completed()));
        end.sends = vec![told(database, parent.id, "child ended")];
        database.store.commit(end).await.unwrap();
        assert_eq!(deliver(database, parent.id).await.runnable.len(), 1);
        let signals = database.store.signals(database.organization, parent.id).await.unwrap();
        assert_eq!(signals[0].data, "\"child ended\"");
        // A commit that is fenced tells nobody anything.
        let mut late = database.checkpoint(&child, worker, running());
        late.sends = vec![told(database, parent.id, "late")];
        assert_eq!(database.store.commit(late).await.unwrap(), CommitOutcome::Fenced);
        assert_eq!(database.store.undelivered_signals(i64::MAX, 10).await.unwrap(), []);
    }

    async fn waits_for_events_are_found_by_name_correlation_and_pattern(database: &Database) {
        let worker = WorkerId::new();
        let mut parked = Vec::new();
        for (event, correlation) in
            [("order.paid", Some("o1")), ("order.paid", Some("o2")), ("order.paid", None), ("order.*", None), ("a.b", None)]
        {
            let claimed = database.claimed(worker).await;
            database.store.commit(database.checkpoint(&claimed, worker, awaiting(event, correlation))).await.unwrap();
            parked.push(claimed.id);
        }
        let found = |correlation: Option<&'static str>, after: i64, limit: u64| async move {
            let correlation = correlation.map(|one| [one.to_owned()]);
            let correlation = correlation.as_ref().map(<[String; 1]>::as_slice);
            let waits = database.store.event_waits(database.organization, "order.paid", correlation, after, limit).await.unwrap();
            waits.into_iter().map(|wait| (wait.execution_id, wait.position)).collect::<Vec<_>>()
        };
        let ids = |found: &[(ExecutionId, i64)]| found.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        assert_eq!(ids(&found(Some("o1"), 0, 10).await), [parked[0], parked[2], parked[3]]);
        let all = found(None, 0, 10).await;
        assert_eq!(ids(&all), parked[..4]);
        assert_eq!(ids(&found(None, all[1].1, 1).await), [parked[2]], "a page goes on from its place");
    }

    async fn a_wait_whose_time_has_come_is_still_found_by_its_event(database: &Database) {
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        let Patch::Parked { state, mut waits, .. } = awaiting("order.paid", None) else { unreachable!() };
        waits[0].due_at_ms = Some(10);
        // Paused in a worker's hands, for instance: its time stands still, and the row does not know.
        let patch = Patch::Running { state: Some(state), waits };
        database.store.commit(database.checkpoint(&claimed, worker, patch)).await.unwrap();
        assert_eq!(database.store.due_waits(10, 100).await.unwrap(), [], "a worker has it");
        let found = database.store.event_waits(database.organization, "order.paid", None, 0, 10).await.unwrap();
        assert_eq!(found.iter().map(|wait| wait.execution_id).collect::<Vec<_>>(), [claimed.id]);
    }
}
