//! Writes down what addresses are to be told, and sends what is due.
//!
//! Messages are sent beside the tick, so many at once; one that is under way when the process ends is sent again by
//! others, with the same id.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::machine::{Body, EffectOutcome, HttpRequest};
use service::Services;
use service::webhooks::{self, Answer, Outgoing, TIMEOUT};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::ReconcileError;
use crate::context::Context;
use crate::effects::Effects;

/// Largest answer that is looked at, in bytes.
const MAX_ANSWER: u64 = 64 * 1_024;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let told = {
        let mut turn = context.webhooks_turn.lock().await;
        webhooks::follow(&context.services, &mut turn).await
    };
    // What is written down already is sent all the same.
    let free = context.webhooks.available_permits();
    if free > 0 {
        for outgoing in webhooks::claim(&context.services, free as u64).await? {
            // Only the tick takes permits, and it takes no more than were free.
            let Ok(permit) = Arc::clone(&context.webhooks).try_acquire_owned() else { break };
            let (services, effects) = (context.services.clone(), Arc::clone(&context.effects));
            let stop = context.hand_back.clone();
            tokio::spawn(async move {
                send_some(&services, &effects, &stop, outgoing).await;
                drop(permit);
            });
        }
    }
    Ok(told?)
}

/// How long messages to one address follow each other before others have their turn.
const TURN: Duration = Duration::from_secs(1);

/// Sends a message, and more to the same address while it is fast and there are some.
async fn send_some(services: &Services, effects: &Effects, stop: &CancellationToken, first: Outgoing) {
    let (began, endpoint) = (Instant::now(), first.endpoint.id);
    let mut next = Some(first);
    while let Some(outgoing) = next.take() {
        if !send(services, effects, stop, &outgoing).await || stop.is_cancelled() || began.elapsed() >= TURN {
            return;
        }
        next = match webhooks::claim_next(services, endpoint).await {
            Ok(next) => next,
            Err(problem) => {
                warn!(endpoint = %endpoint, error = %service::chain(&problem), "the next message to an address cannot be claimed, the next tick will");
                None
            }
        };
    }
}

/// Sends one message; false when nobody knows what came of it.
async fn send(services: &Services, effects: &Effects, stop: &CancellationToken, outgoing: &Outgoing) -> bool {
    let began = Instant::now();
    let outcome = match request(outgoing) {
        Err(problem) => Answer { error: Some(problem), ..Answer::default() },
        Ok(request) => answer(effects.call(&request, &outgoing.delivery.id.to_string(), TIMEOUT, stop).await),
    };
    if stop.is_cancelled() && outcome.status.is_none() {
        // Cut off by us: nobody's fault, and sent again by others.
        return false;
    }
    let outcome = Answer { took: began.elapsed(), ..outcome };
    metrics::histogram!("sluice_webhook_seconds").record(outcome.took);
    match webhooks::settle(services, outgoing, outcome).await {
        Ok(()) => true,
        Err(problem) => {
            warn!(delivery = %outgoing.delivery.id, error = %service::chain(&problem), "what came of a message is not recorded, it is sent again");
            false
        }
    }
}

fn request(outgoing: &Outgoing) -> Result<HttpRequest, String> {
    Ok(HttpRequest {
        is_webhook: true,
        method: "POST".to_owned(),
        url: outgoing.endpoint.url.clone(),
        headers: outgoing.headers.clone()?,
        basic: None,
        query: Vec::new(),
        body: Some(Body::Text(outgoing.delivery.body.clone())),
        expect_status: Vec::new(),
        max_response_bytes: Some(MAX_ANSWER),
    })
}

/// An answer counts by its status, whatever its body is.
fn answer(outcome: EffectOutcome) -> Answer {
    match outcome {
        EffectOutcome::Succeeded { output } => Answer {
            status: output["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
            excerpt: text(&output["body"]),
            ..Answer::default()
        },
        EffectOutcome::Failed(error) => Answer {
            status: error.status,
            excerpt: error.detail.as_ref().and_then(|detail| text(&detail["body"])),
            error: Some(format!("{}: {}", error.code, error.message)),
            ..Answer::default()
        },
        EffectOutcome::PutOff { .. } => Answer { error: Some("it was put off".to_owned()), ..Answer::default() },
    }
}

fn text(body: &serde_json::Value) -> Option<String> {
    match body {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
