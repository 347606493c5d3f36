//! Steps that wait: for a time, an event, people, a child execution.

use std::time::Duration;

use ids::ApprovalId;
use ids::uuid::Builder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::actions::{effect, request_of, time_left, tries};
use super::approval::{ApprovalRequest, Ruling, Verdict};
use super::effect::{ErrorClass, StepError};
use super::event::Event;
use super::outcome::{Decision, Outcome};
use super::run::{Here, Run};
use super::state::{Awaited, Awaiting, OpenApproval, Phase};
use super::steps::Done;
use crate::definition::{Action, ActionKind, Approval, DecisionKind, EventMatch, Step, StepKind, Wait};
use crate::duration;
use crate::expr::{Path, lookup, moment_of, to_text};
use crate::pattern::EventPattern;
use crate::{Name, Shared, Timestamp};

impl OpenApproval {
    /// When something happens to it by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        [self.request.expires_at, self.remind_at, self.escalate_at].into_iter().flatten().min()
    }
}

impl Run<'_> {
    /// Begins to wait; or is done at once, when the time has come already.
    pub(super) fn wait(&mut self, here: &Here, step: &Step, wait: &Wait) -> Result<Option<Done>, StepError> {
        let (what, due_at) = match wait {
            Wait::For(length) => {
                let text = length.render_text(&self.view(here))?;
                let length = duration::parse(&text)
                    .map_err(|problem| StepError::other("INVALID_WAIT", format!("`for` is no duration: {problem}")))?;
                (Awaited::Time, Some(self.now.plus(length)))
            }
            Wait::Until(moment) => {
                let value = moment.render(&self.view(here))?;
                let due_at = moment_of(&value, self.now).ok_or_else(|| {
                    let message =
                        format!("`until` is no moment: `{}`", to_text(&value).chars().take(80).collect::<String>());
                    StepError::other("INVALID_WAIT", message)
                })?;
                (Awaited::Time, Some(due_at))
            }
            Wait::Event { event, matching, timeout, .. } => {
                let (keys, lenient) = self.keys(here, event, matching.as_ref());
                let event = event.as_str().to_owned();
                (Awaited::Event { event, keys, lenient }, timeout.map(|length| self.now.plus(length)))
            }
        };
        if what == Awaited::Time && due_at.is_some_and(|due| due <= self.now) {
            return Ok(Some(Done { output: Shared::default(), to: self.after(step) }));
        }
        self.emit(Event::WaitBegan { path: here.path.clone(), what, due_at, at: self.now });
        Ok(None)
    }

    /// The values that an event must have to be about the same thing (D-10).
    fn keys(
        &mut self,
        here: &Here,
        event: &EventPattern,
        matching: Option<&EventMatch>,
    ) -> (Vec<(String, Value)>, bool) {
        let (paths, lenient) = match matching {
            Some(EventMatch::Paths(paths)) => (paths.clone(), false),
            Some(EventMatch::Expression(_)) => (Vec::new(), false),
            None => {
                let entity = event.as_str().split('.').next().filter(|entity| !entity.contains('*'));
                (entity.map(|entity| format!("{entity}.id")).into_iter().collect(), true)
            }
        };
        (self.values_at(here, paths, lenient), lenient)
    }

    /// The values at these paths; of one that is not there nothing is wanted where that is lenient, and nothing will
    /// do where it is not.
    pub(super) fn values_at(&mut self, here: &Here, paths: Vec<String>, lenient: bool) -> Vec<(String, Value)> {
        let mut keys = Vec::with_capacity(paths.len());
        for path in paths {
            let view = self.view(here);
            let value =
                Path::parse(&path).ok().and_then(|parsed| lookup(&view, &parsed).map(std::borrow::Cow::into_owned));
            match value.filter(|value| !value.is_null()) {
                Some(value) => keys.push((path, value)),
                None if lenient => {}
                None => {
                    let message = format!("there is no `{path}` to match events against, so none will fit");
                    self.emit(Event::Warned { path: here.path.clone(), message });
                    keys.push((path, Value::Null));
                }
            }
        }
        keys
    }

    /// Asks people, and waits for them.
    pub(super) fn ask(&mut self, here: &Here, approval: &Approval) -> Result<(), StepError> {
        let output = self.open_approval(here, approval, 0)?;
        let approvals = vec![to_text(&output["approval_id"])];
        let what = Awaited::Approval { approvals, holds: false };
        self.emit(Event::WaitBegan { path: here.path.clone(), what, due_at: None, at: self.now });
        Ok(())
    }

    /// Asks people.
    pub(super) fn open_approval(&mut self, here: &Here, approval: &Approval, index: u32) -> Result<Value, StepError> {
        let request = ApprovalRequest::render(approval, &self.view(here), self.now)?;
        let id = self.approval_id(here, index);
        let output = json!({ "approval_id": id });
        self.emit(Event::ApprovalOpened {
            path: here.path.clone(),
            approval: id,
            request: Box::new(request),
            remind_at: approval.remind_every.map(|every| self.now.plus(every)),
            escalate_at: approval.escalate.as_ref().map(|escalate| self.now.plus(escalate.after)),
            at: self.now,
        });
        Ok(output)
    }

    /// The same on every replay; another one for each attempt, of the steps around it too, since a decided
    /// approval stays decided. Of its key: the id that people decide it by, short enough for a link.
    fn approval_id(&self, here: &Here, index: u32) -> String {
        let (execution, tries) = (&self.origin.execution, tries(self.state, here));
        let digest = Sha256::digest(format!("{execution}/{}/{}/{tries}/{index}", here.path, here.passage));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        ApprovalId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid()).to_string()
    }

    /// Whether a decision to block is held by the approvals that its list opened (D-1); if so, the
    /// step waits from now on.
    pub(super) fn holds(&mut self, here: &Here, step: &Step) -> bool {
        let StepKind::Action { decision, execute, .. } = &step.kind else { return false };
        let blocks = matches!(decision.kind, DecisionKind::Block | DecisionKind::RequireApproval);
        if !blocks || self.after(step).is_some() {
            return false;
        }
        let opened = |(index, action): (u32, &Action)| {
            let id = self.approval_id(here, index);
            let is_known = self.state.approvals.contains_key(&id) || self.state.decided.contains_key(&id);
            (matches!(action.kind, ActionKind::CreateApproval { .. }) && is_known).then_some(id)
        };
        let approvals: Vec<String> = (0..).zip(execute).filter_map(opened).collect();
        if approvals.is_empty() {
            return false;
        }
        let what = Awaited::Approval { approvals, holds: true };
        self.emit(Event::WaitBegan { path: here.path.clone(), what, due_at: None, at: self.now });
        true
    }

    /// Starts a child execution, or goes on when it was started.
    pub(super) fn start_child(&mut self, here: &Here, step: &Step, index: u32) {
        let StepKind::Workflow { wait, .. } = &step.kind else { return };
        if index > 0 {
            // It was started: the only action has come back.
            let output = self.outputs(here);
            if !wait {
                return self.succeed(here, step, Done { output, to: self.after(step) });
            }
            let execution = to_text(&output["execution_id"]);
            let what = Awaited::Child { execution };
            return self.emit(Event::WaitBegan { path: here.path.clone(), what, due_at: None, at: self.now });
        }
        if self.is_out_of_time() {
            return;
        }
        let request = request_of(step, 0, &self.view(here));
        match (request, time_left(step, None, Duration::ZERO)) {
            (Some(Ok(request)), Ok(timeout)) => {
                let effect = effect(self.origin, self.state, here, 0, timeout, request);
                self.leave(here, 0, "workflow", effect);
            }
            (Some(Err(error)), _) | (_, Err(error)) => self.step_failed(here, step, error),
            (None, _) => {}
        }
    }

    /// Whether a wait is over without anything more from outside.
    pub(super) fn is_over(&self, wait: &Awaiting) -> bool {
        match &wait.what {
            Awaited::Approval { approvals, .. } => {
                !self.state.is_pausing() && approvals.iter().all(|id| self.state.decided.contains_key(id))
            }
            Awaited::Time | Awaited::Event { .. } | Awaited::Child { .. } => {
                wait.due_at.is_some_and(|due| due <= self.now) && !self.state.is_pausing()
            }
        }
    }

    /// A wait is over: by its time, or because its approvals are decided.
    pub(super) fn end_wait(&mut self, here: &Here, step: &Step) {
        let active = self.state.scopes.get(&here.scope).and_then(|scope| scope.active.as_ref());
        let Some(Phase::Waiting(wait)) = active.map(|active| &active.phase) else { return };
        match &wait.what {
            Awaited::Time => self.succeed(here, step, Done { output: Shared::default(), to: self.after(step) }),
            Awaited::Event { event, .. } => {
                let event = event.clone();
                self.time_out(here, step, &event);
            }
            Awaited::Child { .. } => {}
            Awaited::Approval { approvals, .. } => {
                let verdicts: Vec<Verdict> =
                    approvals.iter().filter_map(|id| self.state.decided.get(id).cloned()).collect();
                self.ruled(here, step, &verdicts);
            }
        }
    }

    fn time_out(&mut self, here: &Here, step: &Step, event: &str) {
        let on_timeout = match &step.kind {
            StepKind::Wait(Wait::Event { on_timeout, .. }) => on_timeout.as_ref().map(Name::new),
            _other => None,
        };
        if on_timeout.is_some() {
            let output = json!({ "timed_out": true });
            return self.succeed(here, step, Done { output: output.into(), to: on_timeout });
        }
        let message = format!("no event `{event}` came in time");
        let error = StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("WAIT_TIMEOUT", message) };
        self.step_failed(here, step, error);
    }

    /// The approvals that a step waits for are decided: a rejection counts more than a lapse, and
    /// that more than an approval.
    fn ruled(&mut self, here: &Here, step: &Step, verdicts: &[Verdict]) {
        let by_ruling = |ruling| verdicts.iter().find(move |verdict| verdict.ruling == ruling);
        let verdict = by_ruling(Ruling::Rejected).or_else(|| by_ruling(Ruling::Expired)).or_else(|| verdicts.first());
        let Some(verdict) = verdict else { return };
        let (on_approved, on_rejected, on_expired) = match &step.kind {
            StepKind::Approval { on_approved, on_rejected, on_expired, .. }
            | StepKind::Action { on_approved, on_rejected, on_expired, .. } => (on_approved, on_rejected, on_expired),
            _asks_nobody => return,
        };
        let target = match verdict.ruling {
            Ruling::Approved => on_approved.as_ref().map(Name::new).or_else(|| self.after(step)),
            Ruling::Rejected => on_rejected.as_ref().map(Name::new),
            Ruling::Expired => on_expired.as_ref().map(Name::new),
        };
        if target.is_none() && !self.settle_without_target(here, step, verdict) {
            return;
        }
        self.succeed(here, step, Done { output: verdict.output().into(), to: target });
    }

    /// The flow ends with the verdict as its decision (D-1); in a branch or a loop a refusal is an
    /// error. Returns whether the step succeeds.
    fn settle_without_target(&mut self, here: &Here, step: &Step, verdict: &Verdict) -> bool {
        let (outcome, code, words) = match verdict.ruling {
            Ruling::Approved => (Outcome::Allowed, "", "approved"),
            Ruling::Rejected => (Outcome::Blocked, "APPROVAL_REJECTED", "rejected"),
            Ruling::Expired => (Outcome::Blocked, "APPROVAL_EXPIRED", "not decided in time"),
        };
        if self.plan.is_nested(&step.id) {
            if verdict.ruling != Ruling::Approved {
                let reason = verdict.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
                let message = format!("the approval of step `{}` was {words}{reason}", step.id);
                self.step_failed(here, step, StepError::other(code, message));
                return false;
            }
            return true;
        }
        let before = self.state.decision.as_ref().filter(|before| before.outcome == outcome);
        let reason = verdict.reason.clone().or_else(|| before.and_then(|before| before.reason.clone()));
        let metadata = before.and_then(|before| before.metadata.clone());
        let step = here.path.clone();
        self.emit(Event::Decided(Decision { outcome, reason, metadata, step }));
        true
    }

    /// What happens to approvals by itself: reminders, escalations, expiry.
    pub(super) fn expire_approvals(&mut self) {
        if self.state.is_pausing() {
            return;
        }
        let due: Vec<(String, OpenApproval)> = self
            .state
            .approvals
            .iter()
            .filter(|(_, open)| open.next_due().is_some_and(|due| due <= self.now))
            .map(|(id, open)| (id.clone(), open.clone()))
            .collect();
        let at = self.now;
        for (approval, open) in due {
            let path = open.path.clone();
            if open.request.expires_at.is_some_and(|expires| expires <= at) {
                let verdict = Verdict {
                    ruling: Ruling::Expired,
                    by: None,
                    reason: None,
                    form: Value::Null,
                    answered_at: None,
                    at,
                };
                self.run_again();
                self.emit(Event::ApprovalDecided { path, approval, verdict });
                continue;
            }
            let settings = self.settings_of(&open.path, &approval).map(|settings| {
                (settings.remind_every, settings.escalate.as_ref().map(|escalate| escalate.role.clone()))
            });
            let (every, role) = settings.unwrap_or_default();
            if open.escalate_at.is_some_and(|due| due <= at) {
                let (path, approval) = (path.clone(), approval.clone());
                self.emit(Event::ApprovalEscalated { path, approval, role: role.unwrap_or_default(), at });
            }
            if open.remind_at.is_some_and(|due| due <= at) {
                let next_at = every.map_or(Timestamp(i64::MAX), |every| at.plus(every));
                self.emit(Event::ApprovalReminded { path, approval, next_at, at });
            }
        }
    }

    /// The settings with which an approval was opened.
    fn settings_of(&self, path: &str, approval: &str) -> Option<&Approval> {
        let id = path.rsplit('.').next()?;
        match &self.plan.find(id)?.kind {
            StepKind::Approval { approval, .. } => Some(approval),
            StepKind::Action { execute, .. } | StepKind::Execute { execute } => {
                let index: usize = approval.rsplit('/').next()?.parse().ok()?;
                match &execute.get(index)?.kind {
                    ActionKind::CreateApproval { approval } => Some(approval),
                    _other => None,
                }
            }
            _asks_nobody => None,
        }
    }
}
