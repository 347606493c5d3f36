use ids::uuid::Builder;
use ids::{EventId, ExecutionId};
use store::{
    Direction, EventFilter, EventOrder, EventOrderField, EventOutcome, NewEvent, PageRequest, StringFilter, TimeFilter,
    ToldRow,
};

use crate::harness::Database;
use crate::on_both_databases;

pub fn new_event(database: &Database, event_type: &str) -> NewEvent {
    let now_ms = database.now();
    NewEvent {
        id: EventId::new(),
        organization_id: database.organization,
        event_type: event_type.to_owned(),
        source: "shop".to_owned(),
        subject: None,
        payload: r#"{"id":1}"#.to_owned(),
        deduplication_key: None,
        fingerprint: "f".to_owned(),
        occurred_at_ms: -now_ms,
        received_at_ms: now_ms,
        depth: 0,
        about: None,
        replay_of: None,
        only_workflows: None,
    }
}

async fn found(database: &Database, filter: &EventFilter, order: EventOrder) -> Vec<EventId> {
    let page = database.store.events(database.organization, filter, order, &PageRequest::first(10)).await.unwrap();
    assert_eq!(
        database.store.count_events(database.organization, filter).await.unwrap(),
        (page.rows.len() as u64, true)
    );
    page.rows.into_iter().map(|(_, row)| row.id).collect()
}

