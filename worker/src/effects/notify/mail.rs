//! Channel `email`: through the mail server of the installation, to one address at a time.

use std::time::Duration;

use engine::machine::{ErrorClass, StepError};
use serde_json::Value;
use service::mail::{Heading, Mail, MailError, Mailer};
use service::parts::Service;

use super::{Said, Sent, Unsent, unknown};
use crate::effects::call::Call;

/// Characters of a subject that is made of the message.
const SUBJECT: usize = 78;

pub(super) async fn send(
    call: &Call<'_>,
    mailer: &Mailer,
    service: Option<&Service>,
    said: &Said<'_>,
) -> Result<Sent, Unsent> {
    if !mailer.is_on() {
        return Err(unknown("this installation sends no mail; an operator sets SLUICE_MAIL_URL").into());
    }
    let text = format!("{}\n", said.message.trim_end());
    let mail = Mail { to: said.target.to_owned(), subject: subject(said), text };
    let id = format!("{}/{}", said.key, said.target);
    // The server sends for its own address alone; answers go where the organization wants them.
    let reply_to = service.and_then(|service| service.settings.get("from")).and_then(Value::as_str);
    let heading = Heading { id: &id, reply_to };
    let left = call.left();
    let sent = tokio::select! {
        biased;
        () = call.cancel.cancelled() => {
            return Err(StepError::other("CANCELLED", "cancelled before it was sent").into());
        }
        sent = tokio::time::timeout(left, mailer.send_now(&mail, heading)) => sent,
    };
    match sent {
        Ok(Ok(())) => Ok(Sent::default()),
        Ok(Err(problem)) => Err(told(&problem).into()),
        Err(_elapsed) => Err(slow(left).into()),
    }
}

fn subject(said: &Said<'_>) -> String {
    let own = said.subject.as_deref().filter(|subject| !subject.trim().is_empty());
    let first = || said.message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("Message");
    let line = own.unwrap_or_else(first);
    line.chars().filter(|sign| !sign.is_control()).take(if own.is_some() { 500 } else { SUBJECT }).collect()
}

fn told(problem: &MailError) -> StepError {
    tracing::warn!(error = %service::chain(problem), "a mail of an execution was not taken");
    match problem {
        MailError::Address(..) => unknown(&problem.to_string()),
        _other if problem.is_final() => StepError::other("MAIL_FAILED", problem.to_string()),
        _other => StepError {
            retryable_class: ErrorClass::Connection,
            ..StepError::other("MAIL_FAILED", "the mail server is away or takes no mail now")
        },
    }
}

fn slow(limit: Duration) -> StepError {
    let message = format!("the mail server did not take it within {limit:?}; it may arrive nevertheless");
    StepError { retryable_class: ErrorClass::Timeout, ..StepError::other("STEP_TIMEOUT", message) }
}
