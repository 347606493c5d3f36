//! The `execute` list of a step: pure actions at once, the others as effects, one after the other.

use std::time::Duration;

use serde_json::{Value, json};

use super::DEFAULT_STEP_TIMEOUT;
use super::Refused;
use super::effect::{Effect, EffectId, EffectOutcome, EffectRequest, ErrorClass, StepError};
use super::event::Event;
use super::render::{self, Rendered, bounded, bounded_answer, given, size};
use super::run::{Here, Run};
use super::state::{Origin, Phase, State};
use super::steps::Done;
use super::view::View;
use crate::definition::{Action, ActionKind, LogLevel, RecordOperation, Step, StepKind};
use crate::expr::Template;
use crate::{Name, Shared};

/// Bytes of answers that one list of actions keeps: each is bounded, and there may be thousands.
const MAX_LISTED: usize = 4 * 1024 * 1024;

/// What an action came to without leaving the process, or the call it wants to make.
enum Acted {
    Done(Value),
    Leaves(Box<Effect>),
}

impl Run<'_> {
    /// Goes on with a step's list of actions at action `index`.
    pub(super) fn act(&mut self, here: &Here, step: &Step, index: u32) {
        if let StepKind::Workflow { .. } = &step.kind {
            return self.start_child(here, step, index);
        }
        let Some(action) = action_at(step, index) else {
            let output = self.outputs(here);
            if self.holds(here, step) {
                return;
            }
            return self.succeed(here, step, Done { output, to: self.after(step) });
        };
        if self.is_out_of_time() {
            return;
        }
        match self.perform(here, step, action, index) {
            Ok(Acted::Done(output)) => self.action_finished(here, step, index, Ok(output)),
            Ok(Acted::Leaves(effect)) => self.leave(here, index, kind_name(&action.kind), *effect),
            Err(error) => self.action_finished(here, step, index, Err(error)),
        }
    }

    /// A call leaves the process.
    pub(super) fn leave(&mut self, here: &Here, index: u32, kind: &'static str, effect: Effect) {
        self.emit(Event::ActionStarted {
            path: here.path.clone(),
            attempt: here.attempt,
            action: index,
            kind: Name::new_static(kind),
            key: effect.key.clone(),
            request: render::shown(&effect),
            at: self.now,
        });
        self.begin(effect);
    }

    /// The step's output: that of its only action, or a list in order.
    pub(super) fn outputs(&self, here: &Here) -> Shared {
        let active = self.state.scopes.get(&here.scope).and_then(|scope| scope.active.as_ref());
        match active.map(|active| &active.phase) {
            Some(Phase::Actions { outputs, .. }) => match outputs.as_slice() {
                [] => Shared::default(),
                [only] => only.clone(),
                several => Value::Array(several.iter().map(|output| (**output).clone()).collect()).into(),
            },
            _not_in_a_list => Shared::default(),
        }
    }

    /// Bytes of what the actions of the list answered so far, about.
    fn listed(&self, here: &Here) -> usize {
        let active = self.state.scopes.get(&here.scope).and_then(|scope| scope.active.as_ref());
        match active.map(|active| &active.phase) {
            Some(Phase::Actions { bytes, .. }) => *bytes,
            _not_in_a_list => 0,
        }
    }

    /// For how long actions of the attempt were put off, in milliseconds.
    fn held_ms(&self, here: &Here) -> i64 {
        let active = self.state.scopes.get(&here.scope).and_then(|scope| scope.active.as_ref());
        match active.map(|active| &active.phase) {
            Some(Phase::Actions { put_off, held_ms, .. }) => {
                let present = put_off.map_or(0, |put_off| self.now.0.saturating_sub(put_off.since.0));
                held_ms.saturating_add(present)
            }
            _not_in_a_list => 0,
        }
    }

    fn perform(&mut self, here: &Here, step: &Step, action: &Action, index: u32) -> Result<Acted, StepError> {
        match &action.kind {
            ActionKind::Log { message, level, data } => self.log(here, message, *level, data.as_ref()).map(Acted::Done),
            ActionKind::Set(values) => self.set(here, values).map(Acted::Done),
            ActionKind::CreateApproval { approval } => self.open_approval(here, approval, index).map(Acted::Done),
            kind => {
                let elapsed = self.now.0.saturating_sub(here.began.0).saturating_sub(self.held_ms(here));
                let elapsed = u64::try_from(elapsed).unwrap_or(0);
                let timeout = time_left(step, Some(action), Duration::from_millis(elapsed))?;
                let request = render::request(kind, &self.view(here))?;
                Ok(Acted::Leaves(Box::new(effect(self.origin, self.state, here, index, timeout, request))))
            }
        }
    }

    fn log(
        &mut self,
        here: &Here,
        message: &Template,
        level: LogLevel,
        data: Option<&Template>,
    ) -> Result<Value, StepError> {
        let view = self.view(here);
        let message = message.render_text(&view)?;
        let data = data.map(|data| data.render(&view)).transpose()?.unwrap_or(Value::Null);
        let output = json!({ "message": message });
        let data = bounded(data, false);
        self.emit(Event::Logged { path: here.path.clone(), level, message, data, at: self.now });
        Ok(output)
    }

    /// An effect came back.
    pub(super) fn effect_done(&mut self, id: &EffectId, outcome: EffectOutcome) -> Result<(), Refused> {
        let not_under_way =
            || Refused::NotUnderWay { step: id.step.to_string(), attempt: id.attempt, action: id.action };
        let found = self.state.scopes.iter().find_map(|(scope, state)| {
            let active = state.active.as_ref()?;
            let is_it = active.path == id.step && active.attempt == id.attempt;
            let is_under_way =
                matches!(active.phase, Phase::Actions { next, in_flight: true, .. } if next == id.action);
            (is_it && is_under_way).then(|| (Here::of(*scope, active, self.now), &active.step))
        });
        let (here, step) = found.ok_or_else(not_under_way)?;
        let plan = self.plan;
        let step = plan.find(step).ok_or_else(not_under_way)?;
        let result = match outcome {
            EffectOutcome::Succeeded { output } => Ok(given(output)),
            EffectOutcome::Failed(error) => Err(error),
            EffectOutcome::PutOff { until, has_turn } => {
                let (path, attempt, action) = (here.path, here.attempt, id.action);
                self.emit(Event::ActionPutOff { path, attempt, action, until, has_turn, at: self.now });
                return Ok(());
            }
        };
        self.action_finished(&here, step, id.action, result);
        Ok(())
    }

    /// After a crash: a call that this version of the program cannot make again fails its step,
    /// rather than being waited for without end.
    pub(super) fn give_up_lost_calls(&mut self) {
        let under_way: Vec<(Here, Name, u32)> = self
            .state
            .scopes
            .iter()
            .filter_map(|(scope, state)| {
                let active = state.active.as_ref()?;
                let Phase::Actions { next, in_flight: true, .. } = active.phase else { return None };
                Some((Here::of(*scope, active, self.now), active.step.clone(), next))
            })
            .collect();
        let plan = self.plan;
        for (here, step, index) in under_way {
            let rendered = plan.find(&step).map(|step| (step, self.call_again(&here, step, index)));
            match rendered {
                Some((_, Some(Ok(_)))) => {}
                Some((step, Some(Err(error)))) => self.action_finished(&here, step, index, Err(error)),
                Some((_, None)) | None => {
                    let message = format!("the version has no action {index} in step `{step}`");
                    return self.fail(StepError::other("STEP_MISSING", message), Some(here.path));
                }
            }
        }
    }

    fn call_again(&self, here: &Here, step: &Step, index: u32) -> Option<Result<Rendered, StepError>> {
        request_of(step, index, &self.view(here))
    }

    /// Records how an action ended; a failure fails the step unless the action is optional.
    fn action_finished(&mut self, here: &Here, step: &Step, index: u32, result: Result<Value, StepError>) {
        let action = action_at(step, index);
        let (path, attempt, at) = (here.path.clone(), here.attempt, self.now);
        let is_load = action.is_some_and(|action| matches!(action.kind, ActionKind::Load));
        let result = match result {
            Ok(output) if is_load => match self.received(here, &output) {
                Ok(received) => return self.keep_loaded(here, index, received),
                Err(error) => Err(error),
            },
            other => other,
        };
        match result {
            Ok(output) => {
                let mut output = bounded_answer(output, step.keep_full_output);
                if !step.keep_full_output && self.listed(here).saturating_add(size(&output)) > MAX_LISTED {
                    output = json!({ "$truncated": true });
                }
                // Only what somebody wants at a path of its own is copied.
                let saved = action.and_then(|action| action.save_as.as_ref()).map(|path| (path, output.clone()));
                self.emit(Event::ActionFinished {
                    path,
                    attempt,
                    action: index,
                    output: output.into(),
                    error: None,
                    at,
                });
                if let Some((path, output)) = saved {
                    self.save(here, path, &output);
                }
            }
            Err(mut error) => {
                error.detail = error.detail.map(|detail| bounded(detail, false));
                let output = Shared::default();
                let failed = Some(error.clone());
                self.emit(Event::ActionFinished { path, attempt, action: index, output, error: failed, at });
                if action.is_some_and(|action| action.optional) {
                    let message = format!("an optional action failed: {}: {}", error.code, error.message);
                    self.emit(Event::Warned { path: here.path.clone(), message });
                } else {
                    self.step_failed(here, step, error);
                }
            }
        }
    }
}

