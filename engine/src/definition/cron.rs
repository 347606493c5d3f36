//! Cron expressions and time zones (definition-language §2).

use super::reader::At;
use super::suggest::nearest;
use crate::check::rules;
use crate::schedule::cron::WORD_LIST;
use crate::schedule::{Cron, every};

pub(super) fn expression(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    match fault(text) {
        None => Some(text.to_owned()),
        Some(fault) => {
            let message = format!("`{}` is not a schedule: {fault}", super::names::shorten(text));
            let hint = if text.trim_start().starts_with('@') {
                format!("use one of {WORD_LIST}")
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
    match every(text) {
        Some(every) => every.err(),
        None => Cron::parse(text).err(),
    }
}

pub(super) fn timezone(at: &At<'_>) -> Option<String> {
    let text = at.string()?;
    if crate::schedule::zone(text).is_ok() {
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
