use std::collections::HashSet;

use futures::future::join_all;
use store::{ExecutionStatus, StartOutcome};

use crate::harness::{Database, label, new_execution, start_key};
use crate::on_both_databases;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

on_both_databases! {
    async fn a_started_execution_is_read_as_it_was_written(database: &Database) {
        let mut new = database.new_execution();
        new.key = Some("order 1 \u{1f980}".to_owned());
        new.input = String::from(r#"{"escaped":"\u0000","text":"ü"}"#);
        new.labels = vec![label("team", "payments"), label("region", "eu\"1\"")];
        new.event_id = Some(ids::EventId::new());
        new.deadline_at_ms = Some(5);
        new.start_key = start_key("k", "f");
        database.started(new.clone()).await;
        let row = database.store.execution(database.organization, new.id).await.unwrap().unwrap();
        assert_eq!(row.status, ExecutionStatus::Queued);
        assert_eq!((row.workflow_id, row.version_id, row.version_number), (new.workflow_id, new.version_id, 1));
        assert_eq!((row.key, row.input, row.trigger, row.labels), (new.key, new.input, new.trigger, new.labels));
        assert_eq!((row.event_id, row.deadline_at_ms, row.queued_at_ms), (new.event_id, Some(5), new.queued_at_ms));
        assert_eq!((row.seq, row.epoch, row.idempotency_key.as_deref()), (1, 0, Some("k")));
        let journal = database.store.journal(database.organization, new.id, 0, 10).await.unwrap();
        assert_eq!(journal.len(), 1);
        assert_eq!((journal[0].seq, journal[0].epoch, journal[0].events.as_str()), (1, 0, new.events.as_str()));
    }

    async fn of_a_hundred_starts_at_once_with_one_key_one_is_new(database: &Database) {
        let other = database.another_process().await;
        let starts = (0..100).map(|number| {
            let mut new = database.new_execution();
            new.start_key = start_key("same", "f");
            let store = if number % 2 == 0 { &database.store } else { &other };
            async move { (new.id, store.start(new).await.unwrap()) }
        });
        let outcomes = join_all(starts).await;
        let new: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome == StartOutcome::New { seq: 1 }).collect();
        assert_eq!(new.len(), 1);
        let winner = new[0].0;
        let others: HashSet<_> = outcomes.iter().filter(|(id, _)| *id != winner).map(|(_, outcome)| format!("{outcome:?}")).collect();
        let expected = StartOutcome::Existing { execution_id: winner, same_fingerprint: true };
        assert_eq!(others, HashSet::from([format!("{expected:?}")]));
        other.close().await;
    }

    async fn a_key_used_for_another_request_is_told_apart(database: &Database) {
        let mut first = database.new_execution();
        first.start_key = start_key("key", "one request");
        let id = database.started(first).await;
        let mut second = database.new_execution();
        second.start_key = start_key("key", "another request");
        let mut third = second.clone();
        third.id = ids::ExecutionId::new();
        let outcomes = database.store.start_many(vec![second.clone(), third]).await.unwrap();
        for outcome in outcomes {
            assert_eq!(outcome.unwrap(), StartOutcome::Existing { execution_id: id, same_fingerprint: false });
        }
        assert_eq!(database.store.execution(database.organization, second.id).await.unwrap(), None);
    }

    async fn two_starts_with_one_key_in_one_group_are_one_execution(database: &Database) {
        let mut new: Vec<_> = (0..3).map(|_| database.new_execution()).collect();
        new[0].start_key = start_key("key", "f");
        new[1].start_key = start_key("key", "g");
        new[2].start_key = start_key("key", "f");
        let ids: Vec<_> = new.iter().map(|new| new.id).collect();
        let outcomes: Vec<_> = database.store.start_many(new).await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(outcomes, [
            StartOutcome::New { seq: 1 },
            StartOutcome::Existing { execution_id: ids[0], same_fingerprint: false },
            StartOutcome::Existing { execution_id: ids[0], same_fingerprint: true },
        ]);
    }

    async fn a_key_counts_for_a_day(database: &Database) {
        let mut first = database.new_execution();
        first.start_key = start_key("key", "f");
        let queued_at_ms = first.queued_at_ms;
        let first = database.started(first).await;
        let mut early = new_execution(database.organization, queued_at_ms + DAY_MS - 1);
        early.start_key = start_key("key", "f");
        assert_eq!(database.store.start(early).await.unwrap(), StartOutcome::Existing { execution_id: first, same_fingerprint: true });
        let mut late = new_execution(database.organization, queued_at_ms + DAY_MS);
        late.start_key = start_key("key", "g");
        let late = database.started(late).await;
        let mut again = new_execution(database.organization, queued_at_ms + DAY_MS + 1);
        again.start_key = start_key("key", "g");
        assert_eq!(database.store.start(again).await.unwrap(), StartOutcome::Existing { execution_id: late, same_fingerprint: true });
    }

    async fn the_same_key_in_two_organizations_is_two_executions(database: &Database) {
        let other = database.store.ensure_organization("other", "Other", 1).await.unwrap();
        for organization in [database.organization, other] {
            let mut new = new_execution(organization, database.now());
            new.start_key = start_key("key", "f");
            database.started(new).await;
        }
    }
}
