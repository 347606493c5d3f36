//! Outgoing webhooks: each row of a journal is told once, each message settled by whoever has it.

use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId, WorkerId};
use store::{
    ChangeCursor, Ended, ExecutionStatus, Ruled, Ruling, WebhookAttemptRow, WebhookDeliveryRow, WebhookEndpointRow,
    WebhookStatus, WebhookTried,
};

use crate::approvals::{asks, new_approval};
use crate::harness::{Database, EPOCH_MS, failed, running};
use crate::on_both_databases;

pub fn endpoint(organization: OrganizationId) -> WebhookEndpointRow {
    WebhookEndpointRow {
        id: WebhookEndpointId::new(),
        organization_id: organization,
        url: "https://example.com".to_owned(),
        description: None,
        event_types: r#"["*"]"#.to_owned(),
        workflow_ids: None,
        is_enabled: true,
        disabled_reason: None,
        secret: "sealed".to_owned(),
        previous_secret: None,
        previous_until_ms: None,
        failing_since_ms: None,
        revision: 1,
        created_at_ms: EPOCH_MS,
        created_by: "usr_test".to_owned(),
        updated_at_ms: EPOCH_MS,
    }
}

pub fn message(endpoint: &WebhookEndpointRow) -> WebhookDeliveryRow {
    WebhookDeliveryRow {
        id: WebhookDeliveryId::new(),
        organization_id: endpoint.organization_id,
        endpoint_id: endpoint.id,
        event_type: "execution.failed".to_owned(),
        body: "{}".to_owned(),
        status: WebhookStatus::Pending,
        tries: 0,
        attempts: 0,
        epoch: 0,
        lease_until_ms: 0,
        due_at_ms: Some(EPOCH_MS),
        created_at_ms: EPOCH_MS,
    }
}

pub fn tried(delivery: &WebhookDeliveryRow, status: WebhookStatus) -> WebhookTried {
    WebhookTried {
        delivery: delivery.clone(),
        endpoint_revision: 1,
        attempt: WebhookAttemptRow {
            delivery_id: delivery.id,
            number: delivery.attempts + 1,
            at_ms: EPOCH_MS + 3,
            duration_ms: 5,
            status_code: Some(500),
            error: Some("answered with status 500".to_owned()),
            excerpt: None,
        },
        status,
        due_at_ms: (status == WebhookStatus::Pending).then_some(EPOCH_MS + 100),
        disables: None,
        failing_since_ms: None,
    }
}

