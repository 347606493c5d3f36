//! Operations that start executions from items.

use store::{BulkItemRow, BulkItemStatus};

use super::*;
use crate::bulk::item::Deciding;
use crate::bulk::part::{Part, write};
use crate::bulk::start::Arguments;
use crate::bulk::{MAX_ITEMS, MoreStarts, NewStarts, add, failures, items, start_many, starting, work};

fn item(slug: &str) -> StartRequest {
    StartRequest {
        workflow: WorkflowRef::Slug(slug.to_owned()),
        version: None,
        input: Some(json!({})),
        key: None,
        idempotency_key: None,
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Manual { reason: None },
    }
}

fn keyed(slug: &str, key: &str) -> StartRequest {
    StartRequest { idempotency_key: Some(key.to_owned()), ..item(slug) }
}

fn new(items: Vec<StartRequest>) -> NewStarts {
    NewStarts { items, is_last: true, reason: "an import".to_owned(), is_dry_run: false, rate_per_second: None }
}

impl Bed {
    async fn starts(&self, new: NewStarts) -> BulkOperationRow {
        start_many(&self.services, &self.viewer, new).await.unwrap()
    }

    async fn items(&self, id: BulkOperationId) -> Vec<BulkItemRow> {
        let request = store::PageRequest::first(100);
        let page = items(&self.services, &self.viewer, id, None, &request).await.unwrap();
        page.rows.into_iter().map(|(_, row)| row).collect()
    }

    async fn everything(&self) -> u64 {
        executions::count(&self.services, &self.viewer, &ExecutionFilter::default()).await.unwrap().0
    }

    /// A part whose executions were started, and that is not written yet.
    async fn half_started(&self) -> (BulkOperationRow, Part) {
        let now = self.services.now().0;
        let operation = self.services.store().claim_bulk_operation(now, now + 20_000).await.unwrap().unwrap();
        let arguments = Arguments::default();
        let deciding = Deciding::new(&self.services, &self.viewer, &operation, &arguments);
        let nothing = work::unchanged(&self.services, &operation);
        let part = starting::decided(&deciding, nothing).await.unwrap();
        (operation, part)
    }
}

fn numbers(row: &BulkOperationRow) -> (BulkStatus, i64, i64, i64, i64) {
    (row.status, row.total, row.succeeded, row.failed, row.skipped)
}

#[tokio::test]
async fn each_item_is_started_and_what_cannot_be_is_told_with_its_place() {
    let bed = Bed::new().await;
    let accepted = bed.starts(new(vec![item("rests"), item("nowhere"), item("sold")])).await;
    assert_eq!((accepted.status, accepted.total), (BulkStatus::Running, 3));
    tick(&bed.services).await.unwrap();
    let done = bed.now(accepted.id).await;
    assert_eq!(numbers(&done), (BulkStatus::Completed, 3, 2, 1, 0));
    let came = bed.items(accepted.id).await;
    let states: Vec<_> = came.iter().map(|item| (item.number, item.status, item.code.as_deref())).collect();
    let expected = [
        (0, BulkItemStatus::Started, None),
        (1, BulkItemStatus::Refused, Some("NOT_FOUND")),
        (2, BulkItemStatus::Started, None),
    ];
    assert_eq!(states, expected);
    for number in [0, 2] {
        let id = came[number].execution_id;
        let row = executions::execution(&bed.services, &bed.viewer, id).await.unwrap().unwrap();
        assert!(row.trigger.contains("an import"), "{}", row.trigger);
    }
    let kept = failures(&bed.services, &bed.viewer, accepted.id, &store::PageRequest::first(10)).await.unwrap();
    assert_eq!(kept.rows.iter().map(|(_, row)| row.item).collect::<Vec<_>>(), [Some(1)]);
    assert_eq!(bed.everything().await, 2);
}

