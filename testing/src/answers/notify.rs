//! Messages to people: each recipient by itself, and nobody twice for the same message.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::machine::{Effect, EffectOutcome, ErrorClass, Notification, StepError};
use serde_json::{Value, json};

use super::{Asked, Came, lost, once, unexpected};
use crate::seen::SeenNotification;
use crate::stubs::{NotifyStub, glob, is_for_step};

/// Ways that a recipient can name itself, before the colon, with the channel of each.
const WAYS: [(&str, &str); 9] = [
    ("email", "email"),
    ("mail", "email"),
    ("mailto", "email"),
    ("user", "email"),
    ("role", "email"),
    ("slack", "slack"),
    ("pagerduty", "pagerduty"),
    ("webhook", "webhook"),
    ("sms", "sms"),
];

/// Who has got which message.
#[derive(Debug, Default)]
pub(super) struct Delivered(BTreeSet<(String, String)>);

impl Delivered {
    /// Tells everybody who was not told yet; it fails when somebody cannot be told, once all were tried.
    pub(super) fn answer(
        &mut self,
        stubs: &[NotifyStub],
        asked: &mut Asked,
        call: &Effect,
        message: &Notification,
        seen: &mut Vec<SeenNotification>,
    ) -> Came {
        let (step, mut delivered, mut failed) = (call.id.step.as_str(), Vec::new(), Vec::new());
        let mut took = Duration::ZERO;
        for recipient in once(&message.recipients) {
            let channel = match channel(stubs, recipient, message.channel.as_deref()) {
                Ok(channel) => channel,
                Err(error) => {
                    failed.push((recipient, error));
                    continue;
                }
            };
            let place = (call.key.clone(), recipient.clone());
            if !self.0.contains(&place) {
                let (failure, delay) = tried(stubs, asked, step, recipient, call.timeout);
                took = took.max(delay);
                if let Some(error) = failure {
                    failed.push((recipient, error));
                    continue;
                }
                seen.push(told(step, recipient, &channel, message));
                self.0.insert(place);
            }
            delivered.push(json!({ "recipient": recipient, "channel": channel }));
        }
        (outcome(&delivered, &failed), took)
    }
}

/// What comes of telling one, and how long it takes.
fn tried(
    stubs: &[NotifyStub],
    asked: &mut Asked,
    step: &str,
    recipient: &str,
    timeout: Duration,
) -> (Option<StepError>, Duration) {
    let fits = |stub: &NotifyStub| is_for_step(stub.step.as_ref(), step) && glob(&stub.recipient, recipient);
    let Some(answer) = asked.next(stubs, fits, |stub| stub.responses.as_slice()) else {
        return (None, Duration::ZERO);
    };
    if let Some((EffectOutcome::Failed(error), delay)) = lost(answer, recipient, timeout) {
        return (Some(error), delay);
    }
    let delay = Duration::from_millis(answer.delay_ms);
    if (200..300).contains(&answer.status) {
        return (None, delay);
    }
    (Some(unexpected(answer, recipient)), delay)
}

/// How somebody is reached. A prefix of the organization's own is known by a stub that is for it.
fn channel(stubs: &[NotifyStub], recipient: &str, usual: Option<&str>) -> Result<String, StepError> {
    let is_known = || stubs.iter().any(|stub| stub.recipient != "*" && glob(&stub.recipient, recipient));
    let by = |way: &str| {
        let way = way.trim().to_lowercase();
        let known = WAYS.iter().find(|(name, _)| *name == way).map(|(_, channel)| (*channel).to_owned());
        known.or_else(|| is_known().then_some(way))
    };
    let found = match recipient.split_once(':') {
        Some((way, _)) => by(way),
        None if recipient.contains('@') => Some("email".to_owned()),
        None => usual.and_then(by),
    };
    found.ok_or_else(|| {
        let message = format!(
            "nobody knows how to reach `{recipient}`: write an address, or one of {} before a colon; what a service of \
             the organization reaches by another prefix needs a stub in `stubs.notify`",
            WAYS.map(|(name, _)| name).join(", ")
        );
        StepError::other("UNKNOWN_RECIPIENT", message)
    })
}

/// What a message to all comes to: the first failure that a retry may help with decides, for only a retry reaches the
/// rest.
fn outcome(delivered: &[Value], failed: &[(&String, StepError)]) -> EffectOutcome {
    let told: Vec<Value> = failed
        .iter()
        .map(|(recipient, error)| json!({ "recipient": recipient, "code": error.code, "message": error.message }))
        .collect();
    let output = json!({ "delivered": delivered, "failed": told });
    let may_pass = |(_, error): &&(&String, StepError)| match error.retryable_class {
        ErrorClass::Timeout | ErrorClass::Connection => true,
        ErrorClass::Http(status) => status == 429 || status >= 500,
        ErrorClass::Other => false,
    };
    let Some((recipient, error)) = failed.iter().find(may_pass).or(failed.first()) else {
        return EffectOutcome::Succeeded { output };
    };
    let (missed, all) = (failed.len(), failed.len() + delivered.len());
    let message = format!("{missed} of {all} recipients were not told; {recipient}: {}", error.message);
    EffectOutcome::Failed(StepError { message, detail: Some(output), ..error.clone() })
}

/// A message as it can be expected.
fn told(step: &str, recipient: &str, channel: &str, message: &Notification) -> SeenNotification {
    SeenNotification {
        step: step.to_owned(),
        recipient: recipient.to_owned(),
        channel: channel.to_owned(),
        subject: message.subject.clone(),
        message: message.message.clone(),
        template: message.template.clone(),
        data: message.data.clone(),
    }
}
