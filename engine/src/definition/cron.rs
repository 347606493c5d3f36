//! Cron expressions and time zones (definition-language §2).

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds, Year};

use super::reader::At;
use super::suggest::nearest;
use crate::check::rules;

/// A day in a leap year: every cron expression that ever fires does so within the search from here.
const SEARCH_FROM_MS: i64 = 1_704_067_200_000;

const WORDS: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every 90s"];

pub(super) fn expression(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    match fault(text) {
        None => Some(text.to_owned()),
        Some(fault) => {
            let message = format!("`{}` is not a schedule: {fault}", super::names::shorten(text));
            let hint = if text.trim_start().starts_with('@') {
                format!("use one of {}", WORDS.join(", "))
            } else {
                "write minute hour day-of-month month day-of-week, such as `0 9 * * mon-fri`".to_owned()
            };
            at.report(rules::BAD_CRON, message, Some(hint));
            None
        }
    }
}

/// What is wrong with a cron expression.
fn fault(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(length) = text.strip_prefix("@every") {
        return match crate::duration::parse(length.trim()) {
            Ok(length) if length.as_secs() < 1 => Some("it is shorter than a second".to_owned()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
    }
    if text.starts_with('@') && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        return Some("this word is not known".to_owned());
    }
    let fields = text.split_whitespace().count();
    if !text.starts_with('@') && !(5..=6).contains(&fields) {
        let count = if fields == 1 { "1 field".to_owned() } else { format!("{fields} fields") };
        return Some(format!("it has {count} instead of five (or six, with seconds first)"));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    // The parser lacks this one word.
    let text = if text.eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
    let cron = match parser.parse(text) {
        Ok(cron) => cron,
        Err(error) => return Some(error.to_string().trim_end_matches('.').to_owned()),
    };
    let from = DateTime::<Utc>::from_timestamp_millis(SEARCH_FROM_MS).unwrap_or_default();
    cron.find_next_occurrence(&from, true).is_err().then(|| "it never fires".to_owned())
}

pub(super) fn timezone(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    if chrono_tz::Tz::from_str(text).is_ok() {
        return Some(text.to_owned());
    }
    let known = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let message = format!("`{}` is not a time zone", super::names::shorten(text));
    at.report_meant(rules::BAD_TIMEZONE, message, nearest(text, known()), || {
        "use a name of the IANA database, such as Europe/Berlin or UTC".to_owned()
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_fields_six_fields_and_words_are_schedules() {
        for text in [
            "0 9 * * mon-fri",
            "*/15 * * * *",
            "0 0 1 1 ?",
            "30 0 9 * * 1",
            "0 0 * * 7",
            "@hourly",
            "@Annually",
            "@midnight",
            "@every 90s",
            "0 0 29 2 *",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn everything_else_says_what_is_wrong() {
        for (text, reason) in [
            ("* * *", "3 fields"),
            ("", "0 fields"),
            ("61 * * * *", ""),
            ("0 0 30 2 *", "never fires"),
            ("@often", "not known"),
            ("@every 10ms", "shorter"),
            ("0 0 * * * 2026 7", "7 fields"),
            ("every day at noon", ""),
        ] {
            let fault = fault(text).unwrap_or_else(|| panic!("{text} passed"));
            assert!(fault.contains(reason), "{text}: {fault}");
        }
    }
}