fn from_the_start() -> ChangeCursor {
    serde_json::from_str(r#"{"x":0,"p":0}"#).unwrap()
}

async fn known(database: &Database) -> WebhookEndpointRow {
    let row = endpoint(database.organization);
    assert!(database.store.insert_webhook_endpoint(row.clone(), &from_the_start(), &from_the_start()).await.unwrap());
    row
}

/// Where the organization is, as a reconciler sees it.
async fn place(database: &Database) -> ChangeCursor {
    let followed = database.store.followed_webhooks(None, 10).await.unwrap();
    followed.into_iter().find(|(id, _)| *id == database.organization).unwrap().1
}

on_both_databases! {
    async fn of_two_who_tell_the_same_part_one_does(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        let claimed = database.claimed(WorkerId::new()).await;
        let (from, changed) = loop {
            let from = place(database).await;
            let changed = store.changes_after(organization, &from, 10).await.unwrap();
            if !changed.is_empty() {
                break (from, changed);
            }
        };
        assert_eq!((changed[0].execution_id, changed[0].seq), (claimed.id, 1));
        let to = changed[0].cursor;
        let (one, other) = ([message(&row)], [message(&row)]);
        let (first, second) = tokio::join!(
            store.tell_webhooks(organization, &from, &to, &one),
            store.tell_webhooks(organization, &from, &to, &other),
        );
        assert_eq!([first.unwrap(), second.unwrap()].iter().filter(|done| **done).count(), 1);
        assert_eq!(place(database).await, to);
        assert_eq!(store.count_webhook_deliveries(organization, row.id, false).await.unwrap(), (1, true));
    }

    async fn of_two_who_tell_that_an_approval_was_withdrawn_one_does(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        let (execution, approval) = asks(database, new_approval(database)).await;
        let seq = store.execution(organization, execution).await.unwrap().unwrap().seq;
        let ended = Ended { status: ExecutionStatus::Cancelled, result: None, ..failed() };
        let (events, at_ms) = (r#"["ended"]"#.to_owned(), database.now());
        let (what, sends) = (Ruled::Ended(ended), Vec::new());
        let ruling = Ruling { organization_id: organization, execution_id: execution, seq, events, at_ms, what, sends };
        assert!(store.rule(&ruling).await.unwrap().is_some());
        let (from, changed) = loop {
            let from = store.webhook_approval_place(organization).await.unwrap().unwrap();
            let changed = store.approval_changes_after(organization, &from, 10).await.unwrap();
            if changed.len() == 2 {
                break (from, changed);
            }
        };
        assert_eq!(changed.iter().map(|one| (one.approval_id, one.opens, one.withdraws)).collect::<Vec<_>>(), [
            (approval, true, false),
            (approval, false, true),
        ]);
        let to = changed[1].cursor;
        let (one, other) = ([message(&row)], [message(&row)]);
        let (first, second) = tokio::join!(
            store.tell_approval_webhooks(organization, Some(&from), &to, &one),
            store.tell_approval_webhooks(organization, Some(&from), &to, &other),
        );
        assert_eq!([first.unwrap(), second.unwrap()].iter().filter(|done| **done).count(), 1);
        assert_eq!(store.webhook_approval_place(organization).await.unwrap(), Some(to));
        assert_eq!(store.count_webhook_deliveries(organization, row.id, false).await.unwrap(), (1, true));
        assert!(!store.tell_approval_webhooks(organization, None, &from, &[]).await.unwrap(), "it has a place");
    }

    async fn rows_of_journals_are_found_by_execution_and_number(database: &Database) {
        let store = &database.store;
        let worker = WorkerId::new();
        let claimed = database.claimed(worker).await;
        store.commit(database.checkpoint(&claimed, worker, running())).await.unwrap();
        let other = database.started(database.new_execution()).await;
        let wanted = [(claimed.id, 2), (other, 1), (other, 9)];
        let mut rows = store.journal_rows(database.organization, &wanted).await.unwrap();
        rows.sort_by_key(|row| (row.execution_id, row.seq));
        assert_eq!(rows.iter().map(|row| (row.execution_id, row.seq)).collect::<Vec<_>>(), wanted[..2]);
        assert_eq!(rows[0].events, r#"["went on"]"#);
    }

    async fn a_message_is_claimed_by_one_and_settled_once(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        store.insert_webhook_delivery(&message(&row)).await.unwrap();
        let claims = (0..6).map(|_| store.claim_webhook_deliveries(EPOCH_MS, EPOCH_MS + 50, 10));
        let claimed: Vec<_> =
            futures::future::join_all(claims).await.into_iter().flat_map(|claimed| claimed.unwrap()).collect();
        assert_eq!(claimed.len(), 1);
        let (delivery, address) = &claimed[0];
        assert_eq!((address.id, delivery.epoch), (row.id, 1));
        assert!(store.retry_webhook_delivery(organization, delivery.id, EPOCH_MS).await.unwrap().is_none(), "under way");
        assert_eq!(store.settle_webhook(&tried(delivery, WebhookStatus::Pending)).await.unwrap(), Some(false));
        assert_eq!(store.settle_webhook(&tried(delivery, WebhookStatus::Delivered)).await.unwrap(), None, "settled before");
        let now = store.webhook_delivery(organization, delivery.id).await.unwrap().unwrap();
        assert_eq!((now.status, now.tries, now.attempts), (WebhookStatus::Pending, 1, 1));
        assert_eq!(now.due_at_ms, Some(EPOCH_MS + 100));
        let failing = store.webhook_endpoint(organization, row.id).await.unwrap().unwrap();
        assert_eq!(failing.failing_since_ms, Some(EPOCH_MS + 3));
        let again = store.claim_webhook_deliveries(EPOCH_MS + 100, i64::MAX, 10).await.unwrap().remove(0).0;
        assert_eq!(store.settle_webhook(&tried(&again, WebhookStatus::Delivered)).await.unwrap(), Some(false));
        let well = store.webhook_endpoint(organization, row.id).await.unwrap().unwrap();
        assert_eq!(well.failing_since_ms, None);
        let attempts = store.webhook_attempts_of(organization, &[again.id], 10).await.unwrap();
        assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    }

    async fn the_last_tries_of_many_messages_are_read_at_once(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        let (one, other, untried) = (message(&row), message(&row), message(&row));
        for sent in [&one, &other] {
            store.insert_webhook_delivery(sent).await.unwrap();
        }
        for now_ms in [EPOCH_MS, EPOCH_MS + 100, EPOCH_MS + 200] {
            for (delivery, _address) in store.claim_webhook_deliveries(now_ms, i64::MAX, 10).await.unwrap() {
                let again = WebhookTried { due_at_ms: Some(now_ms + 100), ..tried(&delivery, WebhookStatus::Pending) };
                assert_eq!(store.settle_webhook(&again).await.unwrap(), Some(false));
            }
        }
        store.insert_webhook_delivery(&untried).await.unwrap();
        let mut wanted = [one.id, other.id, untried.id];
        wanted.sort_unstable();
        let found = store.webhook_attempts_of(organization, &wanted, 2).await.unwrap();
        let of = |id: WebhookDeliveryId| -> Vec<i32> {
            found.iter().filter(|row| row.delivery_id == id).map(|row| row.number).collect()
        };
        assert_eq!((of(one.id), of(other.id), of(untried.id)), (vec![2, 3], vec![2, 3], Vec::new()));
        assert!(found.is_sorted_by_key(|row| (row.delivery_id, row.number)), "{found:?}");
        assert!(store.webhook_attempts_of(organization, &[], 2).await.unwrap().is_empty());
    }

    async fn an_address_that_is_switched_off_gets_nothing(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        let first = message(&row);
        store.insert_webhook_delivery(&first).await.unwrap();
        store.insert_webhook_delivery(&message(&row)).await.unwrap();
        let claimed = store.claim_webhook_deliveries(EPOCH_MS, EPOCH_MS + 1, 10).await.unwrap();
        let mut switched = Vec::new();
        for (delivery, _address) in &claimed {
            let gone = WebhookTried { disables: Some("gone".to_owned()), ..tried(delivery, WebhookStatus::Pending) };
            switched.push(store.settle_webhook(&gone).await.unwrap());
        }
        assert_eq!(switched, [Some(true), Some(false)], "once");
        let off = store.webhook_endpoint(organization, row.id).await.unwrap().unwrap();
        assert_eq!((off.is_enabled, off.disabled_reason.as_deref()), (false, Some("gone")));
        assert!(store.claim_webhook_deliveries(i64::MAX - 1, i64::MAX, 10).await.unwrap().is_empty());
        let on = WebhookEndpointRow { is_enabled: true, disabled_reason: None, ..off };
        let revision = on.revision;
        assert!(store.save_webhook_endpoint(on.clone(), revision).await.unwrap().is_some());
        assert!(store.save_webhook_endpoint(on, revision).await.unwrap().is_none(), "the revision is old");
        assert_eq!(store.claim_webhook_deliveries(i64::MAX - 1, i64::MAX, 10).await.unwrap().len(), 2);
    }

    async fn an_address_leaves_nothing_behind_and_the_last_one_is_followed_no_more(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let (row, other) = (known(database).await, known(database).await);
        let sent = message(&row);
        store.insert_webhook_delivery(&sent).await.unwrap();
        let delivery = store.claim_webhook_deliveries(EPOCH_MS, EPOCH_MS + 1, 10).await.unwrap().remove(0).0;
        store.settle_webhook(&tried(&delivery, WebhookStatus::GivenUp)).await.unwrap();
        assert!(store.delete_webhook_endpoint(organization, row.id).await.unwrap());
        assert!(!store.delete_webhook_endpoint(organization, row.id).await.unwrap());
        assert_eq!(store.webhook_delivery(organization, sent.id).await.unwrap(), None);
        assert!(store.webhook_attempts_of(organization, &[sent.id], 10).await.unwrap().is_empty());
        assert_eq!(store.followed_webhooks(None, 10).await.unwrap().len(), 1);
        assert!(store.delete_webhook_endpoint(organization, other.id).await.unwrap());
        assert!(store.followed_webhooks(None, 10).await.unwrap().is_empty());
    }

    async fn old_messages_are_forgotten_with_their_tries(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        store.insert_webhook_delivery(&message(&row)).await.unwrap();
        assert_eq!(store.sweep_webhook_deliveries(EPOCH_MS, 10).await.unwrap(), 0);
        assert_eq!(store.sweep_webhook_deliveries(EPOCH_MS + 1, 10).await.unwrap(), 1);
        assert_eq!(store.count_webhook_deliveries(organization, row.id, false).await.unwrap(), (0, true));
    }

    async fn slow_addresses_wait_for_themselves_and_for_nobody_else(database: &Database) {
        let store = &database.store;
        let slow = [known(database).await, known(database).await];
        for _message in 0..9 {
            for row in &slow {
                store.insert_webhook_delivery(&message(row)).await.unwrap();
            }
        }
        let claimed = store.claim_webhook_deliveries(EPOCH_MS, EPOCH_MS + 50, 100).await.unwrap();
        assert_eq!(claimed.len(), 8, "four of each are under way");
        let calm = known(database).await;
        let late = WebhookDeliveryRow { due_at_ms: Some(EPOCH_MS + 9), ..message(&calm) };
        store.insert_webhook_delivery(&late).await.unwrap();
        store.settle_webhook(&tried(&claimed[0].0, WebhookStatus::Delivered)).await.unwrap();
        let next = store.claim_webhook_deliveries(EPOCH_MS + 10, EPOCH_MS + 50, 1).await.unwrap();
        assert_eq!(next.iter().map(|(_, address)| address.id).collect::<Vec<_>>(), [calm.id], "its turn comes at once");
        let more = store.claim_webhook_deliveries_to(claimed[0].1.id, EPOCH_MS + 10, EPOCH_MS + 50, 9).await.unwrap();
        assert_eq!(more.len(), 1, "one place is free");
    }

    async fn an_address_that_something_came_through_to_is_not_switched_off_for_what_was_before(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let row = known(database).await;
        for _message in 0..3 {
            store.insert_webhook_delivery(&message(&row)).await.unwrap();
        }
        let claimed = store.claim_webhook_deliveries(EPOCH_MS, EPOCH_MS + 50, 10).await.unwrap();
        store.settle_webhook(&tried(&claimed[0].0, WebhookStatus::Pending)).await.unwrap();
        store.settle_webhook(&tried(&claimed[1].0, WebhookStatus::Delivered)).await.unwrap();
        let late = WebhookTried {
            disables: Some("nothing has come through".to_owned()),
            failing_since_ms: Some(EPOCH_MS + 3),
            ..tried(&claimed[2].0, WebhookStatus::Pending)
        };
        assert_eq!(store.settle_webhook(&late).await.unwrap(), Some(false));
        assert!(store.webhook_endpoint(organization, row.id).await.unwrap().unwrap().is_enabled);
    }
}
