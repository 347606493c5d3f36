use ids::{WorkflowId, WorkflowVersionId};
use store::{
    Direction, NewVersion, NewWorkflow, PageRequest, PublishOutcome, StringFilter, TriggerRow, WorkflowChanges,
    WorkflowFilter, WorkflowOrder, WorkflowOrderField,
};

use crate::harness::Database;
use crate::on_both_databases;

pub fn new_workflow(database: &Database, slug: &str) -> NewWorkflow {
    NewWorkflow {
        id: WorkflowId::new(),
        organization_id: database.organization,
        slug: slug.to_owned(),
        name: format!("Workflow {slug}"),
        description: None,
        namespace: String::new(),
        tags: Vec::new(),
        draft_source: "steps: []".to_owned(),
        draft_format: "yaml".to_owned(),
        actor: "usr_test".to_owned(),
        now_ms: database.now(),
    }
}

pub fn new_version(database: &Database, workflow: WorkflowId) -> NewVersion {
    NewVersion {
        schedules: Vec::new(),
        id: WorkflowVersionId::new(),
        organization_id: database.organization,
        workflow_id: workflow,
        label: None,
        changelog: Some("first".to_owned()),
        definition: "{}".to_owned(),
        source: "steps: []".to_owned(),
        format: "yaml".to_owned(),
        checksum: "abc".to_owned(),
        problems: "[]".to_owned(),
        published_at_ms: database.now(),
        published_by: "usr_test".to_owned(),
        hooks: Vec::new(),
        rules: Vec::new(),
        parts: Vec::new(),
        head: WorkflowChanges::default(),
    }
}

pub fn trigger(ordinal: i32, pattern: &str, is_exact: bool) -> TriggerRow {
    TriggerRow { ordinal, pattern: pattern.to_owned(), is_exact }
}

async fn patterns(database: &Database, event_type: &str) -> Vec<String> {
    let candidates = database.store.triggers_for(database.organization, event_type).await.unwrap();
    let mut patterns: Vec<_> =
        candidates.into_iter().filter(|one| one.is_enabled).map(|candidate| candidate.pattern).collect();
    patterns.sort();
    patterns
}

