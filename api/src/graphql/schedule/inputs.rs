//! What schedules are made and changed with.

use async_graphql::{ID, InputObject, Result};
use engine::Timestamp;
use service::schedules::{DEFAULT_CATCH_UP_LIMIT, NewSchedule, SchedulePatch, Timing};

use super::spec::{CatchUpPolicy, GapPolicy, OverlapPolicy, RepeatedTimePolicy, ScheduleSpecInput};
use crate::graphql::filters::{StringFilter, WorkflowRef};
use crate::graphql::scalars::{DateTime, Duration, Json, TimeZone};

/// How far back missed times count that say nothing about it.
const DEFAULT_WINDOW: Duration = Duration(std::time::Duration::from_hours(1));
const NO_JITTER: Duration = Duration(std::time::Duration::ZERO);

fn millis(length: Duration) -> i64 {
    i64::try_from(length.0.as_millis()).unwrap_or(i64::MAX)
}

/// What is less than nothing is refused as zero is.
fn limit(most: i32) -> u32 {
    u32::try_from(most).unwrap_or(0)
}

/// A schedule.
#[derive(InputObject)]
pub struct ScheduleCreateInput {
    /// What it starts.
    workflow: WorkflowRef,
    /// Name.
    name: String,
    /// Note.
    description: Option<String>,
    /// When.
    spec: ScheduleSpecInput,
    /// Zone.
    #[graphql(default_with = "TimeZone(\"UTC\".to_owned())")]
    time_zone: TimeZone,
    /// Times that do not exist.
    #[graphql(default_with = "GapPolicy::Shift")]
    gap_policy: GapPolicy,
    /// Times that exist twice.
    #[graphql(default_with = "RepeatedTimePolicy::First")]
    overlap_time_policy: RepeatedTimePolicy,
    /// When the last execution still runs.
    #[graphql(default_with = "OverlapPolicy::Skip")]
    overlap_policy: OverlapPolicy,
    /// Missed times.
    #[graphql(default_with = "CatchUpPolicy::Latest")]
    catch_up_policy: CatchUpPolicy,
    /// How far back missed times count.
    #[graphql(default_with = "DEFAULT_WINDOW")]
    catch_up_window: Duration,
    /// How many missed times are made up for at most, the latest of them: 1 to 10,000; for `ALL`.
    #[graphql(default = 100)]
    catch_up_limit: i32,
    /// Delay, at most this.
    #[graphql(default_with = "NO_JITTER")]
    jitter: Duration,
    /// Not before.
    starts_at: Option<DateTime>,
    /// Not after.
    ends_at: Option<DateTime>,
    /// Input of the executions.
    input: Option<Json>,
    /// True: create it paused.
    #[graphql(default = false)]
    is_paused: bool,
    /// True: pauses itself when executions fail.
    #[graphql(default = false)]
    pause_on_failure: bool,
    /// After how many failures in a row it does, 1 to 100.
    #[graphql(default = 1)]
    pause_after_failures: i32,
    /// Same key, same schedule.
    idempotency_key: Option<String>,
}

impl ScheduleCreateInput {
    pub(super) fn resolve(self, now: Timestamp) -> Result<NewSchedule> {
        Ok(NewSchedule {
            workflow: self.workflow.parse()?,
            name: self.name,
            description: self.description,
            timing: Timing {
                spec: self.spec.spec(now),
                time_zone: self.time_zone.0,
                gap: self.gap_policy.into(),
                repeated: self.overlap_time_policy.into(),
                overlap: self.overlap_policy.into(),
                catch_up: self.catch_up_policy.into(),
                catch_up_limit: limit(self.catch_up_limit),
                catch_up_window_ms: Some(millis(self.catch_up_window)),
                jitter_ms: millis(self.jitter),
                starts_at: self.starts_at.map(|at| at.0),
                ends_at: self.ends_at.map(|at| at.0),
            },
            input: self.input.map(|input| input.0),
            is_paused: self.is_paused,
            pause_after: self.pause_on_failure.then_some(self.pause_after_failures),
            idempotency_key: self.idempotency_key,
        })
    }
}

/// Changes to a schedule; absent fields stay.
#[derive(InputObject)]
pub struct ScheduleUpdateInput {
    /// Which.
    pub(super) id: ID,
    /// Revision the change is based on.
    expected_revision: Option<i32>,
    /// Name.
    name: Option<String>,
    /// Note.
    description: Option<String>,
    /// When.
    spec: Option<ScheduleSpecInput>,
    /// Zone.
    time_zone: Option<TimeZone>,
    /// Times that do not exist.
    gap_policy: Option<GapPolicy>,
    /// Times that exist twice.
    overlap_time_policy: Option<RepeatedTimePolicy>,
    /// When the last execution still runs.
    overlap_policy: Option<OverlapPolicy>,
    /// Missed times.
    catch_up_policy: Option<CatchUpPolicy>,
    /// How far back missed times count.
    catch_up_window: Option<Duration>,
    /// How many missed times are made up for at most, the latest of them: 1 to 10,000; for `ALL`.
    catch_up_limit: Option<i32>,
    /// Delay, at most this.
    jitter: Option<Duration>,
    /// Not before.
    starts_at: Option<DateTime>,
    /// Not after.
    ends_at: Option<DateTime>,
    /// Input of the executions.
    input: Option<Json>,
    /// True: pauses itself when executions fail.
    pause_on_failure: Option<bool>,
    /// After how many failures in a row it does, 1 to 100.
    pause_after_failures: Option<i32>,
}

