//! From a command to what follows from it: the loop over every scope that can move.

use super::apply::apply;
use super::command::{Command, Decided, Refused};
use super::effect::{Effect, StepError};
use super::event::Event;
use super::outcome::Outcome;
use super::outstanding::time_limit;
use super::state::{Origin, Phase, ScopeId, State, Status};
use super::view::View;
use crate::Timestamp;
use crate::plan::Plan;

/// The first event of every execution.
#[must_use]
pub fn accepted() -> Vec<Event> {
    vec![Event::Accepted]
}

/// Decides what follows from `command`, leaving `state` as it is.
///
/// # Errors
/// When the command makes no sense in this state.
pub fn decide(plan: &Plan, origin: &Origin, state: &State, command: Command, now: Timestamp) -> Result<Decided, Refused> {
    advance(plan, origin, &mut state.clone(), command, now)
}

/// Decides what follows from `command` and leaves `state` as the fold of the events returned.
///
/// # Errors
/// When the command makes no sense in this state; then nothing has changed.
pub fn advance(plan: &Plan, origin: &Origin, state: &mut State, command: Command, now: Timestamp) -> Result<Decided, Refused> {
    if state.has_ended() {
        return Err(Refused::Ended);
    }
    let mut run = Run { plan, origin, state, now, decided: Decided::default() };
    match command {
        Command::Wake => run.wake(),
        Command::EffectDone { effect, outcome } => run.effect_done(&effect, outcome)?,
        Command::Interrupt { code, message } => run.fail(StepError::other(&code, message), None),
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
    decided: Decided,
}

impl Run<'_> {
    /// Records an event: the only way in which the state changes.
    pub(super) fn emit(&mut self, event: Event) {
        apply(self.state, &event);
        self.decided.events.push(event);
    }

    pub(super) fn begin(&mut self, effect: Effect) {
        self.decided.effects.push(effect);
    }

    /// What the steps of a scope read, at the moment `now`.
    pub(super) fn view(&self, scope: ScopeId, now: Timestamp) -> View<'_> {
        let locals = self.state.scopes.get(&scope).map(|scope| &scope.locals);
        View { plan: self.plan, origin: self.origin, state: self.state, locals, now }
    }

    fn wake(&mut self) {
        match self.state.status {
            Status::Queued => {
                let step = self.plan.entry().id.clone();
                self.emit(Event::Started { at: self.now, step });
            }
            Status::Running | Status::Waiting | Status::Completed | Status::Failed => {
                if self.state.running_since.is_none() && self.has_due_scope() {
                    self.emit(Event::Resumed { at: self.now });
                }
            }
        }
        self.check_limits();
    }

    /// Ends the execution when its running time or its whole life is used up.
    fn check_limits(&mut self) {
        let Some(due) = time_limit(self.plan, self.origin, self.state) else { return };
        if due > self.now {
            return;
        }
        let deadline = self.plan.definition().deadline.map(|deadline| self.origin.accepted_at.plus(deadline));
        let error = if deadline.is_some_and(|deadline| deadline <= self.now) {
            StepError::other("DEADLINE", "the execution lived longer than its deadline allows")
        } else {
            StepError::other("EXECUTION_TIMEOUT", format!("the execution ran longer than {:?}", self.plan.timeout()))
        };
        let step = self.state.scopes.values().find_map(|scope| scope.active.as_ref()).map(|active| active.path.clone());
        self.fail(error, step);
    }

    fn has_due_scope(&self) -> bool {
        self.state.scopes.keys().any(|scope| self.can_move(*scope))
    }

    fn can_move(&self, scope: ScopeId) -> bool {
        match self.state.scopes.get(&scope).and_then(|scope| scope.active.as_ref()).map(|active| &active.phase) {
            Some(Phase::Ready) => true,
            Some(Phase::Actions { in_flight, .. }) => !in_flight,
            Some(Phase::Backoff { due_at }) => *due_at <= self.now,
            None => false,
        }
    }

    /// Moves every scope that can, until none can; then ends or suspends the execution.
    fn settle(&mut self) {
        while !self.state.has_ended() {
            let movable = self.state.scopes.keys().copied().find(|scope| self.can_move(*scope));
            match movable {
                Some(scope) => self.step(scope),
                None => break,
            }
        }
        if self.state.has_ended() {
            self.decided.effects.clear();
            return;
        }
        if self.state.scopes.values().all(|scope| scope.active.is_none()) {
            let result = self.state.decision.as_ref().map_or(Outcome::Executed, |decision| decision.outcome);
            self.emit(Event::Completed { result, at: self.now });
            return;
        }
        let has_effect = self.state.scopes.values().any(|scope| {
            matches!(scope.active.as_ref().map(|active| &active.phase), Some(Phase::Actions { in_flight: true, .. }))
        });
        if !has_effect && self.state.running_since.is_some() {
            self.emit(Event::Suspended { at: self.now });
        }
    }

    pub(super) fn fail(&mut self, error: StepError, step: Option<String>) {
        self.emit(Event::Failed { error, step, at: self.now });
    }
}
