//! Effect `notify`: a message to people, one recipient after the other.
//!
//! Every recipient has a key of its own, the same for each try: services that know `Idempotency-Key` and mailboxes
//! that look at `Message-ID` tell a message that comes twice. What comes of a try names whom it has told, and further
//! tries of the step leave them out, wherever they are made. A try that was lost with its outcome is only known to this
//! worker, which remembers whom it has told.

mod mail;
mod pagerduty;
mod recipient;
mod slack;
mod sms;
mod webhook;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::machine::{Body, EffectOutcome, ErrorClass, Notification, StepError};
use ids::OrganizationId;
use serde_json::{Value, json};
use service::mail::Mailer;
use service::parts::{Service, ServiceKind};

use self::recipient::{Channel, Recipient};
use super::call::Call;
use super::service_call;
use super::templates::{self, now};

/// Most recipients of one message, those of roles counted.
const MOST_RECIPIENTS: usize = 500;
/// Most deliveries that a worker remembers, and for how long.
const MOST_REMEMBERED: u64 = 100_000;
const REMEMBERED: Duration = Duration::from_hours(24);
/// Most bytes of a service's answer.
const MOST_BYTES: u64 = 256 * 1024;

/// The way out for mail, and whom this worker has told already. One per worker.
pub(super) struct Notifier {
    mailer: Mailer,
    told: moka::sync::Cache<Told, Sent>,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("mailer", &self.mailer).finish_non_exhaustive()
    }
}

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Told {
    organization: OrganizationId,
    key: String,
    channel: Channel,
    target: String,
}

/// A message that was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sent {
    /// What the service calls it.
    id: Option<Arc<str>>,
}

/// Why a message was not taken.
#[derive(Debug)]
enum Unsent {
    Failed(StepError),
    /// The rate of calls to the service lets it go later.
    PutOff {
        until: Timestamp,
        has_turn: bool,
    },
}

impl From<StepError> for Unsent {
    fn from(error: StepError) -> Self {
        Self::Failed(error)
    }
}

/// What one recipient is told.
#[derive(Debug)]
struct Said<'a> {
    /// As the definition writes it.
    recipient: &'a str,
    /// The part behind the prefix.
    target: &'a str,
    subject: Option<String>,
    message: String,
    data: &'a Value,
    /// The same for every try.
    key: String,
}

impl Notifier {
    /// A notifier that sends mail with `mailer`.
    pub(super) fn new(mailer: Mailer) -> Self {
        let told = moka::sync::Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED);
        Self { mailer, told: told.build() }
    }

    /// What this worker remembers of a message to somebody.
    fn sent(&self, told: &Told) -> Option<Sent> {
        self.told.get(told)
    }
}

/// The message of this effect to one recipient.
fn told(call: &Call<'_>, recipient: &Recipient) -> Told {
    Told {
        organization: call.organization(),
        key: format!("{}/{}", call.key(), recipient.place),
        channel: recipient.channel.clone(),
        target: recipient.target.clone(),
    }
}

pub(super) async fn run(call: &Call<'_>, notifier: &Notifier, message: &Notification) -> EffectOutcome {
    match told_all(call, notifier, message).await {
        Ok(outcome) => outcome,
        Err(error) => EffectOutcome::Failed(error),
    }
}

async fn told_all(call: &Call<'_>, notifier: &Notifier, message: &Notification) -> Result<EffectOutcome, StepError> {
    let services = call.services().await?;
    let mut result = Outcomes::default();
    let recipients = recipients(call, message, &mut result).await?;
    let is_mail = |recipient: &&Recipient| {
        let is_told = || message.told.contains(&recipient.digest()) || notifier.sent(&told(call, recipient)).is_some();
        recipient.channel == Channel::Email && !is_told()
    };
    let mails = recipients.iter().filter(is_mail).count();
    if let Some(put_off) = call.mails_may_go(mails).await {
        return Ok(put_off);
    }
    let mut has_left = false;
    for recipient in recipients {
        let told = told(call, &recipient);
        let is_known = message.told.contains(&recipient.digest());
        if let Some(sent) = notifier.sent(&told).or_else(|| is_known.then(Sent::default)) {
            // What an earlier try has said is known to every worker.
            has_left |= !is_known;
            result.delivered(&recipient, &sent);
            continue;
        }
        match tell(call, notifier, &services, message, &recipient, &told.key).await {
            Ok(sent) => {
                has_left = true;
                result.delivered(&recipient, &sent);
                notifier.told.insert(told, sent);
            }
            // As long as nothing has left, all of it may wait; later that would tell some of them twice.
            Err(Unsent::PutOff { until, has_turn }) if !has_left => {
                return Ok(EffectOutcome::PutOff { until, has_turn });
            }
            Err(Unsent::PutOff { until, .. }) => result.failed(&recipient.written, later(until)),
            Err(Unsent::Failed(error)) => result.failed(&recipient.written, error),
        }
    }
    Ok(result.finish())
}

