//! Lets the stubs of a case answer what leaves an execution, and notes what left.

mod graphql;
mod http;
mod load;
mod model;
mod notify;
mod record;
mod workflow;

use std::collections::BTreeSet;
use std::time::Duration;

use engine::machine::{Effect, EffectOutcome, EffectRequest, ErrorClass, Signal, StepError};
use serde_json::json;

use self::notify::Delivered;
use self::record::Records;
use crate::case::Stubs;
use crate::secrets::{put_in, take_out};
use crate::seen::{Seen, SeenEvent};
use crate::stubs::{StubbedAnswer, StubbedError};

/// What came of a call, and how long it took.
type Came = (EffectOutcome, Duration);

/// An answer on its way back.
pub(crate) struct Answer {
    /// What came of the call.
    pub(crate) outcome: EffectOutcome,
    /// How long it took.
    pub(crate) delay: Duration,
    /// What follows once it is back: the end of the execution that it started.
    pub(crate) then: Option<Signal>,
}

/// How often each stub of a list was asked.
#[derive(Debug, Default)]
pub(crate) struct Asked(Vec<usize>);

impl Asked {
    /// The next answer of the first stub that fits; the last answer repeats.
    fn next<'s, S, A>(
        &mut self,
        stubs: &'s [S],
        fits: impl Fn(&S) -> bool,
        answers: impl Fn(&'s S) -> &'s [A],
    ) -> Option<&'s A> {
        self.0.resize(stubs.len(), 0);
        let index = stubs.iter().position(|stub| fits(stub) && !answers(stub).is_empty())?;
        let answers = answers(&stubs[index]);
        let answer = answers.get(self.0[index].min(answers.len() - 1));
        self.0[index] += 1;
        answer
    }
}

/// The stubs of a case, with what they have answered so far.
pub(crate) struct Answers<'a> {
    stubs: &'a Stubs,
    http: Asked,
    graphql: Asked,
    record: Asked,
    notify: Asked,
    model: Asked,
    workflow: Asked,
    records: Records,
    delivered: Delivered,
    children: u32,
}

impl<'a> Answers<'a> {
    pub(crate) fn of(stubs: &'a Stubs) -> Self {
        Self {
            stubs,
            http: Asked::default(),
            graphql: Asked::default(),
            record: Asked::default(),
            notify: Asked::default(),
            model: Asked::default(),
            workflow: Asked::default(),
            records: Records::default(),
            delivered: Delivered::default(),
            children: 0,
        }
    }

    /// Answers a call, with the case's secrets in it; what comes back has none.
    pub(crate) fn to(&mut self, mut call: Effect, seen: &mut Seen) -> Answer {
        let secrets = match put_in(&mut call, &self.stubs.secrets) {
            Ok(secrets) => secrets,
            Err(error) => {
                return Answer { outcome: EffectOutcome::Failed(error), delay: Duration::ZERO, then: None };
            }
        };
        let answer = self.answer(&call, seen);
        let outcome = take_out(answer.outcome, &secrets);
        seen.secrets.extend(secrets);
        Answer { outcome, ..answer }
    }

    fn answer(&mut self, call: &Effect, seen: &mut Seen) -> Answer {
        let (step, stubs) = (call.id.step.as_str(), self.stubs);
        let (outcome, delay) = match &call.request {
            EffectRequest::Http(request) => {
                let (outcome, delay) = http::answer(&stubs.http, &mut self.http, step, request, call.timeout);
                seen.http_calls.push(http::seen(step, request, &outcome));
                (outcome, delay)
            }
            EffectRequest::Graphql(request) => {
                let mut turns = graphql::Turns { graphql: &mut self.graphql, http: &mut self.http };
                let (outcome, delay) = graphql::answer(stubs, &mut turns, step, request, call.timeout);
                seen.http_calls.push(graphql::seen(step, request, &outcome));
                (outcome, delay)
            }
            EffectRequest::Record(record) => {
                let stubs = stubs.records.as_slice();
                let came = self.records.answer(stubs, &mut self.record, step, record, call.timeout);
                seen.records.push(record::seen(step, record));
                came
            }
            EffectRequest::Notify(message) => {
                let stubs = stubs.notify.as_slice();
                self.delivered.answer(stubs, &mut self.notify, call, message, &mut seen.notifications)
            }
            EffectRequest::Model(question) => {
                seen.llm_calls.push(model::seen(step, question));
                model::answer(&stubs.llm, &mut self.model, step, question, call.timeout)
            }
            EffectRequest::Load(loads) => (load::answer(stubs, loads), Duration::ZERO),
            EffectRequest::EmitEvent { event, payload } => {
                seen.events.push(SeenEvent { event: event.clone(), payload: payload.clone() });
                let output = json!({ "event_id": format!("evt_test_{}", seen.events.len()) });
                (EffectOutcome::Succeeded { output }, Duration::ZERO)
            }
            EffectRequest::StartWorkflow { workflow_id, input, waits, .. } => {
                self.children += 1;
                seen.started.push(workflow::seen(workflow_id, input));
                let execution = format!("exe_test_{}", self.children);
                let (outcome, then) =
                    workflow::answer(&stubs.workflows, &mut self.workflow, workflow_id, &execution, *waits);
                return Answer { outcome, delay: Duration::ZERO, then };
            }
        };
        Answer { outcome, delay, then: None }
    }
}

/// A call that no stub is meant for.
fn no_stub(what: &str) -> Came {
    (EffectOutcome::Failed(StepError::other("NO_STUB", format!("{what} has no stub"))), Duration::ZERO)
}

/// What came of a call that was not answered, if this one was not.
fn lost(answer: &StubbedAnswer, what: &str, timeout: Duration) -> Option<Came> {
    let delay = Duration::from_millis(answer.delay_ms);
    if answer.error == Some(StubbedError::Timeout) || delay >= timeout {
        let message = format!("{what}: no complete answer within {timeout:?}");
        let error = StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("STEP_TIMEOUT", message) };
        return Some((EffectOutcome::Failed(error), timeout));
    }
    if answer.error == Some(StubbedError::Connection) {
        let message = format!("{what}: the connection was refused");
        let error =
            StepError { retryable_class: ErrorClass::Connection, ..StepError::other("CONNECTION_REFUSED", message) };
        return Some((EffectOutcome::Failed(error), delay));
    }
    None
}

/// The failure of a call that was answered with another status than wanted.
fn unexpected(answer: &StubbedAnswer, what: &str) -> StepError {
    let wait = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let wait = wait.and_then(|(_, value)| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    StepError {
        status: Some(answer.status),
        retryable_class: ErrorClass::Http(answer.status),
        retry_after: wait.map(Duration::from_secs),
        detail: Some(json!({ "status": answer.status, "body": answer.body })),
        ..StepError::other("HTTP_STATUS", format!("{what}: answered with status {}", answer.status))
    }
}

/// Texts without those that stand twice, in the order written.
fn once(texts: &[String]) -> impl Iterator<Item = &String> {
    let mut known = BTreeSet::new();
    texts.iter().filter(move |text| known.insert(text.as_str()))
}