/// The call that a step makes at `index` of its list; nothing if it makes none there.
pub(super) fn request_of(step: &Step, index: u32, view: &View<'_>) -> Option<Result<Rendered, StepError>> {
    match &step.kind {
        StepKind::Workflow { workflow_id, input, wait, revision } if index == 0 => {
            let request = render::start_workflow(workflow_id, input.as_ref(), *revision, *wait, view);
            Some(request.map(|request| (request, None)))
        }
        _from_its_list => action_at(step, index).map(|action| render::request(&action.kind, view)),
    }
}

/// An action of a step; nothing beyond the end of its list, and for steps that have none.
pub(super) fn action_at(step: &Step, index: u32) -> Option<&Action> {
    let list = match &step.kind {
        StepKind::Action { execute, .. } | StepKind::Execute { execute } => execute.as_slice(),
        _without_actions => &[],
    };
    usize::try_from(index).ok().and_then(|index| list.get(index))
}

/// Bound on a call: its own, and what is left of its step's time (D-7).
pub(super) fn time_left(step: &Step, action: Option<&Action>, elapsed: Duration) -> Result<Duration, StepError> {
    let own = match action.map(|action| &action.kind) {
        Some(ActionKind::Http(call)) => call.timeout,
        _other => None,
    };
    let Some(whole) = step.timeout else { return Ok(own.unwrap_or(DEFAULT_STEP_TIMEOUT)) };
    let left = whole.saturating_sub(elapsed);
    if left.is_zero() {
        let message = format!("the attempt took longer than {whole:?}");
        return Err(StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("STEP_TIMEOUT", message) });
    }
    Ok(own.map_or(left, |own| own.min(left)))
}

