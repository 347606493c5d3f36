//! Pauses that an event ends.
//!
//! The event is not used up by that: steps that wait for it have taken it before. What it must be about is settled
//! when it is asked for, as for a step that begins to wait; what must hold besides is looked at when it comes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::effect::StepPath;
use super::event::Event;
use super::outstanding::{WaitKind, WaitRow};
use super::pause::MAX_PAUSE;
use super::run::{Here, Run};
use super::signal::is_about;
use super::state::ROOT;
use crate::Timestamp;
use crate::definition::{ResumeMatch, ResumeWhen, Test, resume_test};
use crate::expr::Explanation;
use crate::pattern::EventPattern;

/// Events of one pause whose condition does not hold that are told with the reason; of the others the id alone.
const MOST_TOLD: usize = 20;
/// Events of one pause whose condition does not hold that are remembered: one that was judged is not judged again.
/// Those beyond are, each time that somebody takes the execution in hand.
const MOST_KNOWN: usize = 1_000;

/// The event at which a paused execution goes on by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumeOn {
    /// Its name or pattern.
    pub event: String,
    /// Paths that must have these values in its payload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(String, Value)>,
    /// An event without such a path fits too, as for a wait without `match`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lenient: bool,
    /// What must hold besides, as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Events from before do not count; absent, those from before it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl ResumeOn {
    /// The rule that its condition names.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.condition.as_ref()?.get("rule_id")?.as_str()
    }
}

/// An event that ended a pause, or did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResumeEvent {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How the condition came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Explanation>,
}

/// How a paused execution goes on at an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AwaitedResume {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    pub(super) on: ResumeOn,
    /// Events from before do not count.
    pub(super) since: Timestamp,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) data: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at_step: Option<String>,
    /// Ids of events whose condition did not hold.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) unmet: BTreeSet<String>,
}

impl AwaitedResume {
    /// As whoever emits an event finds it. `number` tells it from one that was asked for before.
    pub(super) fn row(&self, number: u32) -> WaitRow {
        let on = &self.on;
        WaitRow {
            visit: (number, 0),
            since: Some(self.since),
            event: Some(on.event.clone()),
            correlation: super::correlation::correlation(&on.keys),
            keys: if on.lenient { Vec::new() } else { on.keys.clone() },
            ..WaitRow::of(WaitKind::Resume, StepPath::default(), None)
        }
    }

    fn is_named(&self, name: &str) -> bool {
        EventPattern::parse(&self.on.event).is_ok_and(|pattern| pattern.matches(name))
    }
}

/// Something that came.
pub(super) struct Came<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) payload: &'a Value,
    pub(super) at: Option<Timestamp>,
    /// It was sent to this execution, so nothing has to say what it is about.
    pub(super) is_addressed: bool,
}

impl Run<'_> {
    /// What was asked for, with the values that an event must have.
    pub(super) fn resume_on(&mut self, when: ResumeWhen) -> ResumeOn {
        let ResumeWhen { event, matching, condition, since } = when;
        let here = self.outside();
        let (keys, lenient) = match matching {
            Some(ResumeMatch::Values(values)) => (values.into_iter().collect(), false),
            Some(ResumeMatch::Paths(paths)) => (self.values_at(&here, paths, false), false),
            None => {
                let entity = event.split('.').next().filter(|entity| !entity.contains('*'));
                let paths = entity.map(|entity| format!("{entity}.id")).into_iter().collect();
                (self.values_at(&here, paths, true), true)
            }
        };
        ResumeOn { event, keys, lenient, condition, since }
    }

    /// The flow as a whole, as of this moment.
    fn outside(&self) -> Here {
        Here { scope: ROOT, path: StepPath::default(), passage: 0, attempt: 0, began: self.now }
    }

    /// Ends the pause if this is what it waits for.
    pub(super) fn end_pause_by(&mut self, came: &Came<'_>) {
        let Some(awaited) = self.state.resumes_on.as_deref().filter(|awaited| awaited.is_named(came.name)) else {
            return;
        };
        let is_old = came.at.is_some_and(|at| at < awaited.since);
        let is_known = self.state.resumed_by.contains(came.id) || awaited.unmet.contains(came.id);
        let is_too_late = self.state.paused_at.is_none_or(|since| since.plus(MAX_PAUSE) < self.now);
        let on = &awaited.on;
        let is_about = came.is_addressed || is_about(came.payload, &on.keys, on.lenient, self.now);
        if is_old || is_known || is_too_late || !is_about {
            return;
        }
        let judged = on.condition.as_ref().map(|condition| self.judge(condition, came.payload)).transpose();
        let (why, problem) = match judged {
            Ok(why) => (why, None),
            Err(problem) => (None, Some(problem)),
        };
        let holds = problem.is_none() && why.as_ref().is_none_or(|why| why.result);
        let event = |why| Box::new(ResumeEvent { id: came.id.to_owned(), name: came.name.to_owned(), why });
        let at = self.now;
        if !holds {
            let known = awaited.unmet.len();
            let (why, problem) = if known < MOST_TOLD { (why, problem) } else { (None, None) };
            if known < MOST_KNOWN {
                self.emit(Event::ResumeUnmet { event: event(why), problem, at });
            }
            return;
        }
        let (by, data, at_step) = (awaited.by.clone(), awaited.data.clone(), awaited.at_step.clone());
        let event = Some(event(why));
        // As for a resume at a moment, which waits for the call in the same way.
        if self.state.has_effect_under_way() && (at_step.is_some() || !data.is_null()) {
            return self.emit(Event::ResumeScheduled { by, due_at: Some(at), when: None, data, at_step, event, at });
        }
        self.unpause(by, data, at_step, event);
        self.wake();
    }

    /// How a condition comes out for an event, or why it does not.
    fn judge(&self, condition: &Value, payload: &Value) -> Result<Explanation, String> {
        let here = self.outside();
        let view = self.view(&here).with_event(payload);
        match resume_test(condition).ok_or_else(|| "the condition cannot be read any more".to_owned())? {
            Test::Condition(condition) => condition.evaluate(&view).map_err(|error| error.to_string()),
            Test::Rule(slug) => {
                let missing = || format!("the execution has no rule `{slug}` that answers true or false");
                let pinned = self.plan.rule(&slug).filter(|pinned| pinned.rule.kind().decides());
                let outcome = pinned.ok_or_else(missing)?.rule.evaluate(&view);
                outcome.map(|outcome| outcome.why).map_err(|error| error.to_string())
            }
        }
    }
}
