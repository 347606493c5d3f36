//! Drafts, which version is published, workflows that are put away, executions that move to another version.

use ids::{ExecutionId, WorkerId, WorkflowId, WorkflowVersionId};
use store::{
    CommitOutcome, ExecutionStatus, HookTrigger, NewDraft, NewExecution, NewSignal, NewVersion, PublishOutcome,
    Relocation, Republication, Retention, StoreError, Sweep, VersionRow, WORKFLOW_ARCHIVED, WorkflowChanges,
    WorkflowDeletion, WorkflowRow,
};

use crate::harness::{Database, completed, parked};
use crate::hooks::hook;
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow, trigger};

fn draft(database: &Database, workflow: WorkflowId, source: &str, expected_revision: Option<i32>) -> NewDraft {
    NewDraft {
        organization_id: database.organization,
        workflow_id: workflow,
        expected_revision,
        source: source.to_owned(),
        format: "json".to_owned(),
        layout: None,
        actor: "usr_other".to_owned(),
        now_ms: database.now(),
    }
}

async fn published(database: &Database, slug: &str, path: &str, event: &str) -> (WorkflowRow, VersionRow) {
    let workflow = new_workflow(database, slug);
    let hooks: Vec<HookTrigger> = vec![hook(path)];
    let version = NewVersion { hooks, ..new_version(database, workflow.id) };
    let triggers = vec![trigger(0, event, true)];
    let row = database.store.save_and_publish(workflow, version, triggers, true).await.unwrap();
    let version = database.store.version(row.organization_id, row.published_version_id.unwrap()).await.unwrap();
    (row, version.unwrap())
}

fn again(version: VersionRow, revision: i32, path: &str, event: &str) -> Republication {
    Republication {
        rules: Vec::new(),
        parts: Vec::new(),
        version,
        hooks: vec![hook(path)],
        schedules: Vec::new(),
        triggers: vec![trigger(0, event, true)],
        expected_revision: revision,
        now_ms: 77,
    }
}

/// One that rests, with a wait that is due at `due_ms`.
pub async fn resting(database: &Database, new: NewExecution, due_ms: i64) -> ExecutionId {
    let worker = WorkerId::new();
    let id = database.started(new).await;
    let claimed = database.store.claim(worker, &[id], database.now()).await.unwrap().remove(0);
    let parked = database.checkpoint(&claimed, worker, parked(&[due_ms]));
    assert_eq!(database.store.commit(parked).await.unwrap(), CommitOutcome::Committed { seq: 2, signals: 0 });
    id
}

pub fn relocation(database: &Database, id: ExecutionId, from: WorkflowVersionId, to: WorkflowVersionId) -> Relocation {
    Relocation {
        rules: None,
        organization_id: database.organization,
        execution_id: id,
        seq: 2,
        from,
        to,
        to_number: 9,
        queue: "other".to_owned(),
        deadline_at_ms: Some(5_000),
        events: r#"["moved"]"#.to_owned(),
        at_ms: database.now(),
    }
}

