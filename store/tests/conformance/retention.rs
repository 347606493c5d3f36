use ids::WorkflowId;
use store::{Ended, ExecutionStatus, Retention, RetentionScope, Sweep};

use crate::events::new_event;
use crate::harness::{Database, EPOCH_MS, completed, failed, label, parked, start_key};
use crate::on_both_databases;

/// Long after whatever a test starts now.
const LATER: i64 = EPOCH_MS + 20 * 365 * DAY;
const DAY: i64 = 24 * 60 * 60 * 1_000;

fn keeping(completed: Option<i64>, failed: Option<i64>) -> Retention {
    Retention { completed_ms: completed, failed_ms: failed, cancelled_ms: None }
}

async fn ended_in(database: &Database, workflow: WorkflowId, ended: Ended) -> ids::ExecutionId {
    let mut new = database.new_execution();
    new.workflow_id = workflow;
    new.labels = vec![label("tier", "gold"), label("region", "eu")];
    new.start_key = start_key(&new.id.to_string(), "f");
    database.ended(new, ended).await
}

async fn sweep(database: &Database, workflow: WorkflowId, retention: Retention, limit: u64) -> u64 {
    let mut sweep = Sweep { organization: database.organization, workflow, retention, after: None };
    let mut deleted = 0;
    loop {
        let swept = database.store.sweep(&sweep, LATER, limit).await.unwrap();
        deleted += swept.deleted;
        let Some(next) = swept.next else { return deleted };
        sweep.after = Some(next);
    }
}

on_both_databases! {
    async fn what_is_kept_no_longer_goes_with_all_that_belongs_to_it(database: &Database) {
        let (swept, other) = (WorkflowId::new(), WorkflowId::new());
        for _one in 0..7 {
            ended_in(database, swept, completed()).await;
        }
        let kept = [
            ended_in(database, swept, failed()).await,
            ended_in(database, other, completed()).await,
        ];
        let worker = ids::WorkerId::new();
        let mut new = database.new_execution();
        new.workflow_id = swept;
        let id = database.started(new).await;
        let claimed = database.store.claim(worker, &[id], database.now()).await.unwrap().remove(0);
        database.store.commit(database.checkpoint(&claimed, worker, parked(&[LATER]))).await.unwrap();
        assert_eq!(sweep(database, swept, keeping(Some(DAY), None), 2).await, 7);
        assert_eq!(sweep(database, swept, keeping(Some(DAY), None), 2).await, 0);
        let left = database.store.journal_spans(None, 100).await.unwrap();
        let mut left: Vec<_> = left.into_iter().map(|span| span.execution).collect();
        left.sort_unstable();
        let mut expected = vec![kept[0], kept[1], id];
        expected.sort_unstable();
        assert_eq!(left, expected, "live ones, failed ones and those of other workflows stay");
        // Two for each that ended and stayed, and nothing of those that went.
        assert_eq!(database.damage("delete from execution_label").await, 4);
        assert_eq!(database.damage("delete from start_key").await, 2);
        assert_eq!(database.damage("delete from journal").await, 6);
    }

    async fn nothing_goes_before_its_time(database: &Database) {
        let workflow = WorkflowId::new();
        ended_in(database, workflow, completed()).await;
        let too_long = LATER - EPOCH_MS + DAY;
        assert_eq!(sweep(database, workflow, keeping(Some(too_long), Some(too_long)), 10).await, 0);
        assert_eq!(sweep(database, workflow, keeping(None, None), 10).await, 0);
        assert_eq!(sweep(database, workflow, keeping(None, Some(DAY)), 10).await, 0, "it has not failed");
        assert_eq!(sweep(database, workflow, keeping(Some(DAY), None), 10).await, 1);
    }

    async fn an_execution_stays_as_long_as_its_idempotency_key_counts(database: &Database) {
        let workflow = WorkflowId::new();
        let mut new = database.new_execution();
        (new.workflow_id, new.queued_at_ms) = (workflow, LATER - DAY / 2);
        new.start_key = start_key("once", "f");
        database.ended(new, completed()).await;
        assert_eq!(sweep(database, workflow, keeping(Some(1), None), 10).await, 0);
        database.damage("update execution set queued_at_ms = 1").await;
        assert_eq!(sweep(database, workflow, keeping(Some(1), None), 10).await, 1);
    }

    async fn a_workflow_says_more_than_its_organization(database: &Database) {
        let (one, two) = (WorkflowId::new(), WorkflowId::new());
        let (store, organization) = (&database.store, database.organization);
        assert_eq!(store.retentions(organization, &[one]).await.unwrap(), []);
        store.set_retention(organization, RetentionScope::Organization, Some(keeping(Some(1), None))).await.unwrap();
        store.set_retention(organization, RetentionScope::Workflow(one), Some(keeping(None, None))).await.unwrap();
        store.set_retention(organization, RetentionScope::Workflow(one), Some(keeping(None, Some(2)))).await.unwrap();
        let mut known = store.retentions(organization, &[one, two]).await.unwrap();
        known.sort_by_key(|(_, retention)| retention.completed_ms);
        let of_one = (RetentionScope::Workflow(one), keeping(None, Some(2)));
        assert_eq!(known, [of_one, (RetentionScope::Organization, keeping(Some(1), None))]);
        store.set_retention(organization, RetentionScope::Workflow(one), None).await.unwrap();
        assert_eq!(store.retentions(organization, &[one]).await.unwrap().len(), 1);
        assert_eq!(keeping(None, Some(2)).of(ExecutionStatus::Failed), Some(2));
        assert_eq!(store.next_organization(None).await.unwrap(), Some(organization));
        assert_eq!(store.next_organization(Some(organization)).await.unwrap(), None);
    }

    async fn routed_events_go_with_their_keys_and_others_stay(database: &Database) {
        let store = &database.store;
        let mut ids = Vec::new();
        for number in 0..4 {
            let mut new = new_event(database, "order.created");
            new.deduplication_key = Some(format!("order-{number}"));
            ids.push(new.id);
            store.insert_event(new).await.unwrap();
        }
        for id in &ids[..3] {
            store.mark_routed(database.organization, *id, "[]", "|started|", EPOCH_MS).await.unwrap();
        }
        assert_eq!(store.sweep_events(database.organization, EPOCH_MS, 10).await.unwrap(), 0, "they are newer");
        assert_eq!(store.sweep_events(database.organization, LATER, 2).await.unwrap(), 2);
        assert_eq!(store.sweep_events(database.organization, LATER, 2).await.unwrap(), 1);
        assert_eq!(store.sweep_events(database.organization, LATER, 2).await.unwrap(), 0);
        assert!(store.event(database.organization, ids[3]).await.unwrap().is_some());
        assert_eq!(database.damage("delete from event_key").await, 1);
    }
}
