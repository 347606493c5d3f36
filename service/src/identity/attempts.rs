//! Guessing is slowed down: each attempt is counted before it is evaluated, and what is counted is the field, not
//! the request, so that a hundred attempts in one document are a hundred.
//!
//! An account may be tried five times in vain; then each further try has to wait twice as long as the one before,
//! up to a quarter of an hour, and a success forgets it all. A network address has ten tries, and one more each half
//! minute: behind one address there may be many people, whose mistakes must not add up to a lock for all of them.
//! Whether an account exists makes no difference, and only keyed digests of what was tried are stored.

use std::net::IpAddr;
use std::time::Duration;

use store::Failures;

use crate::error::ServiceError;
use crate::hex;
use crate::services::Services;
use crate::viewer::Origin;

/// Tries of an account without a delay.
const FREE: i32 = 5;
/// Longest delay between two tries of an account.
const LONGEST_MS: i64 = 15 * 60 * 1_000;
/// Tries from one network address at once.
const BURST: i32 = 10;
/// After how long a network address gets a further try.
const REFILL_MS: i64 = 30 * 1_000;
/// After how long without a try an account's are forgotten.
pub(super) const MEMORY_MS: i64 = 24 * 60 * 60 * 1_000;
/// How often to look again when others count at the same moment; who loses more often is one of a flood.
const TRIES: usize = 16;

/// How a subject is slowed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Delays that double after the free ones.
    Doubling,
    /// A burst, and then one at a time.
    Steady,
}

/// What is tried, or from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    digest: String,
    pace: Pace,
}

impl Subject {
    /// The account with this address, whether there is one or not.
    pub fn account(services: &Services, email: &str) -> Self {
        Self::of(services, "account", email, Pace::Doubling)
    }

    /// Mail that somebody asks to be sent to an address.
    pub fn mail(services: &Services, email: &str) -> Self {
        Self::of(services, "mail", email, Pace::Doubling)
    }

    /// Where a request comes from; nothing when that is not known.
    pub fn from(services: &Services, origin: &Origin) -> Vec<Self> {
        let Some(address) = origin.address else { return Vec::new() };
        // Whoever has one address of IPv6 has 2^64 of them.
        let network = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None => format!("{:x?}", &address.segments()[..4]),
            },
        };
        vec![Self::of(services, "address", &network, Pace::Steady)]
    }

    fn of(services: &Services, kind: &str, what: &str, pace: Pace) -> Self {
        let digest = services.settings().secret_key.digest("sign-in-failure", format!("{kind}:{what}").as_bytes());
        Self { digest: hex(&digest), pace }
    }
}

/// Counts an attempt before it is evaluated.
///
/// # Errors
/// [`ServiceError::RateLimited`] when it has to wait: then it is not evaluated, and not counted either; the database
/// is away.
pub(super) async fn count(services: &Services, subject: &Subject) -> Result<(), ServiceError> {
    let store = services.store();
    for _try in 0..TRIES {
        let now_ms = services.now().0;
        let seen = store.failures(&subject.digest).await?;
        let before = seen.map_or(0, |seen| remembered(subject.pace, seen, now_ms));
        if let Some(wait_ms) = seen.and_then(|seen| wait_ms(subject.pace, before, seen.last_at_ms, now_ms)) {
            metrics::counter!("sluice_sign_in_attempts_delayed_total").increment(1);
            return Err(ServiceError::RateLimited { wait: Duration::from_millis(wait_ms.unsigned_abs()) });
        }
        let next = Failures { count: before.saturating_add(1), last_at_ms: now_ms };
        if store.count_failure(&subject.digest, seen, next).await? {
            return Ok(());
        }
    }
    Err(ServiceError::RateLimited { wait: Duration::from_secs(1) })
}

/// Counts an attempt of several subjects. Those before the one that has to wait get theirs back.
///
/// # Errors
/// As [`count`].
pub(crate) async fn count_all(services: &Services, subjects: &[Subject]) -> Result<(), ServiceError> {
    for (number, subject) in subjects.iter().enumerate() {
        if let Err(refused) = count(services, subject).await {
            for counted in &subjects[..number] {
                give_back(services, counted).await?;
            }
            return Err(refused);
        }
    }
    Ok(())
}

/// An attempt was good: a network address gets it back, an account's are forgotten.
///
/// # Errors
/// When the database is away.
pub(crate) async fn succeeded(services: &Services, subjects: &[Subject]) -> Result<(), ServiceError> {
    for subject in subjects {
        match subject.pace {
            Pace::Doubling => services.store().clear_failures(&subject.digest).await?,
            Pace::Steady => give_back(services, subject).await?,
        }
    }
    Ok(())
}

async fn give_back(services: &Services, subject: &Subject) -> Result<(), ServiceError> {
    let store = services.store();
    for _try in 0..TRIES {
        let Some(seen) = store.failures(&subject.digest).await? else { return Ok(()) };
        let next = Failures { count: seen.count.saturating_sub(1).max(0), ..seen };
        if store.count_failure(&subject.digest, Some(seen), next).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// How many of the attempts still count.
fn remembered(pace: Pace, seen: Failures, now_ms: i64) -> i32 {
    let age_ms = now_ms.saturating_sub(seen.last_at_ms).max(0);
    match pace {
        Pace::Doubling if age_ms >= MEMORY_MS => 0,
        Pace::Doubling => seen.count,
        Pace::Steady => {
            let refilled = i32::try_from(age_ms / REFILL_MS).unwrap_or(i32::MAX);
            seen.count.saturating_sub(refilled).max(0)
        }
    }
}

/// How long the next attempt has to wait, when it has to.
fn wait_ms(pace: Pace, count: i32, last_at_ms: i64, now_ms: i64) -> Option<i64> {
    let age_ms = now_ms.saturating_sub(last_at_ms).max(0);
    let delay_ms = match pace {
        Pace::Doubling if count < FREE => 0,
        Pace::Doubling => {
            let doublings = u32::try_from(count - FREE).unwrap_or(0).min(20);
            (1_000_i64 << doublings).min(LONGEST_MS)
        }
        Pace::Steady if count < BURST => 0,
        Pace::Steady => REFILL_MS,
    };
    (age_ms < delay_ms).then(|| delay_ms - age_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_after_five_tries_and_end_at_a_quarter_of_an_hour() {
        let waits: Vec<_> = [0, 4, 5, 6, 7, 14, 15, 1_000].map(|count| wait_ms(Pace::Doubling, count, 0, 0)).into();
        let s = |seconds: i64| Some(seconds * 1_000);
        assert_eq!(waits, [None, None, s(1), s(2), s(4), s(512), s(900), s(900)]);
        assert_eq!(wait_ms(Pace::Doubling, 7, 0, 3_999), Some(1));
        assert_eq!(wait_ms(Pace::Doubling, 7, 0, 4_000), None);
    }

    #[test]
    fn a_network_address_gets_a_further_try_each_half_minute() {
        let full = Failures { count: BURST, last_at_ms: 0 };
        assert_eq!(wait_ms(Pace::Steady, BURST, 0, 0), Some(REFILL_MS));
        assert_eq!(remembered(Pace::Steady, full, REFILL_MS), BURST - 1);
        assert_eq!(remembered(Pace::Steady, full, 100 * REFILL_MS), 0);
        assert_eq!(remembered(Pace::Doubling, full, MEMORY_MS - 1), BURST);
        assert_eq!(remembered(Pace::Doubling, full, MEMORY_MS), 0);
    }
}
