//! When a schedule fires: points in time from cron expressions, intervals and zones (definition-language §2).
//!
//! Pure: the same spec and moment give the same answer in every process, so replicas need not agree on anything.

mod calendar;
pub mod cron;
mod describe;
mod wall;

pub(crate) use self::calendar::every;
pub use self::calendar::{Calendar, Fire};
pub use self::cron::Cron;

use std::str::FromStr as _;
use std::time::Duration;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Timestamp;
use crate::definition::suggest::nearest;

/// Most cron expressions of one schedule, and most exclusions.
pub const MAX_EXPRESSIONS: usize = 20;
/// Most excluded days of one schedule.
pub const MAX_EXCLUDED_DATES: usize = 1_000;

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Spec {
    /// By cron expressions, in the schedule's zone.
    Cron {
        /// Fires when one of them matches.
        expressions: Vec<String>,
        /// But not when one of these matches.
        #[serde(default)]
        exclusions: Vec<String>,
        /// And not on these days.
        #[serde(default)]
        excluded_dates: Vec<NaiveDate>,
    },
    /// Every so often, whatever clocks show.
    Interval {
        /// Distance, in milliseconds.
        every_ms: u64,
        /// One of the points in time.
        anchor: Timestamp,
    },
    /// Once.
    Once {
        /// When.
        at: Timestamp,
    },
}

/// What happens to times that a clock change leaves out, where the hours are restricted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapPolicy {
    /// They fire once, at the end of the gap.
    #[default]
    Shift,
    /// They do not fire.
    Skip,
}

/// What happens to times that a clock change repeats, where the hours are restricted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepeatedTimePolicy {
    /// The first one counts.
    #[default]
    First,
    /// The second one counts.
    Last,
    /// Both count.
    Both,
}

/// What is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpecProblem {
    /// Where: `zone`, `expressions.0`, `exclusions.0`, `excludedDates`, `every`, or empty for the whole.
    pub place: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl SpecProblem {
    fn new(place: impl Into<String>, message: impl Into<String>, help: Option<String>) -> Self {
        Self { place: place.into(), message: message.into(), help }
    }
}

/// A zone of the IANA database.
///
/// # Errors
/// When there is none of this name; with the nearest one that exists.
pub fn zone(name: &str) -> Result<chrono_tz::Tz, SpecProblem> {
    chrono_tz::Tz::from_str(name).map_err(|_unknown| {
        let shown: String = name.chars().take(64).collect();
        let near = nearest(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let help = near.map_or_else(
            || "Use a name of the IANA database, such as Europe/Berlin or UTC.".to_owned(),
            |near| format!("Did you mean `{near}`?"),
        );
        SpecProblem::new("zone", format!("`{shown}` is not a time zone"), Some(help))
    })
}

/// By how much a fire is delayed: at most `most`, and the same in every process.
#[must_use]
pub fn jitter(schedule: &[u8], due: Timestamp, most: Duration) -> Duration {
    let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    if most_ms == 0 {
        return Duration::ZERO;
    }
    let digest = Sha256::new().chain_update(schedule).chain_update(due.0.to_le_bytes()).finalize();
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Duration::from_millis(number % most_ms.saturating_add(1).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_does_not_exist_is_told_with_the_nearest_name() {
        assert!(zone("Europe/Berlin").is_ok());
        let problem = zone("Europe/Berln").unwrap_err();
        assert_eq!(problem.help.as_deref(), Some("Did you mean `Europe/Berlin`?"));
        assert_eq!(zone("Mars").unwrap_err().message, "`Mars` is not a time zone");
    }

    #[test]
    fn jitter_is_the_same_everywhere_spread_and_never_too_long() {
        let most = Duration::from_secs(10);
        let delays: Vec<_> = (0..1_000).map(|n| jitter(b"a schedule", Timestamp(n * 60_000), most)).collect();
        assert!(delays.iter().all(|delay| *delay <= most));
        assert!(delays.iter().any(|delay| delay.as_secs() < 1) && delays.iter().any(|delay| delay.as_secs() >= 9));
        assert_eq!(jitter(b"a schedule", Timestamp(60_000), most), delays[1]);
        assert_eq!(jitter(b"another", Timestamp(0), Duration::ZERO), Duration::ZERO);
    }
}
