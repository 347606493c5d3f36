//! The journal folded for people: steps with their attempts, log lines, the context.

use serde_json::Value;

use super::apply::{apply, scope_at};
use super::effect::StepError;
use super::event::Event;
use super::freeze::Frozen;
use super::provenance::Provenance;
use super::state::{Origin, ScopeId, State};
use super::view;
use crate::Timestamp;
use crate::definition::LogLevel;
use crate::expr::Explanation;

/// Where a step or an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// Runs.
    Running,
    /// Failed; will be tried again.
    Retrying,
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Left out by its condition.
    Skipped,
    /// Waits for a time, an event, people or a child.
    Waiting,
    /// Was under way when the execution was cancelled.
    Cancelled,
}

/// One call of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct CallTrace {
    /// Kind of the action, such as `http_request`.
    pub kind: String,
    /// The key that was sent to the other side.
    pub key: String,
    /// What was asked, without credentials.
    pub request: Value,
    /// What was answered.
    pub response: Option<Value>,
    /// What went wrong.
    pub error: Option<StepError>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One try of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptTrace {
    /// 1, 2, 3 …
    pub number: u32,
    /// How it went.
    pub status: StepStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What went wrong.
    pub error: Option<StepError>,
    /// Its calls, in order.
    pub calls: Vec<CallTrace>,
}

/// The arrow that a condition or switch took.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The step it leads to; none ends the flow.
    pub to: Option<String>,
    /// The conditions that were looked at; the last one decided.
    pub why: Vec<Explanation>,
}

/// One passage through a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTrace {
    /// Place among the passages of the execution, from 0.
    pub ordinal: u32,
    /// Path with iteration.
    pub path: String,
    /// Id in the definition.
    pub step_key: String,
    /// Step type.
    pub kind: String,
    /// Where it stands.
    pub status: StepStatus,
    /// Tries, oldest first.
    pub attempts: Vec<AttemptTrace>,
    /// Its result.
    pub output: Option<Value>,
    /// Last error.
    pub error: Option<StepError>,
    /// The step that followed in the same list.
    pub to: Option<String>,
    /// The arrow taken, for conditions, switches and skipped steps.
    pub branch: Option<Branch>,
    /// First attempt.
    pub started_at: Timestamp,
    /// End.
    pub ended_at: Option<Timestamp>,
    /// When it will be tried again.
    pub next_attempt_at: Option<Timestamp>,
}

/// A logged line.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Level.
    pub level: LogLevel,
    /// Text.
    pub message: String,
    /// Further fields; null when there are none.
    pub data: Value,
    /// Step.
    pub step_path: String,
}

/// What happened in an execution.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Passages through steps, in the order they began.
    pub steps: Vec<StepTrace>,
    /// Log lines, oldest first.
    pub logs: Vec<LogLine>,
    /// Warnings with the step they are about.
    pub warnings: Vec<(String, String)>,
    /// The state after the last event.
    pub state: State,
    provenance: Provenance,
}

impl Trace {
    /// Folds a journal.
    pub fn fold(events: impl IntoIterator<Item = Event>) -> Self {
        let mut trace = Self::default();
        for event in events {
            trace.provenance.note(&trace.state, &event);
            let read_by = match &event {
                Event::StepSucceeded { path, .. } | Event::StepSkipped { path, .. } => {
                    scope_at(&trace.state, path).map(|scope| (scope, path.clone()))
                }
                _explains_nothing => None,
            };
            apply(&mut trace.state, &event);
            trace.add(event);
            if let Some((scope, path)) = read_by {
                trace.tell_sources(scope, &path);
            }
        }
        trace
    }

    /// Says in the explanations of a step that has just ended where the values came from.
    fn tell_sources(&mut self, scope: ScopeId, path: &str) {
        let Self { steps, provenance, state, .. } = self;
        let step = steps.iter_mut().rev().find(|step| step.path == path);
        for why in step.and_then(|step| step.branch.as_mut()).into_iter().flat_map(|branch| &mut branch.why) {
            provenance.tell(state, scope, why);
        }
    }

    /// The condition that led to a step: that of the last condition or switch on the way to it.
    #[must_use]
    pub fn led_to(&self, path: &str) -> Option<&Explanation> {
        let mut at = self.steps.iter().rposition(|step| step.path == path)?;
        loop {
            let step = self.steps.get(at)?;
            let flow = step.flow();
            let before = self.steps.get(..at)?;
            let led = |earlier: &StepTrace| earlier.flow() == flow && earlier.to.as_deref() == Some(&step.step_key);
            // The first step of a branch or a round: the step that opened it is on the way.
            let opened = |earlier: &StepTrace| {
                flow.strip_prefix(&earlier.path).is_some_and(|rest| rest.starts_with(['.', '[', '#']))
            };
            at = before.iter().rposition(led).or_else(|| before.iter().rposition(opened))?;
            let found = self.steps.get(at)?;
            if matches!(found.kind.as_str(), "condition" | "switch")
                && let Some(why) = found.branch.as_ref().and_then(|branch| branch.why.last())
            {
                return Some(why);
            }
        }
    }

