//! Runs a definition in virtual time; calls are answered as the case says.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sluice_engine::definition::{Definition, TriggerKind};
use sluice_engine::expr::Scope;
use sluice_engine::machine::{
    Body, CallTo, Command, Effect, EffectOutcome, EffectRequest, ErrorClass, Event, GraphqlCall, HttpRequest, Loads,
    ModelCall, Origin, RecordCall, Signal, State, StepError, advance, apply, next_due, rate, time_limit,
};
use sluice_engine::plan::{Plan, Settings};
use sluice_engine::{Timestamp, duration};

use crate::case::{Answer, Case, Child, Happening};
use crate::compare::{self, contains};

/// 2026-03-01T12:00:00Z.
pub const START: Timestamp = Timestamp(1_772_366_400_000);

/// Commands in one run at most: an example that takes more never ends.
const MOST_COMMANDS: usize = 10_000;

pub struct World {
    pub plan: Plan,
    pub origin: Origin,
    pub state: State,
    pub journal: Vec<Event>,
    pub now: Timestamp,
    pub emitted: Vec<Value>,
    pub started: Vec<Value>,
    pub notified: Vec<Value>,
    pub problems: Vec<String>,
    effects: VecDeque<Effect>,
    http: VecDeque<Answer>,
    records: VecDeque<Answer>,
    models: VecDeque<Answer>,
    parts: Parts,
    children: VecDeque<Child>,
    happenings: VecDeque<Happening>,
    commands: usize,
}

/// What the organization has.
struct Parts {
    secrets: Map<String, Value>,
    vars: Map<String, Value>,
    integrations: Map<String, Value>,
    loads: Map<String, Value>,
}

/// A payload as conditions and templates read it.
pub struct Payload<'p>(pub &'p Value);

impl Scope for Payload<'_> {
    fn root(&self, name: &str) -> Option<std::borrow::Cow<'_, Value>> {
        self.0.get(name).map(std::borrow::Cow::Borrowed)
    }

    fn now(&self) -> Timestamp {
        START
    }
}

pub fn length(text: &str) -> Duration {
    duration::parse(text).unwrap()
}

/// Runs one case. Answers what happened, and what is not as the case says.
pub fn run(definition: Definition, mut case: Case) -> (Vec<Event>, Vec<String>) {
    let payload = Value::Object(std::mem::take(&mut case.input));
    let expected_status = case.expect.status.clone();
    let differs = |found: &str| {
        let is_expected = expected_status.as_deref() == Some(found);
        if is_expected { Vec::new() } else { vec![format!("the execution is {found}, not {expected_status:?}")] }
    };
    if let Some(event) = &case.event
        && !starts(&definition, event, &payload)
    {
        return (Vec::new(), differs("not_started"));
    }
    let plan = Plan::new(definition, Settings { default_timeout: Duration::from_mins(5) }).unwrap();
    if plan.check_input(&payload).is_err() {
        return (Vec::new(), differs("refused"));
    }
    let mut world = World::new(plan, payload, &mut case);
    world.command(Command::TakeUp);
    world.go_on();
    world.look_for_leftovers();
    let mut problems = std::mem::take(&mut world.problems);
    problems.extend(compare::differences(&world, &case.expect));
    (world.journal, problems)
}

fn starts(definition: &Definition, event: &str, payload: &Value) -> bool {
    definition.triggers.iter().any(|trigger| match &trigger.kind {
        TriggerKind::Event { pattern, condition } => {
            let holds = |condition: &sluice_engine::expr::Condition| condition.evaluate(&Payload(payload));
            pattern.matches(event) && condition.as_ref().is_none_or(|condition| holds(condition).unwrap().result)
        }
        TriggerKind::Schedule(_) | TriggerKind::Webhook(_) | TriggerKind::Manual => false,
    })
}

