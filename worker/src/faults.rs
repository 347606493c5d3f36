//! Places where unit tests of this crate make it panic; nothing of it is in what is built otherwise.

use crate::context::Context;

/// Panics if a test has armed `place`.
#[cfg(test)]
pub(crate) fn point(context: &Context, place: &'static str) {
    assert!(!context.signs.faults.strikes(place), "the fault of the test at `{place}`");
}

/// Nothing.
#[cfg(not(test))]
pub(crate) const fn point(_context: &Context, _place: &'static str) {}

/// How many times each place is yet to panic.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults(std::sync::Mutex<std::collections::BTreeMap<&'static str, u32>>);

#[cfg(test)]
impl Faults {
    /// Lets `place` panic the next `times` times.
    pub(crate) fn arm(&self, place: &'static str, times: u32) {
        self.0.lock().unwrap().insert(place, times);
    }

    /// How often it is yet to panic.
    pub(crate) fn left(&self, place: &'static str) -> u32 {
        self.0.lock().unwrap().get(place).copied().unwrap_or(0)
    }

    fn strikes(&self, place: &'static str) -> bool {
        let mut armed = self.0.lock().unwrap();
        let Some(left) = armed.get_mut(place).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}
