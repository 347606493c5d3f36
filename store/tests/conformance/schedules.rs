use std::collections::BTreeSet;

use ids::{ExecutionId, OrganizationId, ScheduleId, ScheduleRunId, WorkflowId};
use store::{
    DueSchedule, FinishedRun, FiredSchedules, NewExecution, NewVersion, PageRequest, ScheduleFilter, SchedulePlan,
    ScheduleRow, ScheduleRunKind, ScheduleRunRow, ScheduleRunState, Store, TriggerSchedule,
};

use crate::harness::{Database, EPOCH_MS, completed, new_execution};
use crate::on_both_databases;
use crate::workflows::{new_version, new_workflow};

const MINUTE_MS: i64 = 60_000;

pub fn schedule(organization: OrganizationId, due_ms: i64) -> ScheduleRow {
    ScheduleRow {
        id: ScheduleId::new(),
        organization_id: organization,
        workflow_id: WorkflowId::new(),
        name: "nightly".to_owned(),
        description: None,
        timing: "{}".to_owned(),
        input: None,
        trigger_ordinal: None,
        is_enabled: true,
        paused_at_ms: None,
        paused_reason: None,
        paused_by: None,
        timed_at_ms: EPOCH_MS,
        due_ms: Some(due_ms),
        next_at_ms: Some(due_ms),
        wake_at_ms: Some(due_ms),
        revision: 1,
        idempotency_key: None,
        created_at_ms: EPOCH_MS,
        created_by: "usr_test".to_owned(),
        updated_at_ms: EPOCH_MS,
        pause_after: None,
    }
}

pub fn run_of(row: &ScheduleRow, scheduled_for_ms: i64, state: ScheduleRunState) -> ScheduleRunRow {
    let is_planned = state == ScheduleRunState::Planned;
    ScheduleRunRow {
        id: ScheduleRunId::new(),
        organization_id: row.organization_id,
        schedule_id: row.id,
        scheduled_for_ms,
        state,
        kind: ScheduleRunKind::Due,
        execution_id: is_planned.then(ExecutionId::new),
        note: None,
        is_open: is_planned || state == ScheduleRunState::Buffered,
        fired_at_ms: Some(scheduled_for_ms),
        backfill_id: None,
    }
}

/// Each schedule fires for what is due, and again a minute later.
pub fn every_minute(due: Vec<DueSchedule>, state: ScheduleRunState) -> Vec<SchedulePlan> {
    let plan = |due: DueSchedule| {
        let due_ms = due.row.due_ms.unwrap();
        let next_ms = Some(due_ms + MINUTE_MS);
        SchedulePlan {
            runs: vec![run_of(&due.row, due_ms, state)],
            released: Vec::new(),
            again: due.open,
            cancelled: Vec::new(),
            due_ms: next_ms,
            next_at_ms: next_ms,
            wake_at_ms: next_ms,
            paused: None,
            row: due.row,
        }
    };
    due.into_iter().map(plan).collect()
}

async fn fire(store: &Store, now_ms: i64) -> FiredSchedules {
    store.fire_schedules(now_ms, 100, |due, _now_ms| every_minute(due, ScheduleRunState::Planned)).await.unwrap()
}

pub async fn inserted(database: &Database, row: ScheduleRow) -> ScheduleRow {
    database.store.insert_schedule(row).await.unwrap().unwrap().0
}

pub async fn runs(database: &Database, schedule: ScheduleId) -> Vec<ScheduleRunRow> {
    let page = database.store.schedule_runs(database.organization, schedule, &PageRequest::first(100)).await.unwrap();
    page.rows.into_iter().map(|(_cursor, run)| run).collect()
}

pub async fn read(database: &Database, id: ScheduleId) -> ScheduleRow {
    database.store.schedules_by_ids(database.organization, &[id]).await.unwrap().remove(0)
}

fn started(run: &ScheduleRunRow, execution: ExecutionId) -> FinishedRun {
    FinishedRun { id: run.id, schedule_id: run.schedule_id, execution_id: Some(execution), note: None }
}

