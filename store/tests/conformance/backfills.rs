//! Past points in time are made up for, histories have an end, and schedules pause themselves.

use ids::{BackfillId, ExecutionId};
use store::{
    BackfillProgress, BackfillRow, DueSchedule, FinishedRun, SchedulePlan, ScheduleRow, ScheduleRunRow,
    ScheduleRunState,
};

use crate::harness::{Database, EPOCH_MS, completed, failed};
use crate::on_both_databases;
use crate::schedules::{every_minute, inserted, read, run_of, runs, schedule};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn backfill(row: &ScheduleRow) -> BackfillRow {
    BackfillRow {
        id: BackfillId::new(),
        organization_id: row.organization_id,
        schedule_id: row.id,
        from_ms: 0,
        to_ms: EPOCH_MS,
        overlap: "buffer_all".to_owned(),
        total: 0,
        known: 0,
        reason: "lost".to_owned(),
        created_by: "usr_test".to_owned(),
        created_at_ms: EPOCH_MS,
    }
}

fn times(row: &ScheduleRow, of: &BackfillRow, times_ms: &[i64]) -> Vec<ScheduleRunRow> {
    let run = |at: &i64| ScheduleRunRow { backfill_id: Some(of.id), ..run_of(row, *at, ScheduleRunState::Buffered) };
    times_ms.iter().map(run).collect()
}

fn moved(due: DueSchedule, next_ms: i64) -> SchedulePlan {
    SchedulePlan {
        runs: Vec::new(),
        released: Vec::new(),
        again: Vec::new(),
        cancelled: Vec::new(),
        due_ms: Some(next_ms),
        next_at_ms: Some(next_ms),
        wake_at_ms: Some(next_ms),
        paused: None,
        row: due.row,
    }
}

