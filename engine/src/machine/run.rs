//! From a command to what follows from it: the loop over every scope that can move.

use std::time::Duration;

use super::STEP_BUDGET;
use super::apply::apply;
use super::bulk::bulk;
use super::command::{Command, Decided, Refused};
use super::effect::{Effect, StepError, StepPath};
use super::event::Event;
use super::freeze::life_ends;
use super::outcome::Outcome;
use super::outstanding::own_limit;
use super::pause::Later;
use super::state::{Active, Origin, Phase, ROOT, ScopeId, ScopeState, State, Status};
use super::view::View;
use crate::plan::{LOADING_STEP, Plan};
use crate::{Name, Timestamp};

/// A shorter time in which nobody had the execution in hand is not worth a line in the journal.
const UNNOTICED_GAP: Duration = Duration::from_secs(1);

/// Events after which one command is cut into two: see [`Decided::goes_on`].
const MAX_EVENTS: usize = 2_000;

/// Bytes of events after which the same happens: two thousand events may hold a large value each.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// The first event of every execution.
#[must_use]
pub fn accepted() -> Vec<Event> {
    vec![Event::Accepted]
}

/// Decides what follows from `command`, leaving `state` as it is.
///
/// # Errors
/// When the command makes no sense in this state.
pub fn decide(
    plan: &Plan,
    origin: &Origin,
    state: &State,
    command: Command,
    now: Timestamp,
) -> Result<Decided, Refused> {
    advance(plan, origin, &mut state.clone(), command, now)
}

/// Decides what follows from `command` and leaves `state` as the fold of the events returned.
///
/// # Errors
/// When the command makes no sense in this state; then nothing has changed.
pub fn advance(
    plan: &Plan,
    origin: &Origin,
    state: &mut State,
    command: Command,
    now: Timestamp,
) -> Result<Decided, Refused> {
    // Only what failed can go on after its end.
    if state.has_ended() && !matches!(command, Command::Retry { .. }) {
        return Err(Refused::Ended);
    }
    let mut run = Run { plan, origin, state, now, bytes: 0, decided: Decided::default() };
    match command {
        Command::TakeUp => {
            run.forgive_gap();
            run.wake();
        }
        Command::Wake => {
            run.wake();
            run.lapse();
        }
        Command::EffectDone { effect, outcome } => run.effect_done(&effect, outcome)?,
        Command::Signal(signal) => run.signal(signal),
        Command::Pause { by, reason, freezes } => run.pause(by, reason, freezes),
        Command::Resume { by, data, at_step } => run.resume(by, data, at_step)?,
        Command::ScheduleResume { by, due_at, when, data, at_step } => {
            run.schedule_resume(by, Later { due_at, when, data, at_step })?;
        }
        Command::SkipStep { by, reason, path, output } => run.skip_step(by, reason, path, output)?,
        Command::EditContext { by, reason, values } => run.edit_context(by, reason, values)?,
        Command::AwaitSlot { key, limit } => run.await_slot(key, limit),
        Command::TakeSlot => run.take_slot(),
        Command::TakeTurn { key, begins_at } => run.take_turn(key, begins_at),
        Command::Retry { by, reason, hold } => run.retry(by, reason, hold)?,
        Command::Cancel { by, reason } => run.emit(Event::Cancelled { by, reason, at: now }),
        Command::Interrupt { code, message } => run.fail_here(StepError::other(&code, message)),
    }
    run.settle();
    Ok(run.decided)
}

/// One command being worked off.
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) origin: &'a Origin,
    pub(super) state: &'a mut State,
    pub(super) now: Timestamp,
    /// What the events of this command hold, about.
    bytes: usize,
    decided: Decided,
}

/// The attempt that is being worked on.
pub(super) struct Here {
    pub(super) scope: ScopeId,
    pub(super) path: StepPath,
    pub(super) passage: u32,
    pub(super) attempt: u32,
    /// When the attempt began: what `now` stands for throughout it.
    pub(super) began: Timestamp,
}

impl Here {
    pub(super) fn of(scope: ScopeId, active: &Active, now: Timestamp) -> Self {
        let began = match &active.phase {
            Phase::Actions { now, .. } => *now,
            Phase::Children(children) => children.now,
            Phase::Waiting(wait) => wait.now,
            Phase::Ready | Phase::Backoff { .. } => now,
        };
        Self { scope, path: active.path.clone(), passage: active.passage, attempt: active.attempt, began }
    }
}

