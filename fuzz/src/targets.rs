//! What each target does with its bytes. The engine's tests include this file too, so that the same
//! functions run on the stable toolchain over the corpus and mutations of it.

use std::borrow::Cow;
use std::time::Duration;

use engine::Timestamp;
use engine::check::{Offline, RULES, check};
use engine::definition::{Definition, Format, decode};
use engine::expr::{Condition, Expression, Path, Scope, Template, lookup};
use engine::machine::{
    Command, EffectOutcome, ErrorClass, Origin, Signal, State, StepError, advance, apply, outstanding,
};
use engine::pattern::EventPattern;
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_772_366_400_000);
/// Commands that one definition is driven by.
const MOST_COMMANDS: usize = 24;
/// Longer inputs find nothing more, and each takes longer.
const MOST_BYTES: usize = 16 * 1024;

/// The fixed context that templates and conditions read.
struct Context(Value);

impl Scope for Context {
    fn root(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.0.get(name).map(Cow::Borrowed)
    }

    fn now(&self) -> Timestamp {
        NOW
    }
}

fn payload() -> Value {
    json!({
        "order": { "id": "o-1", "total": 12_500, "ship_at": "2026-03-02T08:00:00Z",
            "items": [{ "sku": "a", "qty": 2 }, { "sku": "b", "qty": 0.5 }, { "sku": null }] },
        "customer": { "tier": "gold", "odd key": [], "name": "Zo\u{eb} \u{202e}" },
        "a": 1, "b": [1, 2, 3], "c": "text", "n": null, "t": true, "big": i64::MAX,
    })
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok().filter(|text| text.len() <= MOST_BYTES)
}

/// A text as JSON and as YAML: checked, and if it is a definition, planned and driven.
pub fn definition(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for format in [Format::Json, Format::Yaml] {
        let checked = check(text, format, &Offline);
        for problem in &checked.problems {
            assert!(RULES.iter().any(|(code, ..)| *code == problem.code), "unknown rule {}", problem.code);
            assert!(problem.range.is_none_or(|range| range.start_line <= range.end_line), "{problem}");
        }
        if let Some(canonical) = &checked.canonical {
            let again = check(&canonical.to_string(), Format::Json, &Offline);
            assert_eq!(again.canonical.as_ref(), Some(canonical), "the canonical form stays as it is");
        }
        if let Some(definition) = checked.definition {
            drive(definition);
        }
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && let Ok(definition) = decode(&value)
    {
        drive(definition);
    }
}

/// Runs a definition for some commands; the state is always the fold of the events, and readable.
fn drive(definition: Definition) {
    let Ok(plan) = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }) else { return };
    let origin = Origin {
        execution: "exe_1".to_owned(),
        organization: "org_1".to_owned(),
        workflow_id: "w".to_owned(),
        workflow_name: "W".to_owned(),
        version: 1,
        payload: payload(),
        trigger: json!({ "type": "manual" }),
        accepted_at: NOW,
        base_url: "https://sluice.test".to_owned(),
    };
    let (mut state, mut folded, mut now) = (State::new(), State::new(), NOW);
    let mut command = Command::TakeUp;
    for round in 0..MOST_COMMANDS {
        if state.has_ended() {
            break;
        }
        let Ok(decided) = advance(&plan, &origin, &mut state, command, now) else { break };
        decided.events.iter().for_each(|event| apply(&mut folded, event));
        assert_eq!(state, folded, "the state is the fold of the events");
        let stored = serde_json::to_string(&state).unwrap_or_default();
        assert_eq!(serde_json::from_str::<State>(&stored).ok().as_ref(), Some(&state), "it can be read again");
        let under_way = outstanding(&plan, &origin, &state);
        command = match under_way.into_iter().next() {
            _ if decided.goes_on => Command::Wake,
            Some(effect) => Command::EffectDone { effect: effect.id, outcome: answer(round) },
            None => {
                now = Timestamp(now.0.saturating_add(3_600_000));
                outside(round)
            }
        };
    }
}

