//! What starts executions (definition-language §2).

use super::model::{CatchUp, Overlap, Schedule, Trigger, TriggerKind, Verify, Webhook};
use super::reader::{At, Object};
use super::{cron, method, words};
use crate::check::rules;

/// How many missed times `catch_up: all` makes good, unless the trigger says.
pub const DEFAULT_CATCH_UP_LIMIT: u32 = 100;

#[derive(Clone, Copy)]
enum Kind {
    Event,
    Schedule,
    Webhook,
    Manual,
}

const KINDS: &[(&str, Kind)] =
    &[("event", Kind::Event), ("schedule", Kind::Schedule), ("webhook", Kind::Webhook), ("manual", Kind::Manual)];

/// Reads `trigger` and `triggers` of a definition; each may hold one trigger or a list.
pub(super) fn decode(root: &mut Object<'_>) -> Option<Vec<Trigger>> {
    let (one, many) = (root.take("trigger"), root.take("triggers"));
    let found = match (one, many) {
        (None, None) => return Some(Vec::new()),
        // The outer keys win over those of an inner `definition`, whichever spelling they have.
        (Some(one), Some(many)) => match (is_inner(&one), is_inner(&many)) {
            (false, true) => one,
            (true, false) => many,
            _ => {
                let message = "`trigger` and `triggers` cannot stand together";
                let hint = "put all triggers into the list `triggers`".to_owned();
                many.report(rules::CONFLICTING_KEYS, message, Some(hint));
                return None;
            }
        },
        (Some(found), None) | (None, Some(found)) => found,
    };
    let entries = if found.value.is_array() { found.list()? } else { vec![found] };
    let triggers: Vec<_> = entries.iter().map(trigger).collect();
    let triggers: Vec<Trigger> = triggers.into_iter().collect::<Option<_>>()?;
    have_own_addresses(&entries, &triggers).then_some(triggers)
}

/// Whether no two triggers are called at the same address.
fn have_own_addresses(entries: &[At<'_>], triggers: &[Trigger]) -> bool {
    let mut known = std::collections::BTreeSet::new();
    let mut is_right = true;
    for (at, trigger) in entries.iter().zip(triggers) {
        if let TriggerKind::Webhook(hook) = &trigger.kind
            && !known.insert((hook.path.as_str(), hook.method.as_str()))
        {
            let message = format!("another trigger is called with {} at `{}` already", hook.method, hook.path);
            at.report_at(&format!("{}/path", at.pointer), rules::CONFLICTING_KEYS, message, None);
            is_right = false;
        }
    }
    is_right
}

fn is_inner(at: &At<'_>) -> bool {
    at.pointer.starts_with("/definition/")
}

fn trigger(at: &At<'_>) -> Option<Trigger> {
    let mut object = at.object("a trigger")?;
    let Some(type_at) = object.take("type") else {
        let hint = "add \"type\": \"event\", \"schedule\", \"webhook\" or \"manual\"".to_owned();
        at.report(rules::MISSING_KEY, "a trigger needs `type`", Some(hint));
        return None;
    };
    let kind = match type_at.word(KINDS)? {
        Kind::Event => event(&mut object),
        Kind::Schedule => schedule(&mut object).map(TriggerKind::Schedule),
        Kind::Webhook => webhook(&mut object).map(TriggerKind::Webhook),
        Kind::Manual => Some(TriggerKind::Manual),
    };
    object.finish_plain();
    Some(Trigger { kind: kind?, pointer: at.pointer.clone() })
}

fn event(object: &mut Object<'_>) -> Option<TriggerKind> {
    let pattern = object.need("event").and_then(|at| at.event_pattern());
    let condition = optional(object.take("condition"), At::condition);
    Some(TriggerKind::Event { pattern: pattern?, condition })
}

fn schedule(object: &mut Object<'_>) -> Option<Schedule> {
    let cron = object.need("cron").and_then(|at| cron::expression(&at));
    let timezone = object.take("timezone").map_or(Some("UTC".to_owned()), |at| cron::timezone(&at));
    let catch_up = object.take("catch_up").map_or(Some(CatchUp::Skip), |at| at.word(words::CATCH_UP));
    let catch_up_limit = object.take("catch_up_limit").map_or(Some(DEFAULT_CATCH_UP_LIMIT), |at| at.integer(1, 10_000));
    let overlap = object.take("overlap").map_or(Some(Overlap::Allow), |at| at.word(words::OVERLAP));
    let jitter = optional(object.take("jitter"), At::duration);
    let input = optional(object.take("input"), At::object_template);
    Some(Schedule {
        cron: cron?,
        timezone: timezone?,
        catch_up: catch_up?,
        catch_up_limit: catch_up_limit?,
        overlap: overlap?,
        jitter,
        input,
    })
}

fn webhook(object: &mut Object<'_>) -> Option<Webhook> {
    let path = object.need("path").and_then(|at| hook_path(&at));
    let method = object.take("method").map_or(Some("POST".to_owned()), |at| method::decode(&at));
    // Whoever wants to be called by anybody says so.
    let verify = object.take("verify").map_or(Some(Verify::StandardWebhooks { secret: None }), |at| verify(&at));
    let input = optional(object.take("input"), At::object_template);
    Some(Webhook { path: path?, method: method?, verify: verify?, input })
}

fn hook_path(at: &At<'_>) -> Option<String> {
    let path = at.name_text()?;
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && !part.bytes().all(|byte| byte == b'.')
    };
    if path.len() > 200 || !path.trim_start_matches('/').split('/').all(is_part) {
        let message = "a hook's path is made of letters, digits, `.`, `_` and `-`, joined by `/`";
        at.report(rules::BAD_URL, message, None);
        return None;
    }
    Some(path.trim_start_matches('/').to_owned())
}

