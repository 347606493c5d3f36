//! The end of an execution's whole life, as a commit leaves it.

/// What becomes of the end of the whole life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deadline {
    /// It is as it was.
    #[default]
    Stays,
    /// There is none, or it stands still.
    Never,
    /// It is at this moment, Unix milliseconds.
    At(i64),
}

impl Deadline {
    /// What a commit has to write where `before` is recorded and `now` is right.
    #[must_use]
    pub fn change(before: Option<i64>, now: Option<i64>) -> Self {
        match now {
            _same if before == now => Self::Stays,
            Some(at_ms) => Self::At(at_ms),
            None => Self::Never,
        }
    }

    /// For the statements: null stays, and less than nothing is never.
    pub(crate) const fn column(self) -> Option<i64> {
        match self {
            Self::Stays => None,
            Self::Never => Some(-1),
            Self::At(at_ms) => Some(at_ms),
        }
    }
}
