//! Faults that can be planted into the model, to show that the simulation finds them.

/// A fault of the fleet. A history without one must keep every invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Commits are written whoever owns the execution.
    UnfencedCommits,
    /// Effects leave before what was decided is committed.
    EffectsBeforeCheckpoint,
    /// Parking does not look whether signals are waiting.
    ParkIgnoresSignals,
    /// Nobody takes back what a lost worker had.
    LostWorkersForgotten,
    /// The end of a child is not told to the execution that waits for it.
    ChildEndUntold,
    /// The end of a child is told in a write of its own, before the end is committed.
    ChildEndToldEarly,
    /// A claim does not raise the epoch.
    EpochsStandStill,
    /// A worker whose lease lapsed trusts what it has in hand again after its next heartbeat.
    LapsedLeaseRevives,
    /// Whoever takes up an execution at rest trusts that its waits were held against earlier events.
    EarlyEventsForgotten,
    /// A wait within a second attempt counts as recorded because the one of the first attempt was.
    RecordedWaitsLinger,
    /// Effects that an event of before the wait leads to leave with those that are committed.
    EarlyEffectsUncommitted,
    /// Effects whose step has been given up since they were decided begin all the same.
    GivenUpEffectsBegin,
    /// A call that ends while another outcome is taken in counts as over before its outcome is read.
    FinishedCallUnseen,
}
