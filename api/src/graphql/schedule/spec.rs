//! When a schedule fires, and its policies, as clients see them.

use async_graphql::{Enum, InputObject, OneofObject, SimpleObject, Union};
use engine::Timestamp;
use engine::schedule::Spec;

use crate::graphql::scalars::{Date, DateTime, Duration};

/// By cron expressions, five or six fields; Sunday is 0 or 7.
#[derive(Debug, Clone, SimpleObject)]
pub struct CronSpec {
    /// Fires when one of them matches.
    expressions: Vec<String>,
    /// But not when one of these matches.
    exclusions: Vec<String>,
    /// And not on these days.
    excluded_dates: Vec<Date>,
}

/// Every so often.
#[derive(Debug, Clone, SimpleObject)]
pub struct IntervalSpec {
    /// Distance.
    every: Duration,
    /// One of the points in time.
    anchor: DateTime,
}

/// Once.
#[derive(Debug, Clone, SimpleObject)]
pub struct OnceSpec {
    /// When.
    at: DateTime,
}

/// When a schedule fires.
#[derive(Debug, Clone, Union)]
pub enum ScheduleSpec {
    /// By cron expressions.
    Cron(CronSpec),
    /// Every so often.
    Interval(IntervalSpec),
    /// Once.
    Once(OnceSpec),
}

impl From<Spec> for ScheduleSpec {
    fn from(spec: Spec) -> Self {
        match spec {
            Spec::Cron { expressions, exclusions, excluded_dates } => {
                let excluded_dates = excluded_dates.into_iter().map(Date).collect();
                Self::Cron(CronSpec { expressions, exclusions, excluded_dates })
            }
            Spec::Interval { every_ms, anchor } => Self::Interval(IntervalSpec {
                every: Duration(std::time::Duration::from_millis(every_ms)),
                anchor: DateTime(anchor),
            }),
            Spec::Once { at } => Self::Once(OnceSpec { at: DateTime(at) }),
        }
    }
}

/// Cron expressions.
#[derive(Debug, Clone, InputObject)]
pub struct CronSpecInput {
    /// Fires when one of them matches.
    expressions: Vec<String>,
    /// But not when one of these matches.
    exclusions: Option<Vec<String>>,
    /// And not on these days.
    excluded_dates: Option<Vec<Date>>,
}

/// Every so often.
#[derive(Debug, Clone, InputObject)]
pub struct IntervalSpecInput {
    /// Distance.
    every: Duration,
    /// One of the points in time; the creation when absent.
    anchor: Option<DateTime>,
}

/// When: one of its fields.
#[derive(Debug, Clone, OneofObject)]
pub enum ScheduleSpecInput {
    /// By cron expressions.
    Cron(CronSpecInput),
    /// Every so often.
    Interval(IntervalSpecInput),
    /// Once.
    Once(DateTime),
}

impl ScheduleSpecInput {
    pub(super) fn spec(self, now: Timestamp) -> Spec {
        match self {
            Self::Cron(cron) => Spec::Cron {
                expressions: cron.expressions,
                exclusions: cron.exclusions.unwrap_or_default(),
                excluded_dates: cron.excluded_dates.unwrap_or_default().into_iter().map(|date| date.0).collect(),
            },
            Self::Interval(interval) => Spec::Interval {
                every_ms: u64::try_from(interval.every.0.as_millis()).unwrap_or(u64::MAX),
                anchor: interval.anchor.map_or(now, |anchor| anchor.0),
            },
            Self::Once(at) => Spec::Once { at: at.0 },
        }
    }
}

/// Times that do not exist on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::schedule::GapPolicy")]
pub enum GapPolicy {
    /// Fire at the end of the gap.
    Shift,
    /// Do not fire.
    Skip,
}

/// Times that exist twice on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "engine::schedule::RepeatedTimePolicy")]
pub enum RepeatedTimePolicy {
    /// Fire at the first.
    First,
    /// Fire at the second.
    Last,
    /// Fire twice.
    Both,
}

/// When the last execution still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::schedules::OverlapPolicy")]
pub enum OverlapPolicy {
    /// Do not start.
    Skip,
    /// Start one after it.
    BufferOne,
    /// Start all after it, in order.
    BufferAll,
    /// Cancel it and start.
    CancelOther,
    /// Start beside it.
    AllowAll,
}

/// When times were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "service::schedules::CatchUpPolicy")]
pub enum CatchUpPolicy {
    /// Forget them.
    None,
    /// Start once, for the latest.
    Latest,
    /// Start once for each, at most a hundred.
    All,
}
