//! Makes up for past points in time, once for each.
//!
//! They become points in time of the schedule like all others, under the same unique key, and are started by the
//! ticks: nothing is lost when whoever asked goes away, and nothing starts twice.

use async_recursion::async_recursion as boxed;
use std::collections::HashMap;

use engine::Timestamp;
use ids::{BackfillId, ExecutionId, ScheduleId, ScheduleRunId};
use serde_json::json;
use store::{BackfillProgress, BackfillRow, ScheduleRow, ScheduleRunKind, ScheduleRunRow, ScheduleRunState};

use super::read::{one, unknown};
use super::timing::{OverlapPolicy, Timing};
use super::write::change;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Points in time of one backfill at most.
const MOST: usize = 1_000;
/// How far back they lie at most, in milliseconds: what came of older ones is not known any more.
const OLDEST_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// Longest reason, in characters.
const MAX_REASON: usize = 2_000;
/// Backfills of a schedule that are shown.
const SHOWN: u64 = 100;

/// What is to be made up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBackfill {
    /// From when, included.
    pub from: Timestamp,
    /// Until when, left out.
    pub to: Timestamp,
    /// How they follow each other: [`OverlapPolicy::BufferAll`] or [`OverlapPolicy::AllowAll`].
    pub overlap: OverlapPolicy,
    /// Only count.
    pub is_dry_run: bool,
    /// Why.
    pub reason: String,
}

/// What a backfill came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// What was recorded; nothing of a dry run.
    pub row: Option<BackfillRow>,
    /// How many points in time are started.
    pub count: u64,
    /// How many of the range were started before, or wait already.
    pub known: u64,
}

/// Makes up for the points in time of a range, those left out that were started before.
///
/// # Errors
/// `Forbidden`; `NOT_FOUND`; `WRONG_STATE` while another backfill of the schedule waits, and for a disabled workflow;
/// `TOO_LARGE` for more than a thousand; mistakes; the database away.
#[boxed]
pub async fn backfill(
    services: &Services,
    viewer: &Viewer,
    id: ScheduleId,
    new: NewBackfill,
) -> Result<Backfill, ServiceError> {
    viewer.require(Permission::ScheduleWrite)?;
    viewer.require(Permission::ExecutionStart)?;
    let row = one(services, viewer, id).await?;
    let now = services.now();
    let mistakes = mistakes(&new, now);
    if !mistakes.is_empty() {
        return Err(ServiceError::Mistakes(mistakes));
    }
    let times = times(&row, &new)?;
    let times_ms: Vec<i64> = times.iter().map(|at| at.0).collect();
    let (store, organization) = (services.store(), viewer.organization);
    if new.is_dry_run {
        let known = store.count_known_times(organization, id, &times_ms).await?;
        let noted = change(&row, "schedule.backfill_counted");
        viewer.origin.trail.note(noted.because(Some(new.reason)));
        return Ok(Backfill { row: None, count: (times.len() as u64).saturating_sub(known), known });
    }
    refuse_busy(services, viewer, &row).await?;
    let backfill = BackfillRow {
        id: BackfillId::new(),
        organization_id: organization,
        schedule_id: id,
        from_ms: new.from.0,
        to_ms: new.to.0,
        overlap: name(new.overlap).to_owned(),
        total: 0,
        known: 0,
        reason: new.reason.clone(),
        created_by: viewer.actor.id.clone(),
        created_at_ms: now.0,
    };
    let runs: Vec<ScheduleRunRow> = times.iter().map(|at| run(&backfill, *at, new.overlap)).collect();
    let after = json!({ "from": new.from.to_rfc3339(), "to": new.to.to_rfc3339(), "times": times.len() });
    viewer.origin.trail.note(change(&row, "schedule.backfilled").after(after).because(Some(new.reason)));
    let recorded = store.insert_backfill(backfill, &runs).await?.ok_or_else(|| unknown(id))?;
    let count = |number: i32| u64::try_from(number).unwrap_or(0);
    Ok(Backfill { count: count(recorded.total), known: count(recorded.known), row: Some(recorded) })
}

/// Backfills of a schedule, newest first. Whoever has the schedule reaches them.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn backfills(
    services: &Services,
    viewer: &Viewer,
    schedule: ScheduleId,
) -> Result<Vec<BackfillRow>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().backfills(viewer.organization, schedule, SHOWN).await?)
}

/// How far backfills are.
///
/// # Errors
/// `Forbidden`, or the database is away.
#[boxed]
pub async fn backfill_progress(
    services: &Services,
    viewer: &Viewer,
    ids: &[BackfillId],
) -> Result<HashMap<BackfillId, BackfillProgress>, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    Ok(services.store().backfill_progress(viewer.organization, ids).await?)
}

