//! Lengths of time as people write them: `500ms`, `1h30m`, `7d`, or ISO 8601 `PT5M`.

use std::time::Duration;

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text has another form.
    #[error(
        "`{0}` is not a length of time: write `500ms`, `30s`, `5m`, `1h30m`, `24h`, `7d` or ISO 8601 such as `PT5M`"
    )]
    Malformed(String),
    /// Longer than [`MAX`].
    #[error("`{0}` is longer than a hundred years")]
    TooLong(String),
}

/// The longest length of time that is understood: a hundred years.
pub const MAX: Duration = Duration::from_hours(100 * 366 * 24);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Reads a length of time.
///
/// # Errors
/// When the text has another form, or is longer than [`MAX`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let shown = || text.chars().take(64).collect::<String>();
    let iso = text.strip_prefix('P').or_else(|| text.strip_prefix('p'));
    let millis = match iso {
        Some(rest) => parse_iso(rest),
        None => parse_plain(text),
    };
    let duration = Duration::from_millis(millis.ok_or_else(|| DurationError::Malformed(shown()))?);
    if duration > MAX { Err(DurationError::TooLong(shown())) } else { Ok(duration) }
}

/// Numbers with units, each unit once and the larger ones first.
fn parse_plain(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let letters = after.find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if *millis >= smallest {
            return None;
        }
        smallest = *millis;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        rest = after;
    }
    (smallest != u64::MAX).then_some(total)
}

fn split_number(text: &str) -> Option<(&str, &str)> {
    let digits = text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
    (digits > 0).then(|| text.split_at(digits))
}

/// What follows the `P`: days and weeks, then `T` and hours, minutes, seconds with a fraction.
fn parse_iso(text: &str) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (date, time) = match upper.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (upper.as_str(), ""),
    };
    let date_units = [('W', 7 * 86_400_000), ('D', 86_400_000)];
    let time_units = [('H', 3_600_000), ('M', 60_000), ('S', 1_000)];
    let total = iso_part(date, &date_units)?.checked_add(iso_part(time, &time_units)?)?;
    (!(date.is_empty() && time.is_empty())).then_some(total)
}

fn iso_part(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = units.iter();
    while !rest.is_empty() {
        let (whole, after) = split_number(rest)?;
        let (fraction, after) = match after.strip_prefix(['.', ',']) {
            Some(after) => split_number(after)?,
            None => ("", after),
        };
        let letter = after.chars().next()?;
        let (_, millis) = units.find(|(name, _)| *name == letter)?;
        if !fraction.is_empty() && letter != 'S' {
            return None;
        }
        total = total.checked_add(whole.parse::<u64>().ok()?.checked_mul(*millis)?)?;
        let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
        if !fraction.is_empty() {
            total = total.checked_add(thousandths.parse().ok()?)?;
        }
        rest = &after[letter.len_utf8()..];
    }
    Some(total)
}

/// Writes a length of time as ISO 8601 in hours, minutes and seconds, such as `PT1H30M`.
#[must_use]
pub fn format_iso(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::from("PT");
    if hours > 0 {
        text.push_str(&format_part(hours, 'H'));
    }
    if minutes > 0 {
        text.push_str(&format_part(minutes, 'M'));
    }
    if millis > 0 {
        text.push_str(&format_part(seconds, '.'));
        text.push_str(&format!("{millis:03}S")[..]);
    } else if seconds > 0 || text == "PT" {
        text.push_str(&format_part(seconds, 'S'));
    }
    text
}

fn format_part(number: u64, unit: char) -> String {
    format!("{number}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_language_is_understood() {
        let cases = [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("PT5M", 300_000),
            ("PT1H30M", 5_400_000),
            ("P7D", 604_800_000),
            ("P1W", 604_800_000),
            ("PT0.5S", 500),
            ("PT1.25S", 1_250),
            ("P1DT1S", 86_401_000),
            ("0s", 0),
            ("PT0S", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "m",
            "5 m",
            "5x",
            "5m5m",
            "5m1h",
            "-5m",
            "1.5h",
            "P",
            "PT",
            "PT5",
            "P5M",
            "PT5M5H",
            "P1DT",
            "99999999999999999999d",
            "200000d",
            "5ｍ",
            "five minutes",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for millis in [0, 1, 999, 1_000, 61_001, 3_600_000, 90_061_500] {
            let duration = Duration::from_millis(millis);
            assert_eq!(parse(&format_iso(duration)), Ok(duration), "{}", format_iso(duration));
        }
        assert_eq!(format_iso(Duration::from_mins(90)), "PT1H30M");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,24}") {
            let _outcome = parse(&text);
        }
    }
}
