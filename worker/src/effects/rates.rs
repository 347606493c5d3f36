//! How many calls in a time an organization may make to a service, and how many mails it may send: asked before they
//! leave.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::Timestamp;
use engine::machine::EffectOutcome;
use futures::future::{BoxFuture, try_join_all};
use ids::OrganizationId;
use store::Pace;
use tracing::warn;

use super::call::Call;
use crate::turns::TurnError;

/// A turn that comes within this time is waited for in place; for a later one the call is put off.
const SHORT: Duration = Duration::from_secs(1);

/// What mails take their turns of; no host has a space.
const MAILS: &str = "mails of notify";
/// Mails that the executions of an organization may send in a minute; as many may go at once after a quiet time.
const MAILS_A_MINUTE: u32 = 100;

/// Most that a rate may state for its time.
const MAX_LIMIT: u32 = 1_000_000;

/// Gives turns to calls.
pub trait TakeTurn: fmt::Debug + Send + Sync {
    /// The moment of the organization's next call to `host`, or of its next mail.
    fn take<'a>(
        &'a self,
        organization: OrganizationId,
        host: &'a str,
        pace: Pace,
    ) -> BoxFuture<'a, Result<Timestamp, TurnError>>;

    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// An entry of the table of rates cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is not a rate such as `api.example.com=50/s` or `*.example.org=600/m`: {what}")]
pub struct ServiceRatesError {
    entry: String,
    what: &'static str,
}

/// The rates of services, by host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRates {
    entries: Vec<(Hosts, Pace)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// This one.
    One(String),
    /// All whose name ends in this, which begins with a dot.
    Below(String),
}

impl Hosts {
    fn has(&self, host: &str) -> bool {
        match self {
            Self::One(name) => name == host,
            Self::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        }
    }
}

impl ServiceRates {
    /// Reads `api.example.com=50/s, *.example.org=600/m`.
    ///
    /// # Errors
    /// Of the first entry that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ServiceRatesError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(entry);
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// Whether no service has a rate.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The rate of a host: of those that name it, the first one counts.
    fn of(&self, host: &str) -> Option<Pace> {
        self.entries.iter().find(|(hosts, _)| hosts.has(host)).map(|(_, pace)| *pace)
    }
}

fn entry(entry: &str) -> Result<(Hosts, Pace), ServiceRatesError> {
    let wrong = |what| ServiceRatesError { entry: entry.to_owned(), what };
    let (host, rate) = entry.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let host = host.trim().trim_end_matches('.').to_ascii_lowercase();
    let name = host.strip_prefix("*.").unwrap_or(&host);
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || "-._[]:".contains(sign);
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(wrong("the host is not a name, an address, or `*.` before a name"));
    }
    let hosts = if host.starts_with("*.") { Hosts::Below(format!(".{name}")) } else { Hosts::One(host.clone()) };
    let (limit, unit) = rate.trim().split_once('/').ok_or_else(|| wrong("there is no `/`"))?;
    let limit = limit.trim().parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let limit = limit.ok_or_else(|| wrong("the number is not between 1 and 1000000"))?;
    let per = match unit.trim() {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        "d" => Duration::from_hours(24),
        _other => return Err(wrong("the time is none of `s`, `m`, `h` and `d`")),
    };
    Ok((hosts, Pace::new(limit, per, 1)))
}

/// The rates of services, and who gives turns.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) rates: ServiceRates,
    pub(super) turns: Arc<dyn TakeTurn>,
}

impl Gate {
    /// Waits for the turn of a call to `url`. An outcome says that it is put off; it has not left then.
    pub(super) async fn pass(&self, call: &Call<'_>, url: &str) -> Option<EffectOutcome> {
        let host = host(url)?;
        let pace = self.rates.of(&host)?;
        if call.takes_turn() {
            return None;
        }
        self.wait(call, &host, pace, 1).await
    }

    /// Waits for the turns of so many mails, which all go when the last of them has come.
    pub(super) async fn pass_mails(&self, call: &Call<'_>, count: usize) -> Option<EffectOutcome> {
        // Mails are the first that asks: put off for a later call of the same message, they have had their turns.
        if call.effect.has_turn || count == 0 {
            return None;
        }
        let pace = Pace::new(MAILS_A_MINUTE, Duration::from_mins(1), MAILS_A_MINUTE);
        self.wait(call, MAILS, pace, count).await
    }

    async fn wait(&self, call: &Call<'_>, what: &str, pace: Pace, count: usize) -> Option<EffectOutcome> {
        let (owner, effect, cancel) = (call.owner, call.effect, call.cancel);
        // Half of the step's time is left for the call.
        let patience = SHORT.min(effect.timeout / 2);
        let turns = (0..count).map(|_turn| self.turns.take(owner.organization, what, pace));
        let taken = tokio::time::timeout(SHORT, try_join_all(turns));
        let taken = tokio::select! {
            biased;
            // The call sees that too, and says so.
            () = cancel.cancelled() => return None,
            taken = taken => taken,
        };
        let now = self.turns.now();
        let until = match taken {
            Ok(Ok(moments)) => moments.into_iter().max().unwrap_or(now),
            Ok(Err(problem)) => {
                warn!(execution.id = %owner.execution, error = %service::chain(&problem), "a call is put off");
                return Some(EffectOutcome::PutOff { until: now.plus(SHORT), has_turn: false });
            }
            Err(_elapsed) => return Some(EffectOutcome::PutOff { until: now.plus(SHORT), has_turn: false }),
        };
        let left = Duration::from_millis(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0));
        if left > patience {
            metrics::counter!("sluice_calls_put_off_total").increment(1);
            return Some(EffectOutcome::PutOff { until, has_turn: true });
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(left) => {}
        }
        None
    }
}

/// The host that a call goes to; nothing for addresses that the call refuses.
fn host(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    url.host_str().map(|host| host.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_from_a_list() {
        let rates = ServiceRates::parse(" API.example.com=50/s,*.example.org = 600 / m ,10.0.0.1=1/d,").unwrap();
        let of = |host: &str| rates.of(host).map(|pace| pace.interval_us());
        assert_eq!(of("api.example.com"), Some(20_000));
        assert_eq!(of("a.b.example.org"), Some(100_000));
        assert_eq!(of("10.0.0.1"), Some(86_400_000_000));
        for other in ["example.com", "example.org", "badexample.org", "x.api.example.com", ""] {
            assert_eq!(of(other), None, "{other}");
        }
        assert!(ServiceRates::parse("").unwrap().is_empty());
    }

    #[test]
    fn of_several_rates_for_a_host_the_first_one_counts() {
        let rates = ServiceRates::parse("a.example.org=1/s, *.example.org=2/s").unwrap();
        assert_eq!(rates.of("a.example.org"), Some(Pace::new(1, Duration::from_secs(1), 1)));
        assert_eq!(rates.of("b.example.org"), Some(Pace::new(2, Duration::from_secs(1), 1)));
    }

    #[test]
    fn what_is_no_rate_is_refused_with_its_entry() {
        for wrong in ["a", "a=", "a=5", "=5/s", "*.=5/s", "*=5/s", "a=0/s", "a=-1/s", "a=1000001/s", "a=5/w", "a b=5/s"]
        {
            let problem = ServiceRates::parse(&format!("b=1/s, {wrong}")).unwrap_err();
            assert!(problem.to_string().starts_with(&format!("`{wrong}` is not a rate")), "{problem}");
        }
    }
}
