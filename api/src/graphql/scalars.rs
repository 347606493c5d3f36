//! Scalars of the API: moments, lengths of time, JSON, big integers.

use std::time::Duration as StdDuration;

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::SecondsFormat;
use engine::Timestamp;

/// A count as the API says it: one that does not fit is the largest that does.
pub fn int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// A moment in UTC, RFC 3339, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub Timestamp);

/// A moment in UTC, RFC 3339, milliseconds.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        chrono::DateTime::parse_from_rfc3339(text).map(|moment| Self(Timestamp(moment.timestamp_millis()))).map_err(
            |_not_a_moment| InputValueError::custom("expected a moment as in RFC 3339, such as `2026-03-30T12:00:00Z`"),
        )
    }

    fn to_value(&self) -> Value {
        let moment =
            chrono::DateTime::from_timestamp_millis(self.0.0).unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC);
        Value::String(moment.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl DateTime {
    /// From Unix milliseconds, as rows hold them.
    pub const fn from_ms(millis: i64) -> Self {
        Self(Timestamp(millis))
    }
}

/// A length of time: `30s`, `5m`, `1h30m`, `500ms` or ISO 8601 `PT5M` as input; ISO 8601 as output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(pub StdDuration);

/// A length of time: `30s`, `5m`, `1h30m`, `500ms` or ISO 8601 `PT5M` as input; ISO 8601 as output.
#[Scalar(name = "Duration")]
impl ScalarType for Duration {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        engine::duration::parse(text).map(Self).map_err(|problem| InputValueError::custom(problem.to_string()))
    }

    fn to_value(&self) -> Value {
        Value::String(engine::duration::format_iso(self.0))
    }
}

impl Duration {
    /// Between two moments in Unix milliseconds; zero when they are in the wrong order.
    pub fn between_ms(start: i64, end: i64) -> Self {
        Self(StdDuration::from_millis(u64::try_from(end.saturating_sub(start)).unwrap_or(0)))
    }
}

/// A day, such as `2026-12-24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub chrono::NaiveDate);

/// A day, such as `2026-12-24`.
#[Scalar(name = "Date")]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self)
            .map_err(|_not_a_day| InputValueError::custom("expected a day, such as `2026-12-24`"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A zone of the IANA database, such as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(pub String);

/// A zone of the IANA database, such as `Europe/Berlin`.
#[Scalar(name = "TimeZone")]
impl ScalarType for TimeZone {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A whole number up to 2^53, sent as a JSON number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long(pub i64);

/// A whole number up to 2^53, sent as a JSON number.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| InputValueError::custom("expected a whole number up to 2^53"))
            }
            _other => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// An absolute URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An address, such as `https://example.org/path`.
#[Scalar(name = "URL")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Any JSON value.
pub type Json = async_graphql::Json<serde_json::Value>;
