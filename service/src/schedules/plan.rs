//! What is to become of a schedule whose moment has come: pure, so that it is tested without a database.

use engine::Timestamp;
use engine::schedule::{Calendar, Fire};
use ids::{ExecutionId, ScheduleRunId};
use store::{DueSchedule, SchedulePlan, ScheduleRow, ScheduleRunKind, ScheduleRunRow, ScheduleRunState};

use super::timing::{CatchUpPolicy, OverlapPolicy, Timing};

/// What is later than this was missed, in milliseconds: nobody was there to fire it.
const GRACE_MS: i64 = 60_000;
/// After this time whoever looks next starts what was planned, in milliseconds.
const LEASE_MS: i64 = 5_000;
/// How often is looked whether what stands in the way has ended, in milliseconds.
const LOOK_MS: i64 = 1_000;
/// Most points in time that wait for an execution to end.
const MAX_BUFFERED: usize = 1_000;
/// Most points in time that are looked at, whatever the limit: those of a grace time, one each second.
const MIN_LOOKED_AT: usize = 64;
/// How long nobody looks at a schedule that cannot be read, in milliseconds.
const BROKEN_MS: i64 = 60 * 60 * 1_000;

/// Plans one schedule at the moment `now`.
pub(super) fn plan(due: DueSchedule, now: Timestamp) -> SchedulePlan {
    let ready = Timing::of(&due.row).map_err(|problem| problem.to_string()).and_then(|timing| {
        let calendar = timing
            .calendar()
            .map_err(|mistakes| mistakes.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>().join("; "))?;
        Ok((timing, calendar))
    });
    match ready {
        Ok((timing, calendar)) => Planner::new(&timing, &calendar, due, now).plan(),
        Err(problem) => {
            tracing::error!(schedule = %due.row.id, error = problem, "schedule {} cannot be read, it is left out for an hour", due.row.id);
            let wake_at_ms = Some(now.0.saturating_add(BROKEN_MS));
            SchedulePlan { wake_at_ms, ..unchanged(due.row) }
        }
    }
}

fn unchanged(row: ScheduleRow) -> SchedulePlan {
    let (due_ms, next_at_ms, wake_at_ms) = (row.due_ms, row.next_at_ms, row.wake_at_ms);
    SchedulePlan {
        row,
        runs: Vec::new(),
        released: Vec::new(),
        again: Vec::new(),
        cancelled: Vec::new(),
        due_ms,
        next_at_ms,
        wake_at_ms,
        paused: None,
    }
}

struct Planner<'a> {
    timing: &'a Timing,
    calendar: &'a Calendar,
    now: Timestamp,
    plan: SchedulePlan,
    /// How many executions run or are about to.
    live: usize,
    /// Those that run.
    running: Vec<ExecutionId>,
    buffered: Vec<ScheduleRunRow>,
    /// Past points in time that somebody makes up for, one after the other.
    backfilled: Vec<ScheduleRunRow>,
    /// How many of the last ones failed in a row.
    failures: i32,
    /// When somebody else's plan counts as given up.
    lease_ends_ms: Option<i64>,
}

impl<'a> Planner<'a> {
    fn new(timing: &'a Timing, calendar: &'a Calendar, due: DueSchedule, now: Timestamp) -> Self {
        let (mut live, mut running, mut again) = (0, Vec::new(), Vec::new());
        let (mut buffered, mut backfilled) = (Vec::new(), Vec::new());
        let failures = due.failures;
        let mut lease_ends_ms: Option<i64> = None;
        for run in due.open {
            match run.state {
                ScheduleRunState::Buffered if run.backfill_id.is_some() => backfilled.push(run),
                ScheduleRunState::Buffered => buffered.push(run),
                ScheduleRunState::Planned => {
                    live += 1;
                    let ends_ms = run.fired_at_ms.unwrap_or(0).saturating_add(LEASE_MS);
                    if ends_ms <= now.0 {
                        again.push(run);
                    } else {
                        lease_ends_ms = Some(lease_ends_ms.map_or(ends_ms, |ends| ends.min(ends_ms)));
                    }
                }
                ScheduleRunState::Started => {
                    live += 1;
                    running.extend(run.execution_id);
                }
                ScheduleRunState::SkippedOverlap | ScheduleRunState::Missed | ScheduleRunState::Failed => {}
            }
        }
        let plan = SchedulePlan { again, ..unchanged(due.row) };
        Self { timing, calendar, now, plan, live, running, buffered, backfilled, failures, lease_ends_ms }
    }

