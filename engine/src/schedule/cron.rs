//! Cron expressions: which moments of a wall clock they name.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// Longest expression, in bytes.
const MAX_BYTES: usize = 1_000;

/// How far ahead a match is looked for: 29 February comes again after eight years at the latest.
const MAX_DAYS_AHEAD: u64 = 9 * 366;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Words that stand for expressions; `@every` is not one of the wall clock.
const WORDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What `@` words there are, for people.
pub const WORD_LIST: &str = "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every 90s";

/// A cron expression, as sets of values.
///
/// A field that allows every value is not restricted, however it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    has_seconds: bool,
}

/// One field of an expression.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const SECONDS: Field = Field { name: "second", least: 0, most: 59, words: &[] };
const MINUTES: Field = Field { name: "minute", least: 0, most: 59, words: &[] };
const HOURS: Field = Field { name: "hour", least: 0, most: 23, words: &[] };
const DAYS_OF_MONTH: Field = Field { name: "day of month", least: 1, most: 31, words: &[] };
const MONTHS_OF_YEAR: Field = Field { name: "month", least: 1, most: 12, words: &MONTHS };
const DAYS_OF_WEEK: Field = Field { name: "day of week", least: 0, most: 7, words: &DAYS };

const ALL_HOURS: u64 = (1 << 24) - 1;
const ALL_DAYS: u64 = (1 << 32) - 2;
const ALL_WEEKDAYS: u64 = (1 << 7) - 1;

/// Days of each month, at most.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Cron {
    /// Reads an expression of five fields, or six with seconds first, or an `@` word other than `@every`.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence; also when it never fires.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it is longer than {MAX_BYTES} characters"));
        }
        let text = text.trim();
        let fields = if text.starts_with('@') {
            let word = WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
            word.ok_or_else(|| "this word is not known".to_owned())?.1
        } else {
            text
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let (second, rest) = match fields.len() {
            5 => (None, &fields[..]),
            6 => (Some(fields[0]), &fields[1..]),
            1 => return Err("it has 1 field instead of five (or six, with seconds first)".to_owned()),
            count => return Err(format!("it has {count} fields instead of five (or six, with seconds first)")),
        };
        let weekdays = DAYS_OF_WEEK.read(rest[4])?;
        let cron = Self {
            seconds: second.map_or(Ok(1), |second| SECONDS.read(second))?,
            minutes: MINUTES.read(rest[0])?,
            hours: HOURS.read(rest[1])?,
            days: DAYS_OF_MONTH.read(rest[2])?,
            months: MONTHS_OF_YEAR.read(rest[3])?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | weekdays >> 7) & ALL_WEEKDAYS,
            has_seconds: second.is_some(),
        };
        if cron.ever_fires() { Ok(cron) } else { Err("it never fires".to_owned()) }
    }

    /// Whether some hours are left out: then a clock change shifts and merges, else time just goes on.
    #[must_use]
    pub const fn restricts_hours(&self) -> bool {
        self.hours != ALL_HOURS
    }

    /// Whether there is a day in some year that fits.
    fn ever_fires(&self) -> bool {
        let by_weekday = self.weekdays != ALL_WEEKDAYS && self.days != ALL_DAYS;
        by_weekday
            || (1..=12_u32).any(|month| {
                let days = (1..=LENGTHS[month as usize - 1]).any(|day| self.days >> day & 1 == 1);
                self.months >> month & 1 == 1 && days
            })
    }

    /// When both day fields are restricted, either is enough.
    fn fits_date(&self, date: NaiveDate) -> bool {
        if self.months >> date.month() & 1 == 0 {
            return false;
        }
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().num_days_from_sunday() & 1 == 1;
        if self.days != ALL_DAYS && self.weekdays != ALL_WEEKDAYS { day || weekday } else { day && weekday }
    }

    /// Whether a moment of a wall clock is meant. An expression without seconds means the whole minute.
    #[must_use]
    pub fn covers(&self, moment: NaiveDateTime) -> bool {
        let second = !self.has_seconds || self.seconds >> moment.second() & 1 == 1;
        second
            && self.minutes >> moment.minute() & 1 == 1
            && self.hours >> moment.hour() & 1 == 1
            && self.fits_date(moment.date())
    }

    /// The first moment of a wall clock after `after` that is meant, as if the clock were never changed.
    #[must_use]
    pub fn next(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let from = after.with_nanosecond(0)?.checked_add_signed(chrono::TimeDelta::seconds(1))?;
        let last = from.date().checked_add_days(Days::new(MAX_DAYS_AHEAD))?;
        let (mut date, mut time) = (from.date(), from.time());
        while date <= last {
            if self.months >> date.month() & 1 == 0 {
                date = first_of_next_month(date)?;
                time = NaiveTime::MIN;
                continue;
            }
            if self.fits_date(date)
                && let Some(found) = self.next_time(time)
            {
                return Some(date.and_time(found));
            }
            date = date.succ_opt()?;
            time = NaiveTime::MIN;
        }
        None
    }

    /// The first time of a day, at `from` or later.
    fn next_time(&self, from: NaiveTime) -> Option<NaiveTime> {
        let (mut minute, mut second) = (from.minute(), from.second());
        let mut hour = from.hour();
        while let Some(found) = next_bit(self.hours, hour) {
            if found != hour {
                (hour, minute, second) = (found, 0, 0);
            }
            while let Some(found) = next_bit(self.minutes, minute) {
                if found != minute {
                    (minute, second) = (found, 0);
                }
                if let Some(second) = next_bit(self.seconds, second) {
                    return NaiveTime::from_hms_opt(hour, minute, second);
                }
                (minute, second) = (minute + 1, 0);
            }
            (hour, minute, second) = (hour + 1, 0, 0);
        }
        None
    }
}

