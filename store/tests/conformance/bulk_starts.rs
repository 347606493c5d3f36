//! Work that starts executions: items that come in parts, and what came of each.

use ids::{BulkOperationId, ExecutionId};
use store::{
    BulkAdding, BulkFailureRow, BulkItemRow, BulkItemStatus, BulkKind, BulkOperationRow, BulkPart, BulkStatus,
    NewBulkItem, NewBulkItems, PageRequest,
};

use crate::bulk::{failure, operation, part_of};
use crate::harness::{Database, EPOCH_MS};
use crate::on_both_databases;

/// Long after everything.
const LATER: i64 = EPOCH_MS + 1_000_000;

/// One that waits for items.
async fn open(database: &Database) -> BulkOperationRow {
    let row = BulkOperationRow { kind: BulkKind::Start, due_at_ms: Some(LATER), ..operation(database.organization) };
    assert!(database.store.insert_bulk_operation(row.clone()).await.unwrap());
    row
}

fn items(from: i64, count: usize) -> NewBulkItems {
    let item = |number| NewBulkItem { execution_id: ExecutionId::new(), start: format!("{{\"number\":{number}}}") };
    let items = (from..).take(count).map(item).collect();
    NewBulkItems { from, items, is_last: false, most: 10, at_ms: EPOCH_MS }
}

async fn add(database: &Database, id: BulkOperationId, new: NewBulkItems) -> (BulkOperationRow, BulkAdding) {
    database.store.add_bulk_items(database.organization, id, new).await.unwrap().unwrap()
}

async fn all(database: &Database, id: BulkOperationId) -> Vec<BulkItemRow> {
    database.store.bulk_items_from(database.organization, id, 0, 100).await.unwrap()
}

/// Item `of` once this came of it.
fn result(of: &BulkItemRow, status: BulkItemStatus) -> BulkItemRow {
    let why = (status == BulkItemStatus::Refused).then(|| "NOT_FOUND".to_owned());
    BulkItemRow { status, start: None, code: why.clone(), message: why, ..of.clone() }
}

