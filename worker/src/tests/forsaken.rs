//! Children of executions that end while the start of a child is under way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ids::ExecutionId;
use service::executions::{self, ChildRequest, StartRequest, WaitFor};
use service::plans::WorkflowRef;
use service::workflows::{ImportFile, ImportRequest};
use service::{Code, ServiceError, Services};
use store::{ExecutionFilter, ExecutionOrder, ExecutionRow, ExecutionStatus, PageRequest};

use super::pauses::is;
use super::{Bed, eventually, one, owner};
use crate::ServiceExecutions;
use crate::effects::{StartError, StartWorkflow, StartedWorkflow};

const CHILD: &str = "
workflow_id: child
steps:
  - { id: nap, type: wait, wait: { for: 1h } }
";

const PARENT: &str = "
workflow_id: parent
steps:
  - { id: child, type: workflow, workflow: { workflow_id: child } }
";

/// Starts children, and nobody hears of it.
#[derive(Debug)]
struct Unheard(ServiceExecutions);

impl StartWorkflow for Unheard {
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async move {
            self.0.start(workflow).await.unwrap();
            std::future::pending().await
        }
        .boxed()
    }
}

/// Keeps what it was to start, for later.
#[derive(Debug, Clone, Default)]
struct Late(Arc<Mutex<Option<ChildRequest>>>);

impl StartWorkflow for Late {
    fn start<'a>(&'a self, workflow: StartedWorkflow<'a>) -> BoxFuture<'a, Result<String, StartError>> {
        async move {
            *self.0.lock().unwrap() = Some(ChildRequest {
                organization: workflow.owner.organization,
                parent: workflow.owner.execution,
                parent_depth: workflow.owner.depth,
                step: workflow.step.to_owned(),
                workflow: workflow.workflow.to_owned(),
                version: None,
                input: workflow.input.clone(),
                waits: workflow.waits,
                key: workflow.key.to_owned(),
            });
            std::future::pending().await
        }
        .boxed()
    }
}

/// A parent that has begun.
async fn parent(services: &Services) -> ExecutionId {
    let viewer = owner(services);
    let file = |path: &str, content: &str| ImportFile { path: path.to_owned(), content: content.to_owned() };
    let files = vec![file("child.yaml", CHILD), file("parent.yaml", PARENT)];
    let import = ImportRequest { files, publish: true, dry_run: false };
    service::workflows::import(services, &viewer, import).await.unwrap();
    let request = StartRequest { workflow: WorkflowRef::Slug("parent".to_owned()), ..one() };
    let (started, _row) =
        executions::start(services, &viewer, request, WaitFor::Nothing, Duration::ZERO).await.unwrap();
    started.execution
}

async fn children(services: &Services, parent: ExecutionId) -> Vec<ExecutionRow> {
    let filter = ExecutionFilter { parent_id: Some(parent), ..ExecutionFilter::default() };
    let (organization, page) = (services.default_organization(), PageRequest::first(10));
    let found = services.store().executions(organization, &filter, ExecutionOrder::default(), &page).await.unwrap();
    found.rows.into_iter().map(|(_cursor, row)| row).collect()
}

/// The child of a parent that has not heard of it.
async fn unheard_child(services: &Services, parent: ExecutionId) -> ExecutionId {
    let found = async {
        loop {
            if let Some(child) = children(services, parent).await.first() {
                return child.id;
            }
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let child = tokio::time::timeout(Duration::from_secs(20), found).await.unwrap();
    is(services, child, ExecutionStatus::Waiting).await;
    is(services, parent, ExecutionStatus::Running).await;
    child
}

fn unheard(services: &Services) -> Arc<dyn StartWorkflow> {
    Arc::new(Unheard(ServiceExecutions(services.clone())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_its_parent_has_not_heard_of_ends_when_the_parent_is_cancelled() {
    let bed = Bed::starting(unheard).await;
    let services = &bed.services;
    let parent = parent(services).await;
    let child = unheard_child(services, parent).await;
    executions::cancel(services, &owner(services), parent, None).await.unwrap();
    is(services, parent, ExecutionStatus::Cancelled).await;
    is(services, child, ExecutionStatus::Cancelled).await;
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_whose_parents_worker_dies_right_after_the_parents_end_ends_all_the_same() {
    let bed = Bed::starting(unheard).await;
    let services = &bed.services;
    let parent = parent(services).await;
    let child = unheard_child(services, parent).await;
    bed.arm("drive_ended", 1);
    executions::cancel(services, &owner(services), parent, None).await.unwrap();
    let faults = &bed.worker.context().signs.faults;
    eventually("it dies after the end", || faults.left("drive_ended") == 0).await;
    is(services, parent, ExecutionStatus::Cancelled).await;
    is(services, child, ExecutionStatus::Cancelled).await;
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_comes_after_the_end_of_whoever_was_to_wait_starts_nothing() {
    let late = Late::default();
    let asked = Arc::clone(&late.0);
    let bed = Bed::starting(|_services| Arc::new(late)).await;
    let services = &bed.services;
    let parent = parent(services).await;
    eventually("the start is under way", || asked.lock().unwrap().is_some()).await;
    executions::cancel(services, &owner(services), parent, None).await.unwrap();
    is(services, parent, ExecutionStatus::Cancelled).await;

    let request = asked.lock().unwrap().clone().unwrap();
    match executions::start_child(services, request.clone()).await {
        Err(ServiceError::Mistakes(mistakes)) => assert_eq!(mistakes[0].code, Code::WrongState),
        other => panic!("{other:?}"),
    }
    assert!(children(services, parent).await.is_empty());
    // Nobody was to wait for this one.
    let unawaited = ChildRequest { waits: false, ..request };
    executions::start_child(services, unawaited).await.unwrap();
    assert_eq!(children(services, parent).await.len(), 1, "the refusal has not used up the key");
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}
