//! What a schedule would do, before it does.

use engine::Timestamp;
use engine::schedule::Calendar;
use store::ScheduleRow;

use super::timing::Timing;
use crate::error::ServiceError;
use crate::services::Services;
use crate::viewer::{Permission, Viewer};

/// Most points in time that are shown.
pub const MAX_SHOWN: usize = 100;

/// A point in time that will fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireTime {
    /// When.
    pub at: Timestamp,
    /// As the clock of the schedule's zone shows it.
    pub local: String,
    /// What a clock change has to do with it.
    pub note: Option<String>,
}

/// What a schedule would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Points in time.
    pub fires: Vec<FireTime>,
    /// When it fires, in words.
    pub words: String,
}

/// What `timing` would do after `from`.
///
/// # Errors
/// `Forbidden`; everything that is wrong with it.
pub fn preview(
    services: &Services,
    viewer: &Viewer,
    timing: &Timing,
    from: Option<Timestamp>,
    count: usize,
) -> Result<Preview, ServiceError> {
    viewer.require(Permission::ScheduleRead)?;
    let calendar = timing.calendar().map_err(ServiceError::Mistakes)?;
    let fires = after(timing, &calendar, from.unwrap_or_else(|| services.now()), count);
    Ok(Preview { fires, words: calendar.words() })
}

/// What comes next of a schedule, and when it fires, in words. Nothing comes of one that does not fire.
///
/// # Errors
/// When what is stored cannot be read.
pub fn next_fires(services: &Services, row: &ScheduleRow, count: usize) -> Result<Preview, ServiceError> {
    let broken = |source: Box<dyn std::error::Error + Send + Sync>| ServiceError::Internal {
        what: "a stored schedule cannot be read",
        source,
    };
    let timing = Timing::of(row).map_err(|error| broken(error.into()))?;
    let calendar = timing.calendar().map_err(|_mistakes| broken("its timing has mistakes".into()))?;
    let is_active = row.paused_at_ms.is_none() && row.is_enabled;
    let fires = if is_active { after(&timing, &calendar, services.now(), count) } else { Vec::new() };
    Ok(Preview { fires, words: calendar.words() })
}

fn after(timing: &Timing, calendar: &Calendar, from: Timestamp, count: usize) -> Vec<FireTime> {
    let mut fires = Vec::new();
    let mut moment = from;
    while fires.len() < count.min(MAX_SHOWN) {
        let Some(fire) = timing.next_after(calendar, moment) else { break };
        fires.push(FireTime { at: fire.at, local: calendar.local(fire.at), note: calendar.note(&fire) });
        moment = fire.at;
    }
    fires
}