fn first_of_next_month(date: NaiveDate) -> Option<NaiveDate> {
    date.with_day(1)?.checked_add_months(chrono::Months::new(1))
}

/// The first value of a set, from `from` on.
fn next_bit(set: u64, from: u32) -> Option<u32> {
    let left = set.checked_shr(from)?;
    (left != 0).then(|| from + left.trailing_zeros())
}

impl Field {
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut set = 0;
        for part in text.split(',') {
            set |= self.part(part)?;
        }
        Ok(set)
    }

    /// `*`, `?`, `5`, `1-5`, and each of them with `/2`; `5/2` goes on to the end.
    fn part(&self, text: &str) -> Result<u64, String> {
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((range, step)) => {
                let step = step.parse::<u32>().ok().filter(|step| (1..=self.most).contains(step));
                (range, Some(step.ok_or_else(|| self.wrong(text))?))
            }
        };
        let (first, last) = match range {
            "*" | "?" => (self.least, self.last()),
            range => {
                if let Some((first, last)) = range.split_once('-') {
                    let (first, last) = (self.value(first, text)?, self.value(last, text)?);
                    // `fri-sun` ends on the other name of Sunday.
                    if self.most == 7 && last == 0 && first > 0 { (first, 7) } else { (first, last) }
                } else {
                    let value = self.value(range, text)?;
                    (value, if step.is_some() { self.last() } else { value })
                }
            }
        };
        if first > last {
            return Err(format!("`{}` ends before it begins", shown(text)));
        }
        let step = step.unwrap_or(1);
        Ok((first..=last).step_by(step as usize).fold(0, |set, value| set | 1 << value))
    }

    /// The last value that is no other name of one before.
    const fn last(&self) -> u32 {
        if self.most == 7 { 6 } else { self.most }
    }

    fn value(&self, text: &str, whole: &str) -> Result<u32, String> {
        let word = self.words.iter().position(|word| text.eq_ignore_ascii_case(word));
        let value = match word {
            Some(place) => u32::try_from(place).ok().map(|place| place + self.least),
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        value.filter(|value| (self.least..=self.most).contains(value)).ok_or_else(|| self.wrong(whole))
    }

    fn wrong(&self, text: &str) -> String {
        let words = if self.words.is_empty() { "" } else { " or names" };
        format!("`{}` is no {}: it takes {} to {}{words}", shown(text), self.name, self.least, self.most)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap()
    }

    fn next(cron: &str, after: &str) -> String {
        let next = Cron::parse(cron).unwrap_or_else(|fault| panic!("{cron}: {fault}")).next(moment(after));
        next.map_or("never".to_owned(), |next| next.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    #[test]
    fn the_next_moment_is_the_first_one_after() {
        let now = "2026-11-28 12:30:15";
        for (cron, expected) in [
            ("* * * * *", "2026-11-28 12:31:00"),
            ("* * * * * *", "2026-11-28 12:30:16"),
            ("15 30 12 * * *", "2026-11-29 12:30:15"),
            ("30 12 * * *", "2026-11-29 12:30:00"),
            ("0 9 * * mon-fri", "2026-11-30 09:00:00"),
            ("0 9 * * MON", "2026-11-30 09:00:00"),
            ("0 0 29 2 *", "2028-02-29 00:00:00"),
            ("0 0 31 * *", "2026-12-31 00:00:00"),
            ("*/20 22-23 * jan,Mar *", "2027-01-01 22:00:00"),
            ("0 12 ? * sun", "2026-11-29 12:00:00"),
            ("0 12 * * 0", "2026-11-29 12:00:00"),
            ("0 12 * * 7", "2026-11-29 12:00:00"),
            ("0 12 * * fri-sun", "2026-11-29 12:00:00"),
            ("59 59 23 31 12 *", "2026-12-31 23:59:59"),
            ("@hourly", "2026-11-28 13:00:00"),
            ("@Midnight", "2026-11-29 00:00:00"),
            ("@weekly", "2026-11-29 00:00:00"),
            ("@monthly", "2026-12-01 00:00:00"),
            ("@yearly", "2027-01-01 00:00:00"),
            ("5/20 * * * *", "2026-11-28 12:45:00"),
            ("0 0 * * 5/1", "2026-12-04 00:00:00"),
        ] {
            assert_eq!(next(cron, now), expected, "{cron}");
        }
    }

    #[test]
    fn when_both_day_fields_are_restricted_either_is_enough() {
        assert_eq!(next("0 0 13 * fri", "2026-11-28 00:00:00"), "2026-12-04 00:00:00");
        assert_eq!(next("0 0 13 * fri", "2026-12-11 00:00:00"), "2026-12-13 00:00:00");
        assert_eq!(next("0 0 30 2 mon", "2026-11-28 00:00:00"), "2027-02-01 00:00:00");
        assert_eq!(next("0 0 1-31 * mon", "2026-11-28 00:00:00"), "2026-11-30 00:00:00", "every day is no restriction");
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for (text, reason) in [
            ("0 0 30 2 *", "never fires"),
            ("0 0 31 2,4,6,9,11 *", "never fires"),
            ("60 * * * *", "`60` is no minute: it takes 0 to 59"),
            ("* * * 13 *", "1 to 12 or names"),
            ("* * 0 * *", "day of month"),
            ("* * * * 8", "or names"),
            ("22-2 * * * *", "ends before it begins"),
            ("*/0 * * * *", "is no minute"),
            ("* * L * *", "`L` is no day of month"),
            ("1,,2 * * * *", "`` is no minute"),
            ("+1 * * * *", "`+1` is no minute"),
            ("@reboot", "not known"),
            ("* * *", "3 fields"),
        ] {
            let fault = Cron::parse(text).unwrap_err();
            assert!(fault.contains(reason), "{text}: {fault}");
        }
    }

    #[test]
    fn an_expression_without_seconds_covers_the_minute() {
        let cron = Cron::parse("* 12 * * sat").unwrap();
        assert!(cron.covers(moment("2026-11-28 12:30:15")));
        assert!(!cron.covers(moment("2026-11-28 13:00:00")) && !cron.covers(moment("2026-11-29 12:00:00")));
        assert!(!Cron::parse("0 * 12 * * *").unwrap().covers(moment("2026-11-28 12:30:15")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9a-z*/,@? -]{0,30}") {
            let _outcome = Cron::parse(&text);
        }
    }
}