/// The effect of one action. The key does not name the attempt, so that every try carries the same:
/// the other side does it once. Only a child that failed has to be started anew, as another one.
pub(super) fn effect(
    origin: &Origin,
    state: &State,
    here: &Here,
    index: u32,
    timeout: Duration,
    (mut request, secrets): Rendered,
) -> Effect {
    let mut key = format!("{}/{}/{}/{index}", origin.execution, here.path, here.passage);
    let tries = tries(state, here);
    if matches!(request, EffectRequest::StartWorkflow { waits: true, .. }) && tries != "1" {
        key = format!("{key}/{tries}");
    }
    let active = state.scopes.get(&here.scope).and_then(|scope| scope.active.as_ref());
    if let EffectRequest::Notify(message) = &mut request
        && let Some(told) = active.and_then(|active| active.told.get(&index))
    {
        message.told = told.iter().cloned().collect();
    }
    let has_turn = matches!(
        active.map(|active| &active.phase),
        Some(Phase::Actions { put_off: Some(put_off), .. }) if put_off.has_turn
    );
    let id = EffectId { step: here.path.clone(), attempt: here.attempt, action: index };
    Effect { id, key, timeout, request, secrets, has_turn }
}

/// Tells one try of a step from another: its attempt, behind the attempts of the steps around it, such as
/// `2.1` for the first within the second of a `parallel`.
pub(super) fn tries(state: &State, here: &Here) -> String {
    let around = state.chain(here.scope).skip(1);
    let mut attempts: Vec<u32> = around.filter_map(|(_, scope)| Some(scope.active.as_ref()?.attempt)).collect();
    attempts.insert(0, here.attempt);
    while attempts.len() > 1 && attempts.last() == Some(&1) {
        attempts.pop();
    }
    attempts.iter().rev().map(u32::to_string).collect::<Vec<_>>().join(".")
}

/// Name of an action type, as definitions write it.
pub(super) const fn kind_name(kind: &ActionKind) -> &'static str {
    match kind {
        ActionKind::Http(call) if call.is_webhook => "webhook",
        ActionKind::Http(_) => "http_request",
        ActionKind::Log { .. } => "log",
        ActionKind::Set(_) => "set",
        ActionKind::EmitEvent { .. } => "emit_event",
        ActionKind::StartWorkflow { .. } => "start_workflow",
        ActionKind::CreateApproval { .. } => "create_approval_request",
        ActionKind::GraphqlRequest { .. } => "graphql_request",
        ActionKind::Record { operation: RecordOperation::Create, .. } => "create_record",
        ActionKind::Record { operation: RecordOperation::Update, .. } => "update_record",
        ActionKind::Record { operation: RecordOperation::Delete, .. } => "delete_record",
        ActionKind::Record { operation: RecordOperation::Get, .. } => "get_record",
        ActionKind::Notify { .. } => "notify",
        ActionKind::Llm(_) => "llm",
        ActionKind::Load => "load_context",
    }
}
