//! Channel `pagerduty`: an alert, as version 2 of the Events API takes it.

use reqwest::Url;
use serde_json::{Value, json};
use service::parts::Service;

use super::{Said, Sent, Unsent, id, post};
use crate::effects::call::Call;
use crate::effects::service_call;

/// Most characters of a summary.
const SUMMARY: usize = 1_024;

pub(super) async fn send(call: &Call<'_>, service: &Service, said: &Said<'_>) -> Result<Sent, Unsent> {
    let needs_key = || service_call::invalid(service, "has no secret; PagerDuty needs the integration key as one");
    let name = service.authentication.secret.as_deref().ok_or_else(needs_key)?;
    let address = Url::parse(service_call::base_url(service)?);
    let address = address.map_err(|_problem| service_call::invalid(service, "has an address that is no URL"))?;
    let secret = call.secret(name, &address).await?;
    // The key goes in the body, and with it nothing proves the caller in the headers.
    let answer = post(call, service, body(said, secret.value.reveal()), &said.key, false).await?;
    Ok(id(&answer, &["dedup_key"]))
}

fn body(said: &Said<'_>, routing_key: &str) -> Value {
    let summary: String = said.subject.as_deref().unwrap_or(&said.message).chars().take(SUMMARY).collect();
    let severity = said.data["severity"].as_str();
    let severity = severity.filter(|severity| matches!(*severity, "critical" | "error" | "warning" | "info"));
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        // An alert that comes twice is one incident.
        "dedup_key": ::service::bounded_key(&said.key),
        "payload": {
            "summary": summary,
            "source": "sluice",
            "severity": severity.unwrap_or("error"),
            "custom_details": { "message": said.message, "data": said.data },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_has_the_key_of_the_message_and_a_severity_that_exists() {
        let said = |data| Said {
            recipient: "pagerduty:payments",
            target: "payments",
            subject: None,
            message: "x".repeat(2_000),
            data,
            key: "exe_1/tell/0/0/1".to_owned(),
        };
        let (critical, odd) = (json!({ "severity": "critical" }), json!({ "severity": "very" }));
        let alert = body(&said(&critical), "R0UT1NG");
        assert_eq!((&alert["dedup_key"], &alert["routing_key"]), (&json!("exe_1/tell/0/0/1"), &json!("R0UT1NG")));
        assert_eq!(alert["payload"]["severity"], "critical");
        assert_eq!(alert["payload"]["summary"].as_str().unwrap().len(), 1_024);
        assert_eq!(body(&said(&odd), "")["payload"]["severity"], "error");
    }
}
