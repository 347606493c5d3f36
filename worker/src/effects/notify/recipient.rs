//! Whom a definition names.

use engine::machine::StepError;
use sha2::{Digest, Sha256};

use super::unknown;

/// How somebody is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Channel {
    Email,
    User,
    Role,
    Slack,
    Pagerduty,
    Webhook,
    Sms,
    /// The prefix of a chat that the organization set up.
    Other(String),
}

impl Channel {
    fn of(prefix: &str) -> Self {
        match prefix {
            "email" | "mail" | "mailto" => Self::Email,
            "user" => Self::User,
            "role" => Self::Role,
            "slack" => Self::Slack,
            "pagerduty" => Self::Pagerduty,
            "webhook" => Self::Webhook,
            "sms" => Self::Sms,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The word for the output.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Email => "email",
            Self::User => "user",
            Self::Role => "role",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Webhook => "webhook",
            Self::Sms => "sms",
            Self::Other(prefix) => prefix,
        }
    }
}

/// A recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    /// As the definition writes it.
    pub(super) written: String,
    pub(super) channel: Channel,
    /// The part behind the prefix.
    pub(super) target: String,
    /// Its place among the recipients of the action.
    pub(super) place: usize,
}

impl Recipient {
    /// Names the recipient in what is kept, without telling who it is: of channel and target, the same in every case.
    pub(super) fn digest(&self) -> String {
        let text = format!("{}\0{}", self.channel.as_str(), self.target.to_lowercase());
        let mut first = [0; 8];
        first.copy_from_slice(&Sha256::digest(text)[..8]);
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

/// Reads `prefix:target`, an address, or a target that the action's `channel` is for.
pub(super) fn parse(written: &str, channel: Option<&str>, place: usize) -> Result<Recipient, StepError> {
    let text = written.trim();
    let (channel, target) = match text.split_once(':').filter(|(prefix, _)| is_prefix(prefix)) {
        Some((prefix, target)) => (Channel::of(&prefix.to_lowercase()), target.trim()),
        None if text.contains('@') => (Channel::Email, text),
        None => match channel.map(str::trim).filter(|channel| !channel.is_empty()) {
            Some(channel) => (Channel::of(&channel.to_lowercase()), text),
            None => {
                return Err(unknown(&format!(
                    "`{}` is neither an address nor has it a prefix such as `role:` or `slack:`; the action's \
                     `channel` says how recipients without one are reached",
                    shown(written)
                )));
            }
        },
    };
    if target.is_empty() || target.chars().any(char::is_control) {
        return Err(unknown(&format!("`{}` names nobody", shown(written))));
    }
    Ok(Recipient { written: text.to_owned(), channel, target: target.to_owned(), place })
}

/// A word; anything else before a colon is a part of the target.
fn is_prefix(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_".contains(sign))
}

fn shown(written: &str) -> String {
    written.chars().filter(|sign| !sign.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(written: &str, channel: Option<&str>) -> (Channel, String) {
        let recipient = parse(written, channel, 0).unwrap();
        (recipient.channel, recipient.target)
    }

    #[test]
    fn a_recipient_is_an_address_or_says_its_channel() {
        for (written, channel, target) in [
            ("ada@example.com", Channel::Email, "ada@example.com"),
            (" Ada <ada@example.com> ", Channel::Email, "Ada <ada@example.com>"),
            ("email:ada@example.com", Channel::Email, "ada@example.com"),
            ("user:ada@example.com", Channel::User, "ada@example.com"),
            ("role:sales manager", Channel::Role, "sales manager"),
            ("slack:#ops", Channel::Slack, "#ops"),
            ("Slack:U123", Channel::Slack, "U123"),
            ("pagerduty:payments", Channel::Pagerduty, "payments"),
            ("webhook:erp", Channel::Webhook, "erp"),
            ("sms:+4915112345678", Channel::Sms, "+4915112345678"),
            ("teams:ops", Channel::Other("teams".to_owned()), "ops"),
        ] {
            assert_eq!(of(written, None), (channel, target.to_owned()), "{written}");
        }
    }

    #[test]
    fn the_channel_of_the_action_is_for_recipients_that_say_none() {
        assert_eq!(of("#ops", Some("slack")), (Channel::Slack, "#ops".to_owned()));
        assert_eq!(of("sms:1", Some("slack")).0, Channel::Sms);
        assert_eq!(of("ada@example.com", Some("slack")).0, Channel::Email);
    }

    #[test]
    fn a_digest_tells_channel_and_target_apart_and_is_the_same_in_every_case() {
        let digest = |written: &str| parse(written, None, 0).unwrap().digest();
        assert_eq!(digest("Ada@example.com"), digest("email:ada@example.com"));
        assert_ne!(digest("slack:a"), digest("teams:a"));
        assert_ne!(digest("slack:a"), digest("slack:b"));
        assert_eq!(digest("slack:a").len(), 16);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for written in ["", "#ops", "slack:", "sms: ", "a@example.com\r\nBcc: b@example.com", "slack:a\0b"] {
            let error = parse(written, None, 0).unwrap_err();
            assert_eq!(error.code, "UNKNOWN_RECIPIENT", "{written:?}");
            assert!(!error.message.contains(char::is_control), "{error:?}");
        }
    }
}
