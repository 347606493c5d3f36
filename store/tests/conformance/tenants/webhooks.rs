//! Outgoing webhooks of the three tenants.

use ids::{OrganizationId, WebhookDeliveryId, WebhookEndpointId};
use store::{PageRequest, WebhookDeliveryRow, WebhookEndpointRow, WebhookStatus};

use super::{Asked, Tenant, from_the_start};
use crate::harness::{Database, EPOCH_MS};
use crate::webhooks::{endpoint as new_endpoint, message, tried};

fn row(organization: OrganizationId, canary: &str) -> WebhookEndpointRow {
    WebhookEndpointRow {
        url: canary.to_owned(),
        description: Some(canary.to_owned()),
        secret: canary.to_owned(),
        created_by: canary.to_owned(),
        ..new_endpoint(organization)
    }
}

fn sent(row: &WebhookEndpointRow, canary: &str) -> WebhookDeliveryRow {
    // Nothing of it is due, so that no tenant takes what belongs to another.
    WebhookDeliveryRow { body: canary.to_owned(), due_at_ms: None, ..message(row) }
}

pub async fn address(
    asked: &mut Asked,
    database: &Database,
    id: OrganizationId,
    canary: &str,
) -> (WebhookEndpointId, WebhookDeliveryId) {
    let (store, start) = (&database.store, from_the_start());
    let row = row(id, canary);
    assert!(ask!(asked, store, insert_webhook_endpoint(row.clone(), &start, &start)));
    let first = sent(&row, canary);
    ask!(asked, store, insert_webhook_delivery(&first));
    let told = [sent(&row, canary)];
    assert!(ask!(asked, store, tell_webhooks(id, &start, &start, &told)));
    let told = [sent(&row, canary)];
    assert!(ask!(asked, store, tell_approval_webhooks(id, Some(&start), &start, &told)));
    (row.id, first.id)
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let (store, page) = (&database.store, PageRequest::first(100));
    let rows: Vec<_> = all.iter().map(|one| (one.execution, 1)).collect();
    let messages: Vec<_> = all.iter().map(|one| one.address.1).collect();
    let mut seen = vec![
        format!("{:?}", ask!(asked, store, webhook_endpoints(of, &page))),
        format!("{:?}", ask!(asked, store, all_webhook_endpoints(of))),
        format!("{:?}", ask!(asked, store, count_webhook_endpoints(of))),
        format!("{:?}", ask!(asked, store, journal_rows(of, &rows))),
        format!("{:?}", ask!(asked, store, webhook_attempts_of(of, &messages, 10))),
        format!("{:?}", ask!(asked, store, webhook_approval_place(of))),
    ];
    for one in all {
        seen.push(format!("{:?}", ask!(asked, store, webhook_endpoint(of, one.address.0))));
        seen.push(format!("{:?}", ask!(asked, store, webhook_delivery(of, one.address.1))));
        seen.push(format!("{:?}", ask!(asked, store, webhook_deliveries(of, one.address.0, false, &page))));
        seen.push(format!("{:?}", ask!(asked, store, count_webhook_deliveries(of, one.address.0, false))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let (store, (endpoint, delivery)) = (&database.store, victim.address);
    let mine = WebhookEndpointRow { id: endpoint, ..row(intruder.id, "mine now") };
    assert_eq!(ask!(asked, store, save_webhook_endpoint(mine.clone(), 1)), None);
    let secret = ask!(asked, store, set_webhook_secret(intruder.id, endpoint, "mine now".to_owned(), 1, 1));
    assert_eq!(secret, None);
    assert!(!ask!(asked, store, delete_webhook_endpoint(intruder.id, endpoint)));
    assert_eq!(ask!(asked, store, retry_webhook_delivery(intruder.id, delivery, EPOCH_MS)), None);
    let forged = WebhookDeliveryRow { id: delivery, ..sent(&mine, "mine now") };
    assert_eq!(ask!(asked, store, settle_webhook(&tried(&forged, WebhookStatus::Delivered))), None);
}
