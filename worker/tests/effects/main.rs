//! Effects against servers that misbehave, and the egress guard against spellings of forbidden places.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking; the helpers here are tests too")]

mod answers;
mod broken;
mod dispatch;
mod egress;
mod loads;
mod models;
mod notifications;
mod parts;
mod rates;
mod redirects;
mod secrets;
mod services;
mod stub;
mod tls;

use std::time::{Duration, Instant};

use engine::machine::{EffectOutcome, HttpRequest, StepError};
use serde_json::Value;
use sluice_worker::effects::{HttpEffect, HttpLimits};
use sluice_worker::egress::EgressPolicy;
use tokio_util::sync::CancellationToken;

/// Long enough for everything that is meant to end by itself.
const AMPLE: Duration = Duration::from_secs(20);

fn install_crypto() {
    // Tests of one process race for it; any of them may win.
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
}

fn effect(policy: EgressPolicy) -> HttpEffect {
    install_crypto();
    HttpEffect::new(policy, HttpLimits::default()).unwrap()
}

fn local() -> HttpEffect {
    effect(EgressPolicy::strict().with_loopback())
}

fn request(method: &str, url: impl Into<String>) -> HttpRequest {
    HttpRequest {
        method: method.to_owned(),
        url: url.into(),
        headers: Vec::new(),
        basic: None,
        query: Vec::new(),
        body: None,
        expect_status: Vec::new(),
        max_response_bytes: None,
        is_webhook: false,
    }
}

async fn run(http: &HttpEffect, request: &HttpRequest) -> EffectOutcome {
    run_within(http, request, AMPLE).await
}

async fn run_within(http: &HttpEffect, request: &HttpRequest, timeout: Duration) -> EffectOutcome {
    let begun = Instant::now();
    let outcome = http.run(request, "exe_1/charge/0/0", timeout, &CancellationToken::new()).await;
    assert!(begun.elapsed() < timeout + Duration::from_secs(5), "the deadline does not hold: {:?}", begun.elapsed());
    outcome
}

async fn succeed(http: &HttpEffect, request: &HttpRequest) -> Value {
    match run(http, request).await {
        EffectOutcome::Succeeded { output } => output,
        EffectOutcome::Failed(error) => panic!("{error:?}"),
        EffectOutcome::PutOff { .. } => panic!("put off"),
    }
}

async fn fail(http: &HttpEffect, request: &HttpRequest) -> StepError {
    failed(run(http, request).await)
}

fn failed(outcome: EffectOutcome) -> StepError {
    match outcome {
        EffectOutcome::Failed(error) => error,
        EffectOutcome::Succeeded { output } => panic!("succeeded with {output}"),
        EffectOutcome::PutOff { .. } => panic!("put off"),
    }
}
