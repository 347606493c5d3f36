//! Effects that were let go: each goes its own way until its outcome is read or its worker is gone.

use engine::Timestamp;
use engine::machine::{Effect, EffectOutcome, EffectRequest, ErrorClass, Event, Loads, StepError, StepPath};
use serde_json::{Map, json};

use crate::database::{ExecutionNo, WorkerNo};
use crate::invariants;
use crate::world::{Routing, World, number};

/// Number of a call.
pub type CallNo = u64;

/// An effect under way.
#[derive(Debug)]
pub struct Call {
    /// In whose memory.
    pub worker: WorkerNo,
    /// The drive that let it go.
    pub drive: u64,
    /// On whose behalf.
    pub execution: ExecutionNo,
    /// The claim under which it was let go.
    pub epoch: u32,
    /// What to do.
    pub effect: Effect,
    /// How far it is.
    pub stage: Stage,
}

/// How far a call is.
#[derive(Debug)]
pub enum Stage {
    /// Nothing has left yet.
    Spawned,
    /// The other side has it; it, or the bound on the call, answers then.
    Asked { answers_at: Timestamp, outcome: EffectOutcome },
    /// An event is recorded and being routed.
    Routing(Routing),
    /// Over, its outcome not read.
    Over(EffectOutcome),
}

impl Call {
    /// Whether it can go a step further.
    #[must_use]
    pub fn can_move(&self, now: Timestamp) -> bool {
        match &self.stage {
            Stage::Spawned | Stage::Routing(_) => true,
            Stage::Asked { answers_at, .. } => *answers_at <= now,
            Stage::Over(_) => false,
        }
    }

    /// Whether its outcome can be read.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }
}

impl World {
    /// Takes a call one step further.
    pub fn run_call(&mut self, number: CallNo) {
        let Some(mut call) = self.calls.remove(&number) else { return };
        call.stage = match std::mem::replace(&mut call.stage, Stage::Spawned) {
            Stage::Spawned if self.is_put_off(&call) => {
                let until = Timestamp(self.now.0 + self.rng.millis(0, 5_000));
                Stage::Over(EffectOutcome::PutOff { until, has_turn: self.rng.chance(80) })
            }
            Stage::Spawned => {
                self.see(&call);
                self.ask(&call)
            }
            Stage::Routing(mut routing) => {
                if self.route(&mut routing) {
                    let output = json!({ "event_id": format!("evt_{}", routing.event) });
                    Stage::Over(EffectOutcome::Succeeded { output })
                } else {
                    Stage::Routing(routing)
                }
            }
            Stage::Asked { outcome, .. } | Stage::Over(outcome) => Stage::Over(outcome),
        };
        self.calls.insert(number, call);
    }

    /// Whether the rate of its service lets the call go later; nothing leaves then.
    fn is_put_off(&mut self, call: &Call) -> bool {
        let has_rate = self.has_rates && matches!(call.effect.request, EffectRequest::Http(_));
        has_rate && !call.effect.has_turn && self.mishap(15)
    }

    /// The other side notes the key; what must hold of that is looked at.
    fn see(&mut self, call: &Call) {
        let (effect, epoch) = (&call.effect, call.epoch);
        self.note(|| {
            format!("exe_{} calls {} (epoch {epoch}, attempt {})", call.execution, effect.key, effect.id.attempt)
        });
        let row = self.database.executions.get(call.execution);
        // Who stalled after letting it go cannot know better: the key makes it harmless.
        let Some(row) = row.filter(|row| row.epoch == epoch && row.worker == Some(call.worker)) else { return };
        let is_it = |path: &StepPath, attempt: u32, action: u32| {
            *path == effect.id.step && attempt == effect.id.attempt && action == effect.id.action
        };
        let last = row.events.iter().rev().find(|event| match event {
            Event::ActionStarted { path, attempt, action, .. }
            | Event::ActionFinished { path, attempt, action, .. } => is_it(path, *attempt, *action),
            _of_no_action => false,
        });
        let is_journaled = matches!(last, Some(Event::ActionStarted { key, .. }) if *key == effect.key);
        // The fold knows of attempts that were given up as a whole.
        if !(is_journaled && row.fold().awaits(&effect.id)) {
            let detail = format!("{} of exe_{}: the last is {last:?}", effect.key, call.execution);
            return self.violate(invariants::EFFECT_IS_JOURNALED, || detail);
        }
        // A step around it that is tried again decides the same call anew, perhaps with other data.
        let has_key = |event: &&Event| matches!(event, Event::ActionStarted { key, .. } if *key == effect.key);
        let decided = row.events.iter().filter(has_key).count();
        let seen = self.outside.entry(effect.key.clone()).or_default();
        let asked = seen.asked.entry((effect.id.clone(), decided)).or_insert_with(|| effect.request.clone());
        let same_request = *asked == effect.request;
        let same_place = seen.asked.keys().all(|(id, _)| id.step == effect.id.step && id.action == effect.id.action);
        let is_first = seen.by.insert((effect.id.clone(), decided, epoch), call.drive).is_none();
        if !(same_request && same_place) {
            self.violate(invariants::SAME_KEY_SAME_EFFECT, || format!("{} asks {:?}", effect.key, effect.request));
        }
        if !is_first {
            self.violate(invariants::ONE_CALL_PER_OWNER, || format!("{} in epoch {epoch}", effect.key));
        }
    }

