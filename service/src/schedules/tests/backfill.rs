//! Past times are made up for, and schedules pause themselves.

use store::ScheduleRunState;

use super::{Bed, at, cron, end_as};
use crate::code::Code;
use crate::error::ServiceError;
use crate::schedules::{
    NewBackfill, OverlapPolicy, SchedulePatch, Timing, backfill, backfill_progress, backfills, resume, update,
};

fn range(from: &str, to: &str) -> NewBackfill {
    NewBackfill {
        from: at(from),
        to: at(to),
        overlap: OverlapPolicy::BufferAll,
        is_dry_run: false,
        reason: "the warehouse was away".to_owned(),
    }
}

fn codes<T: std::fmt::Debug>(outcome: Result<T, ServiceError>) -> Vec<(String, Code)> {
    match outcome.unwrap_err() {
        ServiceError::Mistakes(mistakes) => mistakes.iter().map(|one| (one.field.join("."), one.code)).collect(),
        other => panic!("{other:?}"),
    }
}

fn hourly() -> Timing {
    Timing { overlap: OverlapPolicy::Skip, ..cron("0 * * * *", "UTC") }
}

#[tokio::test]
async fn each_time_of_a_range_is_started_once_one_after_the_other() {
    let bed = Bed::at("2027-01-02T10:30:00Z").await;
    let row = bed.schedule(hourly()).await;
    let wanted = range("2027-01-02T03:00:00Z", "2027-01-02T06:00:00Z");
    let dry = NewBackfill { is_dry_run: true, ..wanted.clone() };
    let counted = backfill(&bed.services, &bed.viewer, row.id, dry).await.unwrap();
    assert_eq!((counted.row, counted.count, counted.known), (None, 3, 0));
    assert!(bed.runs(&row).await.is_empty(), "it was only counted");
    let made = backfill(&bed.services, &bed.viewer, row.id, wanted.clone()).await.unwrap();
    assert_eq!((made.count, made.known), (3, 0), "the end is left out");
    let id = made.row.unwrap().id;
    let busy = backfill(&bed.services, &bed.viewer, row.id, wanted.clone()).await;
    assert_eq!(codes(busy), [("id".to_owned(), Code::WrongState)]);
    for done in 1..=3 {
        bed.tick_at(&format!("2027-01-02T10:30:0{done}Z")).await;
        assert_eq!(bed.executions().await.len(), done, "one at a time");
        let progress = backfill_progress(&bed.services, &bed.viewer, &[id]).await.unwrap()[&id];
        assert_eq!((progress.waiting, progress.started), (3 - done as u64, done as u64));
        end_as(&bed, false).await;
    }
    bed.tick_at("2027-01-02T10:31:00Z").await;
    let again = backfill(&bed.services, &bed.viewer, row.id, wanted).await.unwrap();
    assert_eq!((again.count, again.known), (0, 3), "they have their executions");
    bed.tick_at("2027-01-02T10:32:00Z").await;
    assert_eq!(bed.executions().await.len(), 3);
    assert_eq!(backfills(&bed.services, &bed.viewer, row.id).await.unwrap().len(), 2);
    let triggers: Vec<String> = bed.executions().await.into_iter().map(|row| row.trigger).collect();
    assert!(triggers.iter().all(|trigger| trigger.contains("\"is_catch_up\":true")), "{triggers:?}");
}

#[tokio::test]
async fn times_of_a_backfill_run_beside_each_other_when_they_may_also_while_the_schedule_is_paused() {
    let bed = Bed::at("2027-01-02T10:30:00Z").await;
    let row = bed.schedule(hourly()).await;
    super::pause(&bed.services, &bed.viewer, row.id, "no more".to_owned()).await.unwrap();
    let wanted =
        NewBackfill { overlap: OverlapPolicy::AllowAll, ..range("2027-01-02T00:00:00Z", "2027-01-02T10:00:00Z") };
    assert_eq!(backfill(&bed.services, &bed.viewer, row.id, wanted).await.unwrap().count, 10);
    bed.tick_at("2027-01-02T10:30:01Z").await;
    assert_eq!(bed.executions().await.len(), 10);
    bed.tick_at("2027-01-02T12:30:00Z").await;
    assert_eq!(bed.executions().await.len(), 10, "its own times do not fire");
}

