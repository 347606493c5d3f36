//! How much a caller may ask for: whose bucket pays, and how large it is.

use async_recursion::async_recursion as boxed;
use std::net::IpAddr;

use ids::HookId;
use queue::limits::LONGEST_PERIOD;

pub use queue::limits::{Buckets, Rate, Verdict};

use crate::viewer::{Credential, Origin, Viewer};

/// The limits of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Rates {
    buckets: Buckets,
    /// Of a person or a key.
    known: Option<Rate>,
    /// Of an address that showed no credentials.
    anonymous: Option<Rate>,
    /// Of a hook: calls of it that proved themselves, or need not.
    hooks: Option<Rate>,
}

/// Whoever pays for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    key: String,
    rate: Rate,
}

impl Payer {
    /// Points in a full bucket.
    #[must_use]
    pub const fn quota(&self) -> u32 {
        self.rate.points
    }

    /// Time in which an empty bucket is full again, in whole seconds from 1.
    #[must_use]
    pub fn window_seconds(&self) -> u64 {
        self.rate.period.as_secs().max(1)
    }
}

impl Rates {
    /// Limits over these buckets; `None` does not limit.
    #[must_use]
    pub const fn new(buckets: Buckets, known: Option<Rate>, anonymous: Option<Rate>) -> Self {
        Self { buckets, known, anonymous, hooks: None }
    }

    /// The same with a limit for each hook.
    #[must_use]
    pub fn with_hooks(self, hooks: Option<Rate>) -> Self {
        Self { hooks, ..self }
    }

    /// Who pays for a call of a hook: the hook.
    #[must_use]
    pub fn hook(&self, id: HookId) -> Option<Payer> {
        self.hooks.map(|rate| Payer { key: id.to_string(), rate })
    }

    /// No limits.
    #[must_use]
    pub fn off() -> Self {
        Self::new(Buckets::memory(), None, None)
    }

    /// Who pays for a request of `viewer`; nobody when it is not limited.
    #[must_use]
    pub fn payer(&self, viewer: Option<&Viewer>, origin: &Origin) -> Option<Payer> {
        match viewer {
            None => {
                let address = origin.address.map_or_else(|| "unknown".to_owned(), network);
                self.anonymous.map(|rate| Payer { key: format!("address:{address}"), rate })
            }
            Some(viewer) => {
                let who = match viewer.credential {
                    Credential::Session { user, .. } => user.to_string(),
                    Credential::ApiKey { key, .. } => key.to_string(),
                    // Everybody is the owner there: one bucket would be one for everybody, and there is nobody to guard.
                    Credential::Link { .. } | Credential::Unguarded | Credential::System => return None,
                };
                self.known.map(|rate| Payer { key: format!("{}:{who}", viewer.organization), rate })
            }
        }
    }

    /// Takes `points` from whoever pays, or none of them.
    #[boxed]
    pub async fn charge(&self, payer: &Payer, points: u32) -> Verdict {
        let verdict = self.buckets.take(&payer.key, payer.rate, points).await;
        if !verdict.is_admitted {
            let who = match payer.key.split_once([':', '_']) {
                Some(("address", _)) => "anonymous",
                Some((HookId::PREFIX, _)) => "hook",
                _organization => "known",
            };
            metrics::counter!("sluice_rate_limited_total", "caller" => who).increment(1);
        }
        verdict
    }
}

/// The network that counts as one address: people with IPv6 have a whole /64 to choose from.
#[must_use]
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is `off`, or points in a time, such as 1000/s, 60000/m or 1000000/h")]
pub struct NotARate;

/// Reads a rate: `off`, or points and a second, minute or hour.
///
/// # Errors
/// When the text is neither.
pub fn parse(text: &str) -> Result<Option<Rate>, NotARate> {
    if text == "off" {
        return Ok(None);
    }
    let (points, unit) = text.split_once('/').ok_or(NotARate)?;
    let points: u32 = points.trim().parse().map_err(|_not_a_number| NotARate)?;
    let period = match unit.trim() {
        "s" => std::time::Duration::from_secs(1),
        "m" => std::time::Duration::from_mins(1),
        "h" => LONGEST_PERIOD,
        _ => return Err(NotARate),
    };
    if points == 0 { Err(NotARate) } else { Ok(Some(Rate { points, period })) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ids::{ApiKeyId, OrganizationId, SessionId, UserId};

    use super::*;

    const RATE: Rate = Rate { points: 10, period: Duration::from_secs(1) };

    fn key(rates: &Rates, credential: Option<Credential>, organization: OrganizationId, address: &str) -> String {
        let origin = Origin { address: Some(address.parse().unwrap()), ..Origin::default() };
        let viewer = credential.map(|credential| Viewer { credential, ..Viewer::owner(organization) });
        rates.payer(viewer.as_ref(), &origin).unwrap().key
    }

    #[test]
    fn who_pays_depends_on_organization_and_credential_and_for_strangers_on_the_address() {
        let rates = Rates::new(Buckets::memory(), Some(RATE), Some(RATE));
        let (here, there) = (OrganizationId::new(), OrganizationId::new());
        let user = UserId::new();
        let session = || Some(Credential::Session { user, session: SessionId::new() });
        let api_key = Some(Credential::ApiKey { key: ApiKeyId::new(), on_behalf_of: user });
        assert_eq!(key(&rates, session(), here, "10.0.0.1"), key(&rates, session(), here, "10.0.0.2"));
        assert_ne!(key(&rates, session(), here, "10.0.0.1"), key(&rates, session(), there, "10.0.0.1"));
        assert_ne!(key(&rates, session(), here, "10.0.0.1"), key(&rates, api_key, here, "10.0.0.1"));
        assert_ne!(key(&rates, None, here, "10.0.0.1"), key(&rates, None, here, "10.0.0.2"));
        assert_eq!(key(&rates, None, here, "2001:db8::1"), key(&rates, None, here, "2001:db8::ffff:1"));
        assert_ne!(key(&rates, None, here, "2001:db8::1"), key(&rates, None, here, "2001:db8:0:1::1"));
        for nobody in [Viewer::system(here), Viewer::owner(here)] {
            assert_eq!(rates.payer(Some(&nobody), &Origin::default()), None, "{:?}", nobody.credential);
        }
    }

    #[test]
    fn a_rate_is_points_in_a_time() {
        assert_eq!(parse("off"), Ok(None));
        assert_eq!(parse("1000/s"), Ok(Some(Rate { points: 1_000, period: Duration::from_secs(1) })));
        assert_eq!(parse("6000/m").unwrap().unwrap().period, Duration::from_mins(1));
        for wrong in ["", "1000", "0/s", "-1/s", "1000/d", "x/s", "1.5/s"] {
            assert_eq!(parse(wrong), Err(NotARate), "{wrong}");
        }
    }
}
