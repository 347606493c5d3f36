//! When schedules fire, held against an oracle that walks through every minute of a wall clock and shares no code
//! with the engine: every clock change of many zones from 2015 to 2035, around random expressions.
//!
//! `SLUICE_ORACLE_ROUNDS` plays more expressions for each clock change.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use sluice_engine::Timestamp;
use sluice_engine::schedule::{Calendar, GapPolicy, RepeatedTimePolicy, Spec};

const ZONES: [&str; 46] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Chisinau",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/St_Johns",
    "America/Halifax",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Caracas",
    "America/Nuuk",
    "America/Mexico_City",
    "America/Port-au-Prince",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Windhoek",
    "Africa/Juba",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Gaza",
    "Asia/Tehran",
    "Asia/Amman",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Niue",
];

/// Numbers that look like chance and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(most)).unwrap()
    }

    fn some(&mut self, from: u32, to: u32, most: u32) -> Vec<u32> {
        (0..=self.below(most)).map(|_one| from + self.below(to - from + 1)).collect()
    }
}

/// An expression as lists of values; absent is `*`.
#[derive(Debug, Clone)]
struct Expression {
    minutes: Option<Vec<u32>>,
    hours: Option<Vec<u32>>,
    days: Option<Vec<u32>>,
    weekdays: Option<Vec<u32>>,
}

impl Expression {
    fn random(random: &mut Random, day: u32) -> Self {
        let minutes = match random.below(8) {
            0 => None,
            1 => Some((0..60).step_by(15).collect()),
            2 => Some(vec![0, 30]),
            _list => Some(random.some(0, 59, 3)),
        };
        let hours = match random.below(4) {
            0 => None,
            1 => Some(random.some(0, 23, 4)),
            _around_midnight => Some(random.some(0, 3, 3)),
        };
        let days = (random.below(4) == 0).then(|| vec![day.clamp(1, 28), random.below(28) + 1]);
        let weekdays = (random.below(4) == 0).then(|| random.some(0, 6, 3));
        Self { minutes, hours, days, weekdays }
    }

    fn text(&self) -> String {
        let field = |values: &Option<Vec<u32>>| match values {
            None => "*".to_owned(),
            Some(values) => values.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
        };
        format!("{} {} {} * {}", field(&self.minutes), field(&self.hours), field(&self.days), field(&self.weekdays))
    }

    fn fits(&self, local: NaiveDateTime) -> bool {
        let has = |values: &Option<Vec<u32>>, value: u32| values.as_ref().is_none_or(|values| values.contains(&value));
        let (day, weekday) =
            (has(&self.days, local.day()), has(&self.weekdays, local.weekday().num_days_from_sunday()));
        let date = if self.days.is_some() && self.weekdays.is_some() { day || weekday } else { day && weekday };
        has(&self.minutes, local.minute()) && has(&self.hours, local.hour()) && date
    }
}

fn local(zone: Tz, unix: i64) -> NaiveDateTime {
    let utc = DateTime::from_timestamp(unix, 0).unwrap().naive_utc();
    utc + Duration::seconds(i64::from(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()))
}

/// What the clock shows, minute by minute.
fn minutes(zone: Tz, from: i64, to: i64) -> Vec<(i64, NaiveDateTime)> {
    (from..to).step_by(60).map(|unix| (unix, local(zone, unix))).collect()
}

/// The fires among `minutes`, by walking through them with a mark at the latest time that was shown.
fn oracle(
    minutes: &[(i64, NaiveDateTime)],
    expression: &Expression,
    gap: GapPolicy,
    repeated: RepeatedTimePolicy,
) -> Vec<i64> {
    let is_restricted = expression.hours.is_some();
    let mut times: BTreeMap<NaiveDateTime, u32> = BTreeMap::new();
    for (_, local) in minutes {
        *times.entry(*local).or_default() += 1;
    }
    let mut fires = Vec::new();
    let mut mark = minutes[0].1 - Duration::minutes(1);
    for (unix, local) in minutes {
        let is_again = *local <= mark;
        let mut fits = expression.fits(*local);
        if is_restricted {
            let mut skipped = mark + Duration::minutes(1);
            while skipped < *local {
                fits |= gap == GapPolicy::Shift && expression.fits(skipped);
                skipped += Duration::minutes(1);
            }
            let comes_twice = times[local] > 1;
            fits &= match repeated {
                RepeatedTimePolicy::First => !is_again,
                RepeatedTimePolicy::Last => is_again || !comes_twice,
                RepeatedTimePolicy::Both => true,
            };
        }
        if fits {
            fires.push(*unix);
        }
        mark = mark.max(*local);
    }
    fires
}

fn changes(zone: Tz) -> Vec<i64> {
    const HALF_DAY: i64 = 12 * 60 * 60;
    let (from, to) = (1_420_070_400, 2_082_758_400);
    let offset = |unix: i64| local(zone, unix).and_utc().timestamp() - unix;
    (from..to)
        .step_by(usize::try_from(HALF_DAY).unwrap())
        .filter(|unix| offset(*unix) != offset(unix + HALF_DAY))
        .collect()
}

