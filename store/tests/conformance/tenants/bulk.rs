//! Bulk operations of the three tenants.

use ids::{BulkOperationId, ExecutionId, OrganizationId};
use store::{
    BulkAdding, BulkKind, BulkOperationRow, BulkPart, BulkStatus, ExecutionFilter, NewBulkItem, NewBulkItems,
    PageRequest,
};

use super::{Asked, Tenant};
use crate::bulk::{failure, operation as new_operation, part_of};
use crate::harness::{Database, EPOCH_MS};

fn row(organization: OrganizationId, canary: &str) -> BulkOperationRow {
    BulkOperationRow {
        filter: canary.to_owned(),
        arguments: Some(canary.to_owned()),
        reason: canary.to_owned(),
        created_by: canary.to_owned(),
        acts_as: canary.to_owned(),
        due_at_ms: None,
        ..new_operation(organization)
    }
}

pub async fn operation(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) -> BulkOperationId {
    let store = &database.store;
    let row = row(id, canary);
    assert!(ask!(asked, store, insert_bulk_operation(row.clone())));
    let mut failed = failure(&row, ExecutionId::new());
    failed.message = canary.to_owned();
    let part = BulkPart { failures: vec![failed], due_at_ms: None, ..part_of(&row) };
    assert!(ask!(asked, store, write_bulk_part(&part)).is_some());
    row.id
}

/// Items of an operation that takes no others, from `from` on.
fn items(from: i64, canary: &str) -> NewBulkItems {
    let item = NewBulkItem { execution_id: ExecutionId::new(), start: canary.to_owned() };
    NewBulkItems { from, items: vec![item], is_last: false, most: 10, at_ms: EPOCH_MS }
}

/// An operation that starts something.
pub async fn starting(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) -> BulkOperationId {
    let store = &database.store;
    let row = BulkOperationRow { kind: BulkKind::Start, ..row(id, canary) };
    assert!(store.insert_bulk_operation(row.clone()).await.unwrap());
    let (_row, adding) = ask!(asked, store, add_bulk_items(id, row.id, items(0, canary))).unwrap();
    assert_eq!(adding, BulkAdding::Added);
    row.id
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let (store, page) = (&database.store, PageRequest::first(100));
    let mut seen = vec![
        format!("{:?}", ask!(asked, store, bulk_operations(of, None, &page))),
        format!("{:?}", ask!(asked, store, count_bulk_operations(of, None))),
        format!("{:?}", ask!(asked, store, count_open_bulk_operations(of))),
        format!("{:?}", ask!(asked, store, walk_executions(of, &ExecutionFilter::default(), None, 100))),
    ];
    for one in all {
        let repeats = [(one.execution, "second".to_owned())];
        seen.push(format!("{:?}", ask!(asked, store, repeated_under(of, &repeats))));
        seen.push(format!("{:?}", ask!(asked, store, bulk_operation(of, one.operation))));
        seen.push(format!("{:?}", ask!(asked, store, bulk_failures(of, one.operation, &page))));
        seen.push(format!("{:?}", ask!(asked, store, count_bulk_failures(of, one.operation))));
        seen.push(format!("{:?}", ask!(asked, store, bulk_items(of, one.starting, None, &page))));
        seen.push(format!("{:?}", ask!(asked, store, count_bulk_items(of, one.starting, None))));
        seen.push(format!("{:?}", ask!(asked, store, bulk_items_from(of, one.starting, 0, 100))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let store = &database.store;
    let paused = ask!(asked, store, switch_bulk_operation(intruder.id, victim.operation, BulkStatus::Paused, EPOCH_MS));
    assert_eq!(paused, None);
    assert_eq!(store.add_bulk_items(intruder.id, victim.starting, items(1, "mine now")).await.unwrap(), None);
    let mine = BulkOperationRow { id: victim.operation, ..row(intruder.id, "mine now") };
    assert_eq!(ask!(asked, store, write_bulk_part(&part_of(&mine))), None);
}
