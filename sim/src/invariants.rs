//! What must hold in every history, by name.
//!
//! What holds for one journal alone is the engine's `violations`, looked at after every commit. The
//! invariants here are about the fleet around it.

use std::collections::BTreeSet;

use engine::machine::{self, Command, Event, Signal, State, Status, WaitKind};

use crate::database::{Commit, ExecutionNo, ExecutionRow, Patch, is_at_rest};
use crate::world::{World, number};

/// Nothing is written for an execution that has ended.
pub const NOTHING_AFTER_END: &str = "an execution ends once, and nothing but a retry is committed after its end";
/// Journal rows count 1, 2, 3 … and their epochs never fall.
pub const JOURNAL_HAS_NO_GAP: &str = "journal numbers have no gap and epochs never fall";
/// The stored text says what the journal says.
pub const STORED_STATE_IS_FOLD: &str = "the stored state is the fold of the journal";
/// What the other side sees was decided durably, and has not been given up.
pub const EFFECT_IS_JOURNALED: &str = "an effect begins only when the journal holds it as under way";
/// A worker that may have lost its lease lets nothing go.
pub const EFFECT_UNDER_LEASE: &str = "an effect is let go only by the owner of the execution";
/// One key always stands for the same effect, one effect always asks the same.
pub const SAME_KEY_SAME_EFFECT: &str = "an effect is called again only with the same key and request";
/// Only another claim repeats a call.
pub const ONE_CALL_PER_OWNER: &str = "no owner makes the same call twice, and no epoch has two owners";
/// Rest means that nothing runs.
pub const PARKED_AT_REST: &str = "an execution is parked only when nothing of it runs";
/// Something will move it: a wait, the queue, an owner.
pub const LIVE_HAS_REASON: &str = "a live execution has a reason to wake";
/// A pause or a park keeps every wait.
pub const WAITS_ARE_RECORDED: &str = "an execution at rest has every wait recorded";
/// Nothing waits behind the back of an execution that rests.
pub const NO_SIGNAL_AT_REST: &str = "an execution does not rest while a delivered signal waits";
/// Whoever waits for a child is told of its end, and not before it is durable.
pub const END_IS_COMMITTED_FIRST: &str = "the end of a child is told only once it is committed";
/// A child whose parent gave it up was told to end.
pub const GIVEN_UP_CHILD_IS_TOLD: &str = "a child that its parent gave up is told to end";
/// An event that fits a wait is taken, early or not.
pub const NO_EVENT_IS_LOST: &str = "an event that fits a wait is taken";
/// Signals are taken in, or their execution has ended.
pub const SIGNALS_ARE_TAKEN: &str = "every signal is taken in, or its execution has ended";
/// When nothing goes wrong any more everything comes to its end.
pub const EVERYTHING_ENDS: &str = "everything ends once nothing goes wrong any more";
/// The engine is never told what makes no sense.
pub const NOTHING_REFUSED: &str = "a worker gives the engine no command that it refuses";

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// Looks at what a commit left.
pub fn after_commit(world: &mut World, commit: &Commit, state: &State, goes_on: bool, had_ended: bool) {
    let execution = commit.execution;
    if had_ended {
        world.violate(NOTHING_AFTER_END, || format!("exe_{execution} #{}", commit.seq + 1));
    }
    let Some(row) = world.database.executions.get_mut(execution) else { return };
    let children = machine::children(state).iter().filter_map(|child| number(child)).collect::<Vec<_>>();
    let new: Vec<ExecutionNo> = children.into_iter().filter(|child| !row.waited_for.contains(child)).collect();
    row.waited_for.extend(new);
    let journal = &row.journal;
    let is_gapless = journal.windows(2).all(|rows| rows[1].seq == rows[0].seq + 1 && rows[1].epoch >= rows[0].epoch);
    let last = journal.last().map_or(0, |last| last.seq);
    let mut found = Vec::new();
    if !is_gapless || last != row.seq || usize::try_from(row.seq).ok() != Some(journal.len()) {
        found.push((JOURNAL_HAS_NO_GAP, format!("exe_{execution} #{last} in epoch {}", commit.epoch)));
    }
    for violation in machine::violations(&row.plan, &row.origin, &row.events, state, goes_on) {
        found.push((violation.invariant, format!("exe_{execution}: {}", violation.detail)));
    }
    if let Patch::Running { state: text, .. } | Patch::Parked { state: text, .. } | Patch::Released { state: text } =
        &commit.patch
    {
        let stored: Option<State> = serde_json::from_str(text).ok();
        if stored.as_ref() != Some(state) {
            found.push((STORED_STATE_IS_FOLD, format!("exe_{execution}: {text}")));
        }
    }
    for (invariant, detail) in found {
        world.violate(invariant, || detail);
    }
}

