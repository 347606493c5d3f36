//! Schedules on a clock that stands still, over SQLite.

mod backfill;
mod follow;
mod managed;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Timestamp;
use engine::schedule::{GapPolicy, RepeatedTimePolicy, Spec};
use queue::{Notices, WorkQueue};
use serde_json::json;
use store::{
    DatabaseUrl, ExecutionFilter, ExecutionOrder, ExecutionRow, PageRequest, ScheduleRow, ScheduleRunRow,
    ScheduleRunState, Store, StoreConfig,
};

use super::{CatchUpPolicy, NewSchedule, OverlapPolicy, SchedulePatch, Timing, create, pause, resume, tick, update};
use crate::code::Code;
use crate::error::ServiceError;
use crate::plans::WorkflowRef;
use crate::workflows::{self, ImportFile, ImportRequest};
use crate::{Clock, Services, Settings, Viewer};

const WORKFLOW: &str = "
workflow_id: report
input: { type: object, properties: { day: { type: integer } } }
steps:
  - { id: done, type: action, action: { type: allow } }
";

struct Bed {
    services: Services,
    viewer: Viewer,
    _folder: tempfile::TempDir,
}

fn at(text: &str) -> Timestamp {
    Timestamp(chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
}

fn cron(expression: &str, zone: &str) -> Timing {
    Timing {
        spec: Spec::Cron {
            expressions: vec![expression.to_owned()],
            exclusions: Vec::new(),
            excluded_dates: Vec::new(),
        },
        time_zone: zone.to_owned(),
        gap: GapPolicy::Shift,
        repeated: RepeatedTimePolicy::First,
        overlap: OverlapPolicy::AllowAll,
        catch_up: CatchUpPolicy::Latest,
        catch_up_limit: 100,
        catch_up_window_ms: None,
        jitter_ms: 0,
        starts_at: None,
        ends_at: None,
    }
}

impl Bed {
    async fn at(moment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite(folder.path().join("test.db"));
        let store = Store::connect(&StoreConfig::new(url)).await.unwrap();
        store.migrate_up().await.unwrap();
        let (queue, notices) = (WorkQueue::memory(), Notices::memory());
        let clock = Clock::fake(at(moment));
        let services = Services::new(store, queue, notices, clock, Settings::default()).await.unwrap();
        let viewer = Viewer::owner(services.default_organization());
        let file = ImportFile { path: "report.yaml".to_owned(), content: WORKFLOW.to_owned() };
        let request = ImportRequest { files: vec![file], publish: true, dry_run: false };
        workflows::import(&services, &viewer, request).await.unwrap();
        Self { services, viewer, _folder: folder }
    }

    async fn try_schedule(&self, timing: Timing) -> Result<ScheduleRow, ServiceError> {
        let new = NewSchedule {
            workflow: WorkflowRef::Slug("report".to_owned()),
            name: "nightly".to_owned(),
            description: None,
            timing,
            input: Some(json!({ "day": 1 })),
            is_paused: false,
            pause_after: None,
            idempotency_key: None,
        };
        create(&self.services, &self.viewer, new).await
    }

    async fn schedule(&self, timing: Timing) -> ScheduleRow {
        self.try_schedule(timing).await.unwrap()
    }

    /// Goes to a moment, and looks what is due.
    async fn tick_at(&self, moment: &str) -> u64 {
        let ahead = at(moment).0 - self.services.now().0;
        self.services.clock().advance(Duration::from_millis(u64::try_from(ahead).unwrap()));
        tick(&self.services).await.unwrap()
    }

    async fn executions(&self) -> Vec<ExecutionRow> {
        let (filter, order) = (ExecutionFilter::default(), ExecutionOrder::default());
        let first = PageRequest::first(100);
        let all = self.services.store().executions(self.viewer.organization, &filter, order, &first);
        all.await.unwrap().rows.into_iter().map(|(_cursor, row)| row).collect()
    }

    /// What came of points in time, oldest first.
    async fn runs(&self, row: &ScheduleRow) -> Vec<ScheduleRunRow> {
        let first = PageRequest::first(100);
        let page = self.services.store().schedule_runs(self.viewer.organization, row.id, &first);
        let mut runs: Vec<_> = page.await.unwrap().rows.into_iter().map(|(_cursor, run)| run).collect();
        runs.reverse();
        runs
    }

    async fn seen(&self, row: &ScheduleRow) -> Vec<(String, ScheduleRunState)> {
        let runs = self.runs(row).await;
        runs.into_iter().map(|run| (Timestamp(run.scheduled_for_ms).to_rfc3339()[..16].to_owned(), run.state)).collect()
    }

    async fn read(&self, row: &ScheduleRow) -> ScheduleRow {
        self.services.store().schedules_by_ids(self.viewer.organization, &[row.id]).await.unwrap().remove(0)
    }
}

use ScheduleRunState::{Buffered, Failed, Missed, SkippedOverlap, Started};

fn came(time: &str, state: ScheduleRunState) -> (String, ScheduleRunState) {
    (time.to_owned(), state)
}

#[tokio::test]
async fn a_schedule_fires_at_its_time_once_and_says_what_started_the_execution() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let row = bed.schedule(cron("0 9 * * *", "UTC")).await;
    assert_eq!(bed.tick_at("2026-12-01T08:59:59.999Z").await, 0, "not early");
    assert_eq!(bed.tick_at("2026-12-01T09:00:00Z").await, 1);
    assert_eq!(tick(&bed.services).await.unwrap(), 0, "once");
    let executions = bed.executions().await;
    assert_eq!(executions.len(), 1);
    let trigger: serde_json::Value = serde_json::from_str(&executions[0].trigger).unwrap();
    assert_eq!(trigger["schedule_id"], row.id.to_string());
    assert_eq!(trigger["scheduled_for"], "2026-12-01T09:00:00.000Z");
    assert_eq!(
        (executions[0].input.as_str(), executions[0].trigger_type),
        (r#"{"day":1}"#, store::TriggerType::Schedule)
    );
    assert_eq!(bed.runs(&row).await[0].execution_id, Some(executions[0].id));
}

#[tokio::test]
async fn clock_changes_shift_merge_and_do_not_double() {
    let bed = Bed::at("2026-03-28T12:00:00Z").await;
    let row = bed.schedule(cron("0,30 2 * * *", "Europe/Berlin")).await;
    bed.tick_at("2026-03-29T00:59:59Z").await;
    assert_eq!(bed.seen(&row).await, [], "the clock leaves 02:00 and 02:30 out");
    bed.tick_at("2026-03-29T01:00:00Z").await;
    assert_eq!(bed.seen(&row).await, [came("2026-03-29T01:00", Started)]);
    bed.tick_at("2026-10-24T12:00:00Z").await;
    let before = bed.seen(&row).await.len();
    for moment in ["00:00:00", "00:30:00", "01:00:00", "01:30:00"] {
        bed.tick_at(&format!("2026-10-25T{moment}Z")).await;
    }
    let after = &bed.seen(&row).await[before..];
    assert_eq!(after, [came("2026-10-25T00:00", Started), came("2026-10-25T00:30", Started)]);
}

#[tokio::test]
async fn missed_times_are_made_up_for_as_the_policy_says() {
    for (catch_up, expected) in [
        (CatchUpPolicy::None, vec![came("2026-12-01T11:15", Missed), came("2026-12-01T11:30", Started)]),
        (CatchUpPolicy::Latest, vec![came("2026-12-01T11:15", Missed), came("2026-12-01T11:30", Started)]),
        (
            CatchUpPolicy::All,
            vec![
                came("2026-12-01T10:45", Missed),
                came("2026-12-01T11:00", Started),
                came("2026-12-01T11:15", Started),
                came("2026-12-01T11:30", Started),
            ],
        ),
    ] {
        let bed = Bed::at("2026-12-01T09:20:00Z").await;
        let row = bed.schedule(Timing { catch_up, catch_up_limit: 3, ..cron("*/15 * * * *", "UTC") }).await;
        bed.tick_at("2026-12-01T11:30:30Z").await;
        assert_eq!(bed.seen(&row).await, expected, "{catch_up:?}");
        assert!(bed.runs(&row).await[0].note.as_ref().is_some_and(|note| note.contains("2026-12-01T09:30")));
        bed.tick_at("2026-12-01T11:45:00Z").await;
        assert_eq!(bed.seen(&row).await.last(), Some(&came("2026-12-01T11:45", Started)));
    }
}

#[tokio::test]
async fn what_was_missed_long_ago_does_not_count() {
    for (catch_up, window_ms, expected) in [
        (CatchUpPolicy::None, None, came("2026-12-01T09:30", Missed)),
        (CatchUpPolicy::Latest, Some(3_600_000), came("2026-12-01T09:30", Missed)),
        (CatchUpPolicy::Latest, Some(8_000_000), came("2026-12-01T09:30", Started)),
        (CatchUpPolicy::Latest, None, came("2026-12-01T09:30", Started)),
    ] {
        let bed = Bed::at("2026-12-01T09:20:00Z").await;
        let timing = Timing { catch_up, catch_up_window_ms: window_ms, ..cron("30 9 * * *", "UTC") };
        let row = bed.schedule(timing).await;
        bed.tick_at("2026-12-01T11:30:30Z").await;
        assert_eq!(bed.seen(&row).await, [expected]);
    }
}

#[tokio::test]
async fn an_execution_that_still_runs_is_treated_as_the_policy_says() {
    let minutes = ["2026-12-01T09:01", "2026-12-01T09:02", "2026-12-01T09:03"];
    for (overlap, expected) in [
        (OverlapPolicy::AllowAll, [Started, Started, Started]),
        (OverlapPolicy::Skip, [Started, SkippedOverlap, SkippedOverlap]),
        (OverlapPolicy::BufferOne, [Started, Buffered, SkippedOverlap]),
        (OverlapPolicy::BufferAll, [Started, Buffered, Buffered]),
        (OverlapPolicy::CancelOther, [Started, Started, Started]),
    ] {
        let bed = Bed::at("2026-12-01T09:00:30Z").await;
        let row = bed.schedule(Timing { overlap, ..cron("* * * * *", "UTC") }).await;
        for minute in minutes {
            bed.tick_at(&format!("{minute}:00Z")).await;
        }
        let expected: Vec<_> = minutes.iter().zip(expected).map(|(minute, state)| came(minute, state)).collect();
        assert_eq!(bed.seen(&row).await, expected, "{overlap:?}");
    }
}

#[tokio::test]
async fn what_waits_starts_in_order_when_the_one_before_has_ended() {
    let bed = Bed::at("2026-12-01T09:00:30Z").await;
    let row = bed.schedule(Timing { overlap: OverlapPolicy::BufferAll, ..cron("* * * * *", "UTC") }).await;
    for minute in ["01", "02", "03"] {
        bed.tick_at(&format!("2026-12-01T09:{minute}:00Z")).await;
    }
    bed.tick_at("2026-12-01T09:03:10Z").await;
    assert_eq!(bed.executions().await.len(), 1, "it runs");
    for (second, count) in [(11, 2), (12, 3)] {
        end(&bed).await;
        bed.tick_at(&format!("2026-12-01T09:03:{second}Z")).await;
        assert_eq!(bed.executions().await.len(), count, "the next one, and only that");
    }
    let states: Vec<_> = bed.runs(&row).await.into_iter().map(|run| run.state).collect();
    assert_eq!(states, [Started, Started, Started]);
}

/// Ends every execution, as a worker does.
async fn end(bed: &Bed) {
    end_as(bed, false).await;
}

/// Ends every execution, as a worker does.
async fn end_as(bed: &Bed, has_failed: bool) {
    use store::{ExecutionResult, ExecutionStatus};
    let (store, worker) = (bed.services.store(), ids::WorkerId::new());
    let live: Vec<_> =
        bed.executions().await.into_iter().filter(|row| !row.status.is_ended()).map(|row| row.id).collect();
    for claimed in store.claim(worker, &live, bed.services.now().0).await.unwrap() {
        let ended = store::Ended {
            status: if has_failed { ExecutionStatus::Failed } else { ExecutionStatus::Completed },
            result: Some(if has_failed { ExecutionResult::Failed } else { ExecutionResult::Executed }),
            error_code: None,
            error_message: None,
            failed_step: None,
        };
        let checkpoint = store::Checkpoint {
            organization_id: claimed.organization_id,
            workflow_id: claimed.workflow_id,
            execution_id: claimed.id,
            worker_id: worker,
            epoch: claimed.epoch,
            seq: claimed.seq,
            events: "[]".to_owned(),
            decision: None,
            at_ms: bed.services.now().0,
            patch: store::Patch::Ended(ended),
            taken: Vec::new(),
            sends: Vec::new(),
            approvals: store::ApprovalWrites::default(),
            told_at_most: None,
            deadline: store::Deadline::default(),
            measures: store::Measures::default(),
        };
        store.commit(checkpoint).await.unwrap();
    }
}

#[tokio::test]
async fn a_crash_between_the_plan_and_the_start_is_made_good_and_starts_nothing_twice() {
    let bed = Bed::at("2026-12-01T08:59:00Z").await;
    let row = bed.schedule(cron("0 9 * * *", "UTC")).await;
    bed.services.clock().advance(Duration::from_mins(1));
    // One process plans and dies.
    let plan = |due: Vec<store::DueSchedule>, now_ms: i64| {
        due.into_iter().map(|due| super::plan::plan(due, Timestamp(now_ms))).collect::<Vec<_>>()
    };
    let fired = bed.services.store().fire_schedules(bed.services.now().0, 10, plan).await.unwrap();
    assert_eq!(fired.plans.len(), 1);
    assert_eq!(tick(&bed.services).await.unwrap(), 0, "it may be slow rather than dead");
    assert_eq!(bed.tick_at("2026-12-01T09:00:05Z").await, 1, "after five seconds another one starts it");
    // Another one started it and died before it said so.
    let run = bed.runs(&row).await.remove(0);
    assert_eq!((run.state, run.execution_id), (Started, fired.plans[0].runs[0].execution_id));
    assert_eq!(bed.executions().await.len(), 1);
    super::fire::start(&bed.services, fired.plans).await.unwrap();
    assert_eq!(bed.executions().await.len(), 1, "whoever was slow starts nothing more");
}

#[tokio::test]
async fn a_start_that_is_refused_is_told_and_stops_nobody_else() {
    let bed = Bed::at("2026-12-01T08:59:00Z").await;
    let wrong = bed.schedule(cron("0 9 * * *", "UTC")).await;
    let patch = SchedulePatch { input: Some(json!({ "day": "monday" })), ..SchedulePatch::default() };
    update(&bed.services, &bed.viewer, wrong.id, patch, |_timing| {}).await.unwrap();
    let right = bed.schedule(cron("0 9 * * *", "UTC")).await;
    assert_eq!(bed.tick_at("2026-12-01T09:00:00Z").await, 2);
    assert_eq!(bed.seen(&wrong).await, [came("2026-12-01T09:00", Failed)]);
    assert!(bed.runs(&wrong).await[0].note.as_ref().is_some_and(|note| note.contains("monday")));
    assert_eq!(bed.seen(&right).await, [came("2026-12-01T09:00", Started)]);
    let workflow = right.workflow_id;
    workflows::disable(&bed.services, &bed.viewer, workflow, None).await.unwrap();
    bed.tick_at("2026-12-02T09:00:00Z").await;
    let last = bed.runs(&right).await.pop().unwrap();
    assert_eq!((last.state, last.note.as_deref()), (Failed, Some("workflow `report` is disabled")));
    workflows::enable(&bed.services, &bed.viewer, workflow).await.unwrap();
    assert_eq!(bed.tick_at("2026-12-02T12:00:00Z").await, 0, "the stale time does not fire");
}

#[tokio::test]
async fn a_pause_holds_it_and_what_came_meanwhile_does_not_fire() {
    let bed = Bed::at("2026-12-01T08:30:00Z").await;
    let row = bed.schedule(Timing { catch_up: CatchUpPolicy::All, ..cron("0 * * * *", "UTC") }).await;
    let paused = pause(&bed.services, &bed.viewer, row.id, "holiday".to_owned()).await.unwrap();
    assert_eq!((paused.paused_reason.as_deref(), paused.revision), (Some("holiday"), 2));
    assert_eq!(bed.tick_at("2026-12-01T12:30:00Z").await, 0);
    assert_eq!(bed.read(&row).await.wake_at_ms, None, "nobody looks at it");
    resume(&bed.services, &bed.viewer, row.id).await.unwrap();
    assert_eq!(tick(&bed.services).await.unwrap(), 0);
    assert_eq!(bed.tick_at("2026-12-01T13:00:00Z").await, 1);
    assert_eq!(bed.seen(&row).await, [came("2026-12-01T13:00", Started)]);
}

#[tokio::test]
async fn one_whose_time_passed_while_it_was_paused_is_not_resumed_in_silence() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let once = bed.schedule(Timing { spec: Spec::Once { at: at("2026-12-02T00:00:00Z") }, ..cron("", "UTC") }).await;
    pause(&bed.services, &bed.viewer, once.id, "holiday".to_owned()).await.unwrap();
    bed.tick_at("2026-12-03T00:00:00Z").await;
    let refused = resume(&bed.services, &bed.viewer, once.id).await.unwrap_err();
    assert!(matches!(&refused, ServiceError::Mistakes(all) if all[0].message.contains("never fires")), "{refused:?}");
    assert!(bed.read(&once).await.paused_at_ms.is_some(), "it stays as it was");
}

