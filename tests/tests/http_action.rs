//! A service that is away, slow, broken or boundless fails the step with its code; the worker stays well.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Answer, Api, Embedded, Fleet, Services, SharedRedis, Stub, free_port};

const ONCE: &str = "
workflow_id: calls_once
steps:
  - id: call
    type: execute
    timeout: 20s
    execute:
      - { type: http_request, url: '{{url}}', headers: { Authorization: 'Bearer secret-of-the-caller' } }
    next: done
  - id: done
    type: action
    action: { type: allow }
";
const IMPATIENT: &str = "
workflow_id: calls_impatiently
steps:
  - id: call
    type: execute
    timeout: 200ms
    execute:
      - { type: http_request, url: '{{url}}' }
";
const THRICE: &str = "
workflow_id: calls_thrice
steps:
  - id: call
    type: execute
    retry: { max_attempts: 3, delay: 10ms }
    execute:
      - { type: http_request, method: POST, url: '{{url}}', body: { order: 7 } }
";

const TRACE: &str = "query($id: ID!) { execution(id: $id) { status error { code message stepPath isRetryable detail }
    steps(first: 10) { nodes { path status error { code } attempts { number status idempotencyKey error { code message isRetryable }
      request { value } response { value } } } }
    history(first: 100) { nodes { type stepPath summary } } } }";

/// Runs the workflow to its end and returns everything that is told of it.
async fn trace(api: &Api, workflow: &str, url: &str) -> Value {
    let execution = api.run(workflow, json!({ "url": url })).await;
    let mut data = api.data(TRACE, json!({ "id": execution["id"] })).await;
    data["execution"].take()
}

