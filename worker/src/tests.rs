//! Panics of every part of a worker: none ends it, and each is an outcome somewhere. What it says of itself.

mod forsaken;
mod outages;
mod pauses;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use queue::{Notice, Notices, WorkQueue};
use service::executions::{StartRequest, Trigger, WaitFor};
use service::plans::WorkflowRef;
use service::workflows::{ImportFile, ImportRequest};
use service::{Clock, Services, Settings, Viewer};
use store::{DatabaseUrl, ExecutionRow, ExecutionStatus, Pace, RateKey, RateScope, Store, StoreConfig};

use crate::effects::{Effects, EmitError, EmitEvent, EmittedEvent, HttpEffect, HttpLimits, StartWorkflow};
use crate::egress::EgressPolicy;
use crate::{Consuming, NotWorking, ServiceExecutions, ServiceParts, Turns, Worker, WorkerConfig};

const WORKFLOW: &str = "
workflow_id: told
steps:
  - id: tell
    type: execute
    execute: [{ type: emit_event, event: order.told }]
    retry: { max_attempts: 2, delay: 10ms, retry_on: [PANIC] }
    on_error: by_hand
    next: done
  - { id: by_hand, type: action, action: { type: block, reason: by hand } }
  - { id: done, type: action, action: { type: allow } }
";

/// Counts events instead of recording them; the first `panics` of them panic.
#[derive(Debug, Default)]
struct Events {
    told: AtomicU32,
    panics: AtomicU32,
    /// Whose they were, in their order.
    owners: Mutex<Vec<OrganizationId>>,
}

impl EmitEvent for Events {
    fn emit<'a>(&'a self, event: EmittedEvent<'a>) -> BoxFuture<'a, Result<String, EmitError>> {
        async move {
            self.told.fetch_add(1, Ordering::SeqCst);
            self.owners.lock().unwrap().push(event.owner.organization);
            let left = self.panics.load(Ordering::SeqCst);
            if left > 0 {
                self.panics.store(left - 1, Ordering::SeqCst);
                panic!("the effect of the test");
            }
            Ok("evt_1".to_owned())
        }
        .boxed()
    }
}

struct Bed {
    worker: Worker,
    services: Services,
    events: Arc<Events>,
    _folder: tempfile::TempDir,
}

impl Bed {
    async fn new() -> Self {
        Self::starting(|services| Arc::new(ServiceExecutions(services.clone()))).await
    }

    /// One whose executions start others in a way of the test.
    async fn starting(starts: impl FnOnce(&Services) -> Arc<dyn StartWorkflow>) -> Self {
        // Tests of one process race for it; any of them may win.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let services = Services::new(store, queue, notices, Clock::System, Settings::default()).await.unwrap();
        publish(&services, services.default_organization()).await;
        let events = Arc::new(Events::default());
        let http = HttpEffect::new(EgressPolicy::strict(), HttpLimits::default()).unwrap();
        let starts = starts(&services);
        let parts = Arc::new(ServiceParts(services.clone()));
        let config = WorkerConfig {
            name: "test".to_owned(),
            host: "here".to_owned(),
            queues: vec!["default".to_owned()],
            slots: 4,
            lease: Duration::from_secs(2),
            grace: Duration::from_secs(5),
            is_alone: true,
        };
        let effects = Arc::new(Effects::new(http, events.clone(), starts, parts));
        let worker = Worker::start(services.clone(), effects, config).await.unwrap();
        Self { worker, services, events, _folder: folder }
    }

    fn arm(&self, place: &'static str, times: u32) {
        self.worker.context().signs.faults.arm(place, times);
    }

    /// Runs the workflow to its end; returns it with its journal.
    async fn run(&self) -> (ExecutionRow, String) {
        let request = one();
        let viewer = owner(&self.services);
        let limit = Duration::from_secs(20);
        let started = service::executions::start(&self.services, &viewer, request, WaitFor::Completion, limit).await;
        let (started, _row) = started.unwrap();
        let organization = self.services.default_organization();
        let row = self.services.store().execution(organization, started.execution).await.unwrap().unwrap();
        let journal = self.services.store().journal(organization, row.id, 0, 1_000).await.unwrap();
        (row, journal.into_iter().map(|row| row.events).collect())
    }

    /// The worker is as good as new, and ends in order.
    async fn ends_well(self) {
        let (row, _journal) = self.run().await;
        assert_eq!(row.status, ExecutionStatus::Completed);
        let context = Arc::clone(self.worker.context());
        eventually("it consumes", || context.works() == Ok(Consuming::FromQueue)).await;
        self.worker.shut_down().await;
        assert_eq!((context.driving.len(), context.slots.in_use()), (0, 0));
        self.services.store().close().await;
    }
}

async fn publish(services: &Services, organization: OrganizationId) {
    let file = ImportFile { path: "told.yaml".to_owned(), content: WORKFLOW.to_owned() };
    let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
    service::workflows::import(services, &Viewer::owner(organization), request).await.unwrap();
}

fn one() -> StartRequest {
    StartRequest {
        workflow: WorkflowRef::Slug("told".to_owned()),
        version: None,
        input: None,
        key: None,
        idempotency_key: None,
        labels: Vec::new(),
        priority: None,
        trigger: Trigger::Manual { reason: None },
    }
}

fn owner(services: &Services) -> Viewer {
    Viewer::owner(services.default_organization())
}

