//! The points between two steps of a drive.

use engine::machine::WaitRow;

use crate::database::Commit;

/// Where a drive stands between two steps.
#[derive(Debug)]
pub(super) enum Point {
    Load,
    TakeUp,
    Top,
    LetGo,
    Write(Box<Writing>),
    Answered { writing: Box<Writing>, answer: Option<(u32, usize)> },
    Deliver { writing: Box<Writing> },
    Early { waits: Vec<WaitRow>, then: Then },
    Select,
    Forget,
}

/// A commit on its way, and what comes after it.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) commit: Commit,
    pub(super) new: Vec<WaitRow>,
    pub(super) then: Then,
}

/// Where the drive goes on after a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    LetGo,
    Wake,
    Top,
    Select,
    Parked,
    Released,
    Ended,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// There is more.
    On,
    /// The execution is in other hands, or rests, or has ended.
    Done,
    /// What the database holds is not known: the claim may still be there.
    GaveUp,
}