on_both_databases! {
    async fn items_come_in_parts_and_the_last_one_begins_the_work(database: &Database) {
        let row = open(database).await;
        assert_eq!(database.store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap(), None, "more are to come");
        let (now, adding) = add(database, row.id, items(0, 3)).await;
        assert_eq!((adding, now.total, now.is_counted), (BulkAdding::Added, 3, false));
        let last = NewBulkItems { is_last: true, ..items(3, 2) };
        let (now, adding) = add(database, row.id, last).await;
        assert_eq!((adding, now.total, now.is_counted), (BulkAdding::Added, 5, true));
        assert_eq!((now.status, now.due_at_ms), (BulkStatus::Running, Some(EPOCH_MS)));
        let numbers: Vec<_> = all(database, row.id).await.into_iter().map(|item| (item.number, item.start)).collect();
        let expected: Vec<_> = (0..5).map(|number| (number, Some(format!("{{\"number\":{number}}}")))).collect();
        assert_eq!(numbers, expected);
        let some = database.store.bulk_items_from(database.organization, row.id, 1, 2).await.unwrap();
        assert_eq!(some.iter().map(|item| item.number).collect::<Vec<_>>(), [1, 2]);
        let claimed = database.store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        assert_eq!((claimed.id, claimed.total), (row.id, 5));
    }

    async fn items_that_are_given_twice_are_there_once(database: &Database) {
        let row = open(database).await;
        let first = items(0, 3);
        add(database, row.id, first.clone()).await;
        let before = all(database, row.id).await;
        assert_eq!(add(database, row.id, first.clone()).await.1, BulkAdding::Known);
        let more = NewBulkItems { items: [first.items, items(3, 1).items].concat(), ..items(0, 0) };
        let (now, adding) = add(database, row.id, more).await;
        assert_eq!((adding, now.total), (BulkAdding::Added, 4));
        let after = all(database, row.id).await;
        assert_eq!(after[..3], before[..]);
        let seal = || NewBulkItems { is_last: true, ..items(4, 0) };
        assert_eq!(add(database, row.id, seal()).await.1, BulkAdding::Added);
        assert_eq!(add(database, row.id, seal()).await.1, BulkAdding::Known);
        assert_eq!(all(database, row.id).await, after);
    }

    async fn what_does_not_fit_is_told_and_nothing_of_it_is_kept(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = open(database).await;
        add(database, row.id, items(0, 2)).await;
        assert_eq!(add(database, row.id, items(3, 1)).await.1, BulkAdding::Gap);
        assert_eq!(add(database, row.id, items(2, 9)).await.1, BulkAdding::Full);
        add(database, row.id, NewBulkItems { is_last: true, ..items(2, 1) }).await;
        assert_eq!(add(database, row.id, items(3, 1)).await.1, BulkAdding::Closed);
        assert_eq!(all(database, row.id).await.len(), 3);
        let stopped = open(database).await;
        store.switch_bulk_operation(organization, stopped.id, BulkStatus::Cancelled, EPOCH_MS).await.unwrap().unwrap();
        assert_eq!(add(database, stopped.id, items(0, 1)).await.1, BulkAdding::Closed);
        let other = operation(organization);
        store.insert_bulk_operation(other.clone()).await.unwrap();
        assert_eq!(store.add_bulk_items(organization, other.id, items(0, 1)).await.unwrap(), None, "it starts nothing");
    }

    async fn one_that_is_held_while_items_come_begins_when_it_goes_on(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = open(database).await;
        store.switch_bulk_operation(organization, row.id, BulkStatus::Paused, EPOCH_MS).await.unwrap().unwrap();
        let (now, adding) = add(database, row.id, NewBulkItems { is_last: true, ..items(0, 1) }).await;
        assert_eq!((adding, now.status, now.due_at_ms), (BulkAdding::Added, BulkStatus::Paused, None));
        let gone_on = store.switch_bulk_operation(organization, row.id, BulkStatus::Running, EPOCH_MS).await.unwrap();
        assert_eq!(gone_on.map(|row| (row.status, row.due_at_ms)), Some((BulkStatus::Running, Some(EPOCH_MS))));
    }

    async fn whoever_had_it_before_its_last_items_came_writes_nothing(database: &Database) {
        let store = &database.store;
        let row = open(database).await;
        let early = store.claim_bulk_operation(LATER, i64::MAX).await.unwrap().unwrap();
        add(database, row.id, NewBulkItems { is_last: true, ..items(0, 1) }).await;
        let failed = BulkPart { status: BulkStatus::Failed, due_at_ms: None, is_counted: false, ..part_of(&early) };
        assert_eq!(store.write_bulk_part(&failed).await.unwrap(), None);
        let now = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        assert_eq!((now.id, now.status, now.epoch), (row.id, BulkStatus::Running, 3));
    }

    async fn what_came_of_items_is_written_with_the_part_and_stays(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = open(database).await;
        add(database, row.id, NewBulkItems { is_last: true, ..items(0, 4) }).await;
        let row = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        let given = all(database, row.id).await;
        let found = BulkItemRow { execution_id: ExecutionId::new(), ..result(&given[1], BulkItemStatus::Found) };
        let results =
            vec![result(&given[0], BulkItemStatus::Started), found, result(&given[2], BulkItemStatus::Refused)];
        let refused = BulkFailureRow { item: Some(2), ..failure(&row, given[2].execution_id) };
        let part = BulkPart {
            results: results.clone(),
            failures: vec![refused.clone()],
            succeeded: 1,
            skipped: 1,
            has_happened: true,
            ..part_of(&row)
        };
        let written = store.write_bulk_part(&part).await.unwrap().unwrap().operation;
        assert_eq!((written.total, written.succeeded, written.failed, written.skipped), (4, 1, 1, 1));
        let now = all(database, row.id).await;
        assert_eq!((&now[..3], &now[3]), (&results[..], &given[3]));
        let kept = store.bulk_failures(organization, row.id, &PageRequest::first(10)).await.unwrap();
        assert_eq!(kept.rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(), [refused]);
        let row = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        let again = BulkPart { results: vec![result(&given[0], BulkItemStatus::Refused)], ..part_of(&row) };
        store.write_bulk_part(&again).await.unwrap().unwrap();
        assert_eq!(all(database, row.id).await, now, "what came of an item stays");
    }

    async fn items_are_read_in_their_order_page_by_page_and_by_what_came_of_them(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = open(database).await;
        add(database, row.id, NewBulkItems { is_last: true, ..items(0, 5) }).await;
        let row = store.claim_bulk_operation(EPOCH_MS, i64::MAX).await.unwrap().unwrap();
        let given = all(database, row.id).await;
        let results = vec![result(&given[0], BulkItemStatus::Started), result(&given[3], BulkItemStatus::Started)];
        store.write_bulk_part(&BulkPart { results, succeeded: 2, ..part_of(&row) }).await.unwrap().unwrap();
        let (mut seen, mut request) = (Vec::new(), PageRequest::first(2));
        loop {
            let page = store.bulk_items(organization, row.id, None, &request).await.unwrap();
            let last = page.rows.last().map(|(cursor, _)| cursor.clone());
            seen.extend(page.rows.into_iter().map(|(_, item)| item.number));
            if !page.has_next {
                break;
            }
            request = PageRequest::first(2).after(last.unwrap());
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        let page =
            store.bulk_items(organization, row.id, Some(BulkItemStatus::Started), &PageRequest::last(5)).await.unwrap();
        assert_eq!(page.rows.iter().map(|(_, item)| item.number).collect::<Vec<_>>(), [0, 3]);
        let open = Some(BulkItemStatus::Open);
        assert_eq!(store.count_bulk_items(organization, row.id, open).await.unwrap(), (3, true));
        assert_eq!(store.count_bulk_items(organization, row.id, None).await.unwrap(), (5, true));
    }

    async fn items_are_forgotten_with_their_operation(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = open(database).await;
        add(database, row.id, NewBulkItems { is_last: true, ..items(0, 3) }).await;
        let lives = open(database).await;
        add(database, lives.id, items(0, 1)).await;
        store.switch_bulk_operation(organization, row.id, BulkStatus::Cancelled, EPOCH_MS).await.unwrap().unwrap();
        assert_eq!(store.sweep_bulk_operations(EPOCH_MS + 1, 10).await.unwrap(), 3, "its items");
        assert_eq!(store.sweep_bulk_operations(EPOCH_MS + 1, 10).await.unwrap(), 1, "itself");
        assert_eq!(store.sweep_bulk_operations(EPOCH_MS + 1, 10).await.unwrap(), 0);
        assert_eq!((all(database, row.id).await.len(), all(database, lives.id).await.len()), (0, 1));
    }
}