/// Waits until `condition` holds.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            // tidy: allow no-sleep because this is the pause between two looks at a condition
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waited).await.is_ok(), "{what}: not within 20 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_effect_that_panics_fails_its_step_and_is_tried_again() {
    let bed = Bed::new().await;
    bed.events.panics.store(1, Ordering::SeqCst);
    let (row, journal) = bed.run().await;
    assert_eq!((row.status, row.error_code), (ExecutionStatus::Completed, None), "{journal}");
    assert!(journal.contains("PANIC"), "it is in the history: {journal}");
    assert_eq!(bed.events.told.load(Ordering::SeqCst), 2);
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drive_that_panics_fails_the_step_under_way_which_is_tried_again() {
    let bed = Bed::new().await;
    bed.arm("drive_outcome", 1);
    let (row, journal) = bed.run().await;
    assert_eq!((row.status, row.error_code), (ExecutionStatus::Completed, None), "{journal}");
    assert!(journal.contains("PANIC"), "it is in the history: {journal}");
    assert_eq!(bed.events.told.load(Ordering::SeqCst), 2, "the second attempt told it again");
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drive_that_panics_at_each_attempt_of_a_step_ends_in_its_on_error() {
    let bed = Bed::new().await;
    bed.arm("drive_outcome", 2);
    let (row, journal) = bed.run().await;
    assert_eq!(row.status, ExecutionStatus::Completed, "{journal}");
    assert!(journal.contains("by_hand"), "{journal}");
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drive_that_panics_with_nothing_under_way_fails_the_execution() {
    let bed = Bed::new().await;
    bed.arm("drive", 1);
    let (row, journal) = bed.run().await;
    assert_eq!((row.status, row.error_code.as_deref()), (ExecutionStatus::Failed, Some("PANIC")), "{journal}");
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drive_that_panics_whatever_is_done_is_put_aside_and_harms_no_other() {
    let bed = Bed::new().await;
    // Three drives of each claim, and six claims, the last of which would only fail it.
    bed.arm("drive", 17);
    let (row, journal) = bed.run().await;
    assert_eq!(row.status, ExecutionStatus::Failed, "{journal}");
    assert!(["PANIC", "QUARANTINED"].contains(&row.error_code.as_deref().unwrap_or_default()), "{:?}", row.error_code);
    bed.arm("drive", 0);
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_background_task_begins_again_after_a_panic() {
    let bed = Bed::new().await;
    let context = Arc::clone(bed.worker.context());
    for place in ["heartbeat", "tick", "listen", "requeue", "lost_workers", "due_waits"] {
        bed.arm(place, 2);
    }
    // Listening begins anew after a panic, and hears what comes then.
    let (organization, execution) = (bed.services.default_organization(), ids::ExecutionId::new());
    eventually("each has panicked twice", || {
        bed.services.notices().publish(vec![Notice::told(organization, execution)]);
        ["heartbeat", "tick", "listen", "requeue", "lost_workers", "due_waits"]
            .iter()
            .all(|place| context.signs.faults.left(place) == 0)
    })
    .await;
    eventually("the lease is renewed and the reconcilers run", || context.works() == Ok(Consuming::FromQueue)).await;
    let statuses = || context.statuses.all();
    eventually("the reconcilers succeed", || statuses().values().all(|status| status.error.is_none())).await;
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_that_fetches_nothing_says_that_it_does_not_work_although_it_is_connected() {
    let bed = Bed::new().await;
    let context = Arc::clone(bed.worker.context());
    eventually("it consumes", || context.works() == Ok(Consuming::FromQueue)).await;
    // Its consumer is gone, as if it had got stuck; all else goes on.
    bed.worker.stop_consuming.cancel();
    eventually("it is seen", || context.works() == Err(NotWorking::Consumer)).await;
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_who_ask_for_the_same_turn_at_once_get_one_after_the_other() {
    let bed = Bed::new().await;
    let turns = Turns::new(bed.services.clone());
    let organization_id = bed.services.default_organization();
    let key = RateKey { organization_id, scope: RateScope::Service, key: "api.example".to_owned() };
    let pace = Pace::new(1, Duration::from_secs(1), 1);
    let asked = (0..50).map(|_one| turns.take_next(key.clone(), pace));
    let mut taken: Vec<i64> = futures::future::join_all(asked).await.into_iter().map(|turn| turn.unwrap().0).collect();
    // Who asks and does not wait for the answer leaves nobody behind.
    drop(tokio::spawn({
        let (turns, key) = (turns.clone(), key.clone());
        async move { turns.take_next(key, pace).await }
    }));
    taken.push(turns.take_next(key, pace).await.unwrap().0);
    taken.sort_unstable();
    assert!(taken.windows(2).all(|two| two[1] - two[0] >= 1_000), "{taken:?}");
    bed.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_organization_with_a_large_backlog_does_not_stand_in_front_of_another() {
    let bed = Bed::new().await;
    let (services, store) = (&bed.services, bed.services.store());
    let calm = store.ensure_organization("calm", "Calm", services.now().0).await.unwrap();
    publish(services, calm).await;
    for _batch in 0..2 {
        let batch = (0..1_000).map(|_| one()).collect();
        let started = service::executions::start_batch(services, &owner(services), batch).await.unwrap();
        assert!(started.iter().all(Result::is_ok));
    }
    let owners = || bed.events.owners.lock().unwrap().clone();
    eventually("it is in the middle of them", || owners().len() > 300).await;
    let limit = Duration::from_secs(20);
    let begun = service::executions::start(services, &Viewer::owner(calm), one(), WaitFor::Nothing, limit).await;
    let before = owners().len();
    assert!(before < 1_800, "there was still a backlog");
    begun.unwrap();
    eventually("the other one is told", || owners().contains(&calm)).await;
    let place = owners().iter().position(|owner| *owner == calm).unwrap();
    assert!(place.saturating_sub(before) <= 50, "{} went before it", place - before);
    bed.worker.shut_down().await;
    bed.services.store().close().await;
}
