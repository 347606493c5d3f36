//! How a failed attempt is repeated (definition-language §3, "Retry").

use std::time::Duration;

use serde_json::Value;

use super::model::{Backoff, Retry, RetryOn};
use super::reader::At;
use super::suggest::nearest;
use super::trigger::optional;
use super::words;
use crate::check::rules;

/// Tries in all, unless the step says.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 3;
/// Wait before the second try, unless the step says (D-14).
pub const DEFAULT_DELAY: Duration = Duration::from_secs(1);

pub(super) fn decode(at: &At<'_>) -> Option<Retry> {
    let mut object = at.object("`retry`")?;
    let max_attempts = object.take("max_attempts").map_or(Some(DEFAULT_MAX_ATTEMPTS), |at| at.integer(1, 1000));
    let backoff = object.take("backoff").map_or(Some(Backoff::Exponential), |at| at.word(words::BACKOFFS));
    let delay = object.take("delay").map_or(Some(DEFAULT_DELAY), |at| at.duration());
    let max_delay = optional(object.take("max_delay"), At::duration);
    let jitter = object.take("jitter").map_or(Some(false), |at| at.boolean());
    let retry_on = object.take("retry_on").map_or_else(
        || Some(default_retry_on()),
        |at| {
            let entries = if at.value.is_array() { at.list()? } else { vec![at] };
            let classes: Vec<_> = entries.iter().map(failure).collect();
            classes.into_iter().collect()
        },
    );
    object.finish_plain();
    Some(Retry {
        max_attempts: max_attempts?,
        backoff: backoff?,
        delay: delay?,
        max_delay,
        jitter: jitter?,
        retry_on: retry_on?,
    })
}

/// What a step says with an empty `retry`.
pub(crate) fn standard() -> Retry {
    Retry {
        max_attempts: DEFAULT_MAX_ATTEMPTS,
        backoff: Backoff::Exponential,
        delay: DEFAULT_DELAY,
        max_delay: None,
        jitter: false,
        retry_on: default_retry_on(),
    }
}

fn default_retry_on() -> Vec<RetryOn> {
    vec![RetryOn::Timeout, RetryOn::Connection, RetryOn::StatusClass(5), RetryOn::Status(429)]
}

fn failure(at: &At<'_>) -> Option<RetryOn> {
    if at.value.is_number() {
        return at.integer(100, 599).map(RetryOn::Status);
    }
    let text = at.string()?;
    let known = match text {
        "*" => RetryOn::Any,
        "timeout" => RetryOn::Timeout,
        "connection" => RetryOn::Connection,
        "5xx" => RetryOn::StatusClass(5),
        "4xx" => RetryOn::StatusClass(4),
        _ => match text.parse::<u16>() {
            Ok(status @ 100..=599) => RetryOn::Status(status),
            _ if is_code(text) => RetryOn::Code(text.to_owned()),
            _ => {
                let known = ["*", "timeout", "connection", "5xx", "4xx"];
                let message = format!("`{}` is no kind of failure", super::names::shorten(text));
                at.report_meant(rules::BAD_RETRY, message, nearest(text, known), || {
                    "use *, timeout, connection, 5xx, 4xx, a status such as 429, or an error code \
                     such as STEP_TIMEOUT"
                        .to_owned()
                });
                return None;
            }
        },
    };
    Some(known)
}

/// Error codes are SCREAMING_SNAKE.
fn is_code(text: &str) -> bool {
    matches!(text.as_bytes(), [b'A'..=b'Z', rest @ ..]
        if rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'))
}

/// `expect_status`: one status or a list.
pub(super) fn statuses(at: &At<'_>) -> Option<Vec<u16>> {
    let entries = if at.value.is_array() { at.list()? } else { vec![at.clone()] };
    let statuses: Vec<Option<u16>> = entries
        .iter()
        .map(|at| {
            let status = match at.value {
                Value::Number(number) => number.as_u64(),
                Value::String(text) => text.parse().ok(),
                _ => None,
            };
            let status = status.and_then(|status| u16::try_from(status).ok());
            let status = status.filter(|status| (100..=599).contains(status));
            if status.is_none() {
                let message = format!("{} is not an HTTP status", at.value);
                at.report(rules::BAD_STATUS, message, Some("use 100 to 599".to_owned()));
            }
            status
        })
        .collect();
    statuses.into_iter().collect()
}