fn fires(calendar: &Calendar, from: i64, to: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut moment = Timestamp(from * 1_000 - 1);
    while let Some(fire) = calendar.next_after(moment).filter(|fire| fire.at.0 < to * 1_000) {
        assert!(fire.at > moment, "fires come in order");
        found.push(fire.at.0 / 1_000);
        moment = fire.at;
    }
    found
}

fn calendar(text: &str, zone: &str, gap: GapPolicy, repeated: RepeatedTimePolicy) -> Calendar {
    let spec = Spec::Cron { expressions: vec![text.to_owned()], exclusions: Vec::new(), excluded_dates: Vec::new() };
    Calendar::new(&spec, zone, gap, repeated).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

const POLICIES: [(GapPolicy, RepeatedTimePolicy); 4] = [
    (GapPolicy::Shift, RepeatedTimePolicy::First),
    (GapPolicy::Shift, RepeatedTimePolicy::Last),
    (GapPolicy::Skip, RepeatedTimePolicy::Both),
    (GapPolicy::Skip, RepeatedTimePolicy::First),
];

#[test]
fn around_every_clock_change_schedules_fire_as_the_oracle_says() {
    #[expect(clippy::disallowed_methods, reason = "how long a test looks is no business of the engine's")]
    let rounds: u32 = std::env::var("SLUICE_ORACLE_ROUNDS").ok().map_or(1, |rounds| rounds.parse().unwrap());
    let mut random = Random(0x5eed_cafe);
    let mut seen = 0;
    for name in ZONES {
        let zone: Tz = name.parse().unwrap();
        for change in changes(zone) {
            let (from, to) = (change - 26 * 3_600, change + 38 * 3_600);
            let minutes = minutes(zone, from, to);
            for _round in 0..rounds {
                let expression = Expression::random(&mut random, local(zone, change).day());
                let (gap, repeated) = POLICIES[random.below(4) as usize];
                let expected = oracle(&minutes, &expression, gap, repeated);
                let text = expression.text();
                let found = fires(&calendar(&text, name, gap, repeated), from, to);
                assert_eq!(found, expected, "`{text}` in {name} around {change}, {gap:?} and {repeated:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 800, "there are clock changes: {seen}");
}

#[test]
fn between_clock_changes_every_fire_of_a_year_is_as_the_oracle_says() {
    let mut random = Random(77);
    for name in ["Europe/Berlin", "Australia/Lord_Howe"] {
        let zone: Tz = name.parse().unwrap();
        let (from, to) = (1_767_225_600, 1_767_225_600 + 366 * 86_400);
        let expression = Expression::random(&mut random, 13);
        let (gap, repeated) = POLICIES[0];
        let text = expression.text();
        let expected = oracle(&minutes(zone, from, to), &expression, gap, repeated);
        assert_eq!(fires(&calendar(&text, name, gap, repeated), from, to), expected, "`{text}` in {name}");
    }
}

fn shown(text: &str, zone: &str, from: &str, count: usize) -> Vec<(String, Option<String>)> {
    let calendar = calendar(text, zone, GapPolicy::Shift, RepeatedTimePolicy::First);
    let mut moment = Timestamp(DateTime::parse_from_rfc3339(from).unwrap().timestamp_millis());
    let mut found = Vec::new();
    for _one in 0..count {
        let Some(fire) = calendar.next_after(moment) else { break };
        found.push((calendar.local(fire.at), calendar.note(&fire)));
        moment = fire.at;
    }
    found
}

fn times(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    shown(text, zone, from, count).into_iter().map(|(local, _note)| local).collect()
}

#[test]
fn a_time_that_the_clock_skips_runs_after_the_gap_and_says_so() {
    let found = shown("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
    let note = "02:30:00 does not exist on 29 March 2026: moved to 03:00:00";
    assert_eq!(found[0], ("2026-03-29T03:00:00+02:00".to_owned(), Some(note.to_owned())));
    assert_eq!(found[1], ("2026-03-30T02:30:00+02:00".to_owned(), None));
}

#[test]
fn several_skipped_times_run_once_together() {
    let found = shown("*/20 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
    let note = "02:00:00 does not exist on 29 March 2026: moved to 03:00:00, together with 2 more";
    assert_eq!(found[0], ("2026-03-29T03:00:00+02:00".to_owned(), Some(note.to_owned())));
    assert_eq!(found[1].0, "2026-03-30T02:00:00+02:00");
}

#[test]
fn a_time_that_the_clock_repeats_runs_the_first_time() {
    let found = shown("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    let note = "02:30:00 comes twice on 25 October 2026: this is the first";
    assert_eq!(found[0], ("2026-10-25T02:30:00+02:00".to_owned(), Some(note.to_owned())));
    assert_eq!(found[1].0, "2026-10-26T02:30:00+01:00");
}

#[test]
fn where_every_hour_is_meant_elapsed_time_counts() {
    assert_eq!(
        times("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3),
        ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-29T04:30:00+02:00"]
    );
    assert_eq!(
        times("30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 4),
        [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00+01:00",
            "2026-10-25T03:30:00+01:00",
            "2026-10-25T04:30:00+01:00"
        ]
    );
}

#[test]
fn half_an_hour_of_daylight_saving_is_a_gap_too() {
    let found = shown("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T20:00:00Z", 2);
    assert_eq!(found[0].0, "2026-10-04T02:30:00+11:00");
    assert_eq!(found[1].0, "2026-10-05T02:15:00+11:00");
}

#[test]
fn a_day_that_a_zone_left_out_runs_at_the_begin_of_the_next() {
    let found = shown("0 12 30 12 *", "Pacific/Apia", "2011-12-01T00:00:00Z", 1);
    assert_eq!(found[0].0, "2011-12-31T00:00:00+14:00");
}

#[test]
fn rare_days_far_years_and_the_ends_of_the_earth_are_found() {
    assert_eq!(times("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1), ["2104-02-29T00:00:00+00:00"]);
    assert_eq!(times("0 0 31 12 *", "Pacific/Kiritimati", "2199-12-01T00:00:00Z", 1), ["2199-12-31T00:00:00+14:00"]);
    assert_eq!(times("59 23 31 12 *", "Pacific/Niue", "2026-12-31T00:00:00Z", 1), ["2026-12-31T23:59:00-11:00"]);
    assert_eq!(times("0 0 1 1 *", "UTC", "1969-06-01T00:00:00Z", 1), ["1970-01-01T00:00:00+00:00"]);
    assert_eq!(times("0 0 1 1 *", "UTC", "3005-01-01T00:00:00Z", 1), Vec::<String>::new());
}

fn every(every_ms: u64, anchor: i64, after: i64) -> Option<i64> {
    let spec = Spec::Interval { every_ms, anchor: Timestamp(anchor) };
    let calendar = Calendar::new(&spec, "UTC", GapPolicy::Shift, RepeatedTimePolicy::First).unwrap();
    calendar.next_after(Timestamp(after)).map(|fire| fire.at.0)
}

#[test]
fn an_interval_fires_at_its_anchor_and_so_often_before_and_after() {
    assert_eq!(every(90_000, 1_000, 1_000), Some(91_000));
    assert_eq!(every(90_000, 1_000, 999), Some(1_000));
    assert_eq!(every(90_000, 1_000, -200_000), Some(-179_000));
    assert_eq!(every(90_000, 1_000, i64::MAX), None);
    assert_eq!(times("@every 90s", "UTC", "1970-01-01T00:00:00Z", 1), ["1970-01-01T00:01:30+00:00"]);
}

#[test]
fn what_is_excluded_does_not_fire() {
    let date = |day| chrono::NaiveDate::from_ymd_opt(2026, 12, day).unwrap();
    let spec = Spec::Cron {
        expressions: vec!["0 9 * * mon-fri".to_owned()],
        exclusions: vec!["* * * * wed".to_owned()],
        excluded_dates: vec![date(24), date(25)],
    };
    let calendar = Calendar::new(&spec, "Europe/Berlin", GapPolicy::Shift, RepeatedTimePolicy::First).unwrap();
    let mut moment = Timestamp(DateTime::parse_from_rfc3339("2026-12-21T12:00:00Z").unwrap().timestamp_millis());
    let mut days = Vec::new();
    for _one in 0..3 {
        moment = calendar.next_after(moment).unwrap().at;
        days.push(calendar.local(moment)[8..10].to_owned());
    }
    assert_eq!(days, ["22", "28", "29"]);
}

#[test]
fn of_what_was_missed_the_last_ones_are_found() {
    let calendar = calendar("* * * * *", "UTC", GapPolicy::Shift, RepeatedTimePolicy::First);
    let (from, to) = (Timestamp(0), Timestamp(10 * 365 * 86_400_000));
    let last = calendar.last_between(from, to, 3);
    assert_eq!(last.iter().map(|fire| (to.0 - fire.at.0) / 60_000).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(calendar.last_between(Timestamp(to.0 - 60_000), to, 3).len(), 1);
    assert_eq!(calendar.last_between(to, to, 3), []);
}

#[test]
fn everything_that_is_wrong_with_a_spec_is_told_at_once() {
    let spec = Spec::Cron {
        expressions: vec!["0 0 30 2 *".to_owned(), "0 0 * * *".to_owned()],
        exclusions: vec!["now and then".to_owned()],
        excluded_dates: Vec::new(),
    };
    let problems = Calendar::new(&spec, "Europe/Berln", GapPolicy::Shift, RepeatedTimePolicy::First).unwrap_err();
    let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(places, ["zone", "expressions.0", "exclusions.0"]);
    assert_eq!(problems[1].message, "`0 0 30 2 *` is not a schedule: it never fires");
    assert_eq!(problems[0].help.as_deref(), Some("Did you mean `Europe/Berlin`?"));
}