#[tokio::test]
async fn a_time_of_which_nothing_came_gets_another_chance_and_a_backfill_has_bounds() {
    let bed = Bed::at("2027-01-02T10:30:00Z").await;
    let row = bed.schedule(hourly()).await;
    bed.tick_at("2027-01-02T11:00:00Z").await;
    bed.tick_at("2027-01-02T12:00:00Z").await;
    let states: Vec<_> = bed.runs(&row).await.iter().map(|run| run.state).collect();
    assert_eq!(states, [ScheduleRunState::Started, ScheduleRunState::SkippedOverlap]);
    end_as(&bed, false).await;
    let wanted = range("2027-01-02T11:00:00Z", "2027-01-02T12:00:01Z");
    let made = backfill(&bed.services, &bed.viewer, row.id, wanted.clone());
    bed.services.clock().advance(std::time::Duration::from_secs(1));
    let made = made.await.unwrap();
    assert_eq!((made.count, made.known), (1, 1), "eleven has its execution, twelve was skipped");
    bed.tick_at("2027-01-02T12:00:02Z").await;
    let runs = bed.runs(&row).await;
    assert_eq!((runs.len(), runs[1].state), (2, ScheduleRunState::Started));

    let refused = |new: NewBackfill| async { codes(backfill(&bed.services, &bed.viewer, row.id, new).await) };
    let wrong = NewBackfill {
        overlap: OverlapPolicy::Skip,
        reason: " ".to_owned(),
        ..range("2026-09-01T00:00:00Z", "2027-02-01T00:00:00Z")
    };
    let fields: Vec<_> = refused(wrong).await.into_iter().map(|(field, _code)| field).collect();
    assert_eq!(fields, ["to", "from", "overlapPolicy", "reason"], "all of them at once");
    let long = range("2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z");
    assert_eq!(refused(long).await, [("to".to_owned(), Code::TooLarge)], "more than a thousand hours");
}

#[tokio::test]
async fn a_schedule_pauses_itself_after_failures_in_a_row_and_counts_anew_when_it_is_resumed() {
    let bed = Bed::at("2027-01-02T10:30:00Z").await;
    let row = bed.schedule(hourly()).await;
    let patch = SchedulePatch { pauses_on_failure: Some(true), pause_after: Some(2), ..SchedulePatch::default() };
    update(&bed.services, &bed.viewer, row.id, patch, |_timing| {}).await.unwrap();
    let wrong = SchedulePatch { pause_after: Some(0), ..SchedulePatch::default() };
    let wrong = update(&bed.services, &bed.viewer, row.id, wrong, |_timing| {}).await;
    assert_eq!(codes(wrong), [("pauseAfterFailures".to_owned(), Code::Invalid)]);
    for (hour, has_failed) in [(11, true), (12, false), (13, true), (14, true)] {
        bed.tick_at(&format!("2027-01-02T{hour}:00:00Z")).await;
        assert!(bed.read(&row).await.paused_at_ms.is_none(), "{hour}");
        end_as(&bed, has_failed).await;
    }
    bed.tick_at("2027-01-02T15:00:00Z").await;
    let paused = bed.read(&row).await;
    assert_eq!(paused.paused_reason.as_deref(), Some("it paused itself: 2 executions in a row failed"));
    assert_eq!(paused.paused_by.as_deref(), Some("sys_engine"));
    assert_eq!(bed.executions().await.len(), 4, "what was due was not started");
    let filter = store::AuditFilter { actions: Some(vec!["schedule.paused".to_owned()]), ..Default::default() };
    let entries = bed.services.store().count_audit_entries(bed.viewer.organization, &filter).await.unwrap();
    assert_eq!(entries, (1, true));
    bed.tick_at("2027-01-02T16:00:00Z").await;
    assert_eq!(bed.executions().await.len(), 4);
    resume(&bed.services, &bed.viewer, row.id).await.unwrap();
    bed.tick_at("2027-01-02T17:00:00Z").await;
    assert_eq!(bed.executions().await.len(), 5);
    end_as(&bed, true).await;
    bed.tick_at("2027-01-02T18:00:00Z").await;
    assert!(bed.read(&row).await.paused_at_ms.is_none(), "one failure since");
}