#[tokio::test]
async fn the_one_before_is_cancelled_although_whoever_planned_the_next_one_died() {
    let bed = Bed::at("2026-12-01T08:59:00Z").await;
    bed.schedule(Timing { overlap: OverlapPolicy::CancelOther, ..cron("0 * * * *", "UTC") }).await;
    assert_eq!(bed.tick_at("2026-12-01T09:00:00Z").await, 1);
    let running = bed.executions().await.remove(0).id;
    let plan = |due: Vec<store::DueSchedule>, now_ms: i64| {
        due.into_iter().map(|due| super::plan::plan(due, Timestamp(now_ms))).collect::<Vec<_>>()
    };
    bed.services.clock().advance(Duration::from_hours(1));
    // One process plans and dies before it tells anybody.
    let fired = bed.services.store().fire_schedules(bed.services.now().0, 10, plan).await.unwrap();
    assert_eq!(fired.plans[0].cancelled, [running]);
    assert_eq!(bed.tick_at("2026-12-01T10:00:05Z").await, 1);
    let told = bed.services.store().signals(bed.viewer.organization, running).await.unwrap();
    assert_eq!(told.len(), 1, "the other one told it: {told:?}");
}

#[tokio::test]
async fn jitter_delays_and_keeps_the_order() {
    let bed = Bed::at("2026-12-01T08:59:30Z").await;
    let row = bed.schedule(Timing { jitter_ms: 30_000, ..cron("* * * * *", "UTC") }).await;
    let mut fired = BTreeMap::new();
    for second in 0..360_i64 {
        bed.services.clock().advance(Duration::from_secs(1));
        tick(&bed.services).await.unwrap();
        if second % 10 == 0 {
            for run in bed.runs(&row).await {
                fired.entry(run.scheduled_for_ms).or_insert(run.fired_at_ms.unwrap());
            }
        }
    }
    assert!(fired.len() >= 5);
    assert!(fired.iter().all(|(due, at)| (0..=31_000).contains(&(at - due))), "{fired:?}");
    assert!(fired.values().zip(fired.keys()).any(|(at, due)| at - due > 1_000), "{fired:?}");
}