impl ScheduleUpdateInput {
    /// What changes beside the times, and how the times change.
    pub(super) fn split(self, now: Timestamp) -> (SchedulePatch, impl FnOnce(&mut Timing) + Send) {
        let patch = SchedulePatch {
            expected_revision: self.expected_revision,
            name: self.name,
            description: self.description,
            input: self.input.map(|input| input.0),
            pauses_on_failure: self.pause_on_failure,
            pause_after: self.pause_after_failures,
        };
        let (spec, zone) = (self.spec, self.time_zone);
        let (gap, repeated, overlap, catch_up) =
            (self.gap_policy, self.overlap_time_policy, self.overlap_policy, self.catch_up_policy);
        let (window, most, jitter) = (self.catch_up_window, self.catch_up_limit, self.jitter);
        let (starts_at, ends_at) = (self.starts_at, self.ends_at);
        let retime = move |timing: &mut Timing| {
            timing.spec = spec.map_or_else(|| timing.spec.clone(), |spec| spec.spec(now));
            timing.time_zone = zone.map_or_else(|| timing.time_zone.clone(), |zone| zone.0);
            timing.gap = gap.map_or(timing.gap, Into::into);
            timing.repeated = repeated.map_or(timing.repeated, Into::into);
            timing.overlap = overlap.map_or(timing.overlap, Into::into);
            timing.catch_up = catch_up.map_or(timing.catch_up, Into::into);
            timing.catch_up_limit = most.map_or(timing.catch_up_limit, limit);
            timing.catch_up_window_ms = window.map(millis).or(timing.catch_up_window_ms);
            timing.jitter_ms = jitter.map_or(timing.jitter_ms, millis);
            timing.starts_at = starts_at.map(|at| at.0).or(timing.starts_at);
            timing.ends_at = ends_at.map(|at| at.0).or(timing.ends_at);
        };
        (patch, retime)
    }
}

/// A schedule to remove.
#[derive(InputObject)]
pub struct ScheduleDeleteInput {
    /// Which.
    pub(super) id: ID,
}

/// A schedule to pause.
#[derive(InputObject)]
pub struct SchedulePauseInput {
    /// Which.
    pub(super) id: ID,
    /// Why.
    pub(super) reason: String,
}

/// A schedule to resume. What came while it was paused does not fire.
#[derive(InputObject)]
pub struct ScheduleResumeInput {
    /// Which.
    pub(super) id: ID,
}

/// A schedule to fire now.
#[derive(InputObject)]
pub struct ScheduleTriggerInput {
    /// Which.
    pub(super) id: ID,
    /// Other input.
    pub(super) input: Option<Json>,
}

/// A schedule to preview.
#[derive(InputObject)]
pub struct SchedulePreviewInput {
    /// When.
    spec: ScheduleSpecInput,
    /// Zone.
    time_zone: TimeZone,
    /// Times that do not exist.
    #[graphql(default_with = "GapPolicy::Shift")]
    gap_policy: GapPolicy,
    /// Times that exist twice.
    #[graphql(default_with = "RepeatedTimePolicy::First")]
    overlap_time_policy: RepeatedTimePolicy,
    /// From when; now when absent.
    pub(super) from: Option<DateTime>,
    /// How many, at most 100.
    #[graphql(default = 10)]
    pub(super) count: i32,
}

impl SchedulePreviewInput {
    pub(super) fn timing(self, now: Timestamp) -> Timing {
        Timing {
            spec: self.spec.spec(now),
            time_zone: self.time_zone.0,
            gap: self.gap_policy.into(),
            repeated: self.overlap_time_policy.into(),
            overlap: service::schedules::OverlapPolicy::default(),
            catch_up: service::schedules::CatchUpPolicy::default(),
            catch_up_limit: DEFAULT_CATCH_UP_LIMIT,
            catch_up_window_ms: None,
            jitter_ms: 0,
            starts_at: None,
            ends_at: None,
        }
    }
}

/// Which schedules.
#[derive(Debug, Clone, Default, InputObject)]
pub struct ScheduleFilter {
    /// Of this workflow.
    pub(super) workflow: Option<WorkflowRef>,
    /// Paused or active ones.
    pub(super) is_paused: Option<bool>,
    /// By name.
    pub(super) name: Option<StringFilter>,
}
