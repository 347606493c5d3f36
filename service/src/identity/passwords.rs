//! Passwords: which are accepted, how they are stored, how they are compared.
//!
//! Argon2id (RFC 9106) with the parameters of OWASP's cheat sheet. A comparison costs 19 MiB and some ten
//! milliseconds, whether the account exists or not; few run at once, so that guessing exhausts no memory.

use async_recursion::async_recursion as boxed;
use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::code::Code;
use crate::error::{Mistake, ServiceError};

/// Fewest characters of a password.
const SHORTEST: usize = 12;
/// Most characters of a password.
const LONGEST: usize = 256;

/// Memory of a comparison, in KiB.
const MEMORY_KIB: u32 = 19 * 1_024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// How what is stored now begins; anything else is stored anew at the next sign-in.
const PREFIX: &str = "$argon2id$v=19$m=19456,t=2,p=1$";
/// What an unknown account's password is compared with: of the same cost, and nobody's.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// How many comparisons may wait for their turn: more would wait for longer than a request may take.
const MOST_WAITING: usize = 64;

/// Passwords of twelve characters and more that everybody tries first, and what longer ones are made of.
const COMMON: &str = include_str!("common_passwords.txt");

/// Computes hashes, few at once.
#[derive(Debug)]
pub struct Hasher {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, |threads| threads.get().clamp(2, 4));
        Self { places: Arc::new(Semaphore::new(at_once + MOST_WAITING)), turns: Arc::new(Semaphore::new(at_once)) }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// It is the password.
    Right,
    /// It is the password, stored in a way that is no longer used.
    RightAndOld,
    /// It is not.
    Wrong,
}

impl Hasher {
    /// What is stored of a password: a PHC string.
    ///
    /// # Errors
    /// When too many wait already; there is no randomness.
    #[boxed]
    pub async fn hash(&self, password: &str) -> Result<String, ServiceError> {
        let password = normal(password);
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|problem| ServiceError::internal("there are no random bytes")(Box::new(problem)))?;
        let hashed = self.in_turn(move || argon2().hash_password_with_salt(password.as_bytes(), &salt)).await?;
        let hash =
            hashed.map_err(|problem| ServiceError::internal("a password cannot be hashed")(Box::new(problem)))?;
        Ok(hash.to_string())
    }

    /// Compares a password with what is stored; without anything stored, it takes as long and is wrong.
    ///
    /// # Errors
    /// When too many wait already.
    #[boxed]
    pub async fn compare(&self, password: &str, stored: Option<&str>) -> Result<Comparison, ServiceError> {
        let is_known = stored.is_some();
        let stored = stored.unwrap_or(NOBODY).to_owned();
        // Longer ones were never accepted, and are not worth the work; the length is no secret of ours.
        let password = if password.chars().count() > LONGEST { String::new() } else { normal(password) };
        let is_old = !stored.starts_with(PREFIX);
        let is_right =
            self.in_turn(move || argon2().verify_password(password.as_bytes(), stored.as_str()).is_ok()).await?;
        Ok(match (is_known && is_right, is_old) {
            (true, false) => Comparison::Right,
            (true, true) => Comparison::RightAndOld,
            (false, _) => Comparison::Wrong,
        })
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServiceError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| ServiceError::Overloaded)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        // The turn goes with the work: a caller who goes away does not make room for another one meanwhile.
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|problem| ServiceError::internal("hashing a password panicked")(Box::new(problem)))
    }
}

fn argon2() -> Argon2<'static> {
    let parameters = Params::new(MEMORY_KIB, PASSES, 1, None).expect("the parameters are within their bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
}