impl World {
    fn new(plan: Plan, payload: Value, case: &mut Case) -> Self {
        let definition = plan.definition();
        let origin = Origin {
            execution: "exe_1".to_owned(),
            organization: "org_1".to_owned(),
            workflow_id: definition.workflow_id.clone(),
            workflow_name: definition.name.clone().unwrap_or_else(|| definition.workflow_id.clone()),
            version: 1,
            payload,
            trigger: json!({ "type": if case.event.is_some() { "event" } else { "manual" } }),
            accepted_at: START,
            base_url: "https://sluice.example".to_owned(),
        };
        let mut state = State::new();
        apply(&mut state, &Event::Accepted);
        Self {
            plan,
            origin,
            state,
            journal: vec![Event::Accepted],
            now: START,
            emitted: Vec::new(),
            started: Vec::new(),
            notified: Vec::new(),
            problems: Vec::new(),
            effects: VecDeque::new(),
            http: std::mem::take(&mut case.http).into(),
            records: std::mem::take(&mut case.records).into(),
            models: std::mem::take(&mut case.models).into(),
            parts: Parts {
                secrets: std::mem::take(&mut case.secrets),
                vars: std::mem::take(&mut case.vars),
                integrations: std::mem::take(&mut case.integrations),
                loads: std::mem::take(&mut case.loads),
            },
            children: std::mem::take(&mut case.children).into(),
            happenings: std::mem::take(&mut case.signals).into(),
            commands: 0,
        }
    }

    fn command(&mut self, command: Command) {
        self.commands += 1;
        assert!(self.commands < MOST_COMMANDS, "the example never ends");
        match advance(&self.plan, &self.origin, &mut self.state, command, self.now) {
            Ok(decided) => {
                self.journal.extend(decided.events);
                self.effects.extend(decided.effects);
                if decided.goes_on {
                    self.command(Command::Wake);
                } else if let Some(rate) = rate(&self.plan, &self.origin, &self.state, self.now).unwrap() {
                    self.command(Command::TakeTurn { key: rate.key, begins_at: self.now });
                }
            }
            Err(refused) => self.problems.push(format!("a command is refused: {refused}")),
        }
    }

