//! What a tenant has of statistics.

use ids::{ErrorGroupId, OrganizationId, WorkerId};
use store::{
    Checkpoint, ErrorGroupQuery, ErrorGroupStatus, Measured, Measures, NewFailure, RollupBy, RollupQuery, slice_of,
};

use super::{Asked, Tenant};
use crate::harness::{Database, EPOCH_MS, new_execution, running};

fn everything() -> RollupQuery {
    let (from, to) = (slice_of(EPOCH_MS), slice_of(EPOCH_MS) + 4);
    let what = Measured::ALL.to_vec();
    RollupQuery { from, to, workflows: None, folders: None, steps: None, what, by: RollupBy::Step }
}

fn causes() -> ErrorGroupQuery {
    let RollupQuery { from, to, .. } = everything();
    ErrorGroupQuery { from, to, workflows: None, folders: None, status: None }
}

/// A step that took the same time for all tenants, and is called by their name; and a failure.
pub async fn counted(database: &Database, organization: OrganizationId, canary: &str) -> ErrorGroupId {
    let (store, worker) = (&database.store, WorkerId::new());
    let execution = database.started(new_execution(organization, database.now())).await;
    let claimed = store.claim(worker, &[execution], database.now()).await.unwrap().remove(0);
    let mut measures = Measures::default();
    measures.count_step(Measured::StepSucceeded, canary, Some(100));
    let group = ErrorGroupId::new();
    let (fingerprint, message) = ("same".to_owned(), canary.to_owned());
    let failure = NewFailure { group, fingerprint, step: None, code: "SAME".to_owned(), message };
    measures.fail(failure, claimed.started_at_ms);
    store.commit(Checkpoint { measures, ..database.checkpoint(&claimed, worker, running()) }).await.unwrap();
    group
}

/// Everything that `organization` can find out.
pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let store = &database.store;
    let mut steps = ask!(asked, store, rollups(of, &everything()));
    steps.sort_by(|one, other| one.step.cmp(&other.step));
    let mut seen = vec![
        format!("{steps:?}"),
        format!("{:?}", ask!(asked, store, slowest_steps(of, &everything(), 100))),
        format!("{:?}", ask!(asked, store, error_groups(of, &causes()))),
    ];
    for one in all {
        seen.push(format!("{:?}", ask!(asked, store, error_group(of, one.error_group))));
    }
    seen
}

/// What `intruder` can do to the numbers of others.
pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    // Its own numbers are not as old as that.
    let before_ms = EPOCH_MS - 1;
    assert_eq!(ask!(asked, database.store, forget_rollups(intruder.id, before_ms, 100)), 0);
    assert_eq!(ask!(asked, database.store, forget_error_groups(intruder.id, i64::MAX, 100)), 0, "they are counted");
    let (group, resolved) = (victim.error_group, ErrorGroupStatus::Resolved);
    assert!(!ask!(asked, database.store, set_error_group_status(intruder.id, group, resolved, i64::MAX)));
}

/// What is forgotten of one stays for the other.
pub async fn forgotten(database: &Database, one: &Tenant, other: &Tenant) {
    assert!(database.store.forget_rollups(one.id, i64::MAX / 2, 100).await.unwrap() > 0);
    assert_eq!(database.store.forget_error_groups(one.id, i64::MAX, 100).await.unwrap(), 1);
    assert!(database.store.error_group(other.id, other.error_group).await.unwrap().is_some());
    let left = database.store.rollups(other.id, &everything()).await.unwrap();
    assert!(left.iter().any(|row| row.step == other.canary), "{left:?}");
}