on_both_databases! {
    async fn a_past_time_is_made_up_for_once_however_many_ask_at_once(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        for (at, state) in [(1, ScheduleRunState::Started), (2, ScheduleRunState::Missed), (3, ScheduleRunState::Failed)] {
            database.store.insert_schedule_run(&run_of(&row, at, state)).await.unwrap();
        }
        let asking: Vec<_> = (0..10).map(|_one| {
            let (store, one) = (database.store.clone(), backfill(&row));
            let wanted = times(&row, &one, &[1, 2, 3, 4, 5]);
            tokio::spawn(async move { store.insert_backfill(one, &wanted).await.unwrap().unwrap() })
        }).collect();
        let mut made = Vec::new();
        for one in asking {
            made.push(one.await.unwrap());
        }
        let total: i32 = made.iter().map(|one| one.total).sum();
        assert_eq!(total, 4, "the first was started before, the others are new or had come to nothing: {made:?}");
        assert!(made.iter().all(|one| one.total + one.known == 5));
        let all = runs(database, row.id).await;
        assert_eq!(all.len(), 5);
        assert_eq!(all.iter().filter(|run| run.state == ScheduleRunState::Buffered && run.is_open).count(), 4);
        let (store, organization) = (&database.store, database.organization);
        assert_eq!(store.count_known_times(organization, row.id, &[1, 2, 9]).await.unwrap(), 2);
        assert_eq!(store.backfills(organization, row.id, 100).await.unwrap().len(), 10);
        let winner = made.iter().find(|one| one.total > 0).unwrap().id;
        let progress = store.backfill_progress(organization, &[winner]).await.unwrap()[&winner];
        assert!(progress.waiting > 0 && progress.started + progress.failed == 0, "{progress:?}");
        let planned = ScheduleRunRow { state: ScheduleRunState::Planned, ..times(&row, &made[0], &[6]).remove(0) };
        let last = backfill(&row);
        let planned = ScheduleRunRow { backfill_id: Some(last.id), ..planned };
        store.insert_backfill(last.clone(), std::slice::from_ref(&planned)).await.unwrap();
        let execution = Some(ExecutionId::new());
        let finished = FinishedRun { id: planned.id, schedule_id: row.id, execution_id: execution, note: None };
        store.finish_schedule_runs(&[finished], EPOCH_MS).await.unwrap();
        let progress = store.backfill_progress(organization, &[last.id]).await.unwrap()[&last.id];
        assert_eq!(progress, BackfillProgress { waiting: 0, started: 1, failed: 0 });
        assert!(store.delete_schedule(organization, row.id).await.unwrap());
        assert!(store.backfills(organization, row.id, 100).await.unwrap().is_empty());
    }

    async fn a_schedule_that_only_ever_skips_loses_what_is_old(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let old = run_of(&row, EPOCH_MS - 91 * DAY_MS, ScheduleRunState::SkippedOverlap);
        let young = run_of(&row, EPOCH_MS - 89 * DAY_MS, ScheduleRunState::SkippedOverlap);
        for run in [&old, &young] {
            database.store.insert_schedule_run(run).await.unwrap();
        }
        let skip = |due: Vec<DueSchedule>, _now_ms: i64| every_minute(due, ScheduleRunState::SkippedOverlap);
        database.store.fire_schedules(EPOCH_MS, 10, skip).await.unwrap();
        let left: Vec<i64> = runs(database, row.id).await.iter().map(|run| run.scheduled_for_ms).collect();
        assert_eq!(left, [EPOCH_MS, young.scheduled_for_ms]);
    }

    async fn one_schedule_with_very_many_executions_hides_neither_what_waits_nor_another_schedule(database: &Database) {
        let busy = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let other = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let many = backfill(&busy);
        let planned = |at: i64| ScheduleRunRow { execution_id: Some(ExecutionId::new()), ..times(&busy, &many, &[at]).remove(0) };
        let waiting: Vec<ScheduleRunRow> = (0..2_100).map(planned).collect();
        database.store.insert_backfill(many.clone(), &waiting).await.unwrap();
        let one = backfill(&other);
        database.store.insert_backfill(one.clone(), &times(&other, &one, &[7])).await.unwrap();
        let mut seen = Vec::new();
        let look = |due: Vec<DueSchedule>, _now_ms: i64| {
            seen = due.iter().map(|due| (due.row.id, due.open.len())).collect::<Vec<_>>();
            due.into_iter().map(|due| moved(due, EPOCH_MS + DAY_MS)).collect()
        };
        database.store.fire_schedules(EPOCH_MS, 10, look).await.unwrap();
        seen.sort();
        let mut expected = vec![(busy.id, 2_000), (other.id, 1)];
        expected.sort();
        assert_eq!(seen, expected);
    }

    async fn a_schedule_knows_how_many_failed_in_a_row_and_pauses_itself_with_its_reason(database: &Database) {
        let row = ScheduleRow { pause_after: Some(3), timed_at_ms: 0, ..schedule(database.organization, EPOCH_MS) };
        let row = inserted(database, row).await;
        for (at, end) in [(10, failed()), (20, completed()), (30, failed()), (40, failed())] {
            let execution = database.ended(database.new_execution(), end).await;
            let run = ScheduleRunRow { execution_id: Some(execution), ..run_of(&row, at, ScheduleRunState::Started) };
            database.store.insert_schedule_run(&run).await.unwrap();
        }
        let unstarted = run_of(&row, 50, ScheduleRunState::Failed);
        database.store.insert_schedule_run(&unstarted).await.unwrap();
        let mut failures = 0;
        let pause = |due: Vec<DueSchedule>, now_ms: i64| {
            failures = due[0].failures;
            let paused = Some("it failed".to_owned());
            due.into_iter().map(|due| SchedulePlan { paused: paused.clone(), ..moved(due, now_ms + DAY_MS) }).collect()
        };
        let fired = database.store.fire_schedules(EPOCH_MS, 10, pause).await.unwrap();
        assert_eq!((failures, fired.plans.len()), (3, 1), "whoever starts the plans is told");
        let paused = read(database, row.id).await;
        assert_eq!((paused.paused_at_ms, paused.paused_reason.as_deref()), (Some(EPOCH_MS), Some("it failed")));
        assert_eq!((paused.paused_by.as_deref(), paused.revision), (Some("sys_engine"), 2));
    }
}