on_both_databases! {
    async fn a_draft_is_saved_and_saved_again(database: &Database) {
        let mut new = new_workflow(database, "flow");
        new.tags = vec!["a".to_owned(), "b\"c".to_owned()];
        let first = database.store.upsert_draft(new.clone()).await.unwrap();
        assert_eq!((first.revision, first.is_enabled, first.published_version_id), (1, false, None));
        assert_eq!((first.tags, first.draft_source.as_deref()), (new.tags.clone(), Some("steps: []")));
        let changed = NewWorkflow { id: WorkflowId::new(), name: "New".to_owned(), now_ms: database.now(), ..new };
        let second = database.store.upsert_draft(changed.clone()).await.unwrap();
        assert_eq!((second.id, second.revision, second.name.as_str()), (first.id, 2, "New"));
        assert_eq!((second.created_at_ms, second.updated_at_ms), (first.created_at_ms, changed.now_ms));
        assert_eq!(database.store.workflow(database.organization, first.id).await.unwrap(), Some(second.clone()));
        assert_eq!(database.store.workflow_by_slug(database.organization, "flow").await.unwrap(), Some(second));
    }

    async fn publishing_numbers_versions_and_needs_the_seen_revision(database: &Database) {
        let workflow = database.store.upsert_draft(new_workflow(database, "flow")).await.unwrap();
        let store = &database.store;
        let stale = store.publish(new_version(database, workflow.id), vec![], Some(true), 7).await.unwrap();
        assert_eq!(stale, PublishOutcome::RevisionMovedOn);
        let outcome = store.publish(new_version(database, workflow.id), vec![], Some(true), 1).await.unwrap();
        let PublishOutcome::Published { workflow, version } = outcome else { panic!("{outcome:?}") };
        assert_eq!((workflow.revision, workflow.published_number, workflow.is_enabled), (2, Some(1), true));
        assert_eq!((workflow.published_version_id, workflow.draft_source), (Some(version.id), None));
        let outcome = store.publish(new_version(database, workflow.id), vec![], None, 2).await.unwrap();
        let PublishOutcome::Published { workflow, version: second } = outcome else { panic!("{outcome:?}") };
        assert_eq!((second.number, workflow.is_enabled, workflow.revision), (2, true, 3));
        assert_eq!(store.version(database.organization, version.id).await.unwrap(), Some(version.clone()));
        assert_eq!(store.version_by_number(database.organization, workflow.id, 2).await.unwrap(), Some(second.clone()));
        let page = store.versions(database.organization, workflow.id, &PageRequest::first(1)).await.unwrap();
        assert_eq!((page.rows[0].1.number, page.has_next), (2, true));
        let rest = store.versions(database.organization, workflow.id, &PageRequest::first(5).after(page.rows[0].0.clone())).await.unwrap();
        assert_eq!((rest.rows[0].1.number, rest.has_next), (1, false));
    }

    async fn of_many_who_publish_one_revision_one_succeeds(database: &Database) {
        let workflow = database.store.upsert_draft(new_workflow(database, "flow")).await.unwrap();
        let publish = (0..10).map(|_| database.store.publish(new_version(database, workflow.id), vec![], None, 1));
        let outcomes = futures::future::join_all(publish).await;
        let published = outcomes.iter().filter(|outcome| matches!(outcome, Ok(PublishOutcome::Published { .. })));
        assert_eq!(published.count(), 1);
    }

    async fn saving_and_publishing_at_once_keeps_the_known_id(database: &Database) {
        let store = &database.store;
        let both = (0..8).map(|_| {
            let workflow = new_workflow(database, "flow");
            let version = new_version(database, workflow.id);
            store.save_and_publish(workflow, version, vec![trigger(0, "order.created", true)], true)
        });
        let rows: Vec<_> = futures::future::join_all(both).await.into_iter().map(Result::unwrap).collect();
        assert!(rows.iter().all(|row| row.id == rows[0].id && row.draft_source.is_none()));
        let mut numbers: Vec<_> = rows.iter().filter_map(|row| row.published_number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
        assert_eq!(patterns(database, "order.created").await, ["order.created"]);
    }

    async fn only_triggers_of_enabled_published_versions_are_candidates(database: &Database) {
        let store = &database.store;
        let workflow = store.upsert_draft(new_workflow(database, "flow")).await.unwrap();
        let triggers = vec![trigger(0, "order.created", true), trigger(2, "order.*", false)];
        let outcome = store.publish(new_version(database, workflow.id), triggers, Some(true), 1).await.unwrap();
        let PublishOutcome::Published { version, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(patterns(database, "order.created").await, ["order.*", "order.created"]);
        assert_eq!(patterns(database, "else").await, ["order.*"], "whether a pattern fits is the caller's");
        let candidates = store.triggers_for(database.organization, "else").await.unwrap();
        assert_eq!((candidates[0].version_id, candidates[0].ordinal), (version.id, 2));
        let disabled = store.set_enabled(database.organization, workflow.id, false, Some("broken".to_owned()), 9).await.unwrap().unwrap();
        assert_eq!((disabled.is_enabled, disabled.disabled_reason.as_deref(), disabled.updated_at_ms), (false, Some("broken"), 9));
        assert_eq!(patterns(database, "order.created").await, [""; 0]);
        let all = store.triggers_for(database.organization, "order.created").await.unwrap();
        assert!(all.len() == 2 && all.iter().all(|one| !one.is_enabled), "they are named as disabled: {all:?}");
        let enabled = store.set_enabled(database.organization, workflow.id, true, None, 10).await.unwrap().unwrap();
        assert_eq!((enabled.is_enabled, enabled.disabled_reason, enabled.revision), (true, None, disabled.revision + 1));
        let triggers = vec![trigger(0, "other", true)];
        store.publish(new_version(database, workflow.id), triggers, None, enabled.revision).await.unwrap();
        assert_eq!(patterns(database, "order.created").await, [""; 0], "those of an older version are gone");
        assert_eq!(patterns(database, "other").await, ["other"]);
    }

    async fn workflows_are_filtered_and_ordered(database: &Database) {
        let store = &database.store;
        for (slug, namespace, tags) in [("b-two", "x/y", vec!["red"]), ("a-one", "x", vec!["red", "blue"]), ("c_three", "xy", vec!["re"])] {
            let mut new = new_workflow(database, slug);
            namespace.clone_into(&mut new.namespace);
            new.tags = tags.into_iter().map(str::to_owned).collect();
            store.upsert_draft(new).await.unwrap();
        }
        let none = || WorkflowFilter::default();
        let name = |name: StringFilter| WorkflowFilter { name: Some(name), ..none() };
        let cases = [
            (none(), vec!["a-one", "b-two", "c_three"]),
            (WorkflowFilter { namespace: Some("x".to_owned()), ..none() }, vec!["a-one", "b-two"]),
            (WorkflowFilter { tags: vec!["red".to_owned()], ..none() }, vec!["a-one", "b-two"]),
            (WorkflowFilter { tags: vec!["re".to_owned()], ..none() }, vec!["c_three"]),
            (WorkflowFilter { is_enabled: Some(true), ..none() }, vec![]),
            (WorkflowFilter { has_draft: Some(true), is_archived: Some(false), ..none() }, vec!["a-one", "b-two", "c_three"]),
            (WorkflowFilter { search: Some("workflow TWO".to_owned()), ..none() }, vec!["b-two"]),
            (name(StringFilter { contains: Some("_".to_owned()), ..StringFilter::default() }), vec!["c_three"]),
            (WorkflowFilter { not: Some(Box::new(WorkflowFilter { tags: vec!["red".to_owned()], ..none() })), ..none() }, vec!["c_three"]),
        ];
        for (filter, expected) in cases {
            let order = WorkflowOrder { field: WorkflowOrderField::Name, direction: Direction::Ascending };
            let page = store.workflows(database.organization, &filter, order, &PageRequest::first(10)).await.unwrap();
            let slugs: Vec<_> = page.rows.iter().map(|(_, row)| row.slug.as_str()).collect();
            assert_eq!(slugs, expected, "{filter:?}");
            assert_eq!(store.count_workflows(database.organization, &filter).await.unwrap(), (slugs.len() as u64, true));
        }
        for (field, expected) in [(WorkflowOrderField::CreatedAt, ["b-two", "a-one", "c_three"]), (WorkflowOrderField::UpdatedAt, ["b-two", "a-one", "c_three"])] {
            let order = WorkflowOrder { field, direction: Direction::Ascending };
            let mut slugs = Vec::new();
            let mut request = PageRequest::first(1);
            loop {
                let page = store.workflows(database.organization, &none(), order, &request).await.unwrap();
                slugs.extend(page.rows.iter().map(|(_, row)| row.slug.clone()));
                if !page.has_next {
                    break;
                }
                request = PageRequest::first(1).after(page.rows[0].0.clone());
            }
            assert_eq!(slugs, expected, "{field:?}");
        }
    }
}