/// The same text typed on another keyboard is the same password.
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// What is wrong with a new password of the account with the address `email`, in the field `field`.
#[must_use]
pub fn refusal(field: &str, password: &str, email: Option<&str>) -> Option<Mistake> {
    let length = password.chars().count();
    let refused = |code, message: String, help: &str| Some(Mistake::new(code, field, message).with_help(help));
    if length < SHORTEST {
        let message = format!("the password has fewer than {SHORTEST} characters");
        return refused(Code::Invalid, message, "four words that do not belong together are easy to keep in mind");
    }
    if length > LONGEST {
        let message = format!("the password has more than {LONGEST} characters");
        return refused(Code::TooLarge, message, "choose a shorter one");
    }
    if password.contains('\0') {
        return refused(Code::Invalid, "the password holds a NUL character".to_owned(), "leave it out");
    }
    let lower = normal(password).to_lowercase();
    if is_common(&lower) {
        let message = "the password is one of those that are tried first".to_owned();
        return refused(Code::Invalid, message, "choose one that nobody else has");
    }
    let local = email.and_then(|email| email.split('@').next()).filter(|local| local.chars().count() >= 4);
    let holds_address = email.is_some_and(|email| lower.contains(email));
    if holds_address || local.is_some_and(|local| lower.contains(local)) {
        let message = "the password contains the address of the account".to_owned();
        return refused(Code::Invalid, message, "choose one that cannot be guessed from the address");
    }
    None
}

/// One of the list, perhaps with digits and signs around it; or few characters over and over; or one after the other.
fn is_common(lower: &str) -> bool {
    let is_extra = |c: char| c.is_ascii_digit() || c.is_ascii_punctuation();
    let core = lower.trim_matches(is_extra);
    let is_listed = COMMON.lines().any(|known| known == lower || (!core.is_empty() && known == core));
    let characters: Vec<char> = lower.chars().collect();
    let is_repeated = (1..=6).any(|unit| characters.iter().skip(unit).zip(&characters).all(|(next, c)| next == c));
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let is_sequence = characters.windows(2).all(|pair| step(pair).abs() == 1 || step(pair).abs() == 9);
    is_listed || is_repeated || is_sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_first_is_no_password() {
        for password in [
            "short",
            "aaaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "123456789012",
            "abcdefghijklmn",
            "passwordpassword",
            "Password12345!",
            "qwertyuiopasdfghjkl",
            "ada.lovelace-2026",
            "with a \0 within it",
        ] {
            assert!(refusal("password", password, Some("ada.lovelace@example.com")).is_some(), "{password}");
        }
        for password in ["correct horse battery staple", "зелёный чайник 7", "Tr0ub4dor&3xyz", "eleven.plus.one"]
        {
            assert_eq!(refusal("password", password, Some("ada.lovelace@example.com")), None, "{password}");
        }
        assert!(refusal("password", &"x1".repeat(129), None).is_some());
    }

    #[tokio::test]
    async fn a_password_is_recognised_however_it_is_typed_and_nothing_else_is() {
        let hasher = Hasher::default();
        let stored = hasher.hash("caf\u{e9} au lait noir").await.unwrap();
        assert!(stored.starts_with(PREFIX), "{stored}");
        assert_eq!(hasher.compare("cafe\u{301} au lait noir", Some(&stored)).await.unwrap(), Comparison::Right);
        for (password, stored) in [("cafe au lait noir", Some(stored.as_str())), ("", Some(&stored)), ("x", None)] {
            assert_eq!(hasher.compare(password, stored).await.unwrap(), Comparison::Wrong);
        }
        let again = hasher.hash("caf\u{e9} au lait noir").await.unwrap();
        assert_ne!(stored, again, "each has a salt of its own");
    }

    #[tokio::test]
    async fn a_password_that_was_stored_with_other_parameters_is_right_and_old() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let stored = weak.hash_password_with_salt(b"correct horse battery staple", b"sixteen bytes...").unwrap();
        let compared = Hasher::default().compare("correct horse battery staple", Some(&stored.to_string())).await;
        assert_eq!(compared.unwrap(), Comparison::RightAndOld);
    }

    #[tokio::test]
    async fn more_comparisons_than_can_wait_are_refused() {
        let hasher = Hasher::default();
        let _all = hasher.places.acquire_many(u32::try_from(hasher.places.available_permits()).unwrap()).await;
        assert!(matches!(hasher.compare("x", None).await, Err(ServiceError::Overloaded)));
    }
}
