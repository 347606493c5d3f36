//! Specs made ready to be asked: the next fire after a moment, and why it is then.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

use super::cron::{Cron, WORD_LIST};
use super::wall::{self, Moments};
use super::{GapPolicy, MAX_EXCLUDED_DATES, MAX_EXPRESSIONS, RepeatedTimePolicy, Spec, SpecProblem};
use crate::Timestamp;

/// Nothing fires earlier: 1900.
const EARLIEST: i64 = -2_208_988_800;
/// Nothing fires later: 3000.
const LATEST: i64 = 32_503_680_000;

/// Excluded fires that are passed over in search of one that is not.
const MAX_PASSED_OVER: usize = 200_000;

/// A spec, ready to be asked.
#[derive(Debug, Clone)]
pub struct Calendar {
    lines: Vec<Line>,
    exclusions: Vec<Cron>,
    excluded_dates: Vec<NaiveDate>,
    zone: Tz,
    gap: GapPolicy,
    repeated: RepeatedTimePolicy,
    pub(super) spec: Spec,
}

/// One way of firing.
#[derive(Debug, Clone)]
enum Line {
    Cron(Cron),
    /// Distance and one of the points, in milliseconds.
    Every(i64, i64),
    Once(i64),
}

/// A point in time at which a schedule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fire {
    /// When.
    pub at: Timestamp,
    /// What the expression meant, and what a clock change made of it.
    turned: Option<Turned>,
}

/// What a clock change made of a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turned {
    /// It does not exist.
    Shifted(NaiveDateTime),
    /// It comes twice, and this is the first.
    First(NaiveDateTime),
    /// It comes twice, and this is the second.
    Second(NaiveDateTime),
}