#[tokio::test]
async fn bounds_are_kept_and_a_schedule_that_is_over_rests() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let bounds = Timing {
        starts_at: Some(at("2026-12-03T00:00:00Z")),
        ends_at: Some(at("2026-12-04T09:00:00Z")),
        ..cron("0 9 * * *", "UTC")
    };
    let row = bed.schedule(bounds).await;
    for day in 1..7 {
        bed.tick_at(&format!("2026-12-0{day}T09:00:00Z")).await;
    }
    assert_eq!(bed.seen(&row).await, [came("2026-12-03T09:00", Started), came("2026-12-04T09:00", Started)]);
    let row = bed.read(&row).await;
    assert_eq!((row.due_ms, row.wake_at_ms), (None, None));
    let once = bed.schedule(Timing { spec: Spec::Once { at: at("2026-12-07T00:00:00Z") }, ..cron("", "UTC") }).await;
    bed.tick_at("2026-12-07T00:00:00Z").await;
    assert_eq!(bed.seen(&once).await, [came("2026-12-07T00:00", Started)]);
}

#[tokio::test]
async fn what_never_fires_is_refused_with_its_field() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let mistakes = |refused: Result<ScheduleRow, ServiceError>| match refused.unwrap_err() {
        ServiceError::Mistakes(mistakes) => {
            mistakes.into_iter().map(|mistake| (mistake.code, mistake.field.join("."))).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let invalid = |field: &str| (Code::Invalid, field.to_owned());
    assert_eq!(mistakes(bed.try_schedule(cron("0 0 30 2 *", "UTC")).await), [invalid("spec.cron.expressions.0")]);
    assert_eq!(mistakes(bed.try_schedule(cron("0 0 * * *", "Europe/Berln")).await), [invalid("timeZone")]);
    let past = Timing { spec: Spec::Once { at: at("2026-11-01T00:00:00Z") }, ..cron("", "UTC") };
    assert_eq!(mistakes(bed.try_schedule(past).await), [invalid("spec")]);
    let short = Timing { spec: Spec::Interval { every_ms: 10, anchor: Timestamp(0) }, ..cron("", "UTC") };
    assert_eq!(mistakes(bed.try_schedule(short).await), [invalid("spec.interval.every")]);
    for catch_up_limit in [0, 10_001] {
        let wrong = Timing { catch_up_limit, ..cron("0 9 * * *", "UTC") };
        assert_eq!(mistakes(bed.try_schedule(wrong).await), [invalid("catchUpLimit")]);
    }
}

#[tokio::test]
async fn new_times_count_from_their_change_on() {
    let bed = Bed::at("2026-12-01T08:00:00Z").await;
    let row = bed.schedule(cron("0 9 * * *", "UTC")).await;
    bed.tick_at("2026-12-01T10:30:00Z").await;
    let hourly = |timing: &mut Timing| {
        timing.spec = cron("0 * * * *", "UTC").spec;
    };
    update(&bed.services, &bed.viewer, row.id, SchedulePatch::default(), hourly).await.unwrap();
    assert_eq!(bed.tick_at("2026-12-01T10:59:00Z").await, 0);
    assert_eq!(bed.tick_at("2026-12-01T11:00:00Z").await, 1);
    let stale = SchedulePatch { expected_revision: Some(1), ..SchedulePatch::default() };
    let refused = update(&bed.services, &bed.viewer, row.id, stale, |_timing| {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
}