fn answer(round: usize) -> EffectOutcome {
    match round % 3 {
        0 => EffectOutcome::Succeeded { output: json!({ "status": 200, "headers": {}, "body": payload() }) },
        1 => EffectOutcome::Failed(StepError {
            retryable_class: ErrorClass::Timeout,
            ..StepError::other("STEP_TIMEOUT", "too slow")
        }),
        _others => EffectOutcome::Succeeded { output: json!([[[1]]]) },
    }
}

fn outside(round: usize) -> Command {
    let by = || Some("usr_1".to_owned());
    match round % 5 {
        0 => Command::Signal(Signal::Event {
            id: format!("evt_{round}"),
            event: "order.paid".into(),
            payload: payload(),
            at: None,
        }),
        1 => Command::Pause { by: by(), reason: None, freezes: true },
        2 => Command::Resume { by: by(), data: Some(json!({ "order": { "total": 1 } })), at_step: None },
        3 => Command::Signal(Signal::Approval {
            approval: "exe_1/s/1/1/0".to_owned(),
            approved: round.is_multiple_of(2),
            by: "usr_2".to_owned(),
            reason: None,
            form: json!({ "discount": 5 }),
            at: None,
        }),
        _others => Command::Wake,
    }
}

/// A template as a text, and as the JSON value that the text is.
pub fn template(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let context = Context(payload());
    let as_json = serde_json::from_str(text).unwrap_or(Value::Null);
    for source in [Value::String(text.to_owned()), as_json] {
        match Template::compile(&source) {
            Ok(template) => {
                let _reads = template.reads();
                if let Ok(value) = template.render(&context) {
                    assert!(value.to_string().len() <= 8 * 1024 * 1024, "what is rendered is bounded");
                }
            }
            Err(faults) => assert!(!faults.is_empty() && faults.len() <= 101, "faults are told, up to a bound"),
        }
    }
}

/// A condition as an expression, and as the JSON value that the text is: once accepted, a structured
/// one has an answer for any context, and an explanation.
pub fn condition(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let contexts = [payload(), json!({}), json!({ "a": [payload()], "order": 5, "c": null })].map(Context);
    if let Ok(expression) = Expression::compile(text) {
        for context in &contexts {
            let _value = expression.evaluate(context);
        }
    }
    for source in [Value::String(text.to_owned()), serde_json::from_str(text).unwrap_or(Value::Null)] {
        let Ok(condition) = Condition::compile(&source) else { continue };
        let _told = (condition.constant(), condition.reads());
        for context in &contexts {
            if let Ok(explanation) = condition.evaluate(context) {
                assert!(!explanation.summary().is_empty());
                let _words = (explanation.expression(), explanation.deciding_leaf());
            }
        }
    }
}

/// A length of time: what is read is written in a way that is read again.
pub fn duration(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(length) = engine::duration::parse(text) {
        assert!(length <= engine::duration::MAX);
        assert_eq!(engine::duration::parse(&engine::duration::format_iso(length)), Ok(length));
    }
}

/// A path, looked up.
pub fn path(data: &[u8]) {
    let Some(text) = text(data) else { return };
    if let Ok(path) = Path::parse(text) {
        assert_eq!(Path::parse(path.as_str()).as_ref(), Ok(&path));
        let _found = path.find(&payload());
        let _looked_up = lookup(&Context(payload()), &path);
    }
}

/// A pattern, a line break, and a name it is tried on.
pub fn pattern(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (pattern, name) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(parsed) = EventPattern::parse(pattern) {
        let _fits = parsed.matches(name);
        assert!(!parsed.is_exact() || parsed.matches(pattern), "a plain name fits itself");
        assert_eq!(EventPattern::parse(parsed.as_str()).as_ref(), Ok(&parsed));
    }
}

/// A schedule: the engine has no door of its own to cron, so it stands in a definition.
pub fn cron(data: &[u8]) {
    let Some(text) = text(data).filter(|text| text.len() <= 1024) else { return };
    let definition = json!({ "workflow_id": "w", "trigger": { "type": "schedule", "cron": text },
        "steps": [{ "id": "s", "type": "end" }] });
    let told = check(&definition.to_string(), Format::Json, &Offline).problems;
    assert!(told.iter().all(|problem| problem.pointer.starts_with("/trigger")), "{told:?}");
}
