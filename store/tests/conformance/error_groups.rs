//! Failures by cause: how often, since when, and whether they are looked after.

use futures::future::join_all;
use ids::{ErrorGroupId, WorkerId, WorkflowId};
use store::{
    Checkpoint, ErrorGroupQuery, ErrorGroupRow, ErrorGroupStatus, ExecutionFilter, Measures, NewExecution, NewFailure,
    Patch, Ruled, Ruling, SLICE_MS, Store, slice_of,
};

use crate::harness::{Database, EPOCH_MS, completed, failed};
use crate::on_both_databases;

fn query() -> ErrorGroupQuery {
    ErrorGroupQuery {
        from: slice_of(EPOCH_MS),
        to: slice_of(EPOCH_MS) + 10,
        workflows: None,
        folders: None,
        status: None,
    }
}

/// An execution of `workflow` that fails so at this moment, written through `store`.
async fn fails(database: &Database, store: &Store, workflow: WorkflowId, fingerprint: &str, at_ms: i64) {
    let worker = WorkerId::new();
    let id = database.started(NewExecution { workflow_id: workflow, ..database.new_execution() }).await;
    let claimed = database.store.claim(worker, &[id], at_ms).await.unwrap().remove(0);
    let failure = NewFailure {
        group: ErrorGroupId::new(),
        fingerprint: fingerprint.to_owned(),
        step: Some("charge".to_owned()),
        code: "HTTP_STATUS".to_owned(),
        message: format!("{fingerprint} at {at_ms}"),
    };
    let mut measures = Measures::default();
    measures.fail(failure, at_ms);
    let end = Checkpoint { at_ms, measures, ..database.checkpoint(&claimed, worker, Patch::Ended(failed())) };
    store.commit(end).await.unwrap();
}

async fn list(database: &Database, query: &ErrorGroupQuery) -> Vec<ErrorGroupRow> {
    database.store.error_groups(database.organization, query).await.unwrap()
}

