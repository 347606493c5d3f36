//! The world around one execution: a clock that jumps to whatever comes next, stubs, and signals.

use engine::Timestamp;
use engine::machine::{
    Command, Decider, EffectId, EffectOutcome, Event, Origin, Refused, Signal, State, WaitKind, advance, apply,
    next_due, rate, waits,
};
use engine::plan::{Plan, PlanError};
use serde_json::{Value, json};

use crate::answers::{Answer, Answers};
use crate::case::{Case, CaseError};
use crate::rules::with_rules;
use crate::seen::Seen;
use crate::signals::{ApprovalMatch, Effect, Ruling, SignalCase};

/// Why a case could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The case says something impossible.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// It went on and on.
    #[error("after {0} turns it still had not come to rest")]
    Endless(u32),
    /// The engine refused a command that it should take: a fault of the engine.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A step names a rule that nobody gave.
    #[error("a step names the rule `{0}`; give it in `stubs.rules`, with its `kind` and `definition`")]
    NoRule(String),
    /// The definition cannot be run with the rules of the case.
    #[error("the definition cannot be run")]
    Plan(#[source] PlanError),
    /// The payload does not fit the workflow's `input`.
    #[error("the payload does not fit the workflow's `input`: {0}")]
    Input(String),
}

/// Turns of the machine after which a run is given up, where nobody sets another bound.
const MOST_TURNS: u32 = 2_000_000;

/// Runs a case to its end, or to where nothing happens any more.
///
/// # Errors
/// When the case is impossible; what differs from what is expected is no error: see [`crate::judge`].
pub fn run(plan: &Plan, case: &Case) -> Result<Seen, RunError> {
    run_within(plan, case, MOST_TURNS)
}

/// The same within a number of turns of the machine; each decides about 2,000 events at most.
///
/// # Errors
/// As [`run`].
pub fn run_within(plan: &Plan, case: &Case, most_turns: u32) -> Result<Seen, RunError> {
    let own = with_rules(plan, case)?;
    let mut world = World::begin(own.as_ref().unwrap_or(plan), case, most_turns)?;
    world.command(Command::TakeUp)?;
    world.settle()?;
    let last = case.signals.len();
    for (index, signal) in case.signals.iter().enumerate() {
        world.let_time_pass(true)?;
        world.note_status();
        let effect = world.signal(signal, index)?;
        world.seen.signals.push(effect);
        world.settle()?;
    }
    world.let_time_pass(true)?;
    world.note_status();
    debug_assert_eq!(world.seen.statuses.len(), last + 1);
    // What is expected to rest is not hurried to its time-outs.
    let rests = case.expect.status.as_deref().is_some_and(|status| matches!(status, "waiting" | "blocked" | "paused"));
    world.let_time_pass(rests)?;
    Ok(world.end())
}

/// A call that will come back.
struct Pending {
    due: Timestamp,
    effect: EffectId,
    outcome: EffectOutcome,
    /// What follows once it is back: the end of the execution that it started.
    then: Option<Signal>,
}

struct World<'a> {
    plan: &'a Plan,
    case: &'a Case,
    origin: Origin,
    state: State,
    now: Timestamp,
    commands: u32,
    most_turns: u32,
    pending: Vec<Pending>,
    /// Events that came, with the signal that brought each.
    events: Vec<(usize, Signal)>,
    answers: Answers<'a>,
    seen: Seen,
}

