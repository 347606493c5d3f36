use ids::{OrganizationId, WorkerId};
use store::{
    EventFilter, EventOrder, ExecutionFilter, ExecutionOrder, NewEvent, PageRequest, WorkflowFilter, WorkflowOrder,
};

use crate::harness::Database;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow, trigger};

on_both_databases! {
    async fn an_organization_is_made_once(database: &Database) {
        let again = database.store.ensure_organization("default", "Another name", 5).await.unwrap();
        assert_eq!(again, database.organization);
        let row = database.store.organization(again).await.unwrap().unwrap();
        assert_eq!((row.slug.as_str(), row.name.as_str()), ("default", "Default"));
        let made = futures::future::join_all((0..8).map(|_| database.store.ensure_organization("new", "New", 5))).await;
        let made: std::collections::BTreeSet<OrganizationId> = made.into_iter().map(Result::unwrap).collect();
        assert_eq!(made.len(), 1);
    }

    async fn no_read_crosses_from_one_organization_into_another(database: &Database) {
        let (store, own) = (&database.store, database.organization);
        let stranger = store.ensure_organization("stranger", "Stranger", 1).await.unwrap();
        let execution = database.claimed(WorkerId::new()).await.id;
        let workflow = new_workflow(database, "flow");
        let version = new_version(database, workflow.id);
        let version_id = version.id;
        let workflow = store.save_and_publish(workflow, version, vec![trigger(0, "a.b", true)], true).await.unwrap();
        let event = NewEvent {
            id: ids::EventId::new(),
            organization_id: own,
            event_type: "a.b".to_owned(),
            source: "test".to_owned(),
            subject: None,
            payload: "{}".to_owned(),
            deduplication_key: None,
            fingerprint: String::new(),
            occurred_at_ms: 1,
            received_at_ms: 1,
            depth: 0,
            about: None,
            replay_of: None,
            only_workflows: None,
        };
        let event_id = event.id;
        store.insert_event(event).await.unwrap();
        // Each read once as the owner, who sees one row, and once as the stranger, who sees none.
        for (organization, expected) in [(own, 1), (stranger, 0)] {
            let page = &PageRequest::first(10);
            let everything = &ExecutionFilter::default();
            let counts = [
                store.execution(organization, execution).await.unwrap().iter().count(),
                store.executions_by_ids(organization, &[execution]).await.unwrap().len(),
                store.executions(organization, everything, ExecutionOrder::default(), page).await.unwrap().rows.len(),
                usize::try_from(store.count_executions(organization, everything).await.unwrap().0).unwrap(),
                store.filter_executions(organization, &[execution], everything).await.unwrap().len(),
                store.journal(organization, execution, 0, 10).await.unwrap().len(),
                store.journals(organization, &[execution], 10).await.unwrap().len(),
                store.workflow(organization, workflow.id).await.unwrap().iter().count(),
                store.workflow_by_slug(organization, "flow").await.unwrap().iter().count(),
                store.workflows_by_ids(organization, &[workflow.id]).await.unwrap().len(),
                store.workflows(organization, &WorkflowFilter::default(), WorkflowOrder::default(), page).await.unwrap().rows.len(),
                usize::try_from(store.count_workflows(organization, &WorkflowFilter::default()).await.unwrap().0).unwrap(),
                store.version(organization, version_id).await.unwrap().iter().count(),
                store.version_by_number(organization, workflow.id, 1).await.unwrap().iter().count(),
                store.versions_by_ids(organization, &[version_id]).await.unwrap().len(),
                store.versions(organization, workflow.id, page).await.unwrap().rows.len(),
                store.event(organization, event_id).await.unwrap().iter().count(),
                store.events_by_ids(organization, &[event_id]).await.unwrap().len(),
                store.events(organization, &EventFilter::default(), EventOrder::default(), page).await.unwrap().rows.len(),
                usize::try_from(store.count_events(organization, &EventFilter::default()).await.unwrap().0).unwrap(),
                store.triggers_for(organization, "a.b").await.unwrap().len(),
            ];
            assert_eq!(counts, [expected; 21]);
        }
        assert_eq!(store.set_enabled(stranger, workflow.id, false, None, 5).await.unwrap(), None);
        store.mark_routed(stranger, event_id, "[]", "|started|", 5).await.unwrap();
        assert_eq!(store.event(own, event_id).await.unwrap().unwrap().routed_at_ms, None);
    }
}