    /// The context as templates read it: the payload with everything written over it.
    #[must_use]
    pub fn context(&self, origin: &Origin) -> Value {
        let mut context = view::context(origin, &self.state);
        context.insert("steps".to_owned(), self.state.steps.value());
        Value::Object(context)
    }

    /// The last passage through a step.
    #[must_use]
    pub fn step(&self, path: &str) -> Option<&StepTrace> {
        self.steps.iter().rev().find(|step| step.path == path)
    }

    fn last(&mut self, path: &str) -> Option<&mut StepTrace> {
        self.steps.iter_mut().rev().find(|step| step.path == path)
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::StepStarted { path, step, attempt, kind, at } => self.begin(&path, &step, attempt, &kind, at),
            Event::ActionStarted { path, kind, key, request, at, .. } => {
                let call = CallTrace {
                    kind: kind.into(),
                    key,
                    request,
                    response: None,
                    error: None,
                    started_at: at,
                    ended_at: None,
                };
                if let Some(step) = self.last(&path) {
                    step.status = StepStatus::Running;
                    step.next_attempt_at = None;
                    if let Some(attempt) = step.attempts.last_mut() {
                        attempt.calls.push(call);
                    }
                }
            }
            Event::ActionPutOff { path, until, .. } => {
                if let Some(step) = self.last(&path) {
                    step.status = StepStatus::Waiting;
                    step.next_attempt_at = Some(until);
                    // It did not leave.
                    if let Some(attempt) = step.attempts.last_mut() {
                        attempt.calls.pop();
                    }
                }
            }
            Event::ActionFinished { path, output, error, at, .. } => self.answer(&path, output.into_value(), error, at),
            Event::StepSucceeded { path, output, to, at, .. } => {
                if let Some(step) = self.last(&path) {
                    let to = to.map(String::from);
                    step.to.clone_from(&to);
                    step.branch = branch(&step.kind, &output, to);
                    step.output = Some(output.into_value()).filter(|output| !output.is_null());
                    step.end(StepStatus::Succeeded, None, at);
                }
            }
            Event::StepSkipped { path, step, kind, why, to, at } => {
                self.begin(&path, &step, 0, &kind, at);
                if let Some(step) = self.last(&path) {
                    step.attempts.clear();
                    let to = to.map(String::from);
                    step.to.clone_from(&to);
                    step.branch = Some(Branch { to, why: vec![why] });
                    step.end(StepStatus::Skipped, None, at);
                }
            }
            Event::StepLeftOut { path, step, kind, output, to, at, .. } => {
                self.leave_out(&path, &step, &kind, output.into_value(), to.map(String::from), at);
            }
            Event::RetryScheduled { path, error, due_at, at, .. } => {
                if let Some(step) = self.last(&path) {
                    step.end(StepStatus::Failed, Some(error), at);
                    step.status = StepStatus::Retrying;
                    step.ended_at = None;
                    step.next_attempt_at = Some(due_at);
                }
            }
            Event::StepFailed { path, error, to, at, .. } => {
                if let Some(step) = self.last(&path) {
                    step.to = to.map(String::from);
                    step.branch = step.to.clone().map(|to| Branch { to: Some(to), why: Vec::new() });
                    step.end(StepStatus::Failed, Some(error), at);
                }
            }
            Event::WaitBegan { path, due_at, .. } => {
                if let Some(step) = self.last(&path) {
                    step.status = StepStatus::Waiting;
                    step.next_attempt_at = due_at;
                }
            }
            Event::Unpaused { frozen: Some(frozen), .. } => self.thaw(&frozen),
            Event::Cancelled { at, .. } => {
                for step in self.steps.iter_mut().filter(|step| step.ended_at.is_none()) {
                    step.end(StepStatus::Cancelled, None, at);
                }
            }
            Event::Logged { path, level, message, data, at } => {
                self.logs.push(LogLine { at, level, message, data, step_path: path.into() });
            }
            Event::Warned { path, message } => self.warnings.push((path.into(), message)),
            Event::Failed { error, at, .. } => {
                for step in self.steps.iter_mut().filter(|step| step.ended_at.is_none()) {
                    step.end(StepStatus::Failed, Some(error.clone()), at);
                }
            }
            Event::Accepted
            | Event::Started { .. }
            | Event::Resumed { .. }
            | Event::Suspended { .. }
            | Event::Decided(_)
            | Event::ContextSet { .. }
            | Event::BodyBegan { .. }
            | Event::ScopeOpened { .. }
            | Event::ScopeClosed { .. }
            | Event::BodyStopped { .. }
            | Event::EventTaken { .. }
            | Event::ApprovalOpened { .. }
            | Event::ApprovalVoted { .. }
            | Event::ApprovalReminded { .. }
            | Event::ApprovalEscalated { .. }
            | Event::ApprovalDecided { .. }
            | Event::SlotAwaited { .. }
            | Event::SlotTaken { .. }
            | Event::TurnTaken { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::SignalKept { .. }
            | Event::ContextEdited { .. }
            | Event::ResumeScheduled { .. }
            | Event::ResumeUnmet { .. }
            | Event::PausedLong { .. }
            | Event::Retried { .. }
            | Event::TakenOver { .. }
            | Event::Moved { .. }
            | Event::Completed { .. } => {}
        }
    }