impl Run<'_> {
    /// Records an event: the only way in which the state changes.
    pub(super) fn emit(&mut self, event: Event) {
        apply(self.state, &event);
        self.bytes = self.bytes.saturating_add(bulk(&event));
        self.decided.events.push(event);
    }

    pub(super) fn begin(&mut self, effect: Effect) {
        self.decided.effects.push(effect);
    }

    /// What the current attempt reads.
    pub(super) fn view(&self, here: &Here) -> View<'_> {
        View::new(self.plan, self.origin, self.state, here.scope, here.began)
    }

    pub(super) fn wake(&mut self) {
        self.mind_pause();
        if self.state.status == Status::Queued {
            let is_held = self.state.awaits_slot || self.awaits_turn();
            if is_held {
                // Nothing but its deadline can come to pass: whether it has is all there is to look at.
                self.is_out_of_time();
            } else if !self.state.is_pausing() {
                self.start_flow();
            }
            return;
        }
        if self.state.running_since.is_none() && self.has_due_scope() {
            self.emit(Event::Resumed { at: self.now });
        }
        if !self.is_out_of_time() {
            self.expire_bodies();
            self.give_up_lost_calls();
        }
    }

    /// What people were asked and did not answer in time. Only when nothing else is to be looked at: whoever says
    /// `Wake` has taken in what people decided before.
    fn lapse(&mut self) {
        if !self.state.has_ended() && self.state.status != Status::Queued {
            self.expire_approvals();
        }
    }

    /// The clock runs again, if it stood.
    pub(super) fn run_again(&mut self) {
        if self.state.running_since.is_none() {
            self.emit(Event::Resumed { at: self.now });
        }
    }

    fn start_flow(&mut self) {
        let step = if self.has_to_load() {
            Name::new_static(LOADING_STEP)
        } else {
            Name::new(self.state.entry.as_ref().unwrap_or(&self.plan.entry().id))
        };
        self.emit(Event::Started { at: self.now, step });
    }

    /// The time after the last sign of a lost worker is not the execution's.
    fn forgive_gap(&mut self) {
        let last = self.state.last_at;
        if self.state.running_since.is_some() && last.plus(UNNOTICED_GAP) <= self.now {
            self.emit(Event::Suspended { at: last });
            self.emit(Event::Resumed { at: self.now });
        }
    }

    /// Ends the execution when its running time or its whole life is used up.
    pub(super) fn is_out_of_time(&mut self) -> bool {
        if self.state.has_ended() {
            return true;
        }
        let limit = own_limit(self.plan, self.origin, self.state);
        if limit.is_none_or(|due| due > self.now) {
            return false;
        }
        let deadline = life_ends(self.plan, self.origin, self.state);
        let error = if deadline.is_some_and(|deadline| deadline <= self.now) {
            StepError::other("DEADLINE", "the execution lived longer than its deadline allows")
        } else {
            let message = format!("the execution ran longer than {:?}", self.plan.timeout());
            StepError::other("EXECUTION_TIMEOUT", message)
        };
        self.fail_here(error);
        true
    }

    /// Ends the execution when it may not begin another attempt.
    pub(super) fn is_over_budget(&mut self, here: &Here) -> bool {
        let taken = self.state.scopes.get(&here.scope).map_or(0, |scope| scope.taken);
        if taken < STEP_BUDGET {
            return self.is_out_of_time();
        }
        let message = format!("the execution has taken {STEP_BUDGET} steps");
        self.fail(StepError::other("STEP_BUDGET", message), Some(here.path.clone()));
        true
    }

    fn has_due_scope(&self) -> bool {
        self.state.scopes.iter().any(|(id, scope)| self.can_move(*id, scope))
    }

    fn can_move(&self, id: ScopeId, scope: &ScopeState) -> bool {
        let Some(active) = &scope.active else { return id != ROOT };
        match &active.phase {
            // What was put off is begun like a step: in its time, and not while the execution is paused.
            Phase::Actions { in_flight, put_off: Some(put_off), .. } => {
                !in_flight && put_off.until <= self.now && !self.state.is_pausing()
            }
            Phase::Actions { in_flight, put_off: None, .. } => !in_flight,
            // An execution that is paused finishes what is under way, and begins nothing.
            Phase::Ready => !self.state.is_pausing(),
            Phase::Backoff { due_at } => *due_at <= self.now && !self.state.is_pausing(),
            Phase::Children(children) => self.has_room(active, children),
            Phase::Waiting(wait) => self.is_over(wait),
        }
    }

    /// Moves every scope that can, until none can; then ends or suspends the execution.
    fn settle(&mut self) {
        while !self.state.has_ended() {
            let movable = self.state.scopes.iter().find(|(id, scope)| self.can_move(**id, scope)).map(|(id, _)| *id);
            match movable {
                Some(_) if self.decided.events.len() >= MAX_EVENTS || self.bytes >= MAX_EVENT_BYTES => {
                    self.decided.goes_on = true;
                    return;
                }
                Some(scope) => {
                    // A signal that fits nothing may come at the moment at which a wait is over.
                    self.run_again();
                    self.step(scope);
                }
                None => break,
            }
        }
        if self.state.has_ended() {
            self.decided.effects.clear();
            return;
        }
        if self.state.status == Status::Queued || self.state.scopes.is_empty() {
            return;
        }
        if self.state.scopes.values().all(|scope| scope.active.is_none()) {
            let result = self.state.decision.as_ref().map_or(Outcome::Executed, |decision| decision.outcome);
            self.emit(Event::Completed { result, at: self.now });
            return;
        }
        if !self.state.has_effect_under_way() && self.state.running_since.is_some() {
            self.emit(Event::Suspended { at: self.now });
        }
    }

    pub(super) fn fail(&mut self, error: StepError, step: Option<StepPath>) {
        self.emit(Event::Failed { error, step, at: self.now });
    }

    /// Fails the execution at the step where it stands.
    fn fail_here(&mut self, error: StepError) {
        let active = self.state.scopes.values().find_map(|scope| scope.active.as_ref());
        let step = active.map(|active| active.path.clone());
        self.fail(error, step);
    }
}