impl Calendar {
    /// Makes `spec` ready.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(
        spec: &Spec,
        zone: &str,
        gap: GapPolicy,
        repeated: RepeatedTimePolicy,
    ) -> Result<Self, Vec<SpecProblem>> {
        let mut problems = Vec::new();
        let zone = super::zone(zone).map_err(|problem| problems.push(problem)).unwrap_or(Tz::UTC);
        let mut calendar = Self {
            lines: Vec::new(),
            exclusions: Vec::new(),
            excluded_dates: Vec::new(),
            zone,
            gap,
            repeated,
            spec: spec.clone(),
        };
        match spec {
            Spec::Once { at } => calendar.lines.push(Line::Once(at.0)),
            Spec::Interval { every_ms, anchor } => match i64::try_from(*every_ms) {
                Ok(every_ms) if every_ms >= 1_000 => calendar.lines.push(Line::Every(every_ms, anchor.0)),
                _too_short_or_long => {
                    problems.push(SpecProblem::new("every", "the distance is shorter than a second", None));
                }
            },
            Spec::Cron { expressions, exclusions, excluded_dates } => {
                check_counts(expressions, exclusions, excluded_dates, &mut problems);
                for (index, text) in expressions.iter().take(MAX_EXPRESSIONS).enumerate() {
                    let line = line(text).map_err(|fault| wrong("expressions", index, text, &fault));
                    match line {
                        Ok(line) => calendar.lines.push(line),
                        Err(problem) => problems.push(problem),
                    }
                }
                for (index, text) in exclusions.iter().take(MAX_EXPRESSIONS).enumerate() {
                    match Cron::parse(text) {
                        Ok(cron) => calendar.exclusions.push(cron),
                        Err(fault) => problems.push(wrong("exclusions", index, text, &fault)),
                    }
                }
                calendar.excluded_dates.clone_from(excluded_dates);
                calendar.excluded_dates.sort_unstable();
            }
        }
        if problems.is_empty() { Ok(calendar) } else { Err(problems) }
    }

    /// The first fire after a moment.
    #[must_use]
    pub fn next_after(&self, moment: Timestamp) -> Option<Fire> {
        let mut after = moment.0;
        for _passed_over in 0..MAX_PASSED_OVER {
            let fire = self.lines.iter().filter_map(|line| self.next_of(line, after)).min_by_key(|fire| fire.at)?;
            let Some(excluded_until) = self.excluded_until(&fire) else { return Some(fire) };
            after = excluded_until.max(fire.at.0);
        }
        None
    }

    /// The fires after `from`, `to` included, oldest first; of more than `limit` the last ones.
    #[must_use]
    pub fn last_between(&self, from: Timestamp, to: Timestamp, limit: usize) -> Vec<Fire> {
        // Looks back further and further, so that what was missed for years costs no more than what is wanted of it.
        let mut back_ms = 60_000_i64;
        loop {
            let begin = Timestamp(to.0.saturating_sub(back_ms).max(from.0));
            let mut found = std::collections::VecDeque::new();
            let mut after = begin;
            while let Some(fire) = self.next_after(after).filter(|fire| fire.at <= to) {
                if found.len() == limit {
                    found.pop_front();
                }
                found.push_back(fire);
                after = fire.at;
            }
            if begin <= from || found.len() >= limit {
                return found.into();
            }
            back_ms = back_ms.saturating_mul(4);
        }
    }

    /// When a fire is excluded, the moment, in milliseconds, before which everything is.
    fn excluded_until(&self, fire: &Fire) -> Option<i64> {
        if self.exclusions.is_empty() && self.excluded_dates.is_empty() {
            return None;
        }
        let meant = self.meant(fire)?;
        if self.excluded_dates.binary_search(&meant.date()).is_ok() {
            let last = meant.date().and_hms_opt(23, 59, 59)?;
            let last = match wall::moments(self.zone, last)? {
                Moments::One(one) => one,
                // Whatever the clock does at the end of a day, the fires up to here are excluded one by one.
                Moments::Twice { .. } | Moments::Gap { .. } => return Some(fire.at.0),
            };
            return Some(last.saturating_mul(1_000));
        }
        self.exclusions.iter().any(|cron| cron.covers(meant)).then_some(fire.at.0)
    }

    /// The local time that was meant, before a clock change made something else of it.
    fn meant(&self, fire: &Fire) -> Option<NaiveDateTime> {
        match fire.turned {
            Some(Turned::Shifted(local) | Turned::First(local) | Turned::Second(local)) => Some(local),
            None => wall::shown(self.zone, fire.at.0.div_euclid(1_000)),
        }
    }

    fn next_of(&self, line: &Line, after_ms: i64) -> Option<Fire> {
        match line {
            Line::Once(at) => (*at > after_ms).then_some(Fire { at: Timestamp(*at), turned: None }),
            Line::Every(every, anchor) => {
                let passed = after_ms.checked_sub(*anchor)?.div_euclid(*every).checked_add(1)?;
                let at = anchor.checked_add(passed.checked_mul(*every)?)?;
                (at <= LATEST * 1_000).then_some(Fire { at: Timestamp(at), turned: None })
            }
            Line::Cron(cron) => self.next_of_cron(cron, after_ms.div_euclid(1_000)),
        }
    }

    /// The first fire of `cron` after a moment in Unix seconds.
    fn next_of_cron(&self, cron: &Cron, after: i64) -> Option<Fire> {
        let after = after.max(EARLIEST);
        if after > LATEST {
            return None;
        }
        let now = wall::shown(self.zone, after)?;
        let again = self.second_pass(cron, after, now);
        let mut local = now;
        let onwards = loop {
            let Some(next) = cron.next(local) else { break None };
            if let Some(fire) = self.fire_at(cron, next, after) {
                break Some(fire);
            }
            local = next;
        };
        [again, onwards].into_iter().flatten().min_by_key(|fire| fire.at)
    }

    /// While the clock shows for the first time what it will show again: the first fire when it does, of the times
    /// that it shows until now.
    fn second_pass(&self, cron: &Cron, after: i64, now: NaiveDateTime) -> Option<Fire> {
        let Moments::Twice { first, second } = wall::moments(self.zone, now)? else { return None };
        if first != after {
            return None;
        }
        let begins = wall::shown(self.zone, wall::went_back(self.zone, first, second)?)?;
        let next = cron.next(begins.checked_sub_signed(TimeDelta::seconds(1))?)?;
        if next > now { None } else { self.fire_at(cron, next, after) }
    }

    /// The first fire after `after` that the local time `local` stands for.
    fn fire_at(&self, cron: &Cron, local: NaiveDateTime, after: i64) -> Option<Fire> {
        let fire = |unix: i64, turned| Fire { at: Timestamp(unix.saturating_mul(1_000)), turned };
        let policies = cron.restricts_hours().then_some((self.gap, self.repeated));
        let fires = match wall::moments(self.zone, local)? {
            Moments::One(one) => [Some(fire(one, None)), None],
            Moments::Twice { first, second } => {
                let (first, second) =
                    (fire(first, Some(Turned::First(local))), fire(second, Some(Turned::Second(local))));
                match policies.map(|policies| policies.1) {
                    Some(RepeatedTimePolicy::First) => [Some(first), None],
                    Some(RepeatedTimePolicy::Last) => [Some(second), None],
                    Some(RepeatedTimePolicy::Both) | None => [Some(first), Some(second)],
                }
            }
            Moments::Gap { ends_at } => match policies.map(|policies| policies.0) {
                Some(GapPolicy::Shift) => [Some(fire(ends_at, Some(Turned::Shifted(local)))), None],
                Some(GapPolicy::Skip) | None => [None, None],
            },
        };
        let after = after.saturating_mul(1_000);
        fires.into_iter().flatten().find(|fire| fire.at.0 > after)
    }

    /// A moment as the clock of the schedule's zone shows it, with its distance from UTC.
    #[must_use]
    pub fn local(&self, moment: Timestamp) -> String {
        let utc = DateTime::from_timestamp_millis(moment.0).unwrap_or(DateTime::<chrono::Utc>::MIN_UTC);
        utc.with_timezone(&self.zone).to_rfc3339_opts(chrono::SecondsFormat::Secs, false)
    }

    /// What a clock change has to do with a fire, in a sentence.
    #[must_use]
    pub fn note(&self, fire: &Fire) -> Option<String> {
        let shown = |local: NaiveDateTime| (local.format("%H:%M:%S"), local.format("%-d %B %Y"));
        Some(match fire.turned? {
            Turned::Shifted(local) => {
                let (time, date) = shown(local);
                let to = wall::shown(self.zone, fire.at.0.div_euclid(1_000))?.format("%H:%M:%S");
                let more = self.merged(local, fire).saturating_sub(1);
                let more = if more > 0 { format!(", together with {more} more") } else { String::new() };
                format!("{time} does not exist on {date}: moved to {to}{more}")
            }
            Turned::First(local) => {
                let (time, date) = shown(local);
                format!("{time} comes twice on {date}: this is the first")
            }
            Turned::Second(local) => {
                let (time, date) = shown(local);
                format!("{time} comes twice on {date}: this is the second")
            }
        })
    }

    /// How many times that the clock leaves out run together at the end of the gap, counted up to a hundred.
    fn merged(&self, first: NaiveDateTime, fire: &Fire) -> usize {
        let mut count = 0;
        for line in &self.lines {
            let Line::Cron(cron) = line else { continue };
            let mut local = first.checked_sub_signed(TimeDelta::days(2)).unwrap_or(first);
            while let Some(next) = cron.next(local).filter(|next| *next < first + TimeDelta::days(1) && count < 100) {
                let is_here = matches!(wall::moments(self.zone, next),
                    Some(Moments::Gap { ends_at }) if ends_at.saturating_mul(1_000) == fire.at.0);
                count += usize::from(is_here);
                local = next;
            }
        }
        count
    }
}

