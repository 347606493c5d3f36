//! People who pause and resume an execution, now, at a moment or at an event.

use std::time::Duration;

use serde_json::Value;

use super::command::Refused;
use super::effect::StepPath;
use super::event::Event;
use super::outstanding::{WaitKind, WaitRow};
use super::render::given;
use super::resume_on::ResumeEvent;
use super::run::Run;
use super::state::{ScheduledResume, State};
use crate::Timestamp;
use crate::definition::ResumeWhen;

/// How long an execution may be paused and still be resumed (definition-language §9).
pub const MAX_PAUSE: Duration = Duration::from_hours(7 * 24);

/// After so long somebody should look at a paused execution.
pub const LONG_PAUSE: Duration = Duration::from_hours(24);

/// What a paused execution wakes for by itself.
pub(super) fn waits(state: &State) -> impl Iterator<Item = WaitRow> {
    let resume = state.resumes.as_ref().filter(|_| !is_held(state)).map(|resume| resume.due_at);
    let long = state.paused_at.filter(|_| !state.paused_long).map(|since| since.plus(LONG_PAUSE));
    let row = |kind, due_at| WaitRow::of(kind, StepPath::default(), Some(due_at));
    let resume = resume.map(|due_at| row(WaitKind::Resume, due_at));
    let on = state.resumes_on.as_ref().map(|awaited| awaited.row(state.resumes_named));
    resume.into_iter().chain(on).chain(long.map(|due_at| row(WaitKind::Pause, due_at)))
}

/// Whether its scheduled resume waits for a call that is under way, and for nothing else: see [`Run::resume`].
fn is_held(state: &State) -> bool {
    let changes = state.resumes.as_ref().is_some_and(|resume| resume.at_step.is_some() || !resume.data.is_null());
    changes && state.has_effect_under_way()
}

/// How a paused execution is to go on by itself.
pub(super) struct Later {
    pub(super) due_at: Option<Timestamp>,
    pub(super) when: Option<Box<ResumeWhen>>,
    pub(super) data: Option<Value>,
    pub(super) at_step: Option<String>,
}

impl Run<'_> {
    /// No step begins any more; doing it twice is no error and changes nothing.
    pub(super) fn pause(&mut self, by: Option<String>, reason: Option<String>, freezes: bool) {
        if !self.state.is_pausing() {
            self.emit(Event::Paused { by, reason, freezes, at: self.now });
        }
    }

    /// Goes on after a pause; nothing happens if there is none.
    pub(super) fn resume(
        &mut self,
        by: Option<String>,
        data: Option<Value>,
        at_step: Option<String>,
    ) -> Result<(), Refused> {
        let Some(paused_at) = self.state.paused_at else { return Ok(()) };
        if paused_at.plus(MAX_PAUSE) < self.now {
            return Err(Refused::PausedTooLong(MAX_PAUSE));
        }
        self.check_step(at_step.as_deref())?;
        // A call is repeated after a crash as it was made: what it was made from must not change.
        if self.state.has_effect_under_way() && (at_step.is_some() || data.is_some()) {
            return Err(Refused::StillUnderWay);
        }
        let data = given(data.unwrap_or(Value::Null));
        self.unpause(by, data, at_step, None);
        self.wake();
        Ok(())
    }

    /// Lets what is paused go on by itself, at a moment or at an event, or no more; nothing happens if there is no
    /// pause.
    pub(super) fn schedule_resume(&mut self, by: Option<String>, later: Later) -> Result<(), Refused> {
        let Later { due_at, when, data, at_step } = later;
        let is_set = self.state.resumes.is_some() || self.state.resumes_on.is_some();
        let is_change = due_at.is_some() || when.is_some() || is_set;
        let Some(paused_at) = self.state.paused_at.filter(|_| is_change) else { return Ok(()) };
        // No event ends it any more; and a moment that is over would resume it at once, as nobody may by hand.
        let is_asked = due_at.is_some() || when.is_some();
        let last = paused_at.plus(MAX_PAUSE);
        if (is_asked && last < self.now) || due_at.is_some_and(|due_at| last < due_at) {
            return Err(Refused::PausedTooLong(MAX_PAUSE));
        }
        self.check_step(at_step.as_deref())?;
        let when = when.map(|when| Box::new(self.resume_on(*when)));
        let data = given(data.unwrap_or(Value::Null));
        self.emit(Event::ResumeScheduled { by, due_at, when, data, at_step, event: None, at: self.now });
        self.wake();
        Ok(())
    }

    /// Does what is due of a pause: goes on, or notes that the pause is long.
    pub(super) fn mind_pause(&mut self) {
        let Some(since) = self.state.paused_at else { return };
        if let Some(resume) = self.state.resumes.clone().filter(|resume| resume.due_at <= self.now) {
            let ScheduledResume { by, due_at: _, data, at_step, event } = *resume;
            if !is_held(self.state) {
                return self.unpause(by, data, at_step, event);
            }
        }
        if !self.state.paused_long && since.plus(LONG_PAUSE) <= self.now {
            self.emit(Event::PausedLong { since, at: self.now });
        }
    }

    /// Ends the pause; what stood still is later by its length.
    pub(super) fn unpause(
        &mut self,
        by: Option<String>,
        data: Value,
        at_step: Option<String>,
        event: Option<Box<ResumeEvent>>,
    ) {
        let frozen = self.frozen();
        self.emit(Event::Unpaused { by, data, at_step, event, frozen, at: self.now });
    }

    fn check_step(&self, at_step: Option<&str>) -> Result<(), Refused> {
        match at_step.filter(|step| self.plan.step(step).is_none() || self.plan.is_nested(step)) {
            Some(step) => Err(Refused::UnknownStep(step.to_owned())),
            None => Ok(()),
        }
    }
}
