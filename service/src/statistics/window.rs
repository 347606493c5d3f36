//! The part of time that is looked at, and its borders.

use std::time::Duration;

use store::SLICE_MS;

use crate::code::Code;
use crate::error::{Mistake, ServiceError};
use crate::services::Services;

/// The longest window: a little more than a year.
const MAX_MS: i64 = 400 * 24 * 60 * 60 * 1_000;

/// Which part of time is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowRequest {
    /// Until now.
    Last(Duration),
    /// From a moment on and before another, Unix milliseconds.
    Between(i64, i64),
}

/// A part of time that begins and ends with a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From this slice on.
    pub(super) from: i32,
    /// Before this slice.
    pub(super) to: i32,
}

impl Window {
    /// What is asked for, widened to whole quarters of an hour.
    ///
    /// # Errors
    /// `INVALID` for one that is empty, or longer than 400 days.
    pub fn resolve(services: &Services, request: WindowRequest) -> Result<Self, ServiceError> {
        let (from_ms, to_ms) = match request {
            WindowRequest::Last(length) => {
                let now_ms = services.now().0;
                let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
                // What happens at this moment is in it.
                (now_ms.saturating_sub(length_ms), now_ms.saturating_add(1))
            }
            WindowRequest::Between(from_ms, to_ms) => (from_ms, to_ms),
        };
        if to_ms <= from_ms {
            return Err(wrong("the window is empty").help("let `from` be before `to`"));
        }
        if to_ms.saturating_sub(from_ms) > MAX_MS {
            return Err(wrong("the window is longer than 400 days").help("look at less at once"));
        }
        let last = store::slice_of(to_ms.saturating_sub(1));
        Ok(Self { from: store::slice_of(from_ms), to: last.saturating_add(1) })
    }

    /// From this slice on, and before that one.
    #[must_use]
    pub const fn slices(self) -> (i32, i32) {
        (self.from, self.to)
    }

    /// The moment at which it begins, Unix milliseconds.
    #[must_use]
    pub fn from_ms(self) -> i64 {
        i64::from(self.from) * SLICE_MS
    }

    /// The moment before which it ends, Unix milliseconds.
    #[must_use]
    pub fn to_ms(self) -> i64 {
        i64::from(self.to) * SLICE_MS
    }
}

struct Wrong(Mistake);

impl Wrong {
    fn help(self, help: &str) -> ServiceError {
        ServiceError::mistake(self.0.with_help(help))
    }
}

fn wrong(message: &str) -> Wrong {
    Wrong(Mistake::new(Code::Invalid, "window", message))
}