on_both_databases! {
    async fn a_point_in_time_comes_once_however_many_tick_at_the_same_moment(database: &Database) {
        let mut ids = BTreeSet::new();
        for _one in 0..1_000 {
            ids.insert(inserted(database, schedule(database.organization, EPOCH_MS)).await.id);
        }
        // SQLite has one process.
        let mut others = Vec::new();
        for _one in 0..3 {
            let is_fleet = database.is_postgresql();
            others.push(if is_fleet { database.another_process().await } else { database.store.clone() });
        }
        let mut tasks = Vec::new();
        for store in others.iter().cloned().chain([database.store.clone()]) {
            tasks.push(tokio::spawn(async move {
                let mut fired = Vec::new();
                loop {
                    let one = fire(&store, EPOCH_MS + 10).await;
                    fired.extend(one.plans.into_iter().flat_map(|plan| plan.runs));
                    // Nothing is left that another one holds: what it holds is moved on when it is done.
                    if one.looked_at == 0 { return fired; }
                }
            }));
        }
        let mut fired = Vec::new();
        for task in tasks {
            fired.extend(task.await.unwrap());
        }
        assert_eq!(fired.len(), 1_000, "each fired once");
        assert_eq!(fired.iter().map(|run| run.schedule_id).collect::<BTreeSet<_>>(), ids);
        if database.is_postgresql() {
            for other in others {
                other.close().await;
            }
        }
    }

    async fn nothing_fires_before_its_moment_and_each_moment_fires(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        assert_eq!(fire(&database.store, EPOCH_MS - 1).await, FiredSchedules::default());
        for minute in 0..3 {
            let fired = fire(&database.store, EPOCH_MS + minute * MINUTE_MS + 5).await;
            assert_eq!(fired.plans[0].runs[0].scheduled_for_ms, EPOCH_MS + minute * MINUTE_MS);
        }
        assert_eq!(fire(&database.store, EPOCH_MS + 2 * MINUTE_MS + 5).await.looked_at, 0);
        let times: Vec<i64> = runs(database, row.id).await.iter().map(|run| run.scheduled_for_ms).collect();
        assert_eq!(times, [EPOCH_MS + 2 * MINUTE_MS, EPOCH_MS + MINUTE_MS, EPOCH_MS], "newest first");
    }

    async fn a_point_in_time_that_is_known_does_not_come_again(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let first = fire(&database.store, EPOCH_MS + 5).await.plans.remove(0).runs.remove(0);
        // Somebody set it back, by a change of its times.
        let back = ScheduleRow { due_ms: Some(EPOCH_MS), next_at_ms: Some(EPOCH_MS), wake_at_ms: Some(EPOCH_MS), ..row };
        let back = database.store.save_schedule(back, 1, true).await.unwrap().unwrap();
        let fired = fire(&database.store, EPOCH_MS + 6).await;
        assert_eq!((fired.looked_at, fired.plans[0].runs.len()), (1, 0), "nothing is started for it");
        assert_eq!(runs(database, back.id).await, [first]);
    }

    async fn what_was_planned_and_not_finished_is_found_by_whoever_looks_next(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let planned = fire(&database.store, EPOCH_MS + 5).await.plans.remove(0).runs.remove(0);
        let mut plans = fire(&database.store, EPOCH_MS + MINUTE_MS).await.plans;
        assert_eq!(plans[0].again, std::slice::from_ref(&planned), "with the id that its execution gets");
        let execution = database.started(NewExecution { id: planned.execution_id.unwrap(), ..database.new_execution() }).await;
        let second = plans.remove(0).runs.remove(0);
        let failed = FinishedRun { id: second.id, schedule_id: row.id, execution_id: None, note: Some("disabled".to_owned()) };
        database.store.finish_schedule_runs(&[started(&planned, execution), failed], EPOCH_MS + MINUTE_MS).await.unwrap();
        let seen: Vec<_> = runs(database, row.id).await.into_iter().map(|run| (run.state, run.execution_id, run.note, run.is_open)).collect();
        assert_eq!(seen, [
            (ScheduleRunState::Failed, None, Some("disabled".to_owned()), false),
            (ScheduleRunState::Started, Some(execution), None, true),
        ]);
        assert_eq!(read(database, row.id).await.wake_at_ms, Some(EPOCH_MS + 2 * MINUTE_MS), "it rests until its next fire");
    }

    async fn a_run_that_was_finished_by_another_stays_as_it_is(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let planned = fire(&database.store, EPOCH_MS + 5).await.plans.remove(0).runs.remove(0);
        let done = started(&planned, planned.execution_id.unwrap());
        let late = FinishedRun { execution_id: None, note: Some("late".to_owned()), ..done.clone() };
        database.store.finish_schedule_runs(&[done], EPOCH_MS + 6).await.unwrap();
        let before = runs(database, row.id).await;
        database.store.finish_schedule_runs(&[late], EPOCH_MS + 7).await.unwrap();
        assert_eq!(runs(database, row.id).await, before);
    }

    async fn a_run_is_open_until_its_execution_has_ended(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let planned = fire(&database.store, EPOCH_MS + 5).await.plans.remove(0).runs.remove(0);
        let new = NewExecution { id: planned.execution_id.unwrap(), ..new_execution(database.organization, database.now()) };
        let execution = database.started(new).await;
        database.store.finish_schedule_runs(&[started(&planned, execution)], EPOCH_MS + 6).await.unwrap();
        let open = fire(&database.store, EPOCH_MS + MINUTE_MS).await.plans.remove(0).again;
        assert_eq!(open.len(), 1, "it runs");
        let worker = ids::WorkerId::new();
        let claimed = database.store.claim(worker, &[execution], database.now()).await.unwrap().remove(0);
        database.store.commit(database.checkpoint(&claimed, worker, store::Patch::Ended(completed()))).await.unwrap();
        let open = fire(&database.store, EPOCH_MS + 2 * MINUTE_MS).await.plans.remove(0).again;
        assert!(open.iter().all(|run| run.id != planned.id), "it has ended: {open:?}");
        assert!(runs(database, row.id).await.iter().any(|run| run.id == planned.id && !run.is_open));
    }

    async fn what_is_buffered_is_looked_at_soon_and_planned_when_it_is_released(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let planned = fire(&database.store, EPOCH_MS + 5).await.plans.remove(0).runs.remove(0);
        let buffer = |due: Vec<DueSchedule>, _now_ms| every_minute(due, ScheduleRunState::Buffered);
        database.store.fire_schedules(EPOCH_MS + MINUTE_MS, 10, buffer).await.unwrap();
        database.store.finish_schedule_runs(&[started(&planned, ExecutionId::new())], EPOCH_MS + MINUTE_MS).await.unwrap();
        assert_eq!(read(database, row.id).await.wake_at_ms, Some(EPOCH_MS + MINUTE_MS + 1_000));
        let execution = ExecutionId::new();
        let release = |mut due: Vec<DueSchedule>, _now_ms| {
            let DueSchedule { row, open, .. } = due.remove(0);
            let released: Vec<_> = open.into_iter().filter(|run| run.state == ScheduleRunState::Buffered)
                .map(|run| ScheduleRunRow { execution_id: Some(execution), ..run }).collect();
            let (due_ms, next_at_ms) = (row.due_ms, row.next_at_ms);
            vec![SchedulePlan { row, runs: Vec::new(), released, again: Vec::new(), cancelled: Vec::new(), due_ms, next_at_ms, wake_at_ms: next_at_ms, paused: None }]
        };
        let waited = read(database, row.id).await;
        let fired = database.store.fire_schedules(EPOCH_MS + MINUTE_MS + 1_000, 10, release).await.unwrap();
        assert_eq!((fired.plans[0].released.len(), fired.moved.len()), (1, 1));
        let released = read(database, row.id).await;
        assert!(released.due_ms == waited.due_ms && released.updated_at_ms > waited.updated_at_ms, "who watches sees it");
        let newest = runs(database, row.id).await.remove(0);
        assert_eq!((newest.state, newest.execution_id, newest.fired_at_ms), (ScheduleRunState::Planned, Some(execution), Some(EPOCH_MS + MINUTE_MS + 1_000)));
    }

    async fn whatever_comes_of_a_schedule_within_a_millisecond_is_seen_at_its_row(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let mut fired = fire(&database.store, EPOCH_MS).await;
        assert_eq!(fired.moved, BTreeSet::from([database.organization]));
        let planned = fired.plans.remove(0).runs.remove(0);
        let due = read(database, row.id).await;
        assert_eq!((due.due_ms, due.revision), (Some(EPOCH_MS + MINUTE_MS), 1));
        database.store.finish_schedule_runs(&[started(&planned, ExecutionId::new())], EPOCH_MS).await.unwrap();
        let finished = read(database, row.id).await;
        assert!(finished.updated_at_ms > due.updated_at_ms, "{finished:?}");
        let run = ScheduleRunRow { fired_at_ms: Some(EPOCH_MS), ..run_of(&row, EPOCH_MS + 7, ScheduleRunState::Started) };
        let elsewhere = ScheduleRunRow { organization_id: OrganizationId::new(), ..run.clone() };
        database.store.insert_schedule_run(&elsewhere).await.unwrap();
        assert_eq!(read(database, row.id).await, finished, "it is of another organization");
        database.store.insert_schedule_run(&run).await.unwrap();
        assert!(read(database, row.id).await.updated_at_ms > finished.updated_at_ms, "somebody fired it");
        assert_eq!(runs(database, row.id).await.len(), 2);
    }

    async fn the_same_key_makes_the_same_schedule(database: &Database) {
        let row = ScheduleRow { idempotency_key: Some("one".to_owned()), ..schedule(database.organization, EPOCH_MS) };
        let (first, is_new) = database.store.insert_schedule(row.clone()).await.unwrap().unwrap();
        assert!(is_new);
        let again = ScheduleRow { id: ScheduleId::new(), name: "other".to_owned(), ..row };
        assert_eq!(database.store.insert_schedule(again).await.unwrap(), Some((first, false)));
        let none = schedule(OrganizationId::new(), EPOCH_MS);
        assert_eq!(database.store.insert_schedule(none).await.unwrap(), None, "the organization is gone");
    }

    async fn a_schedule_that_was_changed_meanwhile_is_not_written_over(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let change = |name: &str| ScheduleRow { name: name.to_owned(), due_ms: None, ..row.clone() };
        let saved = database.store.save_schedule(change("first"), 1, false).await.unwrap().unwrap();
        assert_eq!((saved.name.as_str(), saved.revision, saved.due_ms), ("first", 2, Some(EPOCH_MS)), "its times stay");
        assert_eq!(database.store.save_schedule(change("second"), 1, true).await.unwrap(), None);
        assert_eq!(read(database, row.id).await, saved);
    }

    async fn lists_are_filtered_counted_and_know_what_came_last(database: &Database) {
        let active = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let paused = ScheduleRow { paused_at_ms: Some(1), wake_at_ms: None, ..schedule(database.organization, EPOCH_MS) };
        let paused = inserted(database, paused).await;
        let ids = |filter: ScheduleFilter| async move {
            let page = database.store.schedules(database.organization, &filter, &PageRequest::first(10)).await.unwrap();
            let count = database.store.count_schedules(database.organization, &filter).await.unwrap();
            assert_eq!(count, (page.rows.len() as u64, true));
            page.rows.into_iter().map(|(_cursor, row)| row.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(ScheduleFilter::default()).await, [paused.id, active.id], "newest first");
        assert_eq!(ids(ScheduleFilter { is_paused: Some(true), ..Default::default() }).await, [paused.id]);
        assert_eq!(ids(ScheduleFilter { workflow_id: Some(active.workflow_id), ..Default::default() }).await, [active.id]);
        assert_eq!(ids(ScheduleFilter { folders: Some(Vec::new()), ..Default::default() }).await, []);
        fire(&database.store, EPOCH_MS).await;
        fire(&database.store, EPOCH_MS + MINUTE_MS).await;
        let last = database.store.last_schedule_runs(database.organization, &[active.id, paused.id]).await.unwrap();
        assert_eq!(last.iter().map(|run| (run.schedule_id, run.scheduled_for_ms)).collect::<Vec<_>>(), [(active.id, EPOCH_MS + MINUTE_MS)]);
        assert_eq!(database.store.count_schedule_runs(database.organization, active.id).await.unwrap(), (2, true));
    }

    async fn nothing_fires_of_an_organization_that_was_deleted(database: &Database) {
        let row = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        assert!(database.store.delete_organization(database.organization, EPOCH_MS).await.unwrap());
        assert_eq!(fire(&database.store, EPOCH_MS + 5).await, FiredSchedules::default());
        while database.store.purge_organization(database.organization, 10).await.unwrap() > 0 {}
        assert_eq!(database.store.schedules_by_ids(row.organization_id, &[row.id]).await.unwrap(), []);
    }

    async fn a_version_makes_changes_and_removes_the_schedules_of_its_triggers(database: &Database) {
        let organization = database.organization;
        let workflow = new_workflow(database, "timed");
        let publish = |timings: &[&str]| {
            let schedules = (0..).zip(timings).map(|(ordinal, timing)| TriggerSchedule {
                ordinal,
                name: format!("timed {ordinal}"),
                timing: (*timing).to_owned(),
            });
            let version = NewVersion { schedules: schedules.collect(), ..new_version(database, workflow.id) };
            database.store.save_and_publish(workflow.clone(), version, Vec::new(), true)
        };
        let managed = || async {
            let page = database.store.schedules(organization, &ScheduleFilter::default(), &PageRequest::first(10)).await.unwrap();
            let mut rows: Vec<_> = page.rows.into_iter().map(|(_cursor, row)| row).collect();
            rows.sort_by_key(|row| row.trigger_ordinal);
            rows
        };
        let id = publish(&["one", "two"]).await.unwrap().id;
        let before = managed().await;
        assert_eq!(before.iter().map(|row| (row.workflow_id, row.due_ms, row.is_enabled)).collect::<Vec<_>>(), [(id, None, true); 2]);
        assert!(before.iter().all(|row| row.wake_at_ms == Some(row.timed_at_ms)), "a reconciler finds the first time");
        let fired = database.store.fire_schedules(EPOCH_MS + MINUTE_MS, 10, |due, now_ms| {
            due.into_iter().map(|DueSchedule { row, .. }| SchedulePlan {
                paused: None,
                row, runs: Vec::new(), released: Vec::new(), again: Vec::new(), cancelled: Vec::new(),
                due_ms: Some(now_ms), next_at_ms: Some(now_ms), wake_at_ms: Some(now_ms),
            }).collect()
        });
        assert_eq!(fired.await.unwrap().looked_at, 2);
        let before = managed().await;
        publish(&["one", "other"]).await.unwrap();
        let after = managed().await;
        assert_eq!(after[0], before[0], "one that stays goes on");
        assert_eq!((after[1].id, after[1].due_ms, after[1].revision, after[1].timing.as_str()), (before[1].id, None, 2, "other"));
        publish(&["one"]).await.unwrap();
        assert_eq!(managed().await, before[..1]);
        database.store.set_enabled(organization, id, false, None, EPOCH_MS + 1).await.unwrap();
        let off = managed().await.remove(0);
        assert_eq!((off.is_enabled, off.due_ms, off.wake_at_ms), (false, None, Some(EPOCH_MS + 1)));
        database.store.set_enabled(organization, id, true, None, EPOCH_MS + 2).await.unwrap();
        let on = managed().await.remove(0);
        assert_eq!((on.is_enabled, on.due_ms, on.timed_at_ms), (true, None, EPOCH_MS + 2), "what came meanwhile does not count");
    }

    async fn a_schedule_follows_its_trigger_to_another_place(database: &Database) {
        let workflow = new_workflow(database, "moved");
        let publish = |triggers: &[(i32, &str)]| {
            let schedules = triggers.iter().map(|(ordinal, timing)| TriggerSchedule {
                ordinal: *ordinal,
                name: "moved".to_owned(),
                timing: (*timing).to_owned(),
            });
            let version = NewVersion { schedules: schedules.collect(), ..new_version(database, workflow.id) };
            database.store.save_and_publish(workflow.clone(), version, Vec::new(), true)
        };
        let managed = || async {
            let (filter, first) = (ScheduleFilter::default(), PageRequest::first(10));
            let page = database.store.schedules(database.organization, &filter, &first).await.unwrap();
            let mut rows: Vec<_> =
                page.rows.into_iter().map(|(_cursor, row)| (row.trigger_ordinal.unwrap(), row.timing, row.id)).collect();
            rows.sort();
            rows
        };
        publish(&[(0, "one"), (1, "two")]).await.unwrap();
        let before = managed().await;
        let (one, two) = (before[0].2, before[1].2);
        let seen = |ordinal: i32, timing: &str, id: ScheduleId| (ordinal, timing.to_owned(), id);
        publish(&[(0, "two"), (1, "one")]).await.unwrap();
        assert_eq!(managed().await, [seen(0, "two", two), seen(1, "one", one)], "they change places");
        publish(&[(0, "new"), (1, "two"), (2, "one")]).await.unwrap();
        let three = managed().await;
        assert_eq!(three[1..], [seen(1, "two", two), seen(2, "one", one)], "one is put before them");
        publish(&[(1, "one")]).await.unwrap();
        assert_eq!(managed().await, [seen(1, "one", one)], "only that is left");
    }

    async fn a_schedule_that_is_retimed_while_it_fires_is_looked_at_again(database: &Database) {
        let workflow = new_workflow(database, "retimed");
        let publish = |timing: &str| {
            let schedule = TriggerSchedule { ordinal: 0, name: "retimed".to_owned(), timing: timing.to_owned() };
            let version = NewVersion { schedules: vec![schedule], ..new_version(database, workflow.id) };
            database.store.save_and_publish(workflow.clone(), version, Vec::new(), true)
        };
        publish("one").await.unwrap();
        let fired = database.store.fire_schedules(EPOCH_MS + MINUTE_MS, 10, |due, now_ms| {
            due.into_iter().map(|DueSchedule { row, .. }| SchedulePlan {
                paused: None,
                runs: vec![run_of(&row, now_ms, ScheduleRunState::Planned)],
                row, released: Vec::new(), again: Vec::new(), cancelled: Vec::new(),
                due_ms: Some(now_ms + MINUTE_MS), next_at_ms: Some(now_ms + MINUTE_MS), wake_at_ms: Some(now_ms + 5_000),
            }).collect()
        });
        let run = fired.await.unwrap().plans[0].runs[0].clone();
        publish("other").await.unwrap();
        let finished = [started(&run, ExecutionId::new())];
        database.store.finish_schedule_runs(&finished, EPOCH_MS + MINUTE_MS).await.unwrap();
        let row = read(database, run.schedule_id).await;
        assert!(row.next_at_ms.is_none() && row.wake_at_ms.is_some(), "its first new time is still to be found: {row:?}");
    }

    async fn a_schedule_goes_with_its_history_unless_it_belongs_to_a_definition(database: &Database) {
        let own = inserted(database, schedule(database.organization, EPOCH_MS)).await;
        let managed = ScheduleRow { trigger_ordinal: Some(0), wake_at_ms: None, ..schedule(database.organization, EPOCH_MS) };
        let managed = inserted(database, managed).await;
        fire(&database.store, EPOCH_MS).await;
        assert!(database.store.delete_schedule(database.organization, own.id).await.unwrap());
        assert!(!database.store.delete_schedule(database.organization, own.id).await.unwrap());
        assert!(!database.store.delete_schedule(database.organization, managed.id).await.unwrap());
        assert_eq!(runs(database, own.id).await, []);
    }
}