on_both_databases! {
    async fn a_workflow_is_created_once_for_each_slug_and_key(database: &Database) {
        let store = &database.store;
        let new = new_workflow(database, "flow");
        let row = store.insert_workflow(new.clone(), Some("key".to_owned())).await.unwrap();
        assert_eq!((row.revision, row.is_enabled, row.draft_saved_by.as_deref()), (1, false, Some("usr_test")));
        for other in [new_workflow(database, "flow"), new_workflow(database, "other")] {
            let taken = store.insert_workflow(other, Some("key".to_owned())).await;
            assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        }
        assert_eq!(store.workflow_by_key(database.organization, "key").await.unwrap(), Some(row));
        store.insert_workflow(new_workflow(database, "a"), None).await.unwrap();
        store.insert_workflow(new_workflow(database, "b"), None).await.unwrap();
    }

    async fn a_draft_knows_who_saved_it_and_which_version_it_began_with(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (workflow, _version) = published(database, "flow", "a", "a.b").await;
        assert_eq!((workflow.draft_source, workflow.draft_based_on), (None, None));
        let mut new = draft(database, workflow.id, "one", Some(workflow.revision));
        new.layout = Some("{}".to_owned());
        let saved = store.save_draft(new.clone()).await.unwrap().unwrap();
        assert_eq!((saved.draft_source.as_deref(), saved.draft_format.as_deref()), (Some("one"), Some("json")));
        assert_eq!((saved.draft_based_on, saved.draft_layout.as_deref()), (Some(1), Some("{}")));
        assert_eq!((saved.draft_saved_at_ms, saved.draft_saved_by.as_deref()), (Some(new.now_ms), Some("usr_other")));
        assert_eq!(store.save_draft(new).await.unwrap(), None, "the revision has moved on");
        let next = store.publish(new_version(database, workflow.id), vec![], None, saved.revision).await.unwrap();
        let PublishOutcome::Published { workflow, version } = next else { panic!("{next:?}") };
        assert_eq!((version.number, workflow.draft_saved_by, workflow.draft_layout), (2, None, None));
        let first = store.save_draft(draft(database, workflow.id, "two", None)).await.unwrap().unwrap();
        let second = store.save_draft(draft(database, workflow.id, "three", None)).await.unwrap().unwrap();
        assert_eq!((first.draft_based_on, second.draft_based_on, second.draft_source.as_deref()), (Some(2), Some(2), Some("three")));
        assert_eq!(store.discard_draft(of, workflow.id, Some(1), 5).await.unwrap(), None);
        let discarded = store.discard_draft(of, workflow.id, Some(second.revision), 5).await.unwrap().unwrap();
        assert_eq!((discarded.draft_source, discarded.draft_saved_at_ms, discarded.updated_at_ms), (None, None, 5));
        assert_eq!(store.discard_draft(of, workflow.id, None, 5).await.unwrap(), None, "there is none");
    }

    async fn of_many_who_save_a_draft_of_one_revision_one_succeeds(database: &Database) {
        let workflow = database.store.upsert_draft(new_workflow(database, "flow")).await.unwrap();
        let texts: Vec<String> = (0..20).map(|number| format!("draft {number}")).collect();
        let saves = texts.iter().map(|text| database.store.save_draft(draft(database, workflow.id, text, Some(1))));
        let saved: Vec<_> = futures::future::join_all(saves).await.into_iter().filter_map(Result::unwrap).collect();
        let row = database.store.workflow(database.organization, workflow.id).await.unwrap().unwrap();
        assert_eq!((saved.len(), row.revision, &row.draft_source), (1, 2, &saved[0].draft_source));
    }

    async fn what_is_said_of_a_workflow_changes_alone_and_with_a_version(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (workflow, _version) = published(database, "flow", "a", "a.b").await;
        let changes = WorkflowChanges { name: Some("New".to_owned()), tags: Some(vec!["x".to_owned()]), ..WorkflowChanges::default() };
        let changed = store.update_workflow(of, workflow.id, changes.clone(), Some(workflow.revision), 9).await.unwrap().unwrap();
        assert_eq!((changed.name.as_str(), changed.tags.len(), changed.namespace), ("New", 1, workflow.namespace));
        assert_eq!(store.update_workflow(of, workflow.id, changes, Some(workflow.revision), 9).await.unwrap(), None);
        let head = WorkflowChanges { description: Some("told".to_owned()), ..WorkflowChanges::default() };
        let version = NewVersion { head, ..new_version(database, workflow.id) };
        let outcome = store.publish(version, vec![], None, changed.revision).await.unwrap();
        let PublishOutcome::Published { workflow, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((workflow.name.as_str(), workflow.description.as_deref()), ("New", Some("told")));
    }

    async fn an_older_version_is_published_again_with_its_triggers(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (workflow, first) = published(database, "flow", "old", "old.event").await;
        let version = NewVersion { hooks: vec![hook("new")], ..new_version(database, workflow.id) };
        let outcome = store.publish(version, vec![trigger(0, "new.event", true)], None, workflow.revision).await.unwrap();
        let PublishOutcome::Published { workflow, version: second } = outcome else { panic!("{outcome:?}") };
        let workflow = store.save_draft(draft(database, workflow.id, "kept", None)).await.unwrap().unwrap();
        let stale = again(first.clone(), 1, "old", "old.event");
        assert_eq!(store.republish(stale).await.unwrap(), None);
        let back = store.republish(again(first.clone(), workflow.revision, "old", "old.event")).await.unwrap().unwrap();
        assert_eq!((back.published_version_id, back.published_number), (Some(first.id), Some(1)));
        assert_eq!((back.draft_source.as_deref(), back.is_enabled, back.revision), (Some("kept"), true, workflow.revision + 1));
        assert!(store.hook_at(of, "old", "POST").await.unwrap().is_some_and(|hook| hook.version_id == Some(first.id)));
        assert_eq!(store.hook_at(of, "new", "POST").await.unwrap(), None);
        assert!(store.triggers_for(of, "new.event").await.unwrap().is_empty());
        assert_eq!(store.triggers_for(of, "old.event").await.unwrap()[0].version_id, first.id);
        assert_eq!(store.version(of, first.id).await.unwrap(), Some(first), "a version does not change");
        assert_eq!(store.count_versions(of, workflow.id).await.unwrap(), 2);
        let outcome = store.publish(new_version(database, workflow.id), vec![], None, back.revision).await.unwrap();
        let PublishOutcome::Published { version: third, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((third.number, second.number), (3, 2), "numbers go on");
    }

    async fn of_a_publish_and_a_rollback_of_one_revision_one_succeeds(database: &Database) {
        let store = &database.store;
        let (workflow, first) = published(database, "flow", "a", "a.b").await;
        let outcome = store.publish(new_version(database, workflow.id), vec![], None, workflow.revision).await.unwrap();
        let PublishOutcome::Published { workflow, .. } = outcome else { panic!("{outcome:?}") };
        let back = store.republish(again(first, workflow.revision, "a", "a.b"));
        let (back, next) = tokio::join!(back, store.publish(new_version(database, workflow.id), vec![], None, workflow.revision));
        let is_back = back.unwrap().is_some();
        let is_next = matches!(next.unwrap(), PublishOutcome::Published { .. });
        assert_ne!(is_back, is_next);
    }

    async fn what_is_archived_starts_nothing_and_changes_no_more_until_it_is_restored(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (workflow, version) = published(database, "flow", "a", "a.b").await;
        let id = workflow.id;
        let archived = store.archive_workflow(of, id, Some("old".to_owned()), 9).await.unwrap().unwrap();
        assert_eq!((archived.archived_at_ms, archived.archived_reason.as_deref(), archived.is_enabled), (Some(9), Some("old"), false));
        assert_eq!(store.archive_workflow(of, id, None, 9).await.unwrap(), None);
        assert!(!store.triggers_for(of, "a.b").await.unwrap()[0].is_enabled);
        assert!(!store.hook_at(of, "a", "POST").await.unwrap().unwrap().is_enabled);
        assert_eq!(store.set_enabled(of, id, true, None, 9).await.unwrap(), None);
        assert_eq!(store.save_draft(draft(database, id, "x", None)).await.unwrap(), None);
        let outcome = store.publish(new_version(database, id), vec![], None, archived.revision).await.unwrap();
        assert_eq!(outcome, PublishOutcome::RevisionMovedOn);
        assert_eq!(store.republish(again(version, archived.revision, "a", "a.b")).await.unwrap(), None);
        let imported = store.upsert_draft(new_workflow(database, "flow")).await;
        assert!(matches!(imported, Err(StoreError::Conflict { constraint, .. }) if constraint == WORKFLOW_ARCHIVED));
        assert_eq!(store.workflow(of, id).await.unwrap(), Some(archived), "nothing of it changed");
        let restored = store.restore_workflow(of, id, 10).await.unwrap().unwrap();
        assert_eq!((restored.archived_at_ms, restored.is_enabled, restored.published_number), (None, false, Some(1)));
        assert_eq!(store.restore_workflow(of, id, 10).await.unwrap(), None);
        assert!(store.set_enabled(of, id, true, None, 11).await.unwrap().is_some());
    }

    async fn what_is_deleted_is_gone_at_once_and_its_rows_when_nothing_needs_them(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let (workflow, version) = published(database, "flow", "a", "a.b").await;
        let id = workflow.id;
        let new = || NewExecution { workflow_id: id, version_id: version.id, ..database.new_execution() };
        assert_eq!(store.delete_workflow(of, id, 9).await.unwrap(), WorkflowDeletion::NotArchived);
        let live = resting(database, new(), database.now() + 60_000).await;
        store.archive_workflow(of, id, None, 9).await.unwrap().unwrap();
        assert_eq!(store.delete_workflow(of, id, 9).await.unwrap(), WorkflowDeletion::HasLive);
        assert!(store.workflow_by_slug(of, "flow").await.unwrap().is_some(), "nothing was changed");
        let worker = WorkerId::new();
        let told = NewSignal { organization_id: of, execution_id: live, data: "\"on\"".to_owned() };
        store.send_signals(vec![told], database.now()).await.unwrap();
        store.deliver_signals(&[live], database.now()).await.unwrap();
        let claimed = store.claim(worker, &[live], database.now()).await.unwrap().remove(0);
        store.commit(database.checkpoint(&claimed, worker, store::Patch::Ended(completed()))).await.unwrap();
        assert_eq!(store.delete_workflow(of, id, 9).await.unwrap(), WorkflowDeletion::Deleted);
        assert_eq!((store.workflow(of, id).await.unwrap(), store.workflow_by_slug(of, "flow").await.unwrap()), (None, None));
        assert_eq!(store.restore_workflow(of, id, 9).await.unwrap(), None);
        assert_eq!(store.workflows_by_ids(of, &[id]).await.unwrap().len(), 1, "its executions are shown with it");
        let (other, _version) = published(database, "flow", "a", "a.b").await;
        assert_ne!(other.id, id, "slug and address are free");
        assert_eq!(store.deleted_workflows(10).await.unwrap(), [(of, id)]);
        assert!(!store.purge_workflow(of, id).await.unwrap(), "there is an execution of it");
        assert!(!store.purge_workflow(of, other.id).await.unwrap(), "it is not deleted");
        let retention = Retention { completed_ms: Some(0), failed_ms: Some(0), cancelled_ms: Some(0) };
        let sweep = Sweep { organization: of, workflow: id, retention, after: None };
        assert_eq!(store.sweep(&sweep, i64::MAX / 2, 10).await.unwrap().deleted, 1);
        assert!(store.purge_workflow(of, id).await.unwrap());
        assert_eq!((store.deleted_workflows(10).await.unwrap(), store.version(of, version.id).await.unwrap()), (vec![], None));
        assert!(store.workflow(of, other.id).await.unwrap().is_some());
    }

    async fn one_that_rests_moves_with_all_that_it_waits_for(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        let new = database.new_execution();
        let from = new.version_id;
        let id = resting(database, new, 60_000).await;
        let to = WorkflowVersionId::new();
        let wanted = relocation(database, id, from, to);
        assert_eq!(store.relocate(&Relocation { seq: 1, ..wanted.clone() }).await.unwrap(), None);
        assert_eq!(store.relocate(&Relocation { from: to, ..wanted.clone() }).await.unwrap(), None);
        assert_eq!(store.relocate(&wanted).await.unwrap(), Some(3));
        assert_eq!(store.relocate(&wanted).await.unwrap(), None, "it is there");
        let row = store.execution(of, id).await.unwrap().unwrap();
        assert_eq!((row.version_id, row.version_number, row.queue.as_str()), (to, 9, "other"));
        assert_eq!((row.status, row.seq, row.epoch, row.deadline_at_ms), (ExecutionStatus::Waiting, 3, 2, Some(5_000)));
        assert_eq!(row.wake_at_ms, Some(5_000), "the end of its life comes first");
        let (_waking, waits, _workers) = store.waking(of, &[id]).await.unwrap();
        assert_eq!(waits.len(), 2, "{waits:?}");
        let back = Relocation { seq: 3, from: to, to: from, to_number: 1, deadline_at_ms: None, ..wanted };
        assert_eq!(store.relocate(&back).await.unwrap(), Some(4));
        let row = store.execution(of, id).await.unwrap().unwrap();
        assert_eq!((row.wake_at_ms, row.deadline_at_ms), (Some(60_000), None));
        let journal = store.journal(of, id, 0, 10).await.unwrap();
        let rows: Vec<(i32, i32)> = journal.iter().map(|row| (row.seq, row.epoch)).collect();
        assert_eq!(rows, [(1, 0), (2, 1), (3, 2), (4, 3)]);
    }

    async fn of_a_move_and_what_wakes_an_execution_one_is_first(database: &Database) {
        let (store, of) = (&database.store, database.organization);
        for _round in 0..20 {
            let new = database.new_execution();
            let from = new.version_id;
            let id = resting(database, new, database.now() + 60_000).await;
            let told = NewSignal { organization_id: of, execution_id: id, data: "\"on\"".to_owned() };
            store.send_signals(vec![told], database.now()).await.unwrap();
            let ids = [id];
            let wanted = relocation(database, id, from, WorkflowVersionId::new());
            let (moved, woken) = tokio::join!(store.relocate(&wanted), store.deliver_signals(&ids, database.now()));
            let (moved, row) = (moved.unwrap(), store.execution(of, id).await.unwrap().unwrap());
            assert_eq!(woken.unwrap().runnable.len(), 1, "whoever was told goes on in any case");
            assert_eq!(row.status, ExecutionStatus::Queued);
            let claimed = store.claim(WorkerId::new(), &[id], database.now()).await.unwrap().remove(0);
            let expected = if moved.is_some() { (wanted.to, 3) } else { (from, 2) };
            assert_eq!((claimed.version_id, claimed.seq, claimed.signals), (expected.0, expected.1, 1));
        }
    }

    async fn what_is_at_work_or_has_ended_does_not_move(database: &Database) {
        let store = &database.store;
        let claimed = database.claimed(WorkerId::new()).await;
        let wanted = relocation(database, claimed.id, claimed.version_id, WorkflowVersionId::new());
        assert_eq!(store.relocate(&Relocation { seq: 1, ..wanted }).await.unwrap(), None);
        let new = database.new_execution();
        let from = new.version_id;
        let ended = database.ended(new, completed()).await;
        let wanted = relocation(database, ended, from, WorkflowVersionId::new());
        assert_eq!(store.relocate(&wanted).await.unwrap(), None);
        let new = database.new_execution();
        let from = new.version_id;
        let queued = database.started(new).await;
        let wanted = relocation(database, queued, from, WorkflowVersionId::new());
        assert_eq!(store.relocate(&Relocation { seq: 1, ..wanted }).await.unwrap(), None);
    }
}
