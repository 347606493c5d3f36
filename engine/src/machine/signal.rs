//! What comes from outside while an execution lives: events, signals, decisions, ends of children.

use serde_json::Value;

use super::approval::{Ruling, Verdict};
use super::command::Signal;
use super::effect::{ErrorClass, StepError, StepPath};
use super::event::Event;
use super::render::given;
use super::resume_on::Came;
use super::run::{Here, Run};
use super::state::{Awaited, Phase, ScopeId};
use super::steps::Done;
use crate::Timestamp;
use crate::definition::{EventMatch, Step, StepKind, Wait};
use crate::expr::{Path, equal};
use crate::pattern::EventPattern;

/// Signals that are kept for waits that have not begun, at most.
const MAX_KEPT: usize = 100;

impl<'a> Run<'a> {
    /// The step that a scope stands at.
    fn standing(&self, scope: ScopeId) -> Option<(Here, &'a Step)> {
        let active = self.state.scopes.get(&scope)?.active.as_ref()?;
        Some((Here::of(scope, active, self.now), self.plan.find(&active.step)?))
    }

    /// Gives a signal to whatever waits for it. One that fits nothing, or comes a second time,
    /// changes nothing.
    pub(super) fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Event { id, event, payload, at } => {
                let payload = given(payload);
                self.event(&id, &event, &payload, false);
                self.end_pause_by(&Came { id: &id, name: &event, payload: &payload, at, is_addressed: false });
            }
            Signal::Named { id, name, data, at } => {
                let (data, is_new) = (given(data), !self.knows(&id));
                self.named(id.clone(), name.clone(), data.clone());
                if is_new {
                    self.end_pause_by(&Came { id: &id, name: &name, payload: &data, at, is_addressed: true });
                }
            }
            Signal::Approval { approval, approved, by, reason, form, at } => {
                let ruling = if approved { Ruling::Approved } else { Ruling::Rejected };
                let verdict =
                    Verdict { ruling, by: Some(by), reason, form: given(form), answered_at: at, at: self.now };
                self.vote(approval, verdict);
            }
            Signal::ChildEnded { execution, output, error } => self.child_ended(&execution, given(output), error),
        }
        if self.state.running_since.is_some() {
            self.wake();
        }
    }

    /// Whether a signal came before, and was taken or kept.
    fn knows(&self, id: &str) -> bool {
        self.state.events_taken.contains(id) || self.state.kept.iter().any(|kept| kept.id == id)
    }

    /// Gives a signal to what waits for its name, or keeps it.
    fn named(&mut self, id: String, name: String, data: Value) {
        self.event(&id, &name, &data, true);
        if self.knows(&id) {
            return;
        }
        if self.state.kept.len() < MAX_KEPT {
            return self.emit(Event::SignalKept { id, name, data, at: self.now });
        }
        let message = format!("the signal `{name}` is dropped: {MAX_KEPT} are kept already and nothing waits for them");
        self.emit(Event::Warned { path: StepPath::default(), message });
    }

    /// A wait has begun: perhaps its signal came before.
    pub(super) fn take_kept(&mut self) {
        for kept in self.state.kept.clone() {
            self.event(&kept.id, &kept.name, &kept.data, true);
        }
    }

    /// `is_addressed`: it was sent to this execution, so nothing has to say what it is about.
    fn event(&mut self, id: &str, event: &str, payload: &Value, is_addressed: bool) {
        if self.state.events_taken.contains(id) {
            return;
        }
        let fitting: Vec<ScopeId> =
            self.state.scopes.keys().copied().filter(|scope| self.fits(*scope, event, payload, is_addressed)).collect();
        for scope in fitting {
            let Some((here, step)) = self.standing(scope) else { continue };
            self.run_again();
            self.emit(Event::EventTaken {
                path: here.path.clone(),
                event_id: id.to_owned(),
                event: event.to_owned(),
                payload: payload.clone(),
                at: self.now,
            });
            self.succeed(&here, step, Done { output: payload.clone().into(), to: self.after(step) });
        }
    }

    /// Whether a scope waits for such an event, and the event is about the same thing.
    fn fits(&self, scope: ScopeId, event: &str, payload: &Value, is_addressed: bool) -> bool {
        let Some((here, step)) = self.standing(scope) else { return false };
        let active = self.state.scopes.get(&scope).and_then(|scope| scope.active.as_ref());
        let Some(Phase::Waiting(wait)) = active.map(|active| &active.phase) else { return false };
        let Awaited::Event { event: pattern, keys, lenient } = &wait.what else { return false };
        if !EventPattern::parse(pattern).is_ok_and(|pattern| pattern.matches(event)) {
            return false;
        }
        let agree = is_addressed || is_about(payload, keys, *lenient, self.now);
        let agrees = match &step.kind {
            StepKind::Wait(Wait::Event { matching: Some(EventMatch::Expression(expression)), .. }) => {
                let value = expression.evaluate(&self.view(&here).with_event(payload));
                value.is_ok_and(|value| value == Value::Bool(true))
            }
            _keys_alone => true,
        };
        agree && agrees
    }

    fn vote(&mut self, approval: String, verdict: Verdict) {
        let Some(open) = self.state.approvals.get(&approval) else { return };
        let path = open.path.clone();
        let by = verdict.by.clone().unwrap_or_default();
        if verdict.ruling == Ruling::Approved {
            if open.votes.contains(&by) {
                return;
            }
            let count = u32::try_from(open.votes.len()).unwrap_or(u32::MAX).saturating_add(1);
            if count < open.request.quorum {
                return self.emit(Event::ApprovalVoted { path, approval, by, at: self.now });
            }
        }
        self.run_again();
        self.emit(Event::ApprovalDecided { path, approval, verdict });
    }

    fn child_ended(&mut self, execution: &str, output: Value, error: Option<StepError>) {
        let waits = |scope: &ScopeId| {
            let active = self.state.scopes.get(scope).and_then(|scope| scope.active.as_ref());
            matches!(active.map(|active| &active.phase), Some(Phase::Waiting(wait))
                if matches!(&wait.what, Awaited::Child { execution: child } if child == execution))
        };
        let Some(scope) = self.state.scopes.keys().copied().find(waits) else { return };
        let Some((here, step)) = self.standing(scope) else { return };
        self.run_again();
        match error {
            None => self.succeed(&here, step, Done { output: output.into(), to: self.after(step) }),
            Some(error) => {
                let message =
                    format!("the child execution {execution} did not complete: {}: {}", error.code, error.message);
                let detail = Some(output);
                let error = StepError {
                    retryable_class: ErrorClass::Other,
                    detail,
                    ..StepError::other("CHILD_FAILED", message)
                };
                self.step_failed(&here, step, error);
            }
        }
    }
}

/// Whether an event's payload has these values; one that it has not agrees where that is lenient.
pub(super) fn is_about(payload: &Value, keys: &[(String, Value)], lenient: bool, now: Timestamp) -> bool {
    keys.iter().all(|(path, wanted)| match value_at(payload, path) {
        Some(found) => equal(found, wanted, now),
        None => lenient,
    })
}

/// A value of an event's payload by a dotted path.
fn value_at<'v>(payload: &'v Value, path: &str) -> Option<&'v Value> {
    Path::parse(path).ok()?.find(payload)
}