    fn plan(mut self) -> SchedulePlan {
        let mut is_active = self.plan.row.paused_at_ms.is_none() && self.plan.row.is_enabled;
        let most = self.plan.row.pause_after.filter(|most| is_active && self.failures >= *most);
        if let Some(most) = most {
            // Before anything new is started.
            let failed =
                if most == 1 { "the last execution".to_owned() } else { format!("{most} executions in a row") };
            self.plan.paused = Some(format!("it paused itself: {failed} failed"));
            is_active = false;
        }
        let is_own = self.plan.again.iter().any(|run| run.backfill_id.is_none());
        if self.timing.overlap == OverlapPolicy::CancelOther && is_own {
            // Whoever planned them may have died before it told the others to end.
            self.plan.cancelled.append(&mut self.running);
        }
        if is_active {
            self.release();
            self.come();
        } else {
            self.plan.next_at_ms = None;
        }
        let has_work = !(self.plan.runs.is_empty() && self.plan.released.is_empty() && self.plan.again.is_empty());
        let lease = has_work.then_some(self.now.0.saturating_add(LEASE_MS));
        let waits = !(self.buffered.is_empty() && self.backfilled.is_empty());
        let look = (is_active && waits).then_some(self.now.0.saturating_add(LOOK_MS));
        let next = if is_active { self.plan.next_at_ms } else { None };
        self.plan.wake_at_ms = [next, lease, self.lease_ends_ms, look].into_iter().flatten().min();
        self.plan
    }

    /// What waited for the last execution is planned when that has ended.
    fn release(&mut self) {
        let waits = match self.timing.overlap {
            OverlapPolicy::Skip | OverlapPolicy::BufferOne | OverlapPolicy::BufferAll => true,
            OverlapPolicy::CancelOther | OverlapPolicy::AllowAll => false,
        };
        while !(self.buffered.is_empty() || waits && self.live > 0) {
            let mut run = self.buffered.remove(0);
            (run.execution_id, run.state) = (Some(ExecutionId::new()), ScheduleRunState::Planned);
            self.live += 1;
            self.plan.released.push(run);
        }
        // What is made up for follows one by one, whatever the policy, and lets the schedule's own times go first.
        if self.live == 0 && self.buffered.is_empty() && !self.backfilled.is_empty() {
            let mut run = self.backfilled.remove(0);
            (run.execution_id, run.state) = (Some(ExecutionId::new()), ScheduleRunState::Planned);
            self.live += 1;
            self.plan.released.push(run);
        }
    }

    /// The points in time that came, and the next one.
    fn come(&mut self) {
        let id = self.plan.row.id;
        let first = match self.plan.row.due_ms {
            Some(due_ms) => Some(Timestamp(due_ms)),
            None => self.next_after(Timestamp(self.plan.row.timed_at_ms)),
        };
        let Some(first) = first else {
            (self.plan.due_ms, self.plan.next_at_ms) = (None, None);
            return;
        };
        let limit = usize::try_from(self.timing.catch_up_limit).unwrap_or(usize::MAX).max(MIN_LOOKED_AT);
        let mut came: Vec<Fire> = Vec::new();
        let mut next = Some(first);
        if first <= self.now {
            let before = Timestamp(first.0.saturating_sub(1));
            let to = self.timing.ends_at.map_or(self.now, |ends_at| ends_at.min(self.now));
            came = self.calendar.last_between(before, to, limit);
            // They fire in order: what the jitter puts off puts off what comes after it.
            let put_off = came.iter().position(|fire| self.timing.fires_at(id, fire.at) > self.now);
            next = match put_off {
                Some(place) => {
                    let next = came[place].at;
                    came.truncate(place);
                    Some(next)
                }
                None => self.next_after(came.last().map_or(self.now, |fire| fire.at).max(to)),
            };
        }
        self.settle(first, &came);
        self.plan.due_ms = next.map(|next| next.0);
        self.plan.next_at_ms = next.map(|next| self.timing.fires_at(id, next).0);
    }

    fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        self.timing.next_after(self.calendar, moment).map(|fire| fire.at)
    }

    /// Which of the points in time that came fire, by the rules of catching up.
    fn settle(&mut self, first: Timestamp, came: &[Fire]) {
        let id = self.plan.row.id;
        let (now, timing) = (self.now, self.timing);
        let late_ms = |fire: &Fire| now.0.saturating_sub(timing.fires_at(id, fire.at).0);
        let Some(last) = came.last() else { return };
        let window_ms = self.timing.catch_up_window_ms.unwrap_or(i64::MAX);
        let counts = |fire: &Fire| late_ms(fire) <= window_ms.max(GRACE_MS);
        let missed = came.iter().filter(|fire| late_ms(fire) > GRACE_MS).count();
        let limit = usize::try_from(self.timing.catch_up_limit).unwrap_or(usize::MAX);
        let fires: Vec<Fire> = match self.timing.catch_up {
            _all_in_time if missed == 0 => came.to_vec(),
            CatchUpPolicy::None => came[missed..].to_vec(),
            // One for everything that has gathered.
            CatchUpPolicy::Latest => Some(*last).filter(|last| counts(last)).into_iter().collect(),
            CatchUpPolicy::All => {
                let counted: Vec<Fire> = came.iter().copied().filter(|fire| counts(fire)).collect();
                counted[counted.len().saturating_sub(limit)..].to_vec()
            }
        };
        let lost = came.len() - fires.len();
        // Of more than were looked at, those before count too: the first one was due, and is not among them.
        if lost > 0 || came.first().is_some_and(|fire| fire.at > first) {
            let last = if lost > 0 { came[lost - 1].at } else { first };
            self.note_missed(first, last);
        }
        let late: Vec<bool> = fires.iter().map(|fire| late_ms(fire) > GRACE_MS).collect();
        let last_of_all = fires.len().saturating_sub(1);
        for (place, (fire, is_late)) in fires.iter().zip(late).enumerate() {
            self.fire(fire.at, is_late, place == last_of_all);
        }
    }

    /// One row tells of all that was missed.
    fn note_missed(&mut self, first: Timestamp, last: Timestamp) {
        let policy = match self.timing.catch_up {
            CatchUpPolicy::None => "catchUpPolicy is NONE",
            CatchUpPolicy::Latest => "catchUpPolicy is LATEST",
            CatchUpPolicy::All => "they are outside of the catch-up window or over its limit",
        };
        let note = if first == last {
            format!("missed by more than {} seconds; {policy}", GRACE_MS / 1_000)
        } else {
            format!("the times from {} to {} were missed; {policy}", first.to_rfc3339(), last.to_rfc3339())
        };
        self.record(last, ScheduleRunState::Missed, true, Some(note));
    }

    /// What becomes of a point in time that fires, by the rules of overlap.
    fn fire(&mut self, at: Timestamp, is_late: bool, is_last: bool) {
        let is_free = self.live == 0 && self.buffered.is_empty();
        let skipped = |note: &str| (ScheduleRunState::SkippedOverlap, Some(note.to_owned()));
        let (state, note) = match self.timing.overlap {
            OverlapPolicy::AllowAll => (ScheduleRunState::Planned, None),
            OverlapPolicy::CancelOther if !is_last => skipped("a later time came with it"),
            OverlapPolicy::CancelOther => {
                self.plan.cancelled.append(&mut self.running);
                (ScheduleRunState::Planned, None)
            }
            OverlapPolicy::Skip | OverlapPolicy::BufferOne | OverlapPolicy::BufferAll if is_free => {
                (ScheduleRunState::Planned, None)
            }
            OverlapPolicy::Skip => skipped("the last execution still runs"),
            OverlapPolicy::BufferOne if !self.buffered.is_empty() => {
                skipped("one waits for the last execution already")
            }
            OverlapPolicy::BufferAll if self.buffered.len() >= MAX_BUFFERED => {
                skipped("a thousand wait for the last execution already")
            }
            OverlapPolicy::BufferOne | OverlapPolicy::BufferAll => (ScheduleRunState::Buffered, None),
        };
        self.record(at, state, is_late, note);
    }

    fn record(&mut self, at: Timestamp, state: ScheduleRunState, is_late: bool, note: Option<String>) {
        let is_planned = state == ScheduleRunState::Planned;
        let run = ScheduleRunRow {
            id: ScheduleRunId::new(),
            organization_id: self.plan.row.organization_id,
            schedule_id: self.plan.row.id,
            scheduled_for_ms: at.0,
            state,
            kind: if is_late { ScheduleRunKind::CatchUp } else { ScheduleRunKind::Due },
            execution_id: is_planned.then(ExecutionId::new),
            note,
            is_open: is_planned || state == ScheduleRunState::Buffered,
            fired_at_ms: Some(self.now.0),
            backfill_id: None,
        };
        self.live += usize::from(is_planned);
        if state == ScheduleRunState::Buffered {
            self.buffered.push(run.clone());
        }
        self.plan.runs.push(run);
    }
}