impl<'a> World<'a> {
    fn begin(plan: &'a Plan, case: &'a Case, most_turns: u32) -> Result<Self, RunError> {
        let now = case.starts_at()?;
        let definition = plan.definition();
        let mut payload = Value::Object(case.payload.clone());
        plan.check_input(&payload).map_err(|problems| {
            let told = problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.message));
            RunError::Input(told.collect::<Vec<_>>().join("; "))
        })?;
        let is_loaded = |path: &str| definition.context.iter().any(|load| load.name == path);
        for (path, value) in case.stubs.context.iter().filter(|(path, _)| !is_loaded(path)) {
            put_below(&mut payload, path, value);
        }
        let trigger = match &case.event {
            Some(event) => json!({
                "type": "event", "event": event, "id": "evt_test", "source": "test", "received_at": now.to_rfc3339(),
            }),
            None => json!({ "type": "manual", "received_at": now.to_rfc3339() }),
        };
        let origin = Origin {
            execution: "exe_test".to_owned(),
            organization: "org_test".to_owned(),
            workflow_id: definition.workflow_id.clone(),
            workflow_name: definition.name.clone().unwrap_or_else(|| definition.workflow_id.clone()),
            version: 1,
            payload,
            trigger,
            accepted_at: now,
            base_url: "https://sluice.test".to_owned(),
        };
        let mut world = Self {
            plan,
            case,
            origin,
            state: State::new(),
            now,
            commands: 0,
            most_turns,
            pending: Vec::new(),
            events: Vec::new(),
            answers: Answers::of(&case.stubs),
            seen: Seen { began: now, ..Seen::default() },
        };
        apply(&mut world.state, &Event::Accepted);
        world.seen.journal.push(Event::Accepted);
        Ok(world)
    }

    /// Gives a command; returns whether anything happened.
    fn command(&mut self, command: Command) -> Result<bool, RunError> {
        let mut next = Some(command);
        let mut happened = false;
        while let Some(command) = next.take() {
            self.commands += 1;
            if self.commands > self.most_turns {
                return Err(RunError::Endless(self.most_turns));
            }
            let decided = advance(self.plan, &self.origin, &mut self.state, command, self.now)?;
            happened |= !decided.events.is_empty();
            self.seen.journal.extend(decided.events);
            for call in decided.effects {
                let effect = call.id.clone();
                let Answer { outcome, delay, then } = self.answers.to(call, &mut self.seen);
                self.pending.push(Pending { due: self.now.plus(delay), effect, outcome, then });
            }
            next = decided.goes_on.then_some(Command::Wake).or_else(|| self.turn());
        }
        Ok(happened)
    }

    /// An execution that is alone begins whatever the rate of its workflow: its turn is now.
    fn turn(&self) -> Option<Command> {
        let Ok(rate) = rate(self.plan, &self.origin, &self.state, self.now) else {
            let message = "the key of the rate cannot be computed".to_owned();
            return Some(Command::Interrupt { code: "RATE_KEY".to_owned(), message });
        };
        rate.map(|rate| Command::TakeTurn { key: rate.key, begins_at: self.now })
    }

    /// Lets calls come back, until none is under way; time moves to the next of them.
    fn settle(&mut self) -> Result<(), RunError> {
        loop {
            self.pending.retain(|pending| self.state.awaits(&pending.effect));
            if self.state.has_ended() {
                return Ok(());
            }
            let next = self.pending.iter().enumerate().min_by_key(|(_, pending)| pending.due);
            let Some((index, due)) = next.map(|(index, pending)| (index, pending.due)) else {
                if self.take_early_events()? {
                    continue;
                }
                return Ok(());
            };
            let limit = next_due(self.plan, &self.origin, &self.state);
            if let Some(limit) = limit.filter(|limit| *limit < due) {
                self.now = self.now.max(limit);
                if self.command(Command::Wake)? {
                    continue;
                }
            }
            self.now = self.now.max(due);
            let Pending { effect, outcome, then, .. } = self.pending.swap_remove(index);
            self.command(Command::EffectDone { effect, outcome })?;
            if let Some(signal) = then.filter(|_| !self.state.has_ended()) {
                self.command(Command::Signal(signal))?;
            }
        }
    }

    /// Offers events that came before the wait for them; returns whether one was taken.
    fn take_early_events(&mut self) -> Result<bool, RunError> {
        for (_, signal) in self.events.clone() {
            let waits_for_event = waits(self.plan, &self.origin, &self.state).iter().any(|wait| wait.event.is_some());
            if waits_for_event && self.command(Command::Signal(signal))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves the clock to what is due by itself, again and again. While somebody outside is expected to act,
    /// only delays pass: those that nobody but the clock ends.
    fn let_time_pass(&mut self, somebody_acts: bool) -> Result<(), RunError> {
        while !self.state.has_ended() && !self.state.is_pausing() {
            let waits = waits(self.plan, &self.origin, &self.state);
            let is_for_somebody = waits.iter().any(|wait| matches!(wait.kind, WaitKind::Event | WaitKind::Approval));
            if is_for_somebody && somebody_acts {
                return Ok(());
            }
            let Some(due) = next_due(self.plan, &self.origin, &self.state) else { return Ok(()) };
            self.now = self.now.max(due);
            if !self.command(Command::Wake)? {
                return Ok(());
            }
            self.settle()?;
        }
        Ok(())
    }

    fn note_status(&mut self) {
        self.seen.statuses.push(self.state.status().name().to_owned());
    }

    fn signal(&mut self, signal: &SignalCase, index: usize) -> Result<Effect, RunError> {
        if let SignalCase::Advance { by } = signal {
            self.advance_by(by)?;
            return Ok(Effect::Accepted);
        }
        if self.state.has_ended() {
            return Ok(Effect::Ignored);
        }
        let happened = match signal {
            SignalCase::Event { event, payload, event_key, .. } => {
                let id = event_key.clone().unwrap_or_else(|| format!("evt_test_signal_{index}"));
                let payload = Value::Object(payload.clone());
                let signal = Signal::Event { id, event: event.clone(), payload, at: None };
                let is_known = self.events.iter().any(|(_, known)| is_same_event(known, &signal));
                if !is_known {
                    self.events.push((index, signal.clone()));
                }
                self.command(Command::Signal(signal))?
            }
            SignalCase::Approval { matching, decision, by, by_role, reason, form, .. } => {
                let decider = Decider {
                    id: by.clone().unwrap_or_else(|| "tester".to_owned()),
                    roles: by_role.iter().cloned().collect(),
                    is_starter: false,
                };
                let Some((approval, admits)) = self.approval(matching, &decider) else { return Ok(Effect::Ignored) };
                if !admits {
                    return Ok(Effect::Denied);
                }
                let approved = *decision == Ruling::Approve;
                let (by, reason, form) = (decider.id, reason.clone(), form.clone());
                self.command(Command::Signal(Signal::Approval { approval, approved, by, reason, form, at: None }))?
            }
            SignalCase::Pause { .. } => self.command(Command::Pause { by: None, reason: None, freezes: true })?,
            SignalCase::Resume { data, at_step, .. } => {
                let data = data.clone().map(Value::Object);
                match self.command(Command::Resume { by: None, data, at_step: at_step.clone() }) {
                    Err(RunError::Refused(problem)) => {
                        return Err(self.case.invalid(format!("signal {}: {problem}", index + 1)).into());
                    }
                    done => done?,
                }
            }
            SignalCase::Cancel { reason, .. } => self.command(Command::Cancel { by: None, reason: reason.clone() })?,
            SignalCase::Advance { .. } => true,
        };
        Ok(if happened { Effect::Accepted } else { Effect::Ignored })
    }

    fn advance_by(&mut self, by: &str) -> Result<(), RunError> {
        let length = engine::duration::parse(by).map_err(|problem| self.case.invalid(format!("advance: {problem}")))?;
        let target = self.now.plus(length);
        while !self.state.has_ended() {
            let due = next_due(self.plan, &self.origin, &self.state).filter(|due| *due <= target);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            if !self.command(Command::Wake)? {
                break;
            }
            self.settle()?;
        }
        self.now = self.now.max(target);
        Ok(())
    }

    /// The oldest open approval that is meant, and whether this person may decide it.
    fn approval(&self, matching: &ApprovalMatch, decider: &Decider) -> Option<(String, bool)> {
        let fits = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| found == wanted))
        };
        let opened = self.seen.journal.iter().filter_map(|event| match event {
            Event::ApprovalOpened { approval, .. } => Some(approval),
            _other => None,
        });
        let mut open = opened.filter_map(|id| self.state.approvals().get_key_value(id));
        let (id, approval) = open.find(|(_, approval)| {
            let step = approval.path.rsplit('.').next().unwrap_or_default().to_owned();
            fits(&matching.entity_type, approval.request.entity.as_ref())
                && fits(&matching.entity_id, approval.request.entity_id.as_ref())
                && fits(&matching.step, Some(&step))
        })?;
        Some((id.clone(), approval.request.admits(decider).is_ok()))
    }

    fn end(mut self) -> Seen {
        // An event that came early counts as accepted once a wait has taken it.
        for event in &self.seen.journal {
            if let Event::EventTaken { event_id, .. } = event {
                let brought =
                    self.events.iter().find(|(_, signal)| matches!(signal, Signal::Event { id, .. } if id == event_id));
                if let Some(effect) = brought.and_then(|(index, _)| self.seen.signals.get_mut(*index)) {
                    *effect = Effect::Accepted;
                }
            }
        }
        self.seen.ended = self.now;
        self.seen.complete(&self.origin, &self.state);
        self.seen
    }
}

fn is_same_event(one: &Signal, other: &Signal) -> bool {
    matches!((one, other), (Signal::Event { id: one, .. }, Signal::Event { id: other, .. }) if one == other)
}

/// Puts a value at a dotted path, where there is none.
fn put_below(target: &mut Value, path: &str, value: &Value) {
    let mut place = target;
    for part in path.split('.') {
        let Value::Object(fields) = place else { return };
        place = fields.entry(part).or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if place.as_object().is_some_and(serde_json::Map::is_empty) {
        *place = value.clone();
    }
}
