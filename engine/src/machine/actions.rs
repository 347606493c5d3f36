//! The `execute` list of a step: pure actions at once, the others as effects, one after the other.

use serde_json::{Value, json};

use super::DEFAULT_STEP_TIMEOUT;
use super::effect::{Effect, EffectId, EffectOutcome, EffectRequest, StepError};
use super::event::Event;
use super::render::{self, bounded};
use super::run::Run;
use super::state::{Active, Phase, ScopeId};
use super::steps::Done;
use super::Refused;
use crate::definition::{Action, ActionKind, LogLevel, Step, StepKind};
use crate::expr::Template;

/// What an action came to without leaving the process, or the call it wants to make.
enum Acted {
    Done(Value),
    Leaves(EffectRequest),
}

impl Run<'_> {
    /// Goes on with a step's list of actions.
    pub(super) fn act(&mut self, scope: ScopeId, active: &Active, step: &Step) {
        let Phase::Actions { next, outputs, .. } = &active.phase else { return };
        let list = actions_of(step);
        let Some(action) = usize::try_from(*next).ok().and_then(|next| list.get(next)) else {
            let output = match outputs.as_slice() {
                [] => Value::Null,
                [only] => only.clone(),
                several => Value::Array(several.to_vec()),
            };
            return self.succeed(active, step, Done { output, to: step.next.clone() });
        };
        match self.perform(scope, active, action) {
            Ok(Acted::Done(output)) => self.action_finished(scope, active, step, *next, Ok(output)),
            Ok(Acted::Leaves(request)) => {
                let effect = effect(self.origin, active, step, action, *next, request);
                self.emit(Event::ActionStarted {
                    path: active.path.clone(),
                    attempt: active.attempt,
                    action: *next,
                    kind: kind_name(&action.kind).to_owned(),
                    key: effect.key.clone(),
                    request: render::shown(&effect.request),
                    at: self.now,
                });
                self.begin(effect);
            }
            Err(error) => self.action_finished(scope, active, step, *next, Err(error)),
        }
    }

    fn perform(&mut self, scope: ScopeId, active: &Active, action: &Action) -> Result<Acted, StepError> {
        match &action.kind {
            ActionKind::Log { message, level, data } => self.log(scope, active, message, *level, data.as_ref()).map(Acted::Done),
            ActionKind::Set(values) => self.set(scope, values).map(Acted::Done),
            kind => render::request(kind, &self.view(scope, self.attempt_now(active))).map(Acted::Leaves),
        }
    }

    fn log(&mut self, scope: ScopeId, active: &Active, message: &Template, level: LogLevel, data: Option<&Template>) -> Result<Value, StepError> {
        let view = self.view(scope, self.attempt_now(active));
        let message = message.render_text(&view)?;
        let data = data.map(|data| data.render(&view)).transpose()?.unwrap_or(Value::Null);
        self.emit(Event::Logged { path: active.path.clone(), level, message: message.clone(), data: bounded(data, false), at: self.now });
        Ok(json!({ "message": message }))
    }

    /// An effect came back.
    pub(super) fn effect_done(&mut self, id: &EffectId, outcome: EffectOutcome) -> Result<(), Refused> {
        let not_under_way = || Refused::NotUnderWay { step: id.step.clone(), attempt: id.attempt, action: id.action };
        let found = self.state.scopes.iter().find_map(|(scope, state)| {
            let active = state.active.as_ref()?;
            let is_it = active.path == id.step && active.attempt == id.attempt;
            let is_under_way = matches!(active.phase, Phase::Actions { next, in_flight: true, .. } if next == id.action);
            (is_it && is_under_way).then(|| (*scope, active.clone()))
        });
        let (scope, active) = found.ok_or_else(not_under_way)?;
        let plan = self.plan;
        let step = plan.step(&active.step).ok_or_else(not_under_way)?;
        let result = match outcome {
            EffectOutcome::Succeeded { output } => Ok(output),
            EffectOutcome::Failed(error) => Err(error),
        };
        self.action_finished(scope, &active, step, id.action, result);
        Ok(())
    }

    /// Records how an action ended; a failure fails the step unless the action is optional.
    fn action_finished(&mut self, scope: ScopeId, active: &Active, step: &Step, index: u32, result: Result<Value, StepError>) {
        let action = usize::try_from(index).ok().and_then(|index| actions_of(step).get(index));
        let (path, attempt, at) = (active.path.clone(), active.attempt, self.now);
        match result {
            Ok(output) => {
                let output = bounded(output, step.keep_full_output);
                let saved = action.and_then(|action| action.save_as.clone());
                self.emit(Event::ActionFinished { path, attempt, action: index, output: output.clone(), error: None, at });
                if let Some(path) = saved {
                    self.emit(Event::ContextSet { path, value: output });
                }
            }
            Err(error) => {
                self.emit(Event::ActionFinished { path: path.clone(), attempt, action: index, output: Value::Null, error: Some(error.clone()), at });
                if action.is_some_and(|action| action.optional) {
                    self.emit(Event::Warned { path, message: format!("an optional action failed: {}: {}", error.code, error.message) });
                } else {
                    self.step_failed(scope, active, step, error);
                }
            }
        }
    }
}

/// The list of actions of a step; empty for steps that have none.
pub(super) fn actions_of(step: &Step) -> &[Action] {
    match &step.kind {
        StepKind::Action { execute, .. } | StepKind::Execute { execute } => execute,
        _without_actions => &[],
    }
}

/// The effect of one action; the key does not name the attempt, so every try carries the same.
pub(super) fn effect(origin: &super::Origin, active: &Active, step: &Step, action: &Action, index: u32, request: EffectRequest) -> Effect {
    let own = match &action.kind {
        ActionKind::Http(call) => call.timeout,
        _other => None,
    };
    Effect {
        id: EffectId { step: active.path.clone(), attempt: active.attempt, action: index },
        key: format!("{}/{}/{index}", origin.execution, active.path),
        timeout: own.or(step.timeout).unwrap_or(DEFAULT_STEP_TIMEOUT),
        request,
    }
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
        ActionKind::Record { .. } => "record",
        ActionKind::Notify { .. } => "notify",
        ActionKind::Llm(_) => "llm",
    }
}
