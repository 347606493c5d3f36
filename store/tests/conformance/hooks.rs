use ids::HookId;
use store::{
    HOOK_ADDRESS, HookTrigger, NewVersion, PageRequest, PublishOutcome, StoreError, WorkflowChanges, WorkflowRow,
};

use crate::harness::Database;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow};

pub fn hook(path: &str) -> HookTrigger {
    HookTrigger {
        id: HookId::new(),
        ordinal: 0,
        path: path.to_owned(),
        method: "POST".to_owned(),
        verification: "standard_webhooks".to_owned(),
    }
}

/// Publishes a workflow, new or known, with hooks at these paths.
async fn publish(database: &Database, slug: &str, paths: &[&str]) -> Result<WorkflowRow, StoreError> {
    let workflow = new_workflow(database, slug);
    let hooks = (0..).zip(paths).map(|(ordinal, path)| HookTrigger { ordinal, ..hook(path) }).collect();
    let version = NewVersion { hooks, ..new_version(database, workflow.id) };
    database.store.save_and_publish(workflow, version, Vec::new(), true).await
}

async fn paths(database: &Database) -> Vec<String> {
    let page = database.store.hooks(database.organization, None, &PageRequest::first(10)).await.unwrap();
    let count = database.store.count_hooks(database.organization, None).await.unwrap();
    assert_eq!(count, (page.rows.len() as u64, true));
    page.rows.into_iter().map(|(_, row)| row.path).collect()
}

fn is_taken(outcome: &Result<WorkflowRow, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Conflict { constraint, .. }) if constraint == HOOK_ADDRESS)
}

on_both_databases! {
    async fn a_hook_keeps_its_id_and_secret_while_versions_have_it(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let workflow = publish(database, "flow", &["a", "b"]).await.unwrap();
        let first = store.hook_at(organization, "b", "POST").await.unwrap().unwrap();
        assert_eq!((first.workflow_id, first.version_id, first.ordinal), (workflow.id, workflow.published_version_id, 1));
        assert_eq!((first.is_enabled, first.secret.as_deref(), first.rotated_at_ms), (true, None, None));
        store.set_hook_secret(organization, first.id, "sealed".to_owned(), None, 7).await.unwrap().unwrap();
        let second = publish(database, "flow", &["b"]).await.unwrap();
        let kept = store.hook_at(organization, "b", "POST").await.unwrap().unwrap();
        assert_eq!((kept.id, kept.version_id, kept.ordinal), (first.id, second.published_version_id, 0));
        assert_eq!((kept.secret.as_deref(), kept.rotated_at_ms), (Some("sealed"), Some(7)));
        assert_eq!(paths(database).await, ["b"]);
        assert!(store.hook_at(organization, "a", "POST").await.unwrap().is_none(), "the new version has it no more");
        assert!(store.hook_at(organization, "b", "GET").await.unwrap().is_none());
        publish(database, "flow", &[]).await.unwrap();
        assert!(store.hook(organization, first.id).await.unwrap().is_none() && paths(database).await.is_empty());
        publish(database, "flow", &["b"]).await.unwrap();
        assert_eq!(store.hook_at(organization, "b", "POST").await.unwrap().unwrap().secret.as_deref(), Some("sealed"));
    }

    async fn an_address_belongs_to_one_workflow_until_no_version_has_it(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        publish(database, "first", &["same"]).await.unwrap();
        let hook = store.hook_at(organization, "same", "POST").await.unwrap().unwrap();
        store.set_hook_secret(organization, hook.id, "of the first".to_owned(), None, 7).await.unwrap();
        let refused = publish(database, "second", &["own", "same"]).await;
        assert!(is_taken(&refused), "{refused:?}");
        assert_eq!(paths(database).await, ["same"], "nothing of the refused version is there");
        publish(database, "first", &[]).await.unwrap();
        let second = publish(database, "second", &["same"]).await.unwrap();
        let taken = store.hook_at(organization, "same", "POST").await.unwrap().unwrap();
        assert_eq!((taken.workflow_id, taken.secret), (second.id, None), "a secret never goes to another workflow");
        assert!(is_taken(&publish(database, "first", &["same"]).await));
    }

    async fn of_many_who_publish_one_address_one_succeeds(database: &Database) {
        let slugs: Vec<String> = (0..6).map(|number| format!("flow-{number}")).collect();
        let all = slugs.iter().map(|slug| publish(database, slug, &["same"]));
        let outcomes = futures::future::join_all(all).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() || is_taken(outcome)), "{outcomes:?}");
    }

    async fn the_secret_before_counts_as_long_as_it_was_told_to(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        publish(database, "flow", &["a"]).await.unwrap();
        let id = store.hook_at(organization, "a", "POST").await.unwrap().unwrap().id;
        let set = async |secret: &str, until: Option<i64>| {
            let row = store.set_hook_secret(organization, id, secret.to_owned(), until, 7).await.unwrap().unwrap();
            (row.secret.unwrap(), row.previous_secret, row.previous_until_ms)
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(set("one", Some(50)).await, (text("one"), None, Some(50)));
        assert_eq!(set("two", Some(60)).await, (text("two"), Some(text("one")), Some(60)));
        assert_eq!(set("three", None).await, (text("three"), None, None));
    }

    async fn a_switched_off_workflow_switches_its_hooks_off(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let workflow = publish(database, "flow", &["a"]).await.unwrap();
        for is_enabled in [false, true] {
            store.set_enabled(organization, workflow.id, is_enabled, None, 9).await.unwrap().unwrap();
            assert_eq!(store.hook_at(organization, "a", "POST").await.unwrap().unwrap().is_enabled, is_enabled);
        }
        let draft = store.upsert_draft(new_workflow(database, "flow")).await.unwrap();
        let version = NewVersion { hooks: vec![hook("b")], ..new_version(database, workflow.id) };
        let outcome = store.publish(version, Vec::new(), None, draft.revision).await.unwrap();
        assert!(matches!(outcome, PublishOutcome::Published { .. }), "{outcome:?}");
        assert_eq!(paths(database).await, ["b"]);
    }

    async fn whoever_is_limited_to_folders_sees_the_hooks_in_them(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        let sales = publish(database, "sales", &["a"]).await.unwrap();
        publish(database, "other", &["b"]).await.unwrap();
        let folder = WorkflowChanges { namespace: Some("sales/emea".to_owned()), ..WorkflowChanges::default() };
        store.update_workflow(organization, sales.id, folder, None, 9).await.unwrap();
        for (folders, expected) in [(vec!["sales"], vec!["a"]), (vec!["sal"], vec![]), (vec![], vec![])] {
            let folders: Vec<String> = folders.into_iter().map(str::to_owned).collect();
            let page = store.hooks(organization, Some(&folders), &PageRequest::first(10)).await.unwrap();
            let found: Vec<_> = page.rows.iter().map(|(_, row)| row.path.as_str()).collect();
            assert_eq!(found, expected, "{folders:?}");
            let count = store.count_hooks(organization, Some(&folders)).await.unwrap();
            assert_eq!(count, (expected.len() as u64, true));
        }
    }

    async fn a_slug_leads_to_its_organization(database: &Database) {
        let store = &database.store;
        let known = store.organization(database.organization).await.unwrap().unwrap();
        assert_eq!(store.organization_by_slug(&known.slug).await.unwrap(), Some(known.id));
        assert_eq!(store.organization_by_slug("nobody-s").await.unwrap(), None);
    }
}