    /// Until it ends, or nothing more would happen.
    fn go_on(&mut self) {
        while !self.state.has_ended() {
            if let Some(effect) = self.effects.pop_front() {
                if self.state.awaits(&effect.id) {
                    self.answer(effect);
                }
                continue;
            }
            let due = next_due(&self.plan, &self.origin, &self.state);
            let outside = self.happenings.front().map(|next| START.plus(length(&next.after)));
            match (due, outside) {
                (Some(due), outside) if outside.is_none_or(|outside| due < outside) => {
                    self.now = due.max(self.now);
                    self.command(Command::Wake);
                }
                (_, Some(outside)) => {
                    self.now = outside.max(self.now);
                    let happening = self.happenings.pop_front().unwrap();
                    self.happen(happening);
                }
                (_, None) => return,
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        if let Some(expect) = &happening.expect {
            let found = compare::differences(self, expect);
            self.problems.extend(found.into_iter().map(|problem| format!("after {}: {problem}", happening.after)));
        }
        let vote = happening.approve.as_ref().map(|by| (by, true));
        if let Some((by, approved)) = vote.or_else(|| happening.reject.as_ref().map(|by| (by, false))) {
            let Some(approval) = self.state.approvals().keys().next().cloned() else {
                return self.problems.push(format!("after {}: no approval is open", happening.after));
            };
            let (by, reason, form) = (by.clone(), happening.reason.clone(), happening.form.clone());
            self.command(Command::Signal(Signal::Approval { approval, approved, by, reason, form, at: None }));
        }
        if let Some(event) = happening.event {
            let id = format!("evt_{}", self.commands);
            self.command(Command::Signal(Signal::Event { id, event, payload: happening.payload, at: None }));
        }
        if happening.pause {
            self.command(Command::Pause { by: None, reason: None, freezes: true });
        }
        if let Some(data) = happening.resume {
            self.command(Command::Resume { by: None, data: Some(data), at_step: happening.at_step });
        }
        if let Some(reason) = happening.cancel {
            self.command(Command::Cancel { by: None, reason: Some(reason) });
        }
    }

    fn answer(&mut self, effect: Effect) {
        let outcome = match &effect.request {
            EffectRequest::Http(request) => {
                let (shown, answer) = (shown(&effect, request), self.http.pop_front());
                return self.answer_call(&effect, &shown, answer, |answer| outcome(request, answer));
            }
            EffectRequest::Graphql(request) => {
                let (shown, answer) = (shown_query(request), self.http.pop_front());
                return self.answer_call(&effect, &shown, answer, graphql_outcome);
            }
            EffectRequest::Record(request) => {
                let (shown, answer) = (shown_record(request), self.records.pop_front());
                return self.answer_call(&effect, &shown, answer, record_outcome);
            }
            EffectRequest::Model(request) => {
                let (shown, answer) = (shown_question(request), self.models.pop_front());
                return self
                    .answer_call(&effect, &shown, answer, |answer| EffectOutcome::Succeeded { output: answer.body });
            }
            EffectRequest::Load(loads) => {
                let outcome = self.parts.load(loads);
                return self.command(Command::EffectDone { effect: effect.id, outcome });
            }
            EffectRequest::Notify(message) => {
                self.notified.push(json!({ "recipients": message.recipients, "message": message.message,
                    "subject": message.subject, "channel": message.channel, "template": message.template, "data": message.data }));
                let delivered = message.recipients.iter().map(|recipient| json!({ "recipient": recipient })).collect();
                json!({ "delivered": Value::Array(delivered), "failed": [] })
            }
            EffectRequest::EmitEvent { event, payload } => {
                self.emitted.push(json!({ "event": event, "payload": payload }));
                json!({ "event_id": format!("evt_{}", self.emitted.len()) })
            }
            EffectRequest::StartWorkflow { workflow_id, input, .. } => {
                self.started.push(json!({ "workflow_id": workflow_id, "input": input }));
                json!({ "execution_id": format!("exe_{}", self.started.len() + 1) })
            }
        };
        let execution = outcome["execution_id"].as_str().unwrap_or_default().to_owned();
        self.command(Command::EffectDone { effect: effect.id, outcome: EffectOutcome::Succeeded { output: outcome } });
        if matches!(effect.request, EffectRequest::StartWorkflow { waits: true, .. }) {
            let Some(child) = self.children.pop_front() else {
                return self.problems.push(format!("the case does not say how the child {execution} ends"));
            };
            let error = child.error.map(|code| StepError::other(&code, "it failed"));
            self.command(Command::Signal(Signal::ChildEnded { execution, output: child.output, error }));
        }
    }

    fn answer_call(
        &mut self,
        effect: &Effect,
        shown: &Value,
        answer: Option<Answer>,
        outcome: impl Fn(Answer) -> EffectOutcome,
    ) {
        let shown = revealed(effect, shown, &self.parts.secrets);
        let Some(answer) = answer else {
            self.problems.push(format!("the case has no answer for {shown}"));
            let error = StepError::other("NO_ANSWER", "the case has no answer");
            return self
                .command(Command::EffectDone { effect: effect.id.clone(), outcome: EffectOutcome::Failed(error) });
        };
        if let Some(wanted) = &answer.request {
            contains(&shown, wanted, "request", &mut self.problems);
        }
        let takes = answer.takes.as_deref().map(length).unwrap_or_default();
        let done_at = self.now.plus(takes.min(effect.timeout));
        if let Some(limit) = time_limit(&self.plan, &self.origin, &self.state).filter(|limit| *limit <= done_at) {
            self.now = limit;
            self.command(Command::Wake);
        }
        if self.state.has_ended() || !self.state.awaits(&effect.id) {
            return;
        }
        self.now = done_at;
        let outcome = if takes > effect.timeout { failed("timeout") } else { outcome(answer) };
        self.command(Command::EffectDone { effect: effect.id.clone(), outcome });
    }

    fn look_for_leftovers(&mut self) {
        let left = [
            ("http", self.http.len()),
            ("records", self.records.len()),
            ("models", self.models.len()),
            ("children", self.children.len()),
            ("signals", self.happenings.len()),
        ];
        for (what, count) in left.into_iter().filter(|(_, count)| *count > 0) {
            self.problems.push(format!("{count} of `{what}` are left over"));
        }
    }
}

fn outcome(request: &HttpRequest, answer: Answer) -> EffectOutcome {
    if let Some(error) = &answer.error {
        return failed(error);
    }
    let status = answer.status.unwrap();
    let is_expected = match request.expect_status.as_slice() {
        [] => (200..300).contains(&status),
        expected => expected.contains(&status),
    };
    if is_expected {
        let output = json!({ "status": status, "headers": {}, "body": answer.body });
        return EffectOutcome::Succeeded { output };
    }
    EffectOutcome::Failed(StepError {
        status: Some(status),
        retryable_class: ErrorClass::Http(status),
        retry_after: answer.retry_after.as_deref().map(length),
        ..StepError::other("HTTP_STATUS", format!("answered {status}"))
    })
}

fn failed(error: &str) -> EffectOutcome {
    let (code, retryable_class) = match error {
        "timeout" => ("STEP_TIMEOUT", ErrorClass::Timeout),
        "connection" => ("CONNECTION_FAILED", ErrorClass::Connection),
        other => panic!("`{other}` is no error of a call"),
    };
    EffectOutcome::Failed(StepError { retryable_class, ..StepError::other(code, "it did not work") })
}

/// A call as cases describe it.
fn shown(effect: &Effect, request: &HttpRequest) -> Value {
    let object = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    };
    let body = match &request.body {
        None => Value::Null,
        Some(Body::Json(value)) => value.clone(),
        Some(Body::Text(text)) => Value::from(text.as_str()),
        Some(Body::Form(fields)) => Value::Object(object(fields)),
    };
    json!({
        "method": request.method, "url": request.url, "key": effect.key, "body": body,
        "headers": object(&request.headers), "query": object(&request.query),
    })
}

/// A call with the values in place of what stands for secrets.
fn revealed(effect: &Effect, shown: &Value, secrets: &Map<String, Value>) -> Value {
    let Some(marks) = &effect.secrets else { return shown.clone() };
    let text = |name: &String| secrets.get(name).and_then(Value::as_str).unwrap_or_default();
    let marked = |name: &String| json!(format!("{}{name}{}", marks.mark, marks.end)).to_string().replace('"', "");
    let whole = shown.to_string();
    let whole = marks.names.iter().fold(whole, |whole, name| whole.replace(&marked(name), text(name)));
    serde_json::from_str(&whole).unwrap()
}

fn shown_query(request: &GraphqlCall) -> Value {
    let (place, to) = match &request.to {
        CallTo::Url(url) => ("url", url),
        CallTo::Service(name) => ("service", name),
    };
    json!({ place: to, "query": request.query, "variables": request.variables })
}

fn shown_record(request: &RecordCall) -> Value {
    let operation = format!("{:?}", request.operation).to_lowercase();
    json!({ "operation": operation, "entity": request.entity, "entity_id": request.entity_id,
        "data": request.data, "service": request.service })
}

fn shown_question(request: &ModelCall) -> Value {
    json!({ "provider": request.provider, "model": request.model, "system": request.system, "prompt": request.prompt,
        "schema": request.schema, "max_tokens": request.max_tokens, "temperature": request.temperature,
        "tools": request.tools })
}

fn graphql_outcome(answer: Answer) -> EffectOutcome {
    if let Some(errors) = answer.body.get("errors") {
        let error = StepError::other("GRAPHQL_ERROR", errors[0]["message"].as_str().unwrap());
        return EffectOutcome::Failed(StepError { detail: Some(errors.clone()), ..error });
    }
    EffectOutcome::Succeeded { output: json!({ "status": 200, "headers": {}, "body": answer.body["data"] }) }
}

fn record_outcome(answer: Answer) -> EffectOutcome {
    if let Some(error) = &answer.error {
        return EffectOutcome::Failed(StepError::other(error, "it did not work"));
    }
    let id = answer.body["id"].clone();
    EffectOutcome::Succeeded {
        output: json!({ "status": answer.status.unwrap_or(200), "headers": {}, "body": answer.body, "id": id }),
    }
}

impl Parts {
    fn load(&self, loads: &Loads) -> EffectOutcome {
        let of = |parts: &Map<String, Value>, names: &[String]| -> Map<String, Value> {
            names.iter().filter_map(|name| Some((name.clone(), parts.get(name)?.clone()))).collect()
        };
        let (mut resources, mut absent) = (Map::new(), Vec::new());
        for load in &loads.resources {
            match self.loads.get(&load.name) {
                Some(value) => drop(resources.insert(load.name.clone(), value.clone())),
                None if load.is_optional => absent.push(json!({ "name": load.name, "reason": "it is not registered" })),
                None => return EffectOutcome::Failed(StepError::other("RESOURCE_NOT_FOUND", "there is none")),
            }
        }
        EffectOutcome::Succeeded {
            output: json!({ "resources": resources, "variables": of(&self.vars, &loads.variables),
                "integrations": of(&self.integrations, &loads.integrations), "absent": absent }),
        }
    }
}