/// Whom the message goes to, each once. Who cannot be found is noted, and keeps nobody else from being told.
async fn recipients(
    call: &Call<'_>,
    message: &Notification,
    result: &mut Outcomes,
) -> Result<Vec<Recipient>, StepError> {
    let mut all: Vec<Recipient> = Vec::new();
    for (place, written) in message.recipients.iter().enumerate() {
        let found = match recipient::parse(written, message.channel.as_deref(), place) {
            Ok(recipient) => resolved(call, recipient).await?,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => all.extend(found),
            Err(error) => result.failed(written, error),
        }
        if all.len() > MOST_RECIPIENTS {
            let message =
                format!("the message has over {MOST_RECIPIENTS} recipients; send it through a list or a channel");
            return Err(StepError::other("INVALID_ACTION", message));
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|recipient| seen.insert((recipient.channel.clone(), recipient.target.to_lowercase())));
    Ok(all)
}

/// Members and roles become addresses.
async fn resolved(call: &Call<'_>, recipient: Recipient) -> Result<Result<Vec<Recipient>, StepError>, StepError> {
    let (who, what) = match recipient.channel {
        Channel::User => (service::parts::Recipient::User(&recipient.target), "there is no member"),
        Channel::Role => (service::parts::Recipient::Role(&recipient.target), "no member has the role"),
        Channel::Email | Channel::Slack | Channel::Pagerduty | Channel::Webhook | Channel::Sms | Channel::Other(_) => {
            return Ok(Ok(vec![recipient]));
        }
    };
    let addresses = call.addresses(who).await?;
    if addresses.is_empty() {
        return Ok(Err(unknown(&format!("{what} `{}`", recipient.target))));
    }
    let mail = |address: String| Recipient {
        written: recipient.written.clone(),
        channel: Channel::Email,
        target: address,
        place: recipient.place,
    };
    Ok(Ok(addresses.into_iter().map(mail).collect()))
}

/// Tells one recipient.
async fn tell(
    call: &Call<'_>,
    notifier: &Notifier,
    services: &[Service],
    message: &Notification,
    recipient: &Recipient,
    key: &str,
) -> Result<Sent, Unsent> {
    if call.left().is_zero() {
        let error = StepError::other("STEP_TIMEOUT", "the time was over before it was this recipient's turn");
        return Err(StepError { retryable_class: ErrorClass::Timeout, ..error }.into());
    }
    let service = service(services, recipient, message.template.as_deref())?;
    let said = said(service, message, recipient, key)?;
    match (&recipient.channel, service) {
        (Channel::Email, service) => mail::send(call, &notifier.mailer, service, &said).await,
        (Channel::Slack, Some(service)) => slack::send(call, service, &said).await,
        (Channel::Pagerduty, Some(service)) => pagerduty::send(call, service, &said).await,
        (Channel::Webhook, Some(service)) => webhook::send(call, service, &said).await,
        (Channel::Sms | Channel::Other(_), Some(service)) => sms::send(call, service, &said).await,
        (Channel::User | Channel::Role, _) | (_, None) => Err(unknown("nothing reaches this recipient").into()),
    }
}

/// The service that reaches a recipient; mail needs none but for templates.
fn service<'s>(
    services: &'s [Service],
    recipient: &Recipient,
    template: Option<&str>,
) -> Result<Option<&'s Service>, StepError> {
    let named = |kind: ServiceKind| services.iter().find(move |it| it.kind == kind && it.name == recipient.target);
    let chat = |prefix: &str| {
        let has_prefix = |it: &&Service| {
            it.kind == ServiceKind::Chat
                && it.settings.get("recipient_prefix").and_then(Value::as_str).is_some_and(|own| own == prefix)
        };
        // Of several the one of that very name.
        let own = services.iter().find(|it| has_prefix(it) && it.name == prefix);
        own.or_else(|| services.iter().find(has_prefix))
    };
    let missing = |what: String| unknown(&format!("{what}; set it up with `sluice service create`"));
    let of_prefix = |prefix: &str| {
        chat(prefix)
            .ok_or_else(|| missing(format!("there is no service of kind CHAT with recipient_prefix `{prefix}`")))
    };
    match &recipient.channel {
        Channel::Email => {
            let has = |it: &&Service| {
                let templates = it.settings.get("templates");
                template.is_none_or(|name| templates.is_some_and(|all| all.get(name).is_some()))
            };
            let mut mail = services.iter().filter(|it| it.kind == ServiceKind::Email);
            Ok(mail.clone().find(has).or_else(|| mail.next()))
        }
        Channel::Slack => of_prefix("slack").map(Some),
        Channel::Sms => of_prefix("sms").map(Some),
        Channel::Other(prefix) => of_prefix(prefix).map(Some),
        Channel::Pagerduty => match named(ServiceKind::Chat) {
            Some(service) => Ok(Some(service)),
            None => of_prefix("pagerduty").map(Some),
        },
        Channel::Webhook => {
            let found = named(ServiceKind::Http);
            found.map(Some).ok_or_else(|| missing(format!("there is no service `{}` of kind HTTP", recipient.target)))
        }
        Channel::User | Channel::Role => Ok(None),
    }
}

