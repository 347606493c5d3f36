//! Moments in expressions: `now`, `today`, `now_plus_2h`, `now-30d`, and RFC 3339 texts.

use std::time::Duration;

use chrono::{DateTime, NaiveDate};
use serde_json::Value;

use crate::Timestamp;
use crate::duration;

/// The text that one of the names of the present stands for.
pub(super) fn named(name: &str, now: Timestamp) -> Option<String> {
    if name == "now" {
        return Some(now.to_rfc3339());
    }
    if name == "today" {
        return Some(now.to_rfc3339().chars().take(10).collect());
    }
    if let Some(length) = name.strip_prefix("now_plus_") {
        return Some(shift(now, duration::parse(length).ok()?, 1).to_rfc3339());
    }
    let length = name.strip_prefix("now_minus_")?;
    Some(shift(now, duration::parse(length).ok()?, -1).to_rfc3339())
}

/// Whether a text is a form of [`of_value`] that depends on the present: `now`, `now-30d`, `now+1h`.
pub(super) fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let rest = text.trim().strip_prefix("now")?.trim();
    if rest.is_empty() {
        return Some(now);
    }
    let (sign, length) = match rest.split_at_checked(1)? {
        ("+", length) => (1, length),
        ("-", length) => (-1, length),
        _other => return None,
    };
    Some(shift(now, duration::parse(length.trim()).ok()?, sign))
}

fn shift(now: Timestamp, by: Duration, sign: i64) -> Timestamp {
    let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_add(millis.saturating_mul(sign)))
}

/// A moment written as RFC 3339, or a calendar day, which begins at midnight UTC.
pub(super) fn absolute(text: &str) -> Option<Timestamp> {
    // Moments begin with a year: most texts are told apart without a parse.
    let bytes = text.as_bytes();
    if bytes.len() < 10 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return None;
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp(moment.timestamp_millis()));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(Timestamp(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
}

/// Whether a text means a moment, so that it equals other texts too.
pub fn is_moment(text: &str) -> bool {
    absolute(text).is_some() || relative(text, Timestamp(0)).is_some()
}

/// The moment that a value means: a text as above, or Unix milliseconds.
pub fn of_value(value: &Value, now: Timestamp) -> Option<Timestamp> {
    match value {
        Value::String(text) => absolute(text).or_else(|| relative(text, now)),
        Value::Number(number) => number.as_i64().map(Timestamp),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