/// Looks at every live execution between two steps; `is_driven` says whether its owner has it in hand.
pub fn between_steps(world: &mut World, is_driven: impl Fn(ExecutionNo, &ExecutionRow) -> bool) {
    let mut found = None;
    for (execution, row) in world.database.live() {
        let has_undelivered =
            || world.database.signals.values().any(|signal| signal.execution == execution && !signal.is_delivered);
        if row.status == Status::Running && !is_driven(execution, row) {
            found = Some((LIVE_HAS_REASON, format!("exe_{execution} is in the hands of {:?}", row.worker)));
        }
        if !is_at_rest(row.status) {
            continue;
        }
        if row.signals > 0 {
            found = Some((NO_SIGNAL_AT_REST, format!("exe_{execution} has {}", row.signals)));
        }
        let mut waits = world.database.waits.iter().filter(|(owner, _)| *owner == execution).map(|(_, wait)| wait);
        // A child that has ended and told nobody is no reason to wait.
        let is_open = |wait: &machine::WaitRow| {
            wait.kind != WaitKind::Child
                || wait
                    .target
                    .as_deref()
                    .and_then(number)
                    .and_then(|child| world.database.executions.get(child))
                    .is_some_and(|child| child.ended_at.is_none())
        };
        if row.status != Status::Paused && !waits.any(is_open) && !has_undelivered() {
            found = Some((LIVE_HAS_REASON, format!("exe_{execution} is {} without a wait", row.status.name())));
        }
    }
    if let Some((invariant, detail)) = found {
        world.violate(invariant, || detail);
    }
}

/// Whether an event of the world was what the execution waited for.
const fn takes(event: &Event) -> bool {
    matches!(event, Event::EventTaken { .. } | Event::ResumeUnmet { .. } | Event::Unpaused { event: Some(_), .. })
}

/// Looks at a fleet in which nothing moves any more by itself, before anybody helps.
pub fn at_rest(world: &mut World) {
    let mut found = Vec::new();
    let kept_since = world.now.0 - 23 * 60 * 60 * 1_000;
    for (execution, row) in world.database.live().filter(|(_, row)| is_at_rest(row.status)) {
        let state = row.fold();
        let waits = machine::waits(&row.plan, &row.origin, &state);
        let recorded = world.database.waits.iter().filter(|(owner, _)| *owner == execution).map(|(_, wait)| wait);
        let recorded: BTreeSet<(&str, (u32, u32), &str)> =
            recorded.map(|wait| (wait.step_path.as_str(), wait.visit, wait.kind.name())).collect();
        if let Some(missing) =
            waits.iter().find(|wait| !recorded.contains(&(wait.step_path.as_str(), wait.visit, wait.kind.name())))
        {
            found.push((
                WAITS_ARE_RECORDED,
                format!("exe_{execution} at {} for {}", missing.step_path, missing.kind.name()),
            ));
        }
        for (index, event) in world.database.events.iter().enumerate() {
            if event.received_at < row.origin.accepted_at || event.received_at.0 < kept_since {
                continue;
            }
            let id = format!("evt_{index}");
            let (name, payload, at) = (event.name.clone(), event.payload.clone(), Some(event.received_at));
            let signal = Signal::Event { id, event: name, payload, at };
            let decided = machine::decide(&row.plan, &row.origin, &state, Command::Signal(signal), world.now);
            let is_lost = decided.is_ok_and(|decided| decided.events.iter().any(takes));
            if is_lost {
                found.push((NO_EVENT_IS_LOST, format!("exe_{execution} waits, evt_{index} {} fits", event.name)));
            }
        }
    }
    for (execution, row) in world.database.live() {
        let parent = row.parent.and_then(|parent| world.database.executions.get(parent));
        let Some(parent) = parent.filter(|parent| parent.waited_for.contains(&execution)) else { continue };
        let waits_still = machine::children(&parent.fold()).iter().any(|child| number(child) == Some(execution));
        // Nobody waits for what was retried: its parent has been told of the end before.
        if !waits_still && !row.was_told_to_end && row.retries == 0 {
            found.push((GIVEN_UP_CHILD_IS_TOLD, format!("exe_{execution}")));
        }
    }
    let untaken = world.database.signals.iter().next().map(|(_, signal)| format!("{signal:?}"));
    if let Some(untaken) = untaken {
        found.push((SIGNALS_ARE_TAKEN, untaken));
    }
    for (invariant, detail) in found {
        world.violate(invariant, || detail);
    }
}
