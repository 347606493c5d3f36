//! What tells one cause of a failure from another: workflow, step, code, and the message without what differs from one
//! failure to the next.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use ids::{ErrorGroupId, OrganizationId, WorkflowId};
use sha2::{Digest, Sha256};
use store::NewFailure;

/// New causes of one organization that a process tells apart in an hour. Those beyond are one for each workflow.
pub const MAX_NEW: usize = 100;

/// Characters of a message that count, and that are kept of it.
const MAX_MESSAGE: usize = 1_000;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Code of the group of those causes that are not told apart.
const VARIOUS: &str = "VARIOUS";

/// The causes that this process has seen in this hour.
#[derive(Debug, Default)]
pub struct Causes(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    number: i64,
    seen: HashMap<OrganizationId, HashSet<String>>,
}

/// A failure to be told apart.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Its organization.
    pub organization: OrganizationId,
    /// Its workflow.
    pub workflow: WorkflowId,
    /// Path of the step.
    pub path: Option<&'a str>,
    /// Why, for programs.
    pub code: &'a str,
    /// Why, in a sentence.
    pub message: &'a str,
}

impl Causes {
    /// The cause of a failure at a moment, Unix milliseconds.
    pub fn tell(&self, failure: Failure<'_>, at_ms: i64) -> NewFailure {
        let Failure { organization, workflow, path, code, message } = failure;
        let step = path.map(key_of);
        let own = digest(workflow, step.unwrap_or_default(), code, &without_particulars(message));
        if self.is_told_apart(organization, &own, at_ms) {
            let (step, code, message) = (step.map(str::to_owned), code.to_owned(), cut(message));
            return NewFailure { group: ErrorGroupId::new(), fingerprint: own, step, code, message };
        }
        let message = format!("more than {MAX_NEW} different failures in an hour; this was one of them: {message}");
        let fingerprint = digest(workflow, "", VARIOUS, "");
        let (code, message) = (VARIOUS.to_owned(), cut(&message));
        NewFailure { group: ErrorGroupId::new(), fingerprint, step: None, code, message }
    }

    fn is_told_apart(&self, organization: OrganizationId, fingerprint: &str, at_ms: i64) -> bool {
        // Nobody panics between two changes that belong together.
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = at_ms.div_euclid(HOUR_MS);
        if hour.number != number {
            *hour = Hour { number, seen: HashMap::new() };
        }
        let seen = hour.seen.entry(organization).or_default();
        if seen.contains(fingerprint) {
            return true;
        }
        let has_room = seen.len() < MAX_NEW;
        if has_room {
            seen.insert(fingerprint.to_owned());
        }
        has_room
    }
}

/// The id of the step at the end of a path, as the definition has it.
fn key_of(path: &str) -> &str {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.split(['#', '[']).next().unwrap_or(last)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_MESSAGE).collect()
}

fn digest(workflow: WorkflowId, step: &str, code: &str, message: &str) -> String {
    let mut digest = Sha256::new();
    for part in [workflow.to_string().as_str(), step, code, message] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let full = crate::hex(&digest.finalize());
    full.chars().take(32).collect()
}

/// The message with `…` for what stands in quotes, and `#` for every word that has a digit in it: numbers, moments, ids.
fn without_particulars(message: &str) -> String {
    let mut plain = String::new();
    let mut rest = message;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let closing = match letter {
            '"' | '`' | '\'' => Some(letter),
            '\u{201c}' => Some('\u{201d}'),
            _plain => None,
        };
        // An apostrophe within a word opens nothing.
        let is_within = letter == '\'' && plain.ends_with(char::is_alphanumeric);
        if let (Some(closing), false) = (closing, is_within)
            && let Some(end) = after.find(closing)
        {
            plain.push('…');
            rest = &after[end + closing.len_utf8()..];
        } else if is_of_word(letter) {
            let end = rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len());
            let word = &rest[..end];
            plain.push_str(if word.contains(|letter: char| letter.is_ascii_digit()) { "#" } else { word });
            rest = &rest[end..];
        } else {
            plain.push(letter);
            rest = after;
        }
        if plain.len() > MAX_MESSAGE {
            break;
        }
    }
    plain
}

/// Ids are words too, with the marks that stand in them.
fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(causes: &Causes, message: &str) -> NewFailure {
        let nil = ids::uuid::Uuid::nil();
        let (organization, workflow) = (OrganizationId::from_uuid(nil), WorkflowId::from_uuid(nil));
        let path = Some("items[17].charge#2");
        causes.tell(Failure { organization, workflow, path, code: "HTTP_STATUS", message }, 1)
    }

    #[test]
    fn what_differs_from_one_failure_to_the_next_is_left_out() {
        for (message, plain) in [
            ("order 4711 of \"Ada\" failed", "order # of … failed"),
            ("can't reach `a.example.com` after 3.5s", "can't reach … after #.#"),
            ("no row 0190f3c2-7b1e-7c3a-9d2e-1f6a5b4c3d2e", "no row #"),
            ("exe_01jz8k0000abcdefghjkmnpqrs is gone", "# is gone"),
            ("an open \"quote", "an open \"quote"),
            ("größer als „erlaubt“", "größer als „erlaubt“"),
        ] {
            assert_eq!(without_particulars(message), plain);
        }
    }

    #[test]
    fn failures_of_the_same_cause_have_the_same_fingerprint_and_others_another() {
        let causes = Causes::default();
        let (one, other) = (told(&causes, "order 1 is late"), told(&causes, "order 2 is late"));
        assert_eq!(one.fingerprint, other.fingerprint);
        assert_eq!((one.step.as_deref(), one.fingerprint.len()), (Some("charge"), 32));
        assert_ne!(one.fingerprint, told(&causes, "order 2 is early").fingerprint);
    }

    #[test]
    fn causes_beyond_a_hundred_in_an_hour_are_one() {
        let causes = Causes::default();
        let words = |number: usize| "x".repeat(number + 1);
        for number in 0..MAX_NEW {
            assert_eq!(told(&causes, &words(number)).code, "HTTP_STATUS");
        }
        let (one, other) = (told(&causes, &words(MAX_NEW)), told(&causes, &words(MAX_NEW + 1)));
        assert_eq!((one.code.as_str(), &one.fingerprint), ("VARIOUS", &other.fingerprint));
        assert_eq!(told(&causes, &words(0)).code, "HTTP_STATUS", "what is known stays told apart");
    }
}
