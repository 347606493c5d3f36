//! Specs in words.

use std::time::Duration;

use croner::parser::{CronParser, Seconds, Year};

use super::{Calendar, Spec};
use crate::duration::format_iso;

impl Calendar {
    /// When it fires, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.spec {
            Spec::Once { at } => format!("Once, at {}", at.to_rfc3339()),
            Spec::Interval { every_ms, .. } => format!("Every {}", format_iso(Duration::from_millis(*every_ms))),
            Spec::Cron { expressions, exclusions, excluded_dates } => {
                let mut words = expressions.iter().map(|text| in_words(text)).collect::<Vec<_>>().join("; or: ");
                if !exclusions.is_empty() {
                    let left_out = exclusions.iter().map(|text| in_words(text)).collect::<Vec<_>>().join("; or: ");
                    words = format!("{words}; but not: {left_out}");
                }
                if !excluded_dates.is_empty() {
                    words = format!("{words}; not on {} excluded days", excluded_dates.len());
                }
                words
            }
        }
    }
}

/// The expression itself where no words are known.
fn in_words(text: &str) -> String {
    let text = text.trim();
    if let Some(every) = text.strip_prefix("@every") {
        return format!("Every {}", every.trim());
    }
    let known = if text.eq_ignore_ascii_case("@midnight") { "@daily" } else { text };
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    parser
        .parse(known)
        .map_or_else(|_no_words| text.to_owned(), |cron| cron.describe().trim_end_matches('.').to_owned())
}