/// The texts, of the action or of a template.
fn said<'a>(
    service: Option<&Service>,
    message: &'a Notification,
    recipient: &'a Recipient,
    key: &str,
) -> Result<Said<'a>, StepError> {
    let (subject, text) = match (&message.template, &message.message) {
        (Some(name), _) => {
            let service = service.ok_or_else(|| {
                let what =
                    format!("the template `{name}` needs a service of kind EMAIL that has it among its `templates`");
                StepError::other("UNKNOWN_TEMPLATE", what)
            })?;
            let texts = templates::rendered(service, name, &message.data, now())?;
            (message.subject.clone().or(texts.subject), texts.message)
        }
        (None, Some(text)) => (message.subject.clone(), text.clone()),
        (None, None) => return Err(StepError::other("INVALID_ACTION", "neither `message` nor `template` is there")),
    };
    if subject.as_deref().is_some_and(|subject| subject.chars().any(char::is_control)) {
        let message = "the subject has a line break or another control character; it is one line";
        return Err(StepError::other("INVALID_ACTION", message));
    }
    Ok(Said {
        recipient: &recipient.written,
        target: &recipient.target,
        subject,
        message: text,
        data: &message.data,
        key: key.to_owned(),
    })
}

/// Posts JSON to the address of a service and gives what it answers. `is_proven` sends along what proves who calls.
async fn post(call: &Call<'_>, service: &Service, body: Value, key: &str, is_proven: bool) -> Result<Value, Unsent> {
    let mut request = service_call::request(service, "POST", "", Some(Body::Json(body)))?;
    request.max_response_bytes = Some(MOST_BYTES);
    match call.send(request, key, is_proven.then_some(service)).await {
        EffectOutcome::Succeeded { mut output } => Ok(output["body"].take()),
        EffectOutcome::Failed(error) => Err(Unsent::Failed(error)),
        EffectOutcome::PutOff { until, has_turn } => Err(Unsent::PutOff { until, has_turn }),
    }
}

/// What a service calls a message, if it says that in one of these fields.
fn id(answer: &Value, names: &[&str]) -> Sent {
    let text = |value: &Value| match value {
        Value::String(text) if text.len() <= 200 => Some(Arc::from(text.as_str())),
        Value::Number(number) => Some(Arc::from(number.to_string())),
        _other => None,
    };
    Sent { id: names.iter().find_map(|name| text(&answer[*name])) }
}

fn unknown(what: &str) -> StepError {
    StepError::other("UNKNOWN_RECIPIENT", what)
}

fn later(until: Timestamp) -> StepError {
    let wait = u64::try_from(until.0.saturating_sub(now().0)).unwrap_or(0);
    StepError {
        retryable_class: ErrorClass::Http(429),
        retry_after: Some(Duration::from_millis(wait)),
        ..StepError::other("RATE_LIMITED", "the rate of calls to its service lets it go later")
    }
}

/// Who was told and who was not.
#[derive(Debug, Default)]
struct Outcomes {
    delivered: Vec<Value>,
    failed: Vec<(String, StepError)>,
}

impl Outcomes {
    fn delivered(&mut self, recipient: &Recipient, sent: &Sent) {
        let (written, channel) = (&recipient.written, recipient.channel.as_str());
        let mut told = json!({ "recipient": written, "channel": channel, "to": recipient.digest() });
        if let Some(id) = &sent.id {
            told["id"] = json!(id.as_ref());
        }
        self.delivered.push(told);
    }

    fn failed(&mut self, recipient: &str, error: StepError) {
        self.failed.push((recipient.to_owned(), error));
    }

    /// Done when everybody was told; else the failure that a retry may help with decides, for only a retry reaches the
    /// rest.
    fn finish(self) -> EffectOutcome {
        let Self { delivered, failed } = self;
        let told: Vec<Value> = failed
            .iter()
            .map(|(recipient, error)| json!({ "recipient": recipient, "code": error.code, "message": error.message }))
            .collect();
        let output = json!({ "delivered": delivered, "failed": told });
        let may_pass = |(_, error): &&(String, StepError)| match error.retryable_class {
            ErrorClass::Timeout | ErrorClass::Connection => true,
            ErrorClass::Http(status) => status == 429 || status >= 500,
            ErrorClass::Other => false,
        };
        let Some((recipient, first)) = failed.iter().find(may_pass).or(failed.first()) else {
            return EffectOutcome::Succeeded { output };
        };
        let (missed, all) = (failed.len(), failed.len() + delivered.len());
        EffectOutcome::Failed(StepError {
            code: first.code.clone(),
            message: format!("{missed} of {all} recipients were not told; {recipient}: {}", first.message),
            status: first.status,
            retryable_class: first.retryable_class,
            retry_after: failed.iter().filter_map(|(_, error)| error.retry_after).max(),
            detail: Some(output),
        })
    }
}

#[cfg(test)]
mod tests;
