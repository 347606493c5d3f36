use std::sync::Arc;

use engine::Timestamp;
use futures::{Stream, StreamExt};
use queue::{Notices, WorkQueue};
use store::{DatabaseUrl, Store, StoreConfig};

use super::*;
use crate::Clock;
use crate::audit::{NewEntry, Outcome, record_all};
use crate::services::Settings;
use crate::workflows::{self, ImportFile, ImportRequest, UpdateRequest};

const FILE: &str = "workflow_id: flow\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n";

struct Bed {
    services: Services,
    viewer: Viewer,
    workflow: WorkflowId,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let clock = Clock::fake(Timestamp(1_767_225_600_000));
        let services = Services::new(store, queue, notices, clock, Settings::default()).await.unwrap();
        let viewer = Viewer::owner(services.default_organization());
        let files = vec![ImportFile { path: "flow.yaml".to_owned(), content: FILE.to_owned() }];
        let request = ImportRequest { files, publish: true, dry_run: false };
        let imported = workflows::import(&services, &viewer, request).await.unwrap();
        let workflow = imported[0].workflow.as_ref().unwrap().id;
        let bed = Self { services, viewer, workflow, _folder: folder };
        bed.recorded().await;
        bed
    }

    /// What the front door does after a mutation.
    async fn recorded(&self) {
        let entries = self.viewer.origin.trail.take().into_iter().map(|change| NewEntry {
            organization: Some(self.viewer.organization),
            actor: self.viewer.actor.clone(),
            action: "test".to_owned(),
            outcome: Outcome::Ok,
            change,
            origin: self.viewer.origin.clone(),
        });
        record_all(&self.services, entries.collect()).await.unwrap();
    }

    async fn follow(
        &self,
        viewer: &Viewer,
        after: Option<&str>,
    ) -> impl Stream<Item = Result<Update, ServiceError>> + Unpin + use<> {
        updates(&self.services, viewer, self.workflow, after).await.unwrap().boxed()
    }

    async fn disable(&self) {
        workflows::disable(&self.services, &self.viewer, self.workflow, None).await.unwrap();
        self.recorded().await;
    }

    async fn enable(&self) {
        workflows::enable(&self.services, &self.viewer, self.workflow).await.unwrap();
        self.recorded().await;
    }
}

#[tokio::test]
async fn each_change_is_told_once_in_its_order_and_a_cursor_goes_on_behind_it() {
    let bed = Bed::new().await;
    let mut live = bed.follow(&bed.viewer, None).await;
    bed.disable().await;
    let first = live.next().await.unwrap().unwrap();
    assert_eq!((first.kind, first.workflow.is_enabled), (UpdateKind::Disabled, false), "what was before is not told");
    assert_eq!(first.actor, bed.viewer.actor);
    bed.enable().await;
    let second = live.next().await.unwrap().unwrap();
    assert_eq!((second.kind, second.workflow.is_enabled), (UpdateKind::Enabled, true));
    let mut again = bed.follow(&bed.viewer, Some(&first.cursor)).await;
    assert_eq!(again.next().await.unwrap().unwrap().cursor, second.cursor);
    let elsewhere = updates(&bed.services, &bed.viewer, bed.workflow, Some("x")).await.map(drop);
    assert!(matches!(elsewhere, Err(ServiceError::Mistakes(_))), "{elsewhere:?}");
}

#[tokio::test]
async fn it_ends_when_the_workflow_is_out_of_reach_and_when_it_is_deleted() {
    let bed = Bed::new().await;
    let place = |namespace: &str| UpdateRequest {
        workflow: bed.workflow,
        expected_revision: None,
        changes: store::WorkflowChanges { namespace: Some(namespace.to_owned()), ..Default::default() },
    };
    workflows::update(&bed.services, &bed.viewer, place("sales")).await.unwrap();
    bed.recorded().await;
    let sales = Viewer { folders: Some(Arc::from(vec!["sales".to_owned()])), ..bed.viewer.clone() };
    let mut limited = bed.follow(&sales, None).await;
    let mut whole = bed.follow(&bed.viewer, None).await;
    workflows::update(&bed.services, &bed.viewer, place("stock")).await.unwrap();
    bed.recorded().await;
    assert!(limited.next().await.is_none(), "it was moved away");
    assert_eq!(whole.next().await.unwrap().unwrap().kind, UpdateKind::Updated);
    workflows::archive(&bed.services, &bed.viewer, bed.workflow, None).await.unwrap();
    bed.recorded().await;
    assert_eq!(whole.next().await.unwrap().unwrap().kind, UpdateKind::Archived);
    workflows::delete(&bed.services, &bed.viewer, bed.workflow, "flow").await.unwrap();
    bed.recorded().await;
    assert!(whole.next().await.is_none(), "it is gone");
}

#[tokio::test]
async fn a_workflow_that_is_not_there_is_not_followed() {
    let bed = Bed::new().await;
    let missing = updates(&bed.services, &bed.viewer, WorkflowId::new(), None).await.map(drop);
    let Err(ServiceError::Mistakes(mistakes)) = missing else { panic!("{missing:?}") };
    assert_eq!(mistakes[0].code, crate::code::Code::NotFound);
}
