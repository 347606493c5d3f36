//! Secrets, variables, services and resources: names that are taken once, and who may not be left without.

use ids::{OrganizationId, ResourceLoaderId, SecretId, ServiceId, VariableId};
use store::{
    AuthenticationKind, NewVersion, PageRequest, PartDeleted, PartFilter, PartInserted, PartKind, PartName, PartSaved,
    ResourceLoaderRow, SERVICE_GONE, SecretRow, ServiceFilter, ServiceKind, ServiceRow, StoreError, StringFilter,
    VariableRow, WorkflowFilter, WorkflowOrder,
};

use crate::harness::Database;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow};

/// More than any test makes.
pub const MANY: u64 = 100;

pub fn secret(organization_id: OrganizationId, name: &str) -> SecretRow {
    SecretRow {
        id: SecretId::new(),
        organization_id,
        name: name.to_owned(),
        description: None,
        value: "s1.sealed".to_owned(),
        fingerprint: "0123".to_owned(),
        allowed_hosts: None,
        rotate_at_ms: None,
        last_used_at_ms: None,
        version: 1,
        revision: 1,
        created_at_ms: 1,
        created_by: "usr_test".to_owned(),
        updated_at_ms: 1,
        updated_by: "usr_test".to_owned(),
    }
}

pub fn variable(organization_id: OrganizationId, name: &str) -> VariableRow {
    VariableRow {
        id: VariableId::new(),
        organization_id,
        name: name.to_owned(),
        description: None,
        value: "1".to_owned(),
        schema: None,
        revision: 1,
        created_at_ms: 1,
        created_by: "usr_test".to_owned(),
        updated_at_ms: 1,
        updated_by: "usr_test".to_owned(),
    }
}

pub fn service(organization_id: OrganizationId, name: &str) -> ServiceRow {
    ServiceRow {
        id: ServiceId::new(),
        organization_id,
        name: name.to_owned(),
        title: name.to_uppercase(),
        kind: ServiceKind::Http,
        base_url: Some("https://example.com".to_owned()),
        auth_kind: AuthenticationKind::None,
        auth_secret: None,
        auth_header: None,
        settings: "{}".to_owned(),
        revision: 1,
        created_at_ms: 1,
        created_by: "usr_test".to_owned(),
        updated_at_ms: 1,
        updated_by: "usr_test".to_owned(),
    }
}

pub fn resource(organization_id: OrganizationId, name: &str, service: &str) -> ResourceLoaderRow {
    ResourceLoaderRow {
        id: ResourceLoaderId::new(),
        organization_id,
        name: name.to_owned(),
        description: None,
        service: service.to_owned(),
        request: "{}".to_owned(),
        result_path: None,
        output_schema: None,
        is_required: false,
        time_to_live_ms: 0,
        revision: 1,
        created_at_ms: 1,
        created_by: "usr_test".to_owned(),
        updated_at_ms: 1,
        updated_by: "usr_test".to_owned(),
    }
}

pub fn named(kind: PartKind, name: &str) -> PartName {
    PartName { kind, name: name.to_owned() }
}

fn made<T: std::fmt::Debug>(inserted: PartInserted<T>) -> T {
    match inserted {
        PartInserted::New(row) => row,
        refused => panic!("{refused:?}"),
    }
}

fn saved_as<T: std::fmt::Debug>(saved: PartSaved<T>) -> T {
    match saved {
        PartSaved::Saved(row) => row,
        refused => panic!("{refused:?}"),
    }
}

/// Publishes the workflow `slug`, which names `parts` and no others.
async fn published(database: &Database, slug: &str, parts: &[PartName]) -> Result<store::WorkflowRow, StoreError> {
    let workflow = new_workflow(database, slug);
    let version = NewVersion { parts: parts.to_vec(), ..new_version(database, workflow.id) };
    database.store.save_and_publish(workflow, version, Vec::new(), true).await
}

