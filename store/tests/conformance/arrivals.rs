//! Events in the order in which they were committed.

use std::collections::BTreeSet;

use ids::EventId;
use store::{EventCursor, EventFilter, NewEvent};

use crate::events::new_event;
use crate::harness::Database;
use crate::on_both_databases;

/// Reads on from `cursor` until `count` were seen: one is shown once every older transaction is over.
async fn follow(database: &Database, mut cursor: EventCursor, count: usize) -> Vec<EventId> {
    let mut seen = Vec::new();
    while seen.len() < count {
        // Small pages, so that cursors matter.
        let page = database.store.event_arrivals_after(database.organization, &cursor, 7).await.unwrap();
        match page.last() {
            Some((last, _id)) => cursor = *last,
            None => tokio::task::yield_now().await,
        }
        seen.extend(page.into_iter().map(|(_cursor, id)| id));
    }
    seen
}

on_both_databases! {
    async fn events_that_are_committed_at_once_are_each_seen_once_and_none_is_missed(database: &Database) {
        let start = database.store.current_event_cursor(database.organization).await.unwrap();
        let other = if database.is_postgresql() { database.another_process().await } else { database.store.clone() };
        let writing: Vec<_> = (0..40).map(|number| {
            let event = new_event(database, "order.placed");
            let store = if number % 2 == 0 { other.clone() } else { database.store.clone() };
            tokio::spawn(async move {
                let id = event.id;
                store.insert_event(event).await.unwrap();
                id
            })
        }).collect();
        // Whoever follows meanwhile has a cursor behind what it saw.
        let (mut cursor, mut seen) = (start, Vec::new());
        let mut written = BTreeSet::new();
        for one in writing {
            written.insert(one.await.unwrap());
            for (place, id) in database.store.event_arrivals_after(database.organization, &cursor, 3).await.unwrap() {
                cursor = place;
                seen.push(id);
            }
        }
        let left = 40 - seen.len();
        seen.extend(follow(database, cursor, left).await);
        assert_eq!((seen.len(), seen.iter().copied().collect::<BTreeSet<_>>()), (40, written.clone()));
        assert_eq!(follow(database, start, 40).await, seen, "always in the same order");
        let read = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<EventCursor>(&read).unwrap(), cursor);
        if database.is_postgresql() {
            other.close().await;
        }
    }

    async fn events_that_are_deleted_leave_no_gap_for_those_to_come(database: &Database) {
        database.store.insert_event(new_event(database, "order.placed")).await.unwrap();
        let cursor = database.store.current_event_cursor(database.organization).await.unwrap();
        database.damage("delete from event").await;
        let next = NewEvent { source: "late".to_owned(), ..new_event(database, "order.paid") };
        let id = next.id;
        database.store.insert_event(next).await.unwrap();
        assert_eq!(follow(database, cursor, 1).await.last(), Some(&id));
        let paid = EventFilter { source: Some(store::StringFilter { eq: Some("late".to_owned()), ..Default::default() }), ..EventFilter::default() };
        let found = database.store.filter_events(database.organization, &[id, EventId::new()], &paid).await.unwrap();
        assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    }
}
