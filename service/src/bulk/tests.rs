//! Bulk operations on a clock that stands still, over SQLite.

use std::time::Duration;

use engine::Timestamp;
use ids::{BulkOperationId, ExecutionId, MembershipId, OrganizationId, UserId};
use queue::{Notices, WorkQueue};
use serde_json::json;
use store::{
    BulkKind, BulkOperationRow, BulkStatus, DatabaseUrl, ExecutionFilter, ExecutionStatus, MembershipRow, Store,
    StoreConfig, UserRow,
};

use super::{NewOperation, Which, cancel, operation, page, pause, resume, start, tick};
use crate::Clock;
use crate::code::Code;
use crate::error::ServiceError;
use crate::executions::{self, StartRequest, Trigger, WaitFor};
use crate::identity::{members, roles};
use crate::permission::Permission;
use crate::plans::WorkflowRef;
use crate::services::{Services, Settings};
use crate::viewer::{Actor, ActorKind, Credential, Viewer};
use crate::workflows::{self, ImportFile, ImportRequest};

mod kinds;
mod starts;

const NOW: i64 = 1_767_225_600_000;
const FILES: [(&str, &str); 2] = [
    ("rests.yaml", "workflow_id: rests\nsteps:\n  - { id: rest, type: wait, wait: { event: never.comes } }\n"),
    ("sold.yaml", "workflow_id: sold\nsteps:\n  - { id: rest, type: wait, wait: { event: never.comes } }\n"),
];

/// An operation without anything special.
pub fn row() -> BulkOperationRow {
    BulkOperationRow {
        id: BulkOperationId::new(),
        organization_id: OrganizationId::new(),
        kind: BulkKind::Cancel,
        status: BulkStatus::Running,
        filter: "{}".to_owned(),
        arguments: None,
        reason: "test".to_owned(),
        is_dry_run: false,
        rate_per_second: 1_000,
        created_by: "usr_test".to_owned(),
        acts_as: r#"{"as":"anybody"}"#.to_owned(),
        total: 0,
        is_counted: true,
        succeeded: 0,
        failed: 0,
        skipped: 0,
        position: None,
        epoch: 1,
        lease_until_ms: 0,
        due_at_ms: None,
        status_reason: None,
        created_at_ms: NOW,
        ended_at_ms: None,
    }
}

struct Bed {
    services: Services,
    clock: Clock,
    viewer: Viewer,
    _folder: tempfile::TempDir,
}

fn all(kind: BulkKind) -> NewOperation {
    NewOperation {
        kind,
        which: Some(Which::Fitting(Box::default())),
        reason: "they are in the way".to_owned(),
        is_dry_run: false,
        rate_per_second: None,
        data: None,
        to_version: None,
        from_step: None,
    }
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let clock = Clock::fake(Timestamp(NOW));
        let services = Services::new(store, queue, notices, clock.clone(), Settings::default()).await.unwrap();
        let viewer = Viewer::owner(services.default_organization());
        let files = FILES.map(|(path, content)| ImportFile { path: path.to_owned(), content: content.to_owned() });
        let request = ImportRequest { files: files.to_vec(), publish: true, dry_run: false };
        for file in workflows::import(&services, &viewer, request).await.unwrap() {
            let workflow = file.workflow.unwrap_or_else(|| panic!("{:?}", file.problems));
            if workflow.slug == "sold" {
                let changes = store::WorkflowChanges { namespace: Some("sales".to_owned()), ..Default::default() };
                let request = workflows::UpdateRequest { workflow: workflow.id, expected_revision: None, changes };
                workflows::update(&services, &viewer, request).await.unwrap();
            }
        }
        Self { services, clock, viewer, _folder: folder }
    }

    async fn started(&self, slug: &str) -> ExecutionId {
        self.started_under(slug, None).await
    }

    async fn started_under(&self, slug: &str, idempotency_key: Option<String>) -> ExecutionId {
        let request = StartRequest {
            workflow: WorkflowRef::Slug(slug.to_owned()),
            version: None,
            input: Some(json!({})),
            key: None,
            idempotency_key,
            labels: Vec::new(),
            priority: None,
            trigger: Trigger::Manual { reason: None },
        };
        let started =
            executions::start(&self.services, &self.viewer, request, WaitFor::Nothing, Duration::ZERO).await.unwrap();
        started.0.execution
    }

    async fn start(&self, new: NewOperation) -> BulkOperationRow {
        start(&self.services, &self.viewer, new).await.unwrap()
    }

    async fn now(&self, id: BulkOperationId) -> BulkOperationRow {
        operation(&self.services, &self.viewer, id).await.unwrap().unwrap()
    }

    /// What an execution was told.
    async fn told(&self, id: ExecutionId) -> Vec<String> {
        let rows = self.services.store().signals(self.viewer.organization, id).await.unwrap();
        let kind =
            |data: &str| serde_json::from_str::<serde_json::Value>(data).unwrap()["tell"].as_str().unwrap().to_owned();
        rows.iter().map(|row| kind(&row.data)).collect()
    }

    /// Somebody who may control executions, in `folders` alone if there are any.
    async fn member(&self, name: &str, folders: Option<Vec<String>>) -> (Viewer, MembershipId) {
        let permissions = [Permission::ExecutionRead, Permission::ExecutionControl];
        let new = roles::NewRole {
            name: format!("{name}_role"),
            description: None,
            permissions: permissions.into_iter().collect(),
            folders: folders.clone(),
        };
        let role = roles::create(&self.services, &self.viewer, new).await.unwrap();
        let user = UserRow {
            id: UserId::new(),
            email: Some(format!("{name}@example.com")),
            email_verified_at_ms: Some(1),
            display_name: name.to_owned(),
            is_service: false,
            is_active: true,
            time_zone: "UTC".to_owned(),
            preferences: "{}".to_owned(),
            created_at_ms: 1,
            last_seen_at_ms: None,
        };
        self.services.store().insert_user(user.clone(), None).await.unwrap();
        let membership = MembershipRow {
            id: MembershipId::new(),
            organization_id: self.viewer.organization,
            user_id: user.id,
            role_id: role.id,
            invited_by: None,
            joined_at_ms: 1,
        };
        let membership_id = membership.id;
        self.services.store().insert_membership(membership).await.unwrap();
        let viewer = Viewer {
            actor: Actor { id: user.id.to_string(), display_name: name.to_owned(), kind: ActorKind::User },
            permissions: permissions.into_iter().collect(),
            folders: folders.map(Into::into),
            credential: Credential::Session { user: user.id, session: ids::SessionId::new() },
            ..self.viewer.clone()
        };
        (viewer, membership_id)
    }
}