    /// A call came back.
    fn answer(&mut self, path: &str, output: Value, error: Option<StepError>, at: Timestamp) {
        let attempt = self.last(path).and_then(|step| step.attempts.last_mut());
        let call = attempt.and_then(|attempt| attempt.calls.last_mut());
        if let Some(call) = call.filter(|call| call.ended_at.is_none()) {
            call.ended_at = Some(at);
            call.response = error.is_none().then_some(output);
            call.error = error;
        }
    }

    /// A pause is over in which times stood still. A call that waits for its turn waits in no `wait` step: turns go on.
    fn thaw(&mut self, frozen: &Frozen) {
        let waits = |step: &&mut StepTrace| {
            step.status == StepStatus::Waiting
                && step.kind == "wait"
                && !frozen.stays.iter().any(|stays| *stays == step.path)
        };
        for step in self.steps.iter_mut().filter(waits) {
            step.next_attempt_at = step.next_attempt_at.map(|due_at| due_at.later(frozen.ms));
        }
    }

    /// Somebody let the flow go on without the step.
    fn leave_out(&mut self, path: &str, step_key: &str, kind: &str, output: Value, to: Option<String>, at: Timestamp) {
        if self.last(path).is_none_or(|step| step.ended_at.is_some()) {
            // It was about to begin.
            self.begin(path, step_key, 0, kind, at);
            self.last(path).into_iter().for_each(|step| step.attempts.clear());
        }
        if let Some(step) = self.last(path) {
            step.to = to;
            step.output = (!output.is_null()).then_some(output);
            step.end(StepStatus::Skipped, None, at);
        }
    }

    fn begin(&mut self, path: &str, step_key: &str, attempt: u32, kind: &str, at: Timestamp) {
        let try_ = AttemptTrace {
            number: attempt,
            status: StepStatus::Running,
            started_at: at,
            ended_at: None,
            error: None,
            calls: Vec::new(),
        };
        if attempt > 1
            && let Some(step) = self.last(path)
        {
            step.status = StepStatus::Running;
            step.next_attempt_at = None;
            step.attempts.push(try_);
            return;
        }
        let ordinal = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        self.steps.push(StepTrace {
            ordinal,
            path: path.to_owned(),
            step_key: step_key.to_owned(),
            kind: kind.to_owned(),
            status: StepStatus::Running,
            attempts: vec![try_],
            output: None,
            error: None,
            to: None,
            branch: None,
            started_at: at,
            ended_at: None,
            next_attempt_at: None,
        });
    }
}

impl StepTrace {
    /// What the paths of the same flow, branch or round begin with.
    fn flow(&self) -> &str {
        self.path.strip_suffix(&self.step_key).unwrap_or_default()
    }

    fn end(&mut self, status: StepStatus, error: Option<StepError>, at: Timestamp) {
        self.status = status;
        self.ended_at = Some(at);
        self.next_attempt_at = None;
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.status = status;
            attempt.ended_at = Some(at);
            attempt.error.clone_from(&error);
        }
        self.error = error;
    }
}

/// The arrow that a condition or switch took, read from its output.
fn branch(kind: &str, output: &Value, to: Option<String>) -> Option<Branch> {
    let read = |value: &Value| serde_json::from_value::<Explanation>(value.clone()).ok();
    match kind {
        "condition" => Some(Branch { to, why: read(&output["explanation"]).into_iter().collect() }),
        "switch" => {
            let why = output["explanations"].as_array().map(|list| list.iter().filter_map(read).collect());
            Some(Branch { to, why: why.unwrap_or_default() })
        }
        _takes_no_branch => None,
    }
}