    fn ask(&mut self, call: &Call) -> Stage {
        match &call.effect.request {
            EffectRequest::Http(_)
            | EffectRequest::Graphql(_)
            | EffectRequest::Record(_)
            | EffectRequest::Notify(_)
            | EffectRequest::Model(_) => {
                let bound = i64::try_from(call.effect.timeout.as_millis()).unwrap_or(i64::MAX);
                let takes = self.rng.millis(0, 3_000);
                let never = self.mishap(8);
                let outcome = if never || takes >= bound { timed_out() } else { self.answer() };
                Stage::Asked {
                    answers_at: Timestamp(self.now.0 + if never { bound } else { takes.min(bound) }),
                    outcome,
                }
            }
            EffectRequest::Load(loads) => {
                let never = self.mishap(8);
                let outcome = if never { timed_out() } else { self.load(loads) };
                let bound = i64::try_from(call.effect.timeout.as_millis()).unwrap_or(i64::MAX);
                let takes = if never { bound } else { self.rng.millis(0, 3_000).min(bound) };
                Stage::Asked { answers_at: Timestamp(self.now.0 + takes), outcome }
            }
            EffectRequest::EmitEvent { event, payload } => {
                let number = self.database.insert_event(event, payload, Some(&call.effect.key), self.now);
                self.note(|| format!("evt_{number} {event} {payload} is accepted"));
                Stage::Routing(Routing::of(number))
            }
            EffectRequest::StartWorkflow { workflow_id, input, waits, .. } => {
                let workflow = workflow_id.strip_prefix("flow_").and_then(|number| number.parse().ok());
                let parent = Some((call.execution, *waits));
                let child = workflow.and_then(|flow| self.start(flow, input.clone(), parent, Some(&call.effect.key)));
                let outcome = match child {
                    Some(child) if !self.mishap(5) => {
                        EffectOutcome::Succeeded { output: json!({ "execution_id": format!("exe_{child}") }) }
                    }
                    Some(_answer_lost) => timed_out(),
                    None => EffectOutcome::Failed(StepError::other("NOT_FOUND", "there is no such workflow")),
                };
                let answers_at = Timestamp(self.now.0 + self.rng.millis(0, 50));
                Stage::Asked { answers_at, outcome }
            }
        }
    }

    /// What the organization has: each time it may be something else.
    fn load(&mut self, loads: &Loads) -> EffectOutcome {
        let (mut resources, mut absent) = (Map::new(), Vec::new());
        for load in &loads.resources {
            let is_there = self.is_quiet || self.rng.chance(70);
            if is_there {
                resources.insert(load.name.clone(), json!({ "total": self.rng.below(9), "id": 9 }));
            } else if load.is_optional {
                absent.push(json!({ "name": load.name, "reason": "it is not registered" }));
            } else {
                let class = if self.rng.chance(70) { ErrorClass::Connection } else { ErrorClass::Other };
                let error = StepError::other("RESOURCE_UNAVAILABLE", "it did not work");
                return EffectOutcome::Failed(StepError { retryable_class: class, ..error });
            }
        }
        let limit = self.rng.below(3);
        let variables = loads.variables.iter().map(|name| (name.clone(), json!(limit))).collect::<Map<_, _>>();
        let integrations = loads.integrations.iter().map(|name| (name.clone(), json!({ "name": name })));
        EffectOutcome::Succeeded {
            output: json!({ "resources": resources, "variables": variables,
                "integrations": integrations.collect::<Map<_, _>>(), "absent": absent }),
        }
    }

    fn answer(&mut self) -> EffectOutcome {
        let error = |code, class, status| {
            EffectOutcome::Failed(StepError {
                retryable_class: class,
                status,
                ..StepError::other(code, "it did not work")
            })
        };
        let quiet = self.is_quiet;
        match self.rng.below(10) {
            0 if !quiet => error("CONNECTION_FAILED", ErrorClass::Connection, None),
            1 if !quiet => error("HTTP_STATUS", ErrorClass::Http(503), Some(503)),
            2 if !quiet => error("HTTP_STATUS", ErrorClass::Http(404), Some(404)),
            n => EffectOutcome::Succeeded { output: json!({ "status": 200, "headers": {}, "body": { "n": n } }) },
        }
    }
}

fn timed_out() -> EffectOutcome {
    let error = StepError::other("STEP_TIMEOUT", "no answer came in time");
    EffectOutcome::Failed(StepError { retryable_class: ErrorClass::Timeout, ..error })
}

/// The executions that `ids` name.
#[must_use]
pub fn numbers(ids: &[String]) -> Vec<ExecutionNo> {
    ids.iter().filter_map(|id| number(id)).collect()
}