on_both_databases! {
    async fn executions_are_found_by_the_cause_of_their_failure_until_they_go_on(database: &Database) {
        let (store, organization) = (&database.store, database.organization);
        for name in ["often", "rare", "often"] {
            fails(database, store, WorkflowId::new(), name, EPOCH_MS).await;
        }
        database.ended(database.new_execution(), failed()).await;
        database.ended(database.new_execution(), completed()).await;
        let by = |name: &str| ExecutionFilter { error_fingerprint: Some(name.to_owned()), ..ExecutionFilter::default() };
        let found = async |filter: &ExecutionFilter| store.walk_executions(organization, filter, None, 10).await.unwrap();
        assert_eq!((found(&by("often")).await.len(), found(&by("none")).await.len()), (2, 0));
        let other = ExecutionFilter { not: Some(Box::new(by("often"))), ..ExecutionFilter::default() };
        assert_eq!(found(&other).await.len(), 3);
        let execution_id = found(&by("rare")).await[0];
        let seq = store.execution(organization, execution_id).await.unwrap().unwrap().seq;
        let (organization_id, events, at_ms) = (organization, r#"["decided"]"#.to_owned(), EPOCH_MS);
        let what = Ruled::Retried;
        let retried = Ruling { organization_id, execution_id, seq, events, at_ms, what, sends: Vec::new() };
        store.rule(&retried).await.unwrap().unwrap();
        assert_eq!(found(&by("rare")).await, []);
    }

    async fn the_same_cause_is_one_group_however_many_processes_see_it_first(database: &Database) {
        let (other, workflow) = (database.another_process().await, WorkflowId::new());
        let times = (0..30).map(|number| EPOCH_MS + number);
        join_all(times.map(|at_ms| {
            let store = if at_ms % 2 == 0 { &database.store } else { &other };
            let fingerprint = if at_ms % 3 == 0 { "rare" } else { "often" };
            fails(database, store, workflow, fingerprint, at_ms)
        }))
        .await;
        other.close().await;
        let groups = list(database, &query()).await;
        let shown: Vec<_> = groups.iter().map(|group| (group.fingerprint.as_str(), group.count, group.status)).collect();
        assert_eq!(shown, [("often", 20, ErrorGroupStatus::Open), ("rare", 10, ErrorGroupStatus::Open)]);
        let [often, rare] = &groups[..] else { panic!("{groups:?}") };
        assert_eq!((often.workflow_id, often.step.as_deref(), often.code.as_str()), (workflow, Some("charge"), "HTTP_STATUS"));
        assert_eq!(often.last_seen_at_ms.max(rare.last_seen_at_ms), EPOCH_MS + 29);
        assert!(often.message.starts_with("often at "));
        let one = database.store.error_group(database.organization, rare.id).await.unwrap().unwrap();
        assert_eq!(&one, rare);
        assert_eq!(database.store.error_group(database.organization, ErrorGroupId::new()).await.unwrap(), None);
    }

    async fn what_is_resolved_opens_again_when_it_comes_back_and_what_is_ignored_does_not(database: &Database) {
        let (of, workflow) = (database.organization, WorkflowId::new());
        let fails = async |name: &str, at_ms: i64| fails(database, &database.store, workflow, name, at_ms).await;
        for name in ["back", "gone", "ignored"] {
            fails(name, EPOCH_MS + 10).await;
        }
        for group in list(database, &query()).await {
            let status = if group.fingerprint == "ignored" { ErrorGroupStatus::Ignored } else { ErrorGroupStatus::Resolved };
            assert!(database.store.set_error_group_status(of, group.id, status, EPOCH_MS + 20).await.unwrap());
        }
        fails("back", EPOCH_MS + 2 * SLICE_MS).await;
        fails("ignored", EPOCH_MS + 2 * SLICE_MS).await;
        let mut shown: Vec<_> = list(database, &query()).await.into_iter().map(|group| (group.fingerprint, group.status, group.count)).collect();
        shown.sort();
        let expected = [("back", ErrorGroupStatus::Open, 2), ("gone", ErrorGroupStatus::Resolved, 1), ("ignored", ErrorGroupStatus::Ignored, 2)];
        assert_eq!(shown, expected.map(|(name, status, count)| (name.to_owned(), status, count)));
        // Of an earlier time too: what came back later is open.
        let before = ErrorGroupQuery { to: slice_of(EPOCH_MS) + 1, ..query() };
        let back = list(database, &before).await.into_iter().find(|group| group.fingerprint == "back").unwrap();
        assert_eq!((back.status, back.count, back.last_seen_at_ms), (ErrorGroupStatus::Open, 1, EPOCH_MS + 10));
        let unknown = ErrorGroupId::new();
        assert!(!database.store.set_error_group_status(of, unknown, ErrorGroupStatus::Open, 1).await.unwrap());
    }

    async fn groups_are_told_of_the_time_and_the_workflows_asked_for_and_forgotten_with_their_numbers(database: &Database) {
        let (one, other) = (WorkflowId::new(), WorkflowId::new());
        fails(database, &database.store, one, "first", EPOCH_MS).await;
        fails(database, &database.store, other, "second", EPOCH_MS + SLICE_MS).await;
        let names = async |query: &ErrorGroupQuery| -> Vec<String> {
            list(database, query).await.into_iter().map(|group| group.fingerprint).collect()
        };
        assert_eq!(names(&query()).await, ["first", "second"], "of the same number, by name");
        assert_eq!(names(&ErrorGroupQuery { from: slice_of(EPOCH_MS) + 1, ..query() }).await, ["second"]);
        assert_eq!(names(&ErrorGroupQuery { workflows: Some(vec![one]), ..query() }).await, ["first"]);
        assert_eq!(names(&ErrorGroupQuery { folders: Some(vec!["nowhere".to_owned()]), ..query() }).await, [""; 0]);
        let (of, later) = (database.organization, EPOCH_MS + SLICE_MS + 1);
        assert_eq!(database.store.forget_error_groups(of, later, 10).await.unwrap(), 0, "both are counted");
        database.store.forget_rollups(of, EPOCH_MS + SLICE_MS, 10).await.unwrap();
        assert_eq!(database.store.forget_error_groups(of, later, 10).await.unwrap(), 1);
        assert_eq!(names(&query()).await, ["second"]);
    }
}
