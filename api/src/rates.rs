//! Pays for operations in points of cost, before they are executed.
//!
//! The door takes one point for the request and one for each root field as soon as the document was
//! measured; when the engine has validated it and knows its cost, [`ChargeCost`] takes the rest.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::{ServerError, ValidationResult};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use service::rates::{Payer, Rates, Verdict};
use service::{Code, Origin, Viewer};

use crate::errors;

/// What is left, in the form of the IETF's draft.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What holds.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Points of a request whose credentials were refused: whoever guesses them pays more.
pub(crate) const REFUSED_CREDENTIALS: u32 = 10;

/// What one operation has paid, and out of what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    rates: Rates,
    payer: Payer,
    paid: AtomicU32,
    is_refused: AtomicBool,
    last: Mutex<Option<Verdict>>,
}

impl Account {
    /// The account of whoever asks; without one nothing is paid.
    pub fn open(rates: &Rates, viewer: Option<&Viewer>, origin: &Origin) -> Self {
        Self::of(rates, rates.payer(viewer, origin))
    }

    /// The account of a payer; without one nothing is paid.
    pub fn of(rates: &Rates, payer: Option<Payer>) -> Self {
        Self(payer.map(|payer| {
            Arc::new(Open {
                rates: rates.clone(),
                payer,
                paid: AtomicU32::new(0),
                is_refused: AtomicBool::new(false),
                last: Mutex::default(),
            })
        }))
    }

    /// Pays what is missing to so many points in all.
    pub async fn pay(&self, points: u32) -> Result<(), ServerError> {
        let Some(open) = &self.0 else { return Ok(()) };
        let missing = points.saturating_sub(open.paid.fetch_max(points, Ordering::Relaxed));
        if missing == 0 {
            return Ok(());
        }
        let verdict = open.rates.charge(&open.payer, missing).await;
        *open.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        if verdict.is_admitted {
            return Ok(());
        }
        open.is_refused.store(true, Ordering::Relaxed);
        let seconds = whole_seconds(verdict.retry_after).max(1);
        let message = format!("more was asked for than may be in this time; try again in {seconds} s");
        let mut error = errors::server_error(Code::RateLimited, message);
        if let Some(extensions) = &mut error.extensions {
            extensions.set("retryAfter", seconds);
        }
        Err(error)
    }

    /// Whether something could not be paid.
    pub fn is_refused(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.is_refused.load(Ordering::Relaxed))
    }

    /// Tells callers what holds and what is left.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let Some(open) = &self.0 else { return };
        let Some(verdict) = *open.last.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        let policy = format!("\"points\";q={};w={}", open.payer.quota(), open.payer.window_seconds());
        let left = format!("\"points\";r={};t={}", verdict.remaining, whole_seconds(verdict.reset));
        let value = |text: String| HeaderValue::from_str(&text).expect("digits, letters and signs");
        headers.insert(RATE_LIMIT_POLICY, value(policy));
        headers.insert(RATE_LIMIT, value(left));
        if !verdict.is_admitted {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(verdict.retry_after).max(1)));
        }
    }
}

/// Up, so that nobody comes back too early.
fn whole_seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Charges what the engine computed as the cost of a document, before it executes it.
#[derive(Debug, Clone, Copy)]
pub struct ChargeCost;

impl ExtensionFactory for ChargeCost {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(*self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for ChargeCost {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        if let Some(account) = ctx.data_opt::<Account>() {
            let cost = u32::try_from(result.complexity).unwrap_or(u32::MAX);
            account.pay(cost).await.map_err(|error| vec![error])?;
        }
        Ok(result)
    }
}
