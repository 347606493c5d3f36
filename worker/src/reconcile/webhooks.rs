//! Writes down what addresses are to be told, and sends what is due.
//!
//! Messages are sent beside the tick, so many at once; one that is under way when the process ends is sent again by
//! others, with the same id.

use std::sync::Arc;
use std::time::Instant;

use engine::machine::{Body, EffectOutcome, HttpRequest};
use service::webhooks::{self, Answer, Outgoing, TIMEOUT};
use tracing::warn;

use super::ReconcileError;
use crate::context::Context;

/// Largest answer that is looked at, in bytes.
const MAX_ANSWER: u64 = 64 * 1_024;

pub(super) async fn run(context: &Context) -> Result<u64, ReconcileError> {
    let told = {
        let mut turn = context.webhooks_turn.lock().await;
        webhooks::follow(&context.services, &mut turn).await?
    };
    let free = context.webhooks.available_permits();
    if free == 0 {
        return Ok(told);
    }
    for outgoing in webhooks::claim(&context.services, free as u64).await? {
        // Only the tick takes permits, and it takes no more than were free.
        let Ok(permit) = Arc::clone(&context.webhooks).try_acquire_owned() else { break };
        let (services, effects) = (context.services.clone(), Arc::clone(&context.effects));
        let stop = context.hand_back.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let outcome = match request(&outgoing) {
                Err(problem) => Answer { error: Some(problem), ..Answer::default() },
                Ok(request) => answer(effects.call(&request, &outgoing.delivery.id.to_string(), TIMEOUT, &stop).await),
            };
            if stop.is_cancelled() && outcome.status.is_none() {
                // Cut off by us: nobody's fault, and sent again by others.
                return;
            }
            let outcome = Answer { took: began.elapsed(), ..outcome };
            metrics::histogram!("sluice_webhook_seconds").record(outcome.took);
            if let Err(problem) = webhooks::settle(&services, &outgoing, outcome).await {
                warn!(delivery = %outgoing.delivery.id, error = %service::chain(&problem), "what came of a message is not recorded, it is sent again");
            }
            drop(permit);
        });
    }
    Ok(told)
}

fn request(outgoing: &Outgoing) -> Result<HttpRequest, String> {
    Ok(HttpRequest {
        is_webhook: true,
        method: "POST".to_owned(),
        url: outgoing.endpoint.url.clone(),
        headers: outgoing.headers.clone()?,
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
