use ids::{ExecutionId, WorkerId};
use store::{
    Cursor, Direction, ExecutionFilter, ExecutionOrder, ExecutionOrderField, ExecutionRow, Page, PageRequest, Patch,
    StoreError,
};

use crate::harness::{Database, completed};
use crate::on_both_databases;

const FIELDS: [ExecutionOrderField; 5] = [
    ExecutionOrderField::QueuedAt,
    ExecutionOrderField::StartedAt,
    ExecutionOrderField::EndedAt,
    ExecutionOrderField::Duration,
    ExecutionOrderField::Priority,
];

async fn page(database: &Database, order: ExecutionOrder, request: PageRequest) -> Page<ExecutionRow> {
    let filter = ExecutionFilter::default();
    database.store.executions(database.organization, &filter, order, &request).await.unwrap()
}

fn ids_of(page: &Page<ExecutionRow>) -> Vec<ExecutionId> {
    page.rows.iter().map(|(_, row)| row.id).collect()
}

/// Walks forwards from the start in pages of `size`.
async fn walk(database: &Database, order: ExecutionOrder, size: u64) -> Vec<ExecutionId> {
    let mut ids = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let request = PageRequest { after: after.take(), ..PageRequest::first(size) };
        let page = page(database, order, request).await;
        ids.extend(ids_of(&page));
        if !page.has_next {
            return ids;
        }
        after = page.rows.last().map(|(cursor, _)| cursor.clone());
    }
}

/// Walks backwards from the end in pages of `size`; in list order.
async fn walk_back(database: &Database, order: ExecutionOrder, size: u64) -> Vec<ExecutionId> {
    let mut ids = Vec::new();
    let mut before: Option<Cursor> = None;
    loop {
        let request = PageRequest { before: before.take(), ..PageRequest::last(size) };
        let page = page(database, order, request).await;
        ids.splice(0..0, ids_of(&page));
        if !page.has_previous {
            return ids;
        }
        before = page.rows.first().map(|(cursor, _)| cursor.clone());
    }
}

/// Twelve executions: queued, running and ended, of few priorities and durations, so that there are ties.
async fn some(database: &Database) -> Vec<ExecutionRow> {
    let worker = WorkerId::new();
    let mut ids = Vec::new();
    for number in 0..12_i64 {
        let mut new = database.new_execution();
        new.priority = i16::try_from(number % 3).unwrap();
        let id = database.started(new).await;
        if number % 4 > 0 {
            let claimed = database.store.claim(worker, &[id], 1_000 - number / 2).await.unwrap().remove(0);
            if number % 4 > 1 {
                let mut end = database.checkpoint(&claimed, worker, Patch::Ended(completed()));
                end.at_ms = 1_000 + number % 2;
                database.store.commit(end).await.unwrap();
            }
        }
        ids.push(id);
    }
    let mut rows = database.store.executions_by_ids(database.organization, &ids).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows
}

/// The order as the API states it: absent times last when ascending, ids break ties.
fn key(row: &ExecutionRow, field: ExecutionOrderField) -> (i64, ExecutionId) {
    let or_last = |time: Option<i64>| time.unwrap_or(i64::MAX);
    let key = match field {
        ExecutionOrderField::QueuedAt => row.queued_at_ms,
        ExecutionOrderField::StartedAt => or_last(row.started_at_ms),
        ExecutionOrderField::EndedAt => or_last(row.ended_at_ms),
        ExecutionOrderField::Duration => or_last(row.ended_at_ms.map(|ended| ended - row.started_at_ms.unwrap())),
        ExecutionOrderField::Priority => i64::from(row.priority),
    };
    (key, row.id)
}

on_both_databases! {
    async fn every_order_is_walked_both_ways_without_gap_or_repeat(database: &Database) {
        let mut rows = some(database).await;
        for field in FIELDS {
            for direction in [Direction::Ascending, Direction::Descending] {
                rows.sort_by_key(|row| key(row, field));
                if direction == Direction::Descending {
                    rows.reverse();
                }
                let expected: Vec<_> = rows.iter().map(|row| row.id).collect();
                let order = ExecutionOrder { field, direction };
                for size in [1, 5, 12, 100] {
                    assert_eq!(walk(database, order, size).await, expected, "{order:?} by {size}");
                    assert_eq!(walk_back(database, order, size).await, expected, "{order:?} back by {size}");
                }
            }
        }
    }

    async fn pages_do_not_shift_when_rows_come_in_front(database: &Database) {
        let rows = some(database).await;
        let order = ExecutionOrder::default();
        let first = page(database, order, PageRequest::first(4)).await;
        assert_eq!((first.has_next, first.has_previous), (true, false));
        for _newer in 0..3 {
            database.started(database.new_execution()).await;
        }
        let after = first.rows.last().unwrap().0.clone();
        let second = page(database, order, PageRequest::first(4).after(after)).await;
        let newest_first: Vec<_> = rows.iter().rev().map(|row| row.id).collect();
        assert_eq!(ids_of(&first), newest_first[..4]);
        assert_eq!(ids_of(&second), newest_first[4..8]);
        let before = second.rows[0].0.clone();
        let back = page(database, order, PageRequest::last(4).before(before)).await;
        assert_eq!((ids_of(&back), back.has_next, back.has_previous), (newest_first[..4].to_vec(), true, true));
        let between = PageRequest::first(10).after(first.rows[1].0.clone()).before(second.rows[1].0.clone());
        assert_eq!(ids_of(&page(database, order, between).await), newest_first[2..5]);
    }

    async fn a_cursor_of_another_order_is_refused(database: &Database) {
        some(database).await;
        let by_age = page(database, ExecutionOrder::default(), PageRequest::first(1)).await;
        let cursor = by_age.rows[0].0.clone();
        let by_priority = ExecutionOrder { field: ExecutionOrderField::Priority, ..ExecutionOrder::default() };
        let request = PageRequest::first(1).after(cursor.clone());
        let outcome = database.store.executions(database.organization, &ExecutionFilter::default(), by_priority, &request).await;
        assert!(matches!(outcome, Err(StoreError::Invalid { .. })));
        let text = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&text).unwrap(), cursor);
    }

    async fn a_list_is_counted_up_to_ten_thousand_and_says_when_there_is_more(database: &Database) {
        let counted = async || {
            database.store.count_executions(database.organization, &ExecutionFilter::default()).await.unwrap()
        };
        for _thousand in 0..10 {
            let new = (0..1_000).map(|_one| database.new_execution()).collect();
            let started = database.store.start_many(new).await.unwrap();
            assert!(started.iter().all(Result::is_ok));
        }
        assert_eq!(counted().await, (10_000, true));
        database.started(database.new_execution()).await;
        assert_eq!(counted().await, (10_000, false));
    }

    async fn an_empty_list_has_an_empty_page(database: &Database) {
        for request in [PageRequest::first(5), PageRequest::last(5)] {
            let page = page(database, ExecutionOrder::default(), request).await;
            assert_eq!((page.rows.len(), page.has_next, page.has_previous), (0, false, false));
        }
    }
}