on_both_databases! {
    async fn an_event_is_recorded_then_routed_once(database: &Database) {
        let new = new_event(database, "order.created");
        let (id, organization) = (new.id, database.organization);
        assert_eq!(database.store.insert_event(new.clone()).await.unwrap(), EventOutcome::New(id));
        let row = database.store.event(organization, id).await.unwrap().unwrap();
        assert_eq!((row.event_type.as_str(), row.payload, row.routed_at_ms, row.matches), ("order.created", new.payload, None, None));
        let unrouted = database.store.unrouted_events(new.received_at_ms, 10).await.unwrap();
        assert_eq!(unrouted, [], "not before its time");
        let unrouted = database.store.unrouted_events(new.received_at_ms + 1, 10).await.unwrap();
        assert_eq!(unrouted.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
        database.store.mark_routed(organization, id, "[1]", "|started|", 7).await.unwrap();
        database.store.mark_routed(organization, id, "[2]", "|started|", 8).await.unwrap();
        let row = database.store.event(organization, id).await.unwrap().unwrap();
        assert_eq!((row.routed_at_ms, row.matches.as_deref()), (Some(7), Some("[1]")));
        assert_eq!(database.store.unrouted_events(i64::MAX, 10).await.unwrap(), []);
    }

    async fn of_many_events_with_one_key_at_once_one_is_new(database: &Database) {
        let inserts = (0..20).map(|_| {
            let mut new = new_event(database, "order.created");
            new.deduplication_key = Some("key".to_owned());
            database.store.insert_event(new)
        });
        let outcomes: Vec<_> = futures::future::join_all(inserts).await.into_iter().map(Result::unwrap).collect();
        let new: Vec<_> = outcomes.iter().filter_map(|outcome| if let EventOutcome::New(id) = outcome { Some(*id) } else { None }).collect();
        assert_eq!(new.len(), 1);
        let existing = EventOutcome::Existing { event_id: new[0], same_fingerprint: true };
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == existing).count(), 19);
        assert_eq!(database.store.count_events(database.organization, &EventFilter::default()).await.unwrap(), (1, true));
    }

    async fn a_deduplication_key_counts_for_seven_days(database: &Database) {
        let mut first = new_event(database, "a");
        first.deduplication_key = Some("key".to_owned());
        database.store.insert_event(first.clone()).await.unwrap();
        let week_ms = 7 * 24 * 60 * 60 * 1_000;
        let another = NewEvent { id: EventId::new(), fingerprint: "g".to_owned(), received_at_ms: first.received_at_ms + week_ms - 1, ..first.clone() };
        let existing = EventOutcome::Existing { event_id: first.id, same_fingerprint: false };
        assert_eq!(database.store.insert_event(another.clone()).await.unwrap(), existing);
        let late = NewEvent { received_at_ms: first.received_at_ms + week_ms, ..another };
        assert_eq!(database.store.insert_event(late.clone()).await.unwrap(), EventOutcome::New(late.id));
    }

    async fn events_are_filtered_and_ordered(database: &Database) {
        let store = &database.store;
        let mut first = new_event(database, "order.created");
        first.subject = Some("order/1".to_owned());
        let mut second = new_event(database, "order.paid");
        second.source = String::from("bank");
        let (one, two, middle) = (first.id, second.id, second.received_at_ms);
        store.insert_event(first).await.unwrap();
        store.insert_event(second).await.unwrap();
        let mut execution = database.new_execution();
        execution.event_id = Some(one);
        database.started(execution).await;
        let none = || EventFilter::default();
        let text = |filter: StringFilter| Some(filter);
        let cases = [
            (none(), vec![two, one]),
            (EventFilter { event_type: text(StringFilter { eq: Some("order.paid".to_owned()), ..StringFilter::default() }), ..none() }, vec![two]),
            (EventFilter { event_type: text(StringFilter { starts_with: Some("order.".to_owned()), ..StringFilter::default() }), ..none() }, vec![two, one]),
            (EventFilter { source: text(StringFilter { ne: Some("bank".to_owned()), ..StringFilter::default() }), ..none() }, vec![one]),
            (EventFilter { subject: text(StringFilter { contains: Some("ORDER/".to_owned()), ..StringFilter::default() }), ..none() }, vec![one]),
            (EventFilter { received_at: Some(TimeFilter { gte: Some(middle), ..TimeFilter::default() }), ..none() }, vec![two]),
            (EventFilter { has_executions: Some(true), ..none() }, vec![one]),
            (EventFilter { has_executions: Some(false), ..none() }, vec![two]),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(database, &filter, EventOrder::default()).await, expected, "{filter:?}");
        }
        let by_occurrence = EventOrder { field: EventOrderField::OccurredAt, direction: Direction::Ascending };
        assert_eq!(found(database, &none(), by_occurrence).await, [two, one]);
    }

    async fn events_are_found_by_the_outcomes_of_their_matches(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let mut ids = Vec::new();
        for outcomes in ["|started|", "|filtered|started|", "", "|disabled|"] {
            let new = new_event(database, "order.created");
            ids.push(new.id);
            store.insert_event(new.clone()).await.unwrap();
            store.mark_routed(organization, new.id, "[]", outcomes, 7).await.unwrap();
        }
        let order = EventOrder { field: EventOrderField::ReceivedAt, direction: Direction::Ascending };
        for (outcomes, expected) in [
            (vec!["started"], vec![ids[0], ids[1]]),
            (vec!["filtered", "disabled"], vec![ids[1], ids[3]]),
            (vec!["start"], vec![]),
            (vec![], vec![]),
        ] {
            let outcomes = outcomes.into_iter().map(str::to_owned).collect();
            let filter = EventFilter { outcomes: Some(outcomes), ..EventFilter::default() };
            assert_eq!(found(database, &filter, order).await, expected, "{filter:?}");
        }
    }

    async fn events_after_one_are_those_that_were_accepted_since_a_moment_whatever_their_ids_say(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let about = |thing: &str| Some(format!("order.id=s{thing}"));
        let base = 1_700_000_000_000;
        // Of each, how far the clock that made its id was off, when it was accepted, and what it is about.
        let cases = [
            (-3_600_000, base - 1, about("a")),
            (3_600_000, base - 1, about("a")),
            (-3_600_000, base, about("a")),
            (0, base + 1, None),
            (0, base + 2, about("b")),
            (3_600_000, base, about("a")),
        ];
        let mut ids = Vec::new();
        for (off_ms, received_at_ms, about) in cases {
            let millis = u64::try_from(received_at_ms + off_ms).unwrap();
            let id = EventId::from_uuid(Builder::from_unix_timestamp_millis(millis, &[1; 10]).into_uuid());
            let new = NewEvent { id, received_at_ms, about, ..new_event(database, "order.paid") };
            store.insert_event(new).await.unwrap();
            ids.push(id);
        }
        let before = u64::try_from(base - 3_900_000).unwrap();
        let first = EventId::from_uuid(Builder::from_unix_timestamp_millis(before, &[0; 10]).into_uuid());
        let read = async |name: Option<&str>, about: Option<&str>, after: EventId, limit: u64| {
            let rows = store.events_after(organization, name, about, after, base, limit).await.unwrap();
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        assert_eq!(read(None, None, first, 10).await, [ids[2], ids[3], ids[4], ids[5]]);
        assert_eq!(read(Some("order.paid"), Some("order.id=sa"), first, 10).await, [ids[2], ids[3], ids[5]]);
        assert_eq!(read(Some("order.paid"), None, first, 2).await, [ids[2], ids[3]], "page by page");
        assert_eq!(read(None, None, ids[3], 10).await, [ids[4], ids[5]]);
        assert_eq!(read(Some("order.sent"), None, first, 10).await, []);
    }

    async fn who_was_told_of_an_event_is_noted_once_and_in_order(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let new = new_event(database, "order.created");
        let event = new.id;
        store.insert_event(new).await.unwrap();
        let told: Vec<ToldRow> =
            (0..5).map(|number| ToldRow { execution: ExecutionId::new(), is_fitting: number != 2 }).collect();
        store.note_told(organization, event, &told[..3]).await.unwrap();
        // It is routed again after a crash: what is known stays.
        let again: Vec<ToldRow> = told.iter().map(|one| ToldRow { is_fitting: true, ..*one }).collect();
        store.note_told(organization, event, &again).await.unwrap();
        let first = store.told(organization, event, &PageRequest::first(3)).await.unwrap();
        let last = store.told(organization, event, &PageRequest::first(3).after(first.rows[2].0.clone())).await.unwrap();
        let rows: Vec<ToldRow> = first.rows.into_iter().chain(last.rows).map(|(_, row)| row).collect();
        assert_eq!(rows, told);
        assert_eq!(store.count_told(organization, event).await.unwrap(), (5, true));
        store.mark_routed(organization, event, "[]", "", 7).await.unwrap();
        assert_eq!(store.sweep_events(organization, i64::MAX / 2, 10).await.unwrap(), 1);
        assert_eq!(store.count_told(organization, event).await.unwrap(), (0, true), "they go with the event");
    }

    async fn of_events_that_come_together_each_is_recorded_or_known(database: &Database) {
        let store = &database.store;
        let keyed = |key: &str, fingerprint: &str| NewEvent {
            deduplication_key: Some(key.to_owned()),
            fingerprint: fingerprint.to_owned(),
            ..new_event(database, "order.created")
        };
        let batch = vec![keyed("b", "f"), new_event(database, "a"), keyed("a", "f"), keyed("b", "f"), keyed("b", "g")];
        let ids: Vec<EventId> = batch.iter().map(|one| one.id).collect();
        let known = |same_fingerprint| EventOutcome::Existing { event_id: ids[0], same_fingerprint };
        let expected =
            [EventOutcome::New(ids[0]), EventOutcome::New(ids[1]), EventOutcome::New(ids[2]), known(true), known(false)];
        assert_eq!(store.insert_events(batch).await.unwrap(), expected);
        assert_eq!(store.events_by_ids(database.organization, &ids).await.unwrap().len(), 3);
        // Many batches with the same keys in any order: each key is one event's.
        let batches = (0..8).map(|number| {
            let mut batch: Vec<NewEvent> = (0..20).map(|key| keyed(&format!("key-{key}"), "f")).collect();
            batch.rotate_left(number * 7 % 20);
            store.insert_events(batch)
        });
        let outcomes = futures::future::join_all(batches).await;
        let new = outcomes.into_iter().flat_map(Result::unwrap).filter(|one| matches!(one, EventOutcome::New(_)));
        assert_eq!(new.count(), 20);
    }
}