#[tokio::test]
async fn a_key_that_is_known_finds_its_execution_and_one_of_something_else_is_refused() {
    let bed = Bed::new().await;
    let known = bed.started_under("rests", Some("first".to_owned())).await;
    bed.started_under("sold", Some("second".to_owned())).await;
    let items = vec![keyed("rests", "first"), keyed("rests", "second"), keyed("rests", "third")];
    let accepted = bed.starts(new([items.clone(), vec![items[2].clone()]].concat())).await;
    tick(&bed.services).await.unwrap();
    assert_eq!(numbers(&bed.now(accepted.id).await), (BulkStatus::Completed, 4, 1, 1, 2));
    let came = bed.items(accepted.id).await;
    assert_eq!((came[0].status, came[0].execution_id), (BulkItemStatus::Found, known));
    assert_eq!((came[1].status, came[1].code.as_deref()), (BulkItemStatus::Refused, Some("DUPLICATE")));
    assert_eq!((came[2].status, came[3].status), (BulkItemStatus::Started, BulkItemStatus::Found));
    assert_eq!(came[2].execution_id, came[3].execution_id);
}

#[tokio::test]
async fn nothing_begins_before_the_last_items_and_what_is_given_twice_is_started_once() {
    let bed = Bed::new().await;
    let accepted = bed.starts(NewStarts { is_last: false, ..new(vec![item("rests")]) }).await;
    assert_eq!((accepted.status, accepted.is_counted), (BulkStatus::Pending, false));
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    let more = MoreStarts { operation: accepted.id, from: 1, items: vec![item("rests"), item("sold")], is_last: true };
    for _given in 0..2 {
        let now = add(&bed.services, &bed.viewer, more.clone()).await.unwrap();
        assert_eq!((now.status, now.total), (BulkStatus::Running, 3));
    }
    tick(&bed.services).await.unwrap();
    assert_eq!(numbers(&bed.now(accepted.id).await), (BulkStatus::Completed, 3, 3, 0, 0));
    assert_eq!(bed.everything().await, 3);
    let late = add(&bed.services, &bed.viewer, MoreStarts { from: 3, ..more }).await;
    assert_eq!(codes(late), [(Code::WrongState, "id".to_owned())]);
}

#[tokio::test]
async fn whoever_dies_before_a_part_is_written_has_started_nothing_twice_however_much_later() {
    let bed = Bed::new().await;
    let accepted = bed.starts(new(vec![item("rests"), keyed("rests", "mine"), item("nowhere")])).await;
    drop(bed.half_started().await);
    assert_eq!(bed.everything().await, 2, "they were started");
    assert_eq!(bed.now(accepted.id).await.succeeded, 0, "and not counted");
    // Keys count for a day.
    bed.clock.advance(Duration::from_hours(3 * 24));
    tick(&bed.services).await.unwrap();
    assert_eq!(numbers(&bed.now(accepted.id).await), (BulkStatus::Completed, 3, 2, 1, 0));
    assert_eq!(bed.everything().await, 2);
}

#[tokio::test]
async fn one_that_is_stopped_starts_no_more_and_what_was_started_counts() {
    let bed = Bed::new().await;
    let slow = NewStarts { rate_per_second: Some(1), ..new(vec![item("rests"), item("rests"), item("rests")]) };
    let accepted = bed.starts(slow).await;
    assert_eq!(tick(&bed.services).await.unwrap(), 1);
    bed.clock.advance(Duration::from_secs(1));
    let (operation, half) = bed.half_started().await;
    cancel(&bed.services, &bed.viewer, accepted.id).await.unwrap();
    assert_eq!(write(&bed.services, &operation, half).await.unwrap(), 1);
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    assert_eq!(numbers(&bed.now(accepted.id).await), (BulkStatus::Cancelled, 3, 2, 0, 0));
    let states: Vec<_> = bed.items(accepted.id).await.into_iter().map(|item| item.status).collect();
    assert_eq!(states, [BulkItemStatus::Started, BulkItemStatus::Started, BulkItemStatus::Open]);
    assert_eq!(bed.everything().await, 2);
}

