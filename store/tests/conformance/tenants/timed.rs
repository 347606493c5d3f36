//! Schedules of the three tenants.

use ids::{BackfillId, OrganizationId, ScheduleId};
use store::{BackfillRow, PageRequest, ScheduleFilter, ScheduleRow, ScheduleRunRow, ScheduleRunState};

use super::{Asked, Tenant};
use crate::harness::{Database, EPOCH_MS};
use crate::schedules::{run_of, schedule as new_schedule};

fn row(organization: OrganizationId, canary: &str) -> ScheduleRow {
    ScheduleRow {
        name: canary.to_owned(),
        description: Some(canary.to_owned()),
        timing: canary.to_owned(),
        input: Some(canary.to_owned()),
        idempotency_key: Some("same".to_owned()),
        wake_at_ms: None,
        ..new_schedule(organization, EPOCH_MS)
    }
}

fn backfill(organization: OrganizationId, schedule: ScheduleId, canary: &str) -> BackfillRow {
    BackfillRow {
        id: BackfillId::new(),
        organization_id: organization,
        schedule_id: schedule,
        from_ms: 1,
        to_ms: 2,
        overlap: "buffer_all".to_owned(),
        total: 0,
        known: 0,
        reason: canary.to_owned(),
        created_by: canary.to_owned(),
        created_at_ms: 1,
    }
}

pub async fn schedule(asked: &mut Asked, database: &Database, id: OrganizationId, canary: &str) -> ScheduleId {
    let store = &database.store;
    let (row, is_new) = ask!(asked, store, insert_schedule(row(id, canary))).unwrap();
    assert!(is_new, "the same key is another one elsewhere");
    let run = ScheduleRunRow { note: Some(canary.to_owned()), ..run_of(&row, EPOCH_MS, ScheduleRunState::Failed) };
    ask!(asked, store, insert_schedule_run(&run));
    let made = ask!(asked, store, insert_backfill(backfill(id, row.id, canary), &[]));
    assert!(made.is_some());
    row.id
}

pub async fn picture(database: &Database, asked: &mut Asked, of: OrganizationId, all: &[Tenant]) -> Vec<String> {
    let (store, page) = (&database.store, PageRequest::first(100));
    let ids: Vec<ScheduleId> = all.iter().map(|one| one.schedule).collect();
    let everything = ScheduleFilter::default();
    let mut seen = vec![
        format!("{:?}", ask!(asked, store, schedules_by_ids(of, &ids))),
        format!("{:?}", ask!(asked, store, schedules(of, &everything, &page))),
        format!("{:?}", ask!(asked, store, count_schedules(of, &everything))),
        format!("{:?}", ask!(asked, store, last_schedule_runs(of, &ids))),
    ];
    for id in ids {
        seen.push(format!("{:?}", ask!(asked, store, schedule_runs(of, id, &page))));
        seen.push(format!("{:?}", ask!(asked, store, count_schedule_runs(of, id))));
        seen.push(format!("{:?}", ask!(asked, store, count_known_times(of, id, &[EPOCH_MS]))));
        let backfills = ask!(asked, store, backfills(of, id, 100));
        let made: Vec<BackfillId> = backfills.iter().map(|one| one.id).collect();
        seen.push(format!("{backfills:?} {:?}", ask!(asked, store, backfill_progress(of, &made))));
    }
    seen
}

pub async fn intrude(database: &Database, asked: &mut Asked, intruder: &Tenant, victim: &Tenant) {
    let store = &database.store;
    let mine = ScheduleRow { id: victim.schedule, ..row(intruder.id, "mine now") };
    assert_eq!(ask!(asked, store, save_schedule(mine.clone(), 1, true)), None);
    let theirs = backfill(intruder.id, victim.schedule, "mine now");
    assert_eq!(ask!(asked, store, insert_backfill(theirs, &[run_of(&mine, 3, ScheduleRunState::Buffered)])), None);
    assert!(!ask!(asked, store, delete_schedule(intruder.id, victim.schedule)));
    store.insert_schedule_run(&run_of(&mine, 1, ScheduleRunState::Failed)).await.unwrap();
}
