//! Wall clocks of a zone: which moments a local time stands for.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// What a local time stands for, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moments {
    /// One moment.
    One(i64),
    /// The clock shows it twice.
    Twice {
        /// The first time.
        first: i64,
        /// The second time.
        second: i64,
    },
    /// The clock leaves it out.
    Gap {
        /// The first moment after what is left out.
        ends_at: i64,
    },
}

/// Longest change of a clock, in seconds: a whole day was once left out.
const LONGEST_CHANGE: i64 = 26 * 60 * 60;

/// How far the clock of `zone` is ahead of UTC, in seconds.
fn ahead(zone: Tz, unix: i64) -> Option<i64> {
    let utc = DateTime::from_timestamp(unix, 0)?.naive_utc();
    Some(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
}

/// What the clock shows at a moment.
pub(super) fn shown(zone: Tz, unix: i64) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp(unix.checked_add(ahead(zone, unix)?)?, 0)?.naive_utc())
}

/// The moments at which the clock shows `local`.
pub(super) fn moments(zone: Tz, local: NaiveDateTime) -> Option<Moments> {
    Some(match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(one) => Moments::One(one.timestamp()),
        MappedLocalTime::Ambiguous(one, other) => {
            let (one, other) = (one.timestamp(), other.timestamp());
            Moments::Twice { first: one.min(other), second: one.max(other) }
        }
        MappedLocalTime::None => Moments::Gap { ends_at: end_of_gap(zone, local)? },
    })
}

/// The first moment at which the clock shows something after `local`, which it leaves out.
fn end_of_gap(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    let as_utc = local.and_utc().timestamp();
    let (mut before, mut after) = (as_utc - LONGEST_CHANGE, as_utc + LONGEST_CHANGE);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if shown(zone, middle)? > local {
            after = middle;
        } else {
            before = middle;
        }
    }
    Some(after)
}

/// The moment at which the clock went back, between two moments at which it shows the same.
pub(super) fn went_back(zone: Tz, first: i64, second: i64) -> Option<i64> {
    let offset = ahead(zone, first)?;
    let (mut before, mut after) = (first, second);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if ahead(zone, middle)? == offset {
            before = middle;
        } else {
            after = middle;
        }
    }
    Some(after)
}