const fn name(overlap: OverlapPolicy) -> &'static str {
    match overlap {
        OverlapPolicy::AllowAll => "allow_all",
        OverlapPolicy::Skip | OverlapPolicy::BufferOne | OverlapPolicy::BufferAll | OverlapPolicy::CancelOther => {
            "buffer_all"
        }
    }
}

fn mistakes(new: &NewBackfill, now: Timestamp) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    if new.to <= new.from {
        mistakes.push(Mistake::new(Code::Invalid, "to", "the range ends after it begins"));
    }
    if new.to > now {
        let message = "only times that are over are made up for; the schedule fires those to come by itself";
        mistakes.push(Mistake::new(Code::Invalid, "to", message));
    }
    let oldest = Timestamp(now.0.saturating_sub(OLDEST_MS));
    if new.from < oldest {
        let message = format!("what came of times before {} is not known any more", oldest.to_rfc3339());
        let mistake = Mistake::new(Code::Invalid, "from", message);
        mistakes.push(mistake.with_help("Ninety days are kept; start older ones with `executionStart`."));
    }
    if !matches!(new.overlap, OverlapPolicy::BufferAll | OverlapPolicy::AllowAll) {
        let message = "times of a backfill follow each other (`BUFFER_ALL`) or run beside each other (`ALLOW_ALL`)";
        mistakes.push(Mistake::new(Code::Invalid, "overlapPolicy", message));
    }
    if new.reason.trim().is_empty() {
        mistakes.push(Mistake::new(Code::Required, "reason", "whoever makes up for times says why"));
    } else if new.reason.chars().count() > MAX_REASON {
        let message = format!("the reason has at most {MAX_REASON} characters");
        mistakes.push(Mistake::new(Code::TooLarge, "reason", message));
    }
    mistakes
}

/// The points in time of the range, oldest first; refused when they are too many.
fn times(row: &ScheduleRow, new: &NewBackfill) -> Result<Vec<Timestamp>, ServiceError> {
    let timing = Timing::of(row)
        .map_err(|error| ServiceError::Internal { what: "a stored schedule cannot be read", source: error.into() })?;
    let calendar = timing.calendar().map_err(ServiceError::Mistakes)?;
    let mut found = Vec::new();
    let mut after = Timestamp(new.from.0.saturating_sub(1));
    while let Some(fire) = timing.next_after(&calendar, after).filter(|fire| fire.at < new.to) {
        if found.len() == MOST {
            let message = format!("the range has more than {MOST} points in time, which are the most");
            let mistake = Mistake::new(Code::TooLarge, "to", message);
            return Err(ServiceError::mistake(mistake.with_help("Make up for it in parts.")));
        }
        found.push(fire.at);
        after = fire.at;
    }
    Ok(found)
}

async fn refuse_busy(services: &Services, viewer: &Viewer, row: &ScheduleRow) -> Result<(), ServiceError> {
    let refused = |message: String, help: &str| {
        Err(ServiceError::mistake(Mistake::new(Code::WrongState, "id", message).with_help(help)))
    };
    if !row.is_enabled {
        let message = format!("the workflow of schedule `{}` is disabled", row.name);
        return refused(message, "Enable it with `workflowEnable`.");
    }
    let known = services.store().backfills(viewer.organization, row.id, SHOWN).await?;
    let ids: Vec<BackfillId> = known.iter().map(|one| one.id).collect();
    let progress = services.store().backfill_progress(viewer.organization, &ids).await?;
    if progress.values().any(|progress| progress.waiting > 0) {
        let message = format!("another backfill of schedule `{}` is under way", row.name);
        return refused(message, "Its field `backfills` tells how far it is.");
    }
    Ok(())
}

fn run(backfill: &BackfillRow, at: Timestamp, overlap: OverlapPolicy) -> ScheduleRunRow {
    let is_at_once = overlap == OverlapPolicy::AllowAll;
    ScheduleRunRow {
        id: ScheduleRunId::new(),
        organization_id: backfill.organization_id,
        schedule_id: backfill.schedule_id,
        scheduled_for_ms: at.0,
        state: if is_at_once { ScheduleRunState::Planned } else { ScheduleRunState::Buffered },
        kind: ScheduleRunKind::CatchUp,
        execution_id: is_at_once.then(ExecutionId::new),
        note: None,
        is_open: true,
        // Nobody has it in hand: whoever looks next starts it.
        fired_at_ms: None,
        backfill_id: Some(backfill.id),
    }
}
