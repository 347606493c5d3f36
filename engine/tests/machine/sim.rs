//! A world for one execution: its clock, its journal, and the calls that wait for an answer.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::check::{Offline, check};
use sluice_engine::definition::{self, Definition, Format};
use sluice_engine::machine::{
    Command, Effect, EffectOutcome, ErrorClass, Event, Origin, Refused, State, StepError, Trace, advance, apply,
    decide, outstanding, violations,
};
use sluice_engine::plan::{Plan, Settings};

use crate::timeline::line;

/// 2026-03-01T12:00:00Z.
pub const START: Timestamp = Timestamp(1_772_366_400_000);

pub struct Sim {
    pub plan: Plan,
    pub origin: Origin,
    pub state: State,
    pub journal: Vec<Event>,
    pub now: Timestamp,
    /// Under way, oldest first.
    pub effects: Vec<Effect>,
}

impl Sim {
    /// A checked workflow of these steps, started with this payload, and worked on as far as it goes.
    pub fn start(steps: Value, payload: Value) -> Self {
        Self::start_definition(&json!({ "workflow_id": "test", "steps": steps }), payload)
    }

    pub fn start_definition(definition: &Value, payload: Value) -> Self {
        let checked = check(&definition.to_string(), Format::Json, &Offline);
        let definition = checked.definition.unwrap_or_else(|| panic!("{:#?}", checked.problems));
        let mut sim = Self::accept(definition, payload);
        sim.command(Command::TakeUp);
        sim
    }

    /// A workflow that nobody checked.
    pub fn start_unchecked(definition: &Value, payload: Value) -> Self {
        let mut sim = Self::accept(definition::decode(definition).unwrap(), payload);
        sim.command(Command::TakeUp);
        sim
    }

    pub fn accept(definition: Definition, payload: Value) -> Self {
        let plan = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }).unwrap();
        let origin = Origin {
            execution: "exe_1".to_owned(),
            organization: "org_1".to_owned(),
            workflow_id: "test".to_owned(),
            workflow_name: "Test".to_owned(),
            version: 3,
            payload,
            trigger: json!({ "type": "manual" }),
            accepted_at: START,
            base_url: "https://sluice.test".to_owned(),
        };
        let mut state = State::new();
        apply(&mut state, &Event::Accepted);
        Self { plan, origin, state, journal: vec![Event::Accepted], now: START, effects: Vec::new() }
    }

    /// As `accept`, from a definition as it is written.
    pub fn accept_json(definition: &Value, payload: Value) -> Self {
        let checked = check(&definition.to_string(), Format::Json, &Offline);
        Self::accept(checked.definition.unwrap_or_else(|| panic!("{:#?}", checked.problems)), payload)
    }

    /// Steps of which some cannot be reached.
    pub fn start_loosely(steps: Value, payload: Value) -> Self {
        Self::start_unchecked(&json!({ "workflow_id": "test", "steps": steps }), payload)
    }

    /// Gives a command without looking at everything that has happened: for long histories.
    pub fn advance_plainly(&mut self, command: Command) -> sluice_engine::machine::Decided {
        advance(&self.plan, &self.origin, &mut self.state, command, self.now).unwrap()
    }

    /// Gives a command, and looks whether everything that always holds still does.
    pub fn try_command(&mut self, command: Command) -> Result<Vec<String>, Refused> {
        let foreseen = decide(&self.plan, &self.origin, &self.state, command.clone(), self.now);
        let before = self.state.clone();
        let decided = advance(&self.plan, &self.origin, &mut self.state, command, self.now);
        assert_eq!(foreseen, decided, "`decide` and `advance` agree");
        let decided = match decided {
            Ok(decided) => decided,
            Err(refused) => {
                assert_eq!(before, self.state, "a refused command changes nothing");
                return Err(refused);
            }
        };
        let goes_on = decided.goes_on;
        let mut lines: Vec<String> = decided.events.iter().map(line).collect();
        self.journal.extend(decided.events);
        self.effects.extend(decided.effects);
        // Which of several calls comes back first is the world's business, not that of a crash.
        self.effects.sort_by(|one, other| one.id.cmp(&other.id));
        if self.state.has_ended() {
            self.effects.clear();
        }
        let violations = violations(&self.plan, &self.origin, &self.journal, &self.state, goes_on);
        assert!(violations.is_empty(), "{violations:#?}");
        let begun_anew = outstanding(&self.plan, &self.origin, &self.state);
        let asked = |effects: &[Effect]| -> Vec<_> {
            let mut asked: Vec<_> =
                effects.iter().map(|effect| (effect.id.clone(), effect.key.clone(), effect.request.clone())).collect();
            asked.sort_by(|one, other| one.0.cmp(&other.0));
            asked
        };
        assert_eq!(asked(&begun_anew), asked(&self.effects), "a crash here would repeat just what is under way");
        if goes_on {
            lines.extend(self.try_command(Command::Wake)?);
        }
        Ok(lines)
    }

    pub fn command(&mut self, command: Command) -> Vec<String> {
        self.try_command(command).unwrap()
    }

    pub fn wake_after(&mut self, milliseconds: i64) -> Vec<String> {
        self.now = Timestamp(self.now.0 + milliseconds);
        self.command(Command::Wake)
    }

    /// The oldest call under way comes back.
    pub fn finish(&mut self, outcome: EffectOutcome) -> Vec<String> {
        let effect = self.effects.remove(0);
        self.command(Command::EffectDone { effect: effect.id, outcome })
    }

    pub fn answer(&mut self, body: Value) -> Vec<String> {
        self.finish(ok(body))
    }

    pub fn fail(&mut self, code: &str, class: ErrorClass) -> Vec<String> {
        self.finish(EffectOutcome::Failed(error(code, class)))
    }

    /// The process dies: what was in memory is gone, the journal and the stored state are not.
    pub fn crash(&mut self) {
        let stored = serde_json::to_string(&self.state).unwrap();
        let journal = serde_json::to_string(&self.journal).unwrap();
        self.journal = serde_json::from_str(&journal).unwrap();
        self.state = State::new();
        for event in &self.journal {
            apply(&mut self.state, event);
        }
        assert_eq!(self.state, serde_json::from_str::<State>(&stored).unwrap(), "the stored state is the fold too");
        self.effects = outstanding(&self.plan, &self.origin, &self.state);
    }

    pub fn timeline(&self) -> Vec<String> {
        self.journal.iter().map(line).collect()
    }

    pub fn trace(&self) -> Trace {
        Trace::fold(self.journal.clone())
    }

    /// The context as an API reader sees it.
    pub fn context(&self) -> Value {
        self.trace().context(&self.origin)
    }
}

pub fn ok(body: Value) -> EffectOutcome {
    EffectOutcome::Succeeded { output: json!({ "status": 200, "headers": {}, "body": body }) }
}

pub fn error(code: &str, class: ErrorClass) -> StepError {
    let status = match class {
        ErrorClass::Http(status) => Some(status),
        ErrorClass::Timeout | ErrorClass::Connection | ErrorClass::Other => None,
    };
    StepError { status, retryable_class: class, ..StepError::other(code, "it did not work") }
}

/// A step that calls `https://example.org`, with further keys.
pub fn call(id: &str, more: Value) -> Value {
    let mut step = json!({
        "id": id, "type": "execute",
        "execute": [{ "type": "http_request", "url": "https://example.org/{{ order.id }}" }],
    });
    for (key, value) in more.as_object().unwrap() {
        step[key] = value.clone();
    }
    step
}