#[derive(Clone, Copy)]
enum Scheme {
    None,
    HmacSha256,
    StandardWebhooks,
}

const SCHEMES: &[(&str, Scheme)] =
    &[("none", Scheme::None), ("hmac_sha256", Scheme::HmacSha256), ("standard_webhooks", Scheme::StandardWebhooks)];

/// The name of a scheme, or an object with the scheme as its `type`.
fn verify(at: &At<'_>) -> Option<Verify> {
    if at.value.is_string() {
        return match at.word(SCHEMES)? {
            Scheme::None => Some(Verify::None),
            Scheme::StandardWebhooks => Some(Verify::StandardWebhooks { secret: None }),
            Scheme::HmacSha256 => {
                let hint = "write {\"type\": \"hmac_sha256\", \"header\": …} instead".to_owned();
                at.report(rules::MISSING_KEY, "this verification needs a `header`", Some(hint));
                None
            }
        };
    }
    let mut object = at.object("`verify`")?;
    let secret = object.take("secret").map_or(Some(None), |at| at.name_text().map(|name| Some(name.to_owned())));
    let verify = match object.need("type").and_then(|at| at.word(SCHEMES)) {
        None => None,
        Some(Scheme::None) => Some(Verify::None),
        Some(Scheme::HmacSha256) => object
            .need("header")
            .and_then(|at| header(&at))
            .zip(secret)
            .map(|(header, secret)| Verify::HmacSha256 { header, secret }),
        Some(Scheme::StandardWebhooks) => secret.map(|secret| Verify::StandardWebhooks { secret }),
    };
    object.finish_plain();
    verify
}

/// The name of a header, in lower case.
fn header(at: &At<'_>) -> Option<String> {
    let name = at.name_text()?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.len() > 100 || !name.bytes().all(is_token) {
        let hint = "such as X-Hub-Signature-256".to_owned();
        at.report(rules::BAD_NAME, "this is not the name of an HTTP header", Some(hint));
        return None;
    }
    Some(name.to_ascii_lowercase())
}

/// A member that may be absent. `None` also when it is wrong: that is reported then, and nothing
/// decodes while there are errors.
pub(super) fn optional<'a, T>(at: Option<At<'a>>, read: impl FnOnce(&At<'a>) -> Option<T>) -> Option<T> {
    at.and_then(|at| read(&at))
}
