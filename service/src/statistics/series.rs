//! Parts of a window with the same borders as people's hours, days and weeks.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use store::SLICE_MS;

use super::window::Window;
use crate::code::Code;
use crate::error::{Mistake, ServiceError};

/// Most points of a series.
pub const MAX_POINTS: usize = 1_500;

const HOUR_MS: i64 = 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How wide the parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A quarter of an hour.
    QuarterHour,
    /// An hour.
    Hour,
    /// A day of the zone.
    Day,
    /// A week of the zone, from Monday.
    Week,
}

impl Width {
    /// One that makes some ten to a hundred parts.
    pub(super) fn of(window: Window) -> Self {
        match window.to_ms() - window.from_ms() {
            length if length <= DAY_MS + HOUR_MS => Self::QuarterHour,
            length if length <= 4 * DAY_MS + HOUR_MS => Self::Hour,
            length if length <= 120 * DAY_MS => Self::Day,
            _longer => Self::Week,
        }
    }
}

/// The slices with which the parts of the window begin; the first one may begin before the window.
///
/// # Errors
/// `INVALID` for more than [`MAX_POINTS`].
pub(super) fn borders(window: Window, width: Width, zone: Tz) -> Result<Vec<i32>, ServiceError> {
    let mut borders = Vec::new();
    let mut border_ms = begin(window.from_ms(), width, zone);
    while border_ms < window.to_ms() {
        if borders.len() == MAX_POINTS {
            let message = format!("the window has more than {MAX_POINTS} parts of this width");
            let mistake = Mistake::new(Code::Invalid, "bucket", message).with_help("take a wider `bucket`");
            return Err(ServiceError::mistake(mistake));
        }
        borders.push(store::slice_of(border_ms));
        let next = next(border_ms, width, zone);
        // A zone that stands still would never come to an end.
        border_ms = if next > border_ms { next } else { border_ms + DAY_MS };
    }
    Ok(borders)
}

/// Where the part begins that a moment lies in.
fn begin(at_ms: i64, width: Width, zone: Tz) -> i64 {
    let floor = |width_ms: i64| {
        let ahead_ms = ahead_ms(at_ms, zone);
        (at_ms + ahead_ms).div_euclid(width_ms) * width_ms - ahead_ms
    };
    match width {
        Width::QuarterHour => floor(SLICE_MS),
        Width::Hour => floor(HOUR_MS),
        Width::Day => day(at_ms, zone).map_or_else(|| floor(DAY_MS), |date| midnight(date, zone)),
        Width::Week => {
            let monday = day(at_ms, zone)
                .and_then(|date| date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))));
            monday.map_or_else(|| floor(7 * DAY_MS), |date| midnight(date, zone))
        }
    }
}

/// Where the part behind one ends that begins at a moment.
fn next(begin_ms: i64, width: Width, zone: Tz) -> i64 {
    let days_later = |days: u64| {
        let date = day(begin_ms, zone).and_then(|date| date.checked_add_days(Days::new(days)));
        date.map_or(i64::MAX, |date| midnight(date, zone))
    };
    match width {
        Width::QuarterHour => begin_ms + SLICE_MS,
        Width::Hour => begin_ms + HOUR_MS,
        Width::Day => days_later(1),
        Width::Week => days_later(7),
    }
}

/// How far the zone's clocks are ahead of UTC at a moment, in milliseconds.
fn ahead_ms(at_ms: i64, zone: Tz) -> i64 {
    DateTime::<Utc>::from_timestamp_millis(at_ms)
        .map_or(0, |at| i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()) * 1_000)
}

fn day(at_ms: i64, zone: Tz) -> Option<NaiveDate> {
    DateTime::<Utc>::from_timestamp_millis(at_ms).map(|at| at.with_timezone(&zone).date_naive())
}

/// When a day begins: at midnight, or at the first moment behind it where the clocks leave midnight out.
fn midnight(date: NaiveDate, zone: Tz) -> i64 {
    let mut local = date.and_time(NaiveTime::MIN);
    for _quarter in 0..=96 {
        if let Some(begin) = zone.from_local_datetime(&local).earliest() {
            return begin.timestamp_millis();
        }
        local += TimeDelta::milliseconds(SLICE_MS);
    }
    local.and_utc().timestamp_millis()
}

/// The widest parts of the window that lie within one of those that begin with `borders`, in slices.
pub(super) fn step(window: Window, borders: &[i32]) -> i32 {
    let whole = window.to.saturating_sub(window.from).max(1);
    borders.iter().map(|border| border - window.from).filter(|distance| *distance > 0).fold(whole, gcd)
}

fn gcd(one: i32, other: i32) -> i32 {
    if other == 0 { one } else { gcd(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Window {
        let slice = |text: &str| store::slice_of(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
        Window { from: slice(from), to: slice(to) }
    }

    fn shown(window: Window, width: Width, zone: Tz) -> Vec<String> {
        let borders = borders(window, width, zone).unwrap();
        let moment = |slice: &i32| DateTime::from_timestamp_millis(i64::from(*slice) * SLICE_MS).unwrap();
        borders.iter().map(|slice| moment(slice).format("%dT%H:%M").to_string()).collect()
    }

    #[test]
    fn hours_begin_with_the_hours_of_the_zone() {
        let some = window("2026-01-01T10:15:00Z", "2026-01-01T12:00:00Z");
        assert_eq!(shown(some, Width::Hour, Tz::UTC), ["01T10:00", "01T11:00"]);
        assert_eq!(shown(some, Width::Hour, Tz::Asia__Kolkata), ["01T09:30", "01T10:30", "01T11:30"]);
        assert_eq!(step(some, &borders(some, Width::Hour, Tz::UTC).unwrap()), 1);
    }

    #[test]
    fn a_day_on_which_clocks_change_is_longer_or_shorter() {
        let some = window("2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
        let days = shown(some, Width::Day, Tz::Europe__Berlin);
        assert_eq!(days, ["27T23:00", "28T23:00", "29T22:00", "30T22:00"]);
        assert_eq!(step(some, &borders(some, Width::Day, Tz::Europe__Berlin).unwrap()), 4, "whole hours");
    }

    #[test]
    fn a_day_without_midnight_begins_behind_it() {
        let some = window("2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z");
        assert_eq!(shown(some, Width::Day, Tz::America__Santiago), ["05T04:00", "06T04:00"]);
    }

    #[test]
    fn weeks_begin_on_monday() {
        let some = window("2026-01-01T00:00:00Z", "2026-01-13T00:00:00Z");
        assert_eq!(shown(some, Width::Week, Tz::UTC), ["29T00:00", "05T00:00", "12T00:00"]);
    }

    #[test]
    fn a_series_has_an_end() {
        let some = window("2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z");
        assert!(borders(some, Width::QuarterHour, Tz::UTC).is_err());
        assert_eq!(borders(some, Width::of(some), Tz::UTC).unwrap().len(), 53);
    }
}