fn codes(outcome: Result<BulkOperationRow, ServiceError>) -> Vec<(Code, String)> {
    match outcome {
        Err(ServiceError::Mistakes(mistakes)) => {
            mistakes.into_iter().map(|mistake| (mistake.code, mistake.field.join("."))).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_execution_that_was_there_is_told_once_and_none_that_came_later() {
    let bed = Bed::new().await;
    let before = [bed.started("rests").await, bed.started("rests").await, bed.started("sold").await];
    let accepted = bed.start(all(BulkKind::Cancel)).await;
    bed.clock.advance(Duration::from_millis(1));
    let later = bed.started("rests").await;
    assert_eq!(tick(&bed.services).await.unwrap(), 3);
    let done = bed.now(accepted.id).await;
    assert_eq!((done.status, done.ended_at_ms), (BulkStatus::Completed, Some(NOW + 1)));
    assert_eq!((done.total, done.succeeded, done.failed, done.skipped), (3, 3, 0, 0));
    assert_eq!(tick(&bed.services).await.unwrap(), 0, "it is over");
    for id in before {
        assert_eq!(bed.told(id).await, ["cancel"]);
    }
    assert_eq!(bed.told(later).await, [""; 0]);
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let bed = Bed::new().await;
    let id = bed.started("rests").await;
    let accepted = bed.start(NewOperation { is_dry_run: true, ..all(BulkKind::Pause) }).await;
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    let done = bed.now(accepted.id).await;
    assert_eq!((done.status, done.total, done.succeeded), (BulkStatus::Completed, 1, 1));
    assert_eq!(bed.told(id).await, [""; 0]);
}

#[tokio::test]
async fn named_executions_in_another_state_are_skipped_and_others_are_not_looked_at() {
    let bed = Bed::new().await;
    let id = bed.started("rests").await;
    let named = NewOperation { which: Some(Which::Named(vec![id])), ..all(BulkKind::Resume) };
    let (named, fitting) = (bed.start(named).await, bed.start(all(BulkKind::Retry)).await);
    tick(&bed.services).await.unwrap();
    let (named, fitting) = (bed.now(named.id).await, bed.now(fitting.id).await);
    assert_eq!((named.status, named.total, named.skipped), (BulkStatus::Completed, 1, 1));
    assert_eq!((fitting.status, fitting.total, fitting.skipped), (BulkStatus::Completed, 0, 0));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_at_once_with_all_mistakes() {
    let bed = Bed::new().await;
    let nothing = NewOperation { which: None, rate_per_second: Some(0), ..all(BulkKind::Pause) };
    let wrong = codes(start(&bed.services, &bed.viewer, nothing).await);
    assert_eq!(wrong, [(Code::Invalid, "ratePerSecond".to_owned()), (Code::Required, "filter".to_owned())]);
    let missing = vec![bed.started("rests").await, ExecutionId::new()];
    let unknown = NewOperation { which: Some(Which::Named(missing)), ..all(BulkKind::Pause) };
    assert_eq!(codes(start(&bed.services, &bed.viewer, unknown).await), [(Code::NotFound, "ids.1".to_owned())]);
    let data = NewOperation { data: Some(json!(1)), ..all(BulkKind::Cancel) };
    let wrong = codes(start(&bed.services, &bed.viewer, data).await);
    assert_eq!(wrong, [(Code::Invalid, "data".to_owned()), (Code::Invalid, "data".to_owned())]);
    let mut deep = ExecutionFilter::default();
    for _level in 0..6 {
        deep = ExecutionFilter { and: vec![deep], ..ExecutionFilter::default() };
    }
    let deep = NewOperation { which: Some(Which::Fitting(Box::new(deep))), ..all(BulkKind::Cancel) };
    assert_eq!(codes(start(&bed.services, &bed.viewer, deep).await), [(Code::Invalid, String::new())]);
}

#[tokio::test]
async fn it_goes_no_faster_than_its_rate() {
    let bed = Bed::new().await;
    for _one in 0..5 {
        bed.started("rests").await;
    }
    let slow = bed.start(NewOperation { rate_per_second: Some(2), ..all(BulkKind::Cancel) }).await;
    assert_eq!(tick(&bed.services).await.unwrap(), 2);
    assert_eq!(tick(&bed.services).await.unwrap(), 0, "not yet");
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 2);
    let half = bed.now(slow.id).await;
    assert_eq!((half.status, half.total, half.succeeded), (BulkStatus::Running, 5, 4));
}

#[tokio::test]
async fn it_can_be_held_and_goes_on_where_it_was_and_what_is_stopped_stays_so() {
    let bed = Bed::new().await;
    for _one in 0..3 {
        bed.started("rests").await;
    }
    let one = bed.start(NewOperation { rate_per_second: Some(1), ..all(BulkKind::Cancel) }).await;
    assert_eq!(tick(&bed.services).await.unwrap(), 1);
    let held = pause(&bed.services, &bed.viewer, one.id).await.unwrap();
    assert_eq!(held.status, BulkStatus::Paused);
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    assert_eq!(resume(&bed.services, &bed.viewer, one.id).await.unwrap().status, BulkStatus::Running);
    assert_eq!(tick(&bed.services).await.unwrap(), 1);
    let stopped = cancel(&bed.services, &bed.viewer, one.id).await.unwrap();
    assert_eq!((stopped.status, stopped.succeeded), (BulkStatus::Cancelled, 2));
    assert_eq!(cancel(&bed.services, &bed.viewer, one.id).await.unwrap().status, BulkStatus::Cancelled);
    let refused = codes(resume(&bed.services, &bed.viewer, one.id).await);
    assert_eq!(refused, [(Code::WrongState, "id".to_owned())]);
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_may_not_control_executions_any_more_stops_what_they_asked_for() {
    let bed = Bed::new().await;
    let ids = [bed.started("rests").await, bed.started("rests").await];
    let (viewer, membership) = bed.member("eve", None).await;
    let slow = NewOperation { rate_per_second: Some(1), ..all(BulkKind::Cancel) };
    let slow = start(&bed.services, &viewer, slow).await.unwrap();
    assert_eq!(tick(&bed.services).await.unwrap(), 1);
    members::delete(&bed.services, &bed.viewer, membership).await.unwrap();
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    let failed = bed.now(slow.id).await;
    assert_eq!((failed.status, failed.succeeded), (BulkStatus::Failed, 1));
    assert!(failed.status_reason.unwrap().contains("may not control"));
    assert_eq!(bed.told(ids[1]).await, [""; 0]);
}

#[tokio::test]
async fn whoever_reaches_some_folders_changes_executions_there_alone_and_sees_their_own_operations() {
    let bed = Bed::new().await;
    let (beyond, within) = (bed.started("rests").await, bed.started("sold").await);
    let (viewer, _membership) = bed.member("sam", Some(vec!["sales".to_owned()])).await;
    let foreign = bed.start(NewOperation { is_dry_run: true, ..all(BulkKind::Pause) }).await;
    let own = start(&bed.services, &viewer, all(BulkKind::Cancel)).await.unwrap();
    tick(&bed.services).await.unwrap();
    assert_eq!(bed.now(own.id).await.total, 1);
    assert_eq!((bed.told(within).await, bed.told(beyond).await), (vec!["cancel".to_owned()], Vec::new()));
    let seen = page(&bed.services, &viewer, &store::PageRequest::first(10)).await.unwrap();
    assert_eq!(seen.rows.into_iter().map(|(_, row)| row.id).collect::<Vec<_>>(), [own.id]);
    assert_eq!(operation(&bed.services, &viewer, foreign.id).await.unwrap(), None);
    let refused = codes(cancel(&bed.services, &viewer, foreign.id).await);
    assert_eq!(refused, [(Code::NotFound, "id".to_owned())]);
}

#[tokio::test]
async fn a_part_that_was_not_written_is_done_by_others_when_its_claim_runs_out() {
    let bed = Bed::new().await;
    let id = bed.started("rests").await;
    let accepted = bed.start(all(BulkKind::Cancel)).await;
    let lease = NOW + 60_000;
    let claimed = bed.services.store().claim_bulk_operation(NOW, lease).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.epoch), (accepted.id, 1));
    assert_eq!(tick(&bed.services).await.unwrap(), 0, "somebody is at work");
    bed.clock.advance(Duration::from_mins(1));
    assert_eq!(tick(&bed.services).await.unwrap(), 1);
    assert_eq!(bed.told(id).await, ["cancel"]);
    let row = executions::execution(&bed.services, &bed.viewer, id).await.unwrap().unwrap();
    assert_eq!(row.status, ExecutionStatus::Queued, "a worker ends it");
}
