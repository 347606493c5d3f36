//! What the cases share: checking a text, a fixed context, and an execution driven to its end.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_engine::Timestamp;
use sluice_engine::check::{Checked, Offline, RULES, check};
use sluice_engine::definition::{self, Format};
use sluice_engine::expr::Scope;
use sluice_engine::machine::{Command, Effect, EffectOutcome, Event, Origin, State, advance};
use sluice_engine::plan::{Plan, Settings};

pub const NOW: Timestamp = Timestamp(1_772_366_400_000);

/// Checks a text, and that every problem has a listed code and something to say.
pub fn checked(text: &str, format: Format) -> Checked {
    let checked = check(text, format, &Offline);
    for problem in &checked.problems {
        assert!(RULES.iter().any(|(code, ..)| *code == problem.code), "{}", problem.code);
        assert!(!problem.message.is_empty());
    }
    assert!(checked.problems.len() <= 501, "problems are listed up to a bound");
    checked
}

/// The codes of a text that is refused, each once.
pub fn refused(text: &str, format: Format) -> Vec<&'static str> {
    let checked = checked(text, format);
    assert!(checked.definition.is_none(), "it passed");
    let mut codes: Vec<&str> = checked.problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

pub fn workflow(steps: Value) -> Value {
    json!({ "workflow_id": "w", "steps": steps })
}

/// Values by the names of their roots.
pub struct Context(pub Value);

impl Scope for Context {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }

    fn now(&self) -> Timestamp {
        NOW
    }
}

/// One execution, and what was seen of it on the way.
pub struct World {
    pub plan: Plan,
    pub origin: Origin,
    pub state: State,
    pub now: Timestamp,
    pub effects: Vec<Effect>,
    /// Most bytes of JSON that the state took between two commands.
    pub largest_state: usize,
    /// Most events and most bytes of events that one command gave.
    pub most_events: usize,
    pub most_bytes: usize,
    pub events: usize,
    pub commands: usize,
}

impl World {
    /// A workflow that passes the check.
    pub fn checked(steps: Value, payload: Value) -> Self {
        let text = workflow(steps).to_string();
        let checked = checked(&text, Format::Json);
        Self::of(checked.definition.unwrap_or_else(|| panic!("{:#?}", checked.problems)), payload)
    }

    /// A workflow that only decodes, such as one with a circle.
    pub fn unchecked(steps: Value, payload: Value) -> Self {
        Self::of(definition::decode(&workflow(steps)).unwrap(), payload)
    }

    fn of(definition: definition::Definition, payload: Value) -> Self {
        let plan = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }).unwrap();
        let origin = Origin {
            execution: "exe_1".to_owned(),
            organization: "org_1".to_owned(),
            workflow_id: "w".to_owned(),
            workflow_name: "W".to_owned(),
            version: 1,
            payload,
            trigger: json!({ "type": "manual" }),
            accepted_at: NOW,
            base_url: "https://sluice.test".to_owned(),
        };
        let mut world = Self {
            plan,
            origin,
            state: State::new(),
            now: NOW,
            effects: Vec::new(),
            largest_state: 0,
            most_events: 0,
            most_bytes: 0,
            events: 0,
            commands: 0,
        };
        world.command(Command::TakeUp);
        world
    }

    /// Gives a command and goes on as far as it goes. The stored state must always be readable.
    pub fn command(&mut self, command: Command) {
        let mut next = Some(command);
        while let Some(command) = next.take() {
            let decided = advance(&self.plan, &self.origin, &mut self.state, command, self.now).unwrap();
            self.commands += 1;
            self.events += decided.events.len();
            self.most_events = self.most_events.max(decided.events.len());
            self.most_bytes = self.most_bytes.max(written(&decided.events));
            self.effects.extend(decided.effects);
            if self.commands.is_multiple_of(16) || !decided.goes_on {
                let stored = serde_json::to_string(&self.state).unwrap();
                self.largest_state = self.largest_state.max(stored.len());
                serde_json::from_str::<State>(&stored).expect("a stored state can be read again");
            }
            next = decided.goes_on.then_some(Command::Wake);
        }
    }

    /// The oldest call under way comes back with this body.
    pub fn answer(&mut self, body: Value) {
        let effect = self.effects.remove(0).id;
        let output = json!({ "status": 200, "headers": {}, "body": body });
        self.command(Command::EffectDone { effect, outcome: EffectOutcome::Succeeded { output } });
    }

    /// Code of the error that ended it.
    pub fn error(&self) -> Option<&str> {
        self.state.error().map(|error| error.code.as_str())
    }
}

fn written(events: &[Event]) -> usize {
    events.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum()
}

/// `[[[…]]]`, so deep.
pub fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| json!([inner]))
}

/// How deep lists and objects are nested.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(members) => 1 + members.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _plain => 0,
    }
}