#[tokio::test]
async fn a_dry_run_checks_items_and_starts_none() {
    let bed = Bed::new().await;
    let accepted = bed.starts(NewStarts { is_dry_run: true, ..new(vec![item("rests"), item("nowhere")]) }).await;
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    assert_eq!(numbers(&bed.now(accepted.id).await), (BulkStatus::Completed, 2, 1, 1, 0));
    assert_eq!(bed.everything().await, 0);
}

#[tokio::test]
async fn one_whose_last_items_never_come_ends_after_a_day() {
    let bed = Bed::new().await;
    let accepted = bed.starts(NewStarts { is_last: false, ..new(vec![item("rests")]) }).await;
    pause(&bed.services, &bed.viewer, accepted.id).await.unwrap();
    resume(&bed.services, &bed.viewer, accepted.id).await.unwrap();
    tick(&bed.services).await.unwrap();
    assert_eq!(bed.now(accepted.id).await.status, BulkStatus::Pending, "it waits on");
    bed.clock.advance(Duration::from_hours(24));
    tick(&bed.services).await.unwrap();
    let ended = bed.now(accepted.id).await;
    assert_eq!((ended.status, bed.everything().await), (BulkStatus::Failed, 0));
    assert!(ended.status_reason.unwrap().contains("did not come"));
}

#[tokio::test]
async fn it_needs_the_right_to_start_and_others_give_it_nothing() {
    let bed = Bed::new().await;
    let (viewer, membership) = bed.member("eve", None).await;
    let refused = start_many(&bed.services, &viewer, new(vec![item("rests")])).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden(_))), "{refused:?}");
    let mut starts = viewer.clone();
    starts.permissions = [Permission::ExecutionStart].into_iter().collect();
    let open = bed.starts(NewStarts { is_last: false, ..new(Vec::new()) }).await;
    let more = MoreStarts { operation: open.id, from: 0, items: vec![item("rests")], is_last: true };
    let foreign = add(&bed.services, &starts, more.clone()).await;
    assert_eq!(codes(foreign), [(Code::NotFound, "id".to_owned())]);
    // Who has lost the right since stops what they asked for.
    let own = start_many(&bed.services, &starts, new(vec![item("rests")])).await.unwrap();
    members::delete(&bed.services, &bed.viewer, membership).await.unwrap();
    tick(&bed.services).await.unwrap();
    assert_eq!(bed.now(own.id).await.status, BulkStatus::Failed);
    assert_eq!(bed.everything().await, 0);
}

#[tokio::test]
async fn what_cannot_be_accepted_is_refused_at_once() {
    let bed = Bed::new().await;
    let wrong = NewStarts { reason: String::new(), rate_per_second: Some(0), ..new(Vec::new()) };
    let wrong = codes(start_many(&bed.services, &bed.viewer, wrong).await);
    assert!(wrong.contains(&(Code::Invalid, "ratePerSecond".to_owned())), "{wrong:?}");
    assert!(wrong.contains(&(Code::Required, "items".to_owned())), "{wrong:?}");
    let many = new(vec![item("rests"); MAX_ITEMS + 1]);
    let refused = codes(start_many(&bed.services, &bed.viewer, many).await);
    assert_eq!(refused, [(Code::TooLarge, "items".to_owned())]);
    let open = bed.starts(NewStarts { is_last: false, ..new(vec![item("rests")]) }).await;
    let gap = MoreStarts { operation: open.id, from: 2, items: vec![item("rests")], is_last: false };
    assert_eq!(codes(add(&bed.services, &bed.viewer, gap).await), [(Code::Invalid, "from".to_owned())]);
    let refused = codes(start(&bed.services, &bed.viewer, all(BulkKind::Start)).await);
    assert_eq!(refused, [(Code::Invalid, "kind".to_owned())]);
}