/// The execution failed in its call with this code, and execution, step, attempt and journal agree on it.
fn failed_with(execution: &Value, code: &str, is_retryable: bool) {
    assert_eq!(execution["status"], "FAILED", "{code}: {execution}");
    let error = &execution["error"];
    assert_eq!((&error["code"], &error["stepPath"]), (&json!(code), &json!("call")), "{error}");
    assert_eq!(error["isRetryable"], is_retryable, "{error}");
    let steps = execution["steps"]["nodes"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{code}: nothing runs after it");
    let (step, attempt) = (&steps[0], &steps[0]["attempts"][0]);
    assert_eq!(
        (&step["path"], &step["status"], &step["error"]["code"]),
        (&json!("call"), &json!("FAILED"), &json!(code))
    );
    assert_eq!(
        (&attempt["number"], &attempt["status"], &attempt["error"]["code"]),
        (&json!(1), &json!("FAILED"), &json!(code))
    );
    let events = execution["history"]["nodes"].as_array().unwrap();
    let told = events.iter().find(|event| event["type"] == "STEP_FAILED");
    let told = told.unwrap_or_else(|| panic!("{code}: no STEP_FAILED in {events:?}"));
    assert_eq!(told["stepPath"], "call", "{told}");
    assert!(told["summary"].as_str().unwrap().contains(code), "the journal says why: {told}");
    assert_eq!(events.last().unwrap()["type"], "FAILED", "{events:?}");
    assert!(!execution.to_string().contains("secret-of-the-caller"), "credentials are never shown");
}

async fn meet_everything(api: &Api) {
    let results = api.import(&[("once.yaml", ONCE), ("impatient.yaml", IMPATIENT), ("thrice.yaml", THRICE)]).await;
    assert!(results.as_array().unwrap().iter().all(|result| result["outcome"] == "CREATED"), "{results}");

    let refused = format!("http://127.0.0.1:{}/", free_port());
    failed_with(&trace(api, "calls_once", &refused).await, "CONNECTION_REFUSED", true);

    let silent = Stub::answering(200).await;
    silent.hold();
    failed_with(&trace(api, "calls_impatiently", &silent.url).await, "STEP_TIMEOUT", true);

    let broken = Stub::answering(500).await;
    let execution = trace(api, "calls_once", &broken.url).await;
    failed_with(&execution, "HTTP_STATUS", true);
    assert_eq!(execution["error"]["detail"]["status"], 500, "{execution}");
    let missing = Stub::answering(404).await;
    failed_with(&trace(api, "calls_once", &missing.url).await, "HTTP_STATUS", false);

    for body in ["<html>no JSON</html>", "{\"cut\": ", "{} {}"] {
        let stub = Stub::with(Answer::Json(body)).await;
        failed_with(&trace(api, "calls_once", &stub.url).await, "INVALID_RESPONSE_BODY", false);
    }
    let torn = Stub::with(Answer::Torn).await;
    failed_with(&trace(api, "calls_once", &torn.url).await, "CONNECTION_FAILED", true);
    for answer in [Answer::Announced(50_000_000), Answer::Unannounced(50_000_000)] {
        let boundless = Stub::with(answer).await;
        failed_with(&trace(api, "calls_once", &boundless.url).await, "RESPONSE_TOO_LARGE", false);
    }
    for (url, code) in [
        ("http://169.254.169.254/latest/meta-data", "EGRESS_DENIED"),
        ("http://10.0.0.1/", "EGRESS_DENIED"),
        ("file:///etc/passwd", "EGRESS_DENIED"),
        ("http://user:password@127.0.0.1/", "INVALID_URL"),
        ("no address", "INVALID_URL"),
    ] {
        failed_with(&trace(api, "calls_once", url).await, code, false);
    }
}

/// A failure that may pass is tried again, each time with the same key, and the trace shows every try.
async fn try_again(api: &Api) {
    let broken = Stub::answering(503).await;
    let execution = trace(api, "calls_thrice", &broken.url).await;
    assert_eq!((&execution["status"], &execution["error"]["code"]), (&json!("FAILED"), &json!("HTTP_STATUS")));
    let attempts = execution["steps"]["nodes"][0]["attempts"].as_array().unwrap();
    let numbers: Vec<&Value> = attempts.iter().map(|attempt| &attempt["number"]).collect();
    assert_eq!(numbers, [1, 2, 3], "{attempts:?}");
    assert!(attempts.iter().all(|attempt| attempt["error"]["code"] == "HTTP_STATUS"), "{attempts:?}");
    let key = attempts[0]["idempotencyKey"].as_str().unwrap();
    assert_eq!(broken.received().into_iter().collect::<Vec<_>>(), [(key.to_owned(), 3)], "one key, three calls");
    assert_eq!(attempts[0]["request"]["value"]["url"], format!("{}", broken.url), "{}", attempts[0]["request"]);
    let planned = execution["history"]["nodes"].as_array().unwrap().iter();
    assert_eq!(planned.filter(|event| event["type"] == "RETRY_SCHEDULED").count(), 2);
}

/// After all that, the same worker does its work.
async fn be_well(api: &Api) {
    let well = Stub::answering(200).await;
    let execution = trace(api, "calls_once", &well.url).await;
    assert_eq!(execution["status"], "COMPLETED", "{execution}");
    let attempt = &execution["steps"]["nodes"][0]["attempts"][0];
    assert_eq!(attempt["response"]["value"]["body"], json!({ "ok": true }), "{attempt}");
    assert_eq!(well.received().len(), 1);
}

#[tokio::test]
async fn a_service_that_misbehaves_fails_its_step_and_nothing_else_in_one_process() {
    let server = Embedded::start().await;
    meet_everything(&server.api).await;
    try_again(&server.api).await;
    be_well(&server.api).await;
}

#[tokio::test]
async fn a_service_that_misbehaves_fails_its_step_and_nothing_else_in_a_fleet() {
    let test = "a_service_that_misbehaves_fails_its_step_and_nothing_else_in_a_fleet";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    // One worker: whatever it met, it must be the one that goes on.
    let mut fleet = Fleet::start(services, 1, "10s").await;
    meet_everything(&fleet.api).await;
    try_again(&fleet.api).await;
    be_well(&fleet.api).await;
    fleet.drained().await;
    let mut worker = fleet.workers.remove(0);
    worker.signal("TERM").await;
    assert_eq!(worker.ended().await, Some(0), "the worker lived through it and ends in order");
}

#[tokio::test]
async fn many_boundless_and_silent_answers_at_once_do_not_hold_up_the_others() {
    let server = Embedded::start().await;
    server.api.import(&[("once.yaml", ONCE), ("impatient.yaml", IMPATIENT)]).await;
    let boundless = Stub::with(Answer::Unannounced(50_000_000)).await;
    let silent = Stub::answering(200).await;
    silent.hold();
    let mut started = Vec::new();
    for number in 0..20 {
        let (workflow, url) =
            if number % 2 == 0 { ("calls_once", &boundless.url) } else { ("calls_impatiently", &silent.url) };
        let id = server.api.start(workflow, json!({ "url": url }), &format!("at-once-{number}")).await.unwrap();
        started.push(id);
    }
    be_well(&server.api).await;
    sluice_tests::eventually("all end", || async {
        let query = "query($ids: [ID!]) { executions(filter: { ids: $ids, statuses: [FAILED] }) { totalCount } }";
        server.api.data(query, json!({ "ids": started })).await["executions"]["totalCount"] == 20
    })
    .await;
}