on_both_databases! {
    async fn a_name_is_taken_once_and_each_organization_has_so_many(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let first = made(store.insert_secret(secret(organization, "token"), 2).await.unwrap());
        assert_eq!(store.insert_secret(secret(organization, "token"), 2).await.unwrap(), PartInserted::NameTaken);
        made(store.insert_secret(secret(organization, "other"), 2).await.unwrap());
        assert_eq!(store.insert_secret(secret(organization, "third"), 2).await.unwrap(), PartInserted::TooMany);
        let nobody = store.insert_secret(secret(OrganizationId::new(), "token"), 2).await.unwrap();
        assert_eq!(nobody, PartInserted::NoOrganization);
        let found = store.secrets_by_names(organization, &["token".to_owned(), "gone".to_owned()]).await.unwrap();
        assert_eq!(found, [first]);
    }

    async fn a_change_counts_only_on_what_was_seen(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let first = made(store.insert_secret(secret(organization, "token"), MANY).await.unwrap());
        let renewed = SecretRow { value: "s1.other".to_owned(), version: 2, updated_at_ms: 2, ..first.clone() };
        let saved = saved_as(store.save_secret(renewed.clone(), 1).await.unwrap());
        assert_eq!((saved.value.as_str(), saved.version, saved.revision), ("s1.other", 2, 2));
        assert_eq!(store.save_secret(renewed, 1).await.unwrap(), PartSaved::MovedOn, "somebody was faster");
        store.note_secret_use(organization, &[first.id], 7).await.unwrap();
        let seen = store.secrets_by_ids(organization, &[first.id]).await.unwrap();
        assert_eq!(seen, [SecretRow { last_used_at_ms: Some(7), ..saved }], "a use is no change");

        let tax = made(store.insert_variable(variable(organization, "tax"), MANY).await.unwrap());
        let dearer = VariableRow { value: "2".to_owned(), schema: Some("{}".to_owned()), ..tax.clone() };
        let saved = saved_as(store.save_variable(dearer.clone(), 1).await.unwrap());
        assert_eq!(saved, VariableRow { revision: 2, ..dearer.clone() });
        assert_eq!(store.save_variable(dearer, 1).await.unwrap(), PartSaved::MovedOn);
    }

    async fn parts_are_found_by_name_kind_and_words_newest_first(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        made(store.insert_service(service(organization, "billing"), MANY).await.unwrap());
        let store_of = ServiceRow { kind: ServiceKind::Records, ..service(organization, "crm") };
        made(store.insert_service(store_of, MANY).await.unwrap());
        let names = async |filter: ServiceFilter| {
            let page = store.services(organization, &filter, &PageRequest::first(10)).await.unwrap();
            let count = store.count_services(organization, &filter).await.unwrap();
            assert_eq!(count, (page.rows.len() as u64, true));
            page.rows.into_iter().map(|(_, row)| row.name).collect::<Vec<_>>()
        };
        assert_eq!(names(ServiceFilter::default()).await, ["crm", "billing"]);
        let kinds = vec![ServiceKind::Http];
        assert_eq!(names(ServiceFilter { kinds, ..ServiceFilter::default() }).await, ["billing"]);
        let name = Some(StringFilter { contains: Some("RM".to_owned()), ..StringFilter::default() });
        assert_eq!(names(ServiceFilter { name, ..ServiceFilter::default() }).await, ["crm"]);
        let all = store.all_services(organization, 10).await.unwrap();
        assert_eq!(all.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["billing", "crm"]);
        let tax = VariableRow { description: Some("Share of the state".to_owned()), ..variable(organization, "tax") };
        made(store.insert_variable(tax, MANY).await.unwrap());
        made(store.insert_variable(variable(organization, "limit"), MANY).await.unwrap());
        let filter = PartFilter { search: Some("state tax".to_owned()), ..PartFilter::default() };
        let page = store.variables(organization, &filter, &PageRequest::first(10)).await.unwrap();
        assert_eq!(page.rows.iter().map(|(_, row)| row.name.as_str()).collect::<Vec<_>>(), ["tax"]);
    }

    async fn a_part_that_a_published_version_names_stays(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let token = made(store.insert_secret(secret(organization, "token"), MANY).await.unwrap());
        let same = made(store.insert_variable(variable(organization, "token"), MANY).await.unwrap());
        let billing = made(store.insert_service(service(organization, "billing"), MANY).await.unwrap());
        let order = resource(organization, "order.details", "billing");
        let order = made(store.insert_resource_loader(order, MANY).await.unwrap());
        let parts = [
            named(PartKind::Secret, "token"),
            named(PartKind::Secret, "token"),
            named(PartKind::Secret, "there_is_none_yet"),
            named(PartKind::Service, "billing"),
            named(PartKind::Resource, "order.details"),
        ];
        let orders = published(database, "orders", &parts).await.unwrap();
        let uses = store.part_uses(organization, &parts[0], 10).await.unwrap();
        assert_eq!(uses.iter().map(|used| used.workflow_id).collect::<Vec<_>>(), [orders.id]);
        let using = async |part: &PartName| {
            let filter = WorkflowFilter { uses_part: Some(part.clone()), ..WorkflowFilter::default() };
            let (order, page) = (WorkflowOrder::default(), PageRequest::first(10));
            store.workflows(organization, &filter, order, &page).await.unwrap().rows.len()
        };
        assert_eq!((using(&parts[0]).await, using(&named(PartKind::Variable, "token")).await), (1, 0));
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::InUse);
        assert_eq!(store.delete_service(organization, billing.id).await.unwrap(), PartDeleted::InUse);
        assert_eq!(store.delete_resource_loader(organization, order.id).await.unwrap(), PartDeleted::InUse);
        assert_eq!(store.secrets_by_ids(organization, &[token.id]).await.unwrap().len(), 1, "nothing was done");
        assert_eq!(store.delete_variable(organization, same.id).await.unwrap(), PartDeleted::Done, "another kind");
        published(database, "orders", &[]).await.unwrap();
        assert_eq!(store.delete_service(organization, billing.id).await.unwrap(), PartDeleted::ReferredTo);
        assert_eq!(store.delete_resource_loader(organization, order.id).await.unwrap(), PartDeleted::Done);
        assert_eq!(store.delete_service(organization, billing.id).await.unwrap(), PartDeleted::Done);
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::Done);
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::Absent);
    }

    async fn a_service_has_its_secret_and_a_resource_its_service(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let signed = ServiceRow { auth_secret: Some("token".to_owned()), ..service(organization, "billing") };
        assert_eq!(store.insert_service(signed.clone(), MANY).await.unwrap(), PartInserted::NoSuchPart);
        let token = made(store.insert_secret(secret(organization, "token"), MANY).await.unwrap());
        let billing = made(store.insert_service(signed, MANY).await.unwrap());
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::ReferredTo);
        let other = ServiceRow { auth_secret: Some("gone".to_owned()), ..billing.clone() };
        assert_eq!(store.save_service(other, 1).await.unwrap(), PartSaved::NoSuchPart);
        let open = ServiceRow { auth_secret: None, ..billing.clone() };
        assert!(matches!(store.save_service(open, 1).await.unwrap(), PartSaved::Saved(row) if row.revision == 2));
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::Done);

        let lost = resource(organization, "order.details", "nobody");
        assert_eq!(store.insert_resource_loader(lost, MANY).await.unwrap(), PartInserted::NoSuchPart);
        let order = resource(organization, "order.details", "billing");
        let order = made(store.insert_resource_loader(order, MANY).await.unwrap());
        let moved = ResourceLoaderRow { service: "nobody".to_owned(), ..order.clone() };
        assert_eq!(store.save_resource_loader(moved, 1).await.unwrap(), PartSaved::NoSuchPart);
        let slower = ResourceLoaderRow { time_to_live_ms: 60_000, is_required: true, ..order };
        let saved = saved_as(store.save_resource_loader(slower.clone(), 1).await.unwrap());
        assert_eq!(saved, ResourceLoaderRow { revision: 2, ..slower });
    }

    async fn a_version_is_not_published_with_a_service_that_is_gone(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let part = [named(PartKind::Service, "billing")];
        let foreign = store.ensure_organization("foreign", "Foreign", 1).await.unwrap();
        made(store.insert_service(service(foreign, "billing"), MANY).await.unwrap());
        let refused = published(database, "orders", &part).await;
        assert!(
            matches!(&refused, Err(StoreError::Conflict { constraint, .. }) if constraint == SERVICE_GONE),
            "a service of others is none: {refused:?}"
        );
        assert_eq!(store.workflow_by_slug(organization, "orders").await.unwrap(), None, "nothing was saved");
        for round in 0..10 {
            let name = format!("service{round}");
            let used = made(store.insert_service(service(organization, &name), MANY).await.unwrap());
            let slug = format!("flow{round}");
            let part = [named(PartKind::Service, &name)];
            let (published, deleted) = tokio::join!(
                published(database, &slug, &part),
                store.delete_service(organization, used.id),
            );
            assert_ne!(published.is_ok(), deleted.unwrap() == PartDeleted::Done, "one of them counts");
        }
    }

    async fn what_a_deleted_workflow_named_is_free(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let token = made(store.insert_secret(secret(organization, "token"), MANY).await.unwrap());
        let orders = published(database, "orders", &[named(PartKind::Secret, "token")]).await.unwrap();
        store.archive_workflow(organization, orders.id, None, 5).await.unwrap().unwrap();
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::InUse, "it may come back");
        store.delete_workflow(organization, orders.id, 6).await.unwrap();
        assert_eq!(store.delete_secret(organization, token.id).await.unwrap(), PartDeleted::Done);
    }
}
