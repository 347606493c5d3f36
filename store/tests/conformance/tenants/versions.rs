//! Drafts, versions and workflows that are put away, of the three tenants.

use ids::{OrganizationId, WorkflowVersionId};
use store::{NewDraft, NewWorkflow, Relocation, Republication, WorkflowChanges, WorkflowDeletion};

use super::{Asked, Tenant};
use crate::harness::Database;
use crate::workflows::new_workflow;

fn changes(text: &str) -> WorkflowChanges {
    WorkflowChanges { name: Some(text.to_owned()), ..WorkflowChanges::default() }
}

/// A workflow that was created, drafted, archived and restored.
pub async fn created(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) {
    let store = &database.store;
    let new = NewWorkflow { organization_id: id, name: canary.to_owned(), ..new_workflow(database, "created") };
    let row = ask!(asked, store, insert_workflow(new, Some("same".to_owned())));
    ask!(asked, store, save_draft(draft(id, row.id, canary))).unwrap();
    ask!(asked, store, update_workflow(id, row.id, changes(canary), None, 1)).unwrap();
    ask!(asked, store, discard_draft(id, row.id, None, 1)).unwrap();
    ask!(asked, store, archive_workflow(id, row.id, Some(canary.to_owned()), 1)).unwrap();
    ask!(asked, store, restore_workflow(id, row.id, 1)).unwrap();
}

fn draft(organization: OrganizationId, workflow: ids::WorkflowId, text: &str) -> NewDraft {
    NewDraft {
        organization_id: organization,
        workflow_id: workflow,
        expected_revision: None,
        source: text.to_owned(),
        format: "yaml".to_owned(),
        layout: None,
        actor: text.to_owned(),
        now_ms: 1,
    }
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let store = &database.store;
    let mut seen = vec![format!("{:?}", ask!(asked, store, workflow_by_key(of, "same")))];
    for one in all {
        seen.push(format!("{:?}", ask!(asked, store, count_versions(of, one.workflow))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let (store, own, workflow) = (&database.store, intruder.id, victim.workflow);
    assert_eq!(ask!(asked, store, save_draft(draft(own, workflow, "mine now"))), None);
    assert_eq!(ask!(asked, store, update_workflow(own, workflow, changes("mine now"), None, 1)), None);
    assert_eq!(ask!(asked, store, discard_draft(own, workflow, None, 1)), None);
    assert_eq!(ask!(asked, store, archive_workflow(own, workflow, None, 1)), None);
    assert_eq!(ask!(asked, store, restore_workflow(own, workflow, 1)), None);
    assert_eq!(ask!(asked, store, delete_workflow(own, workflow, 1)), WorkflowDeletion::NotArchived);
    assert!(!ask!(asked, store, purge_workflow(own, workflow)));
    let version = store.version(victim.id, victim.version).await.unwrap().unwrap();
    let republication = Republication {
        rules: Vec::new(),
        parts: Vec::new(),
        version: store::VersionRow { organization_id: own, ..version },
        hooks: Vec::new(),
        schedules: Vec::new(),
        triggers: Vec::new(),
        expected_revision: 2,
        now_ms: 1,
    };
    assert_eq!(ask!(asked, store, republish(republication)), None);
    let relocation = Relocation {
        rules: None,
        organization_id: own,
        execution_id: victim.execution,
        seq: 2,
        from: victim.version,
        to: WorkflowVersionId::new(),
        to_number: 9,
        queue: "default".to_owned(),
        deadline_at_ms: None,
        events: "[]".to_owned(),
        at_ms: 1,
    };
    assert_eq!(ask!(asked, store, relocate(&relocation)), None);
}