fn check_counts(
    expressions: &[String],
    exclusions: &[String],
    excluded_dates: &[NaiveDate],
    problems: &mut Vec<SpecProblem>,
) {
    if expressions.is_empty() {
        let help = Some("Write minute hour day-of-month month day-of-week, such as `0 9 * * mon-fri`.".to_owned());
        problems.push(SpecProblem::new("expressions", "there is no expression", help));
    }
    for (place, count, most) in [
        ("expressions", expressions.len(), MAX_EXPRESSIONS),
        ("exclusions", exclusions.len(), MAX_EXPRESSIONS),
        ("excludedDates", excluded_dates.len(), MAX_EXCLUDED_DATES),
    ] {
        if count > most {
            problems.push(SpecProblem::new(place, format!("there are {count}, at most {most} are allowed"), None));
        }
    }
}

/// A line of an expression: of the wall clock, or `@every`, which counts from 1970 on.
fn line(text: &str) -> Result<Line, String> {
    match every(text) {
        Some(every) => Ok(Line::Every(every?, 0)),
        None => Cron::parse(text).map(Line::Cron),
    }
}

/// The distance of `@every`, in milliseconds; `None` when it is another expression.
pub(crate) fn every(text: &str) -> Option<Result<i64, String>> {
    let length = text.trim().strip_prefix("@every")?;
    Some(match crate::duration::parse(length.trim()) {
        Ok(length) if length.as_secs() < 1 => Err("it is shorter than a second".to_owned()),
        Ok(length) => i64::try_from(length.as_millis()).map_err(|_too_long| "it is too long".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

fn wrong(list: &str, index: usize, text: &str, fault: &str) -> SpecProblem {
    let shown: String = text.chars().take(64).collect();
    let help = if text.trim_start().starts_with('@') {
        format!("Use one of {WORD_LIST}.")
    } else {
        "Write minute hour day-of-month month day-of-week, such as `0 9 * * mon-fri`.".to_owned()
    };
    SpecProblem::new(format!("{list}.{index}"), format!("`{shown}` is not a schedule: {fault}"), Some(help))
}
