//! When a message is sent again.

use std::time::Duration;

/// How long after each try that failed the next one comes; after the last of them it is given up.
const DELAYS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(10),
];

/// An address through which nothing has come for so long is switched off.
pub const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// How long after the try number `tries` the next one comes, spread by up to a tenth with `chance`, a number from 0
/// to 1: receivers that come back are not met by everything at once. None when it was tried often enough.
#[must_use]
pub fn delay(tries: i32, chance: f64) -> Option<Duration> {
    let place = usize::try_from(tries.checked_sub(1)?).ok()?;
    DELAYS.get(place).map(|delay| delay.mul_f64(1.0 + 0.1 * chance.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_eight_times_over_a_day() {
        let delays: Vec<u64> = (1..).map_while(|tries| delay(tries, 0.0)).map(|delay| delay.as_secs()).collect();
        assert_eq!(delays, [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
        assert_eq!(delay(8, 0.0), None);
        assert_eq!(delay(0, 0.0), None);
    }

    #[test]
    fn chance_spreads_by_a_tenth_at_most() {
        assert_eq!(delay(1, 1.0), Some(Duration::from_millis(5_500)));
        assert_eq!(delay(1, 7.0), Some(Duration::from_millis(5_500)));
    }
}
