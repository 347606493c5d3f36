//! When a schedule fires, and what happens when it fires too late or too soon.

use std::time::Duration;

use engine::Timestamp;
use engine::schedule::{Calendar, Fire, GapPolicy, RepeatedTimePolicy, Spec, jitter};
use ids::ScheduleId;
use serde::{Deserialize, Serialize};
use store::ScheduleRow;

use crate::code::Code;
use crate::error::Mistake;

/// What happens when the last execution still runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlapPolicy {
    /// Nothing is started.
    #[default]
    Skip,
    /// One is started after it.
    BufferOne,
    /// All are started after it, in order.
    BufferAll,
    /// It is cancelled, and the new one started.
    CancelOther,
    /// The new one is started beside it.
    AllowAll,
}

/// What happens to points in time that came too late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpPolicy {
    /// They are forgotten.
    None,
    /// One execution is started, for the latest of them.
    #[default]
    Latest,
    /// One execution is started for each.
    All,
}

/// How many missed points in time are made up for, unless the schedule says.
pub const DEFAULT_CATCH_UP_LIMIT: u32 = 100;

/// How many of them a schedule can ask for.
const MAX_CATCH_UP_LIMIT: u32 = 10_000;

/// Longest jitter.
const MAX_JITTER: Duration = Duration::from_hours(24);

/// Everything about a schedule that has to do with time, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When it fires.
    pub spec: Spec,
    /// Zone in which times are meant.
    pub time_zone: String,
    /// Times that a clock change leaves out.
    pub gap: GapPolicy,
    /// Times that a clock change repeats.
    pub repeated: RepeatedTimePolicy,
    /// When the last execution still runs.
    pub overlap: OverlapPolicy,
    /// Points in time that came too late.
    pub catch_up: CatchUpPolicy,
    /// How many of them are made up for at most.
    pub catch_up_limit: u32,
    /// How far back they count, in milliseconds; without bound when absent.
    pub catch_up_window_ms: Option<i64>,
    /// Longest delay, in milliseconds.
    pub jitter_ms: i64,
    /// Nothing before.
    pub starts_at: Option<Timestamp>,
    /// Nothing after.
    pub ends_at: Option<Timestamp>,
}

impl Timing {
    /// What a row holds.
    ///
    /// # Errors
    /// When it is not what this program wrote.
    pub fn of(row: &ScheduleRow) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&row.timing)
    }

    /// As a row holds it.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("timings are plain data")
    }

    /// Made ready to be asked.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn calendar(&self) -> Result<Calendar, Vec<Mistake>> {
        let calendar = Calendar::new(&self.spec, &self.time_zone, self.gap, self.repeated).map_err(|problems| {
            problems.into_iter().map(|problem| {
                let field = match problem.place.as_str() {
                    "zone" => "timeZone".to_owned(),
                    "every" => "spec.interval.every".to_owned(),
                    place => format!("spec.cron.{place}"),
                };
                let mistake = Mistake::new(Code::Invalid, &field, problem.message);
                match problem.help {
                    Some(help) => mistake.with_help(help),
                    None => mistake,
                }
            })
        });
        let mut mistakes = self.mistakes();
        match calendar {
            Ok(calendar) if mistakes.is_empty() => Ok(calendar),
            Ok(_calendar) => Err(mistakes),
            Err(problems) => {
                mistakes.extend(problems);
                Err(mistakes)
            }
        }
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let longest_ms = i64::try_from(MAX_JITTER.as_millis()).unwrap_or(i64::MAX);
        if self.jitter_ms > longest_ms {
            mistakes.push(Mistake::new(Code::TooLarge, "jitter", "the jitter is at most 24 hours"));
        }
        if !(1..=MAX_CATCH_UP_LIMIT).contains(&self.catch_up_limit) {
            let message = format!("the limit of missed times is 1 to {MAX_CATCH_UP_LIMIT}");
            mistakes.push(Mistake::new(Code::Invalid, "catchUpLimit", message));
        }
        if let (Some(starts_at), Some(ends_at)) = (self.starts_at, self.ends_at)
            && ends_at < starts_at
        {
            mistakes.push(Mistake::new(Code::Invalid, "endsAt", "the schedule ends before it begins"));
        }
        mistakes
    }

    /// The first point in time after `moment`, within its bounds.
    pub fn next_after(&self, calendar: &Calendar, moment: Timestamp) -> Option<Fire> {
        let begin = self.starts_at.map_or(moment, |starts_at| moment.max(Timestamp(starts_at.0.saturating_sub(1))));
        calendar.next_after(begin).filter(|fire| self.ends_at.is_none_or(|ends_at| fire.at <= ends_at))
    }

    /// When the schedule `id` fires for a point in time: later by its jitter.
    pub fn fires_at(&self, id: ScheduleId, due: Timestamp) -> Timestamp {
        let most = Duration::from_millis(u64::try_from(self.jitter_ms).unwrap_or(0));
        due.plus(jitter(id.uuid().as_bytes(), due, most))
    }
}
