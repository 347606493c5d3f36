//! People who are told and models that are asked, in both modes, with servers in place of both.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Neighbours, Recorder, Services, SharedRedis, TOKEN, eventually};

const TELLS: &str = "
workflow_id: tells
steps:
  - id: tell
    type: execute
    retry: { max_attempts: 5, delay: 100ms }
    execute:
      - type: notify
        recipients: '{{recipients}}'
        channel: slack
        subject: 'Order {{order.id}}'
        message: '{{order.total}} EUR'
        data: { id: '{{order.id}}' }
        save_as: told
    next: decide
  - { id: decide, type: action, action: { type: allow, reason: '{{told.delivered.length}}' } }
";

const BY_TEMPLATE: &str = "
workflow_id: by_template
steps:
  - { id: tell, type: execute, execute: [{ type: notify, recipients: ['slack:#orders'], template: '{{name}}', data: { id: 7 } }] }
";

const ASKS: &str = "
workflow_id: asks
steps:
  - id: ask
    type: execute
    execute:
      - type: llm
        provider: model
        model: small
        system: Answer as JSON.
        prompt: 'How risky is {{order.id}}?'
        schema: { type: object, required: [risk], properties: { risk: { type: number } } }
        max_tokens: 100
        temperature: 0.5
        save_as: small
      - { type: llm, provider: claude, model: large, system: Be brief., prompt: 'And {{order.id}}?', save_as: large }
    next: decide
  - { id: decide, type: action, action: { type: allow, reason: '{{small.json.risk}} for {{small.cost}}, {{large.text}}' } }
";

/// Fields in which a secret would be told to people, models or readers.
const MISPLACED: [&str; 6] = [
    "{ id: a, type: execute, execute: [{ type: notify, recipients: [a@example.com], message: 'it is {{secrets.token}}' }] }",
    "{ id: a, type: execute, execute: [{ type: llm, model: m, prompt: 'it is {{secrets.token}}' }] }",
    "{ id: a, type: execute, execute: [{ type: log, message: '{{secrets.token}}' }] }",
    "{ id: a, type: execute, execute: [{ type: emit_event, event: a.b, payload: { t: '{{secrets.token}}' } }] }",
    "{ id: a, type: set, set: { t: '{{secrets.token}}' } }",
    "{ id: a, type: execute, execute: [{ type: http_request, url: 'https://{{secrets.token}}/x' }] }",
];

async fn import(api: &Api, files: &[(&str, &str)]) {
    let results = api.import(files).await;
    assert!(results.as_array().unwrap().iter().all(|file| file["outcome"] == "CREATED"), "{results}");
}

async fn tell(api: &Api, recipients: Value) -> Value {
    api.run("tells", json!({ "order": { "id": "o-1", "total": 50 }, "recipients": recipients })).await
}

/// Everybody is reached in the way that its name says.
async fn everybody(api: &Api, neighbours: &Neighbours) {
    let all = [
        "ada@example.com",
        "slack:#orders",
        "#late",
        "pagerduty:pager",
        "webhook:partner",
        "sms:+3160",
        "ada@example.com",
    ];
    let ran = tell(api, json!(all)).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("6")), "{ran}");
    eventually("the mail is there", || async { !neighbours.mails().is_empty() }).await;
    let mails = neighbours.mails();
    assert_eq!(mails.len(), 1, "one that is named twice is told once: {mails:?}");
    assert!(mails[0].contains("Order o-1") && mails[0].contains("50 EUR") && mails[0].contains("ada@example.com"));

    let server = &neighbours.server;
    let channels: Vec<Value> = server.asked_at("/slack").iter().map(|asked| asked.json()["channel"].clone()).collect();
    assert_eq!(channels, [json!("#orders"), json!("#late")]);
    let slack = server.asked_at("/slack").remove(0);
    assert_eq!(slack.header("authorization"), format!("Bearer {TOKEN}"));
    assert!(slack.json()["text"].as_str().unwrap().contains("50 EUR"), "{slack:?}");
    let page = server.asked_at("/pager").remove(0).json();
    assert_eq!((&page["routing_key"], &page["event_action"]), (&json!(TOKEN), &json!("trigger")), "{page}");
    assert!(page["dedup_key"].is_string() && page["payload"]["summary"].is_string(), "{page}");
    let told = server.asked_at("/partner").remove(0);
    assert!(told.header("webhook-signature").starts_with("v1,"), "{told:?}");
    assert_eq!(
        (&told.json()["message"], &told.json()["data"], &told.json()["subject"]),
        (&json!("50 EUR"), &json!({ "id": "o-1" }), &json!("Order o-1"))
    );
    let text = server.asked_at("/sms").remove(0).json();
    assert_eq!(
        (&text["to"], &text["message"].as_str().unwrap().contains("50 EUR")),
        (&json!("+3160"), &true),
        "{text}"
    );
    let calls = ["/slack", "/pager", "/partner", "/sms"].map(|path| server.asked_at(path));
    let calls: Vec<_> = calls.into_iter().flatten().collect();
    let keys: BTreeSet<&str> = calls.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys.len(), calls.len(), "each recipient has a key of its own: {keys:?}");
    assert!(!ran.to_string().contains(TOKEN), "{ran}");
}

/// Somebody who cannot be told fails the action, once all were tried.
async fn somebody(api: &Api, neighbours: &Neighbours) {
    let ran = tell(api, json!(["slack:#closed", "sms:+3160"])).await;
    assert_eq!(ran["status"], "FAILED", "{ran}");
    assert!(ran["error"]["message"].as_str().unwrap().contains("is_archived"), "{ran}");
    assert_eq!(neighbours.server.asked_at("/sms").len(), 1, "others are told all the same");
    for recipient in ["fax:123", "webhook:nobody"] {
        let ran = tell(api, json!([recipient])).await;
        assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("UNKNOWN_RECIPIENT")), "{ran}");
        assert!(ran["error"]["message"].as_str().unwrap().contains(recipient.split(':').next_back().unwrap()), "{ran}");
    }
}

/// A service that fails at first is asked again, with the same key.
async fn again(api: &Api, _neighbours: &Neighbours) {
    let tries = AtomicUsize::new(0);
    let flaky = Recorder::start(move |_asked| {
        let first = tries.fetch_add(1, Ordering::SeqCst) == 0;
        (if first { 503 } else { 202 }, json!({ "status": "success" }))
    })
    .await;
    let key = api.secret("flaky_key", "routing-key-of-the-flaky-one", &[]).await;
    let bearer = json!({ "kind": "BEARER", "secretId": key });
    api.service("flaky", "CHAT", &flaky.url, bearer, json!({})).await;
    let ran = tell(api, json!(["slack:#orders", "pagerduty:flaky"])).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("2")), "{ran}");
    let asked = flaky.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[0].header("idempotency-key"), asked[1].header("idempotency-key"));
    assert_eq!(asked[0].json()["dedup_key"], asked[1].json()["dedup_key"]);
}

/// Texts of the organization are filled with the data of the action.
async fn template(api: &Api, neighbours: &Neighbours) {
    let of = |id: &str, template: &str| BY_TEMPLATE.replace("{{name}}", template).replace("by_template", id);
    import(api, &[("late.yaml", &of("by_late", "late")), ("none.yaml", &of("by_none", "none_such"))]).await;
    let ran = api.run("by_late", json!({})).await;
    assert_eq!(ran["status"], "COMPLETED", "{ran}");
    let told = neighbours.server.asked_at("/slack").remove(0).json();
    assert!(told["text"].as_str().unwrap().contains("Order 7 is late"), "{told}");
    let ran = api.run("by_none", json!({})).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("UNKNOWN_TEMPLATE")), "{ran}");
}

/// Both formats of questions; what an answer costs is told.
async fn models(api: &Api, neighbours: &Neighbours) {
    let ran = api.run("asks", json!({ "order": { "id": "o-1" } })).await;
    let reason = json!("0.5 for 0.015, All is well.");
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &reason), "{ran}");
    let output = &ran["steps"]["nodes"][0]["output"]["value"];
    assert_eq!(output[0]["usage"], json!({ "input_tokens": 9, "output_tokens": 3 }), "{output}");
    assert_eq!((&output[1]["usage"]["output_tokens"], &output[1]["finish"]), (&json!(2), &json!("stop")), "{output}");

    let openai = neighbours.server.asked_at("/openai").remove(0);
    assert_eq!((openai.method.as_str(), openai.path.as_str()), ("POST", "/openai/chat/completions"));
    assert_eq!(openai.header("authorization"), format!("Bearer {TOKEN}"));
    let body = openai.json();
    let messages = json!([
        { "role": "system", "content": "Answer as JSON." },
        { "role": "user", "content": "How risky is o-1?" },
    ]);
    assert_eq!((&body["model"], &body["messages"]), (&json!("small"), &messages));
    assert_eq!((&body["max_tokens"], &body["temperature"]), (&json!(100), &json!(0.5)));
    assert_eq!(body["response_format"]["type"], "json_schema", "{body}");

    let anthropic = neighbours.server.asked_at("/anthropic").remove(0);
    assert_eq!((anthropic.method.as_str(), anthropic.path.as_str()), ("POST", "/anthropic/messages"));
    assert_eq!(anthropic.header("x-service-key"), TOKEN);
    assert!(!anthropic.header("anthropic-version").is_empty());
    let body = anthropic.json();
    assert_eq!((&body["system"], &body["messages"][0]["role"]), (&json!("Be brief."), &json!("user")), "{body}");

    let ran = api.run("asks", json!({ "order": { "id": "unknown-9" } })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("MODEL_ANSWER_INVALID")), "{ran}");
}

/// A definition that would tell a secret is not published.
async fn misplaced(api: &Api, _neighbours: &Neighbours) {
    for step in MISPLACED {
        let text = format!("workflow_id: tells_a_secret\nsteps:\n  - {step}\n");
        let results = api.import(&[("tells.yaml", &text)]).await;
        let problems = results[0]["problems"].as_array().unwrap();
        assert!(problems.iter().any(|problem| problem["severity"] == "ERROR"), "{step}: {results}");
        // In the place of a host it makes no address either.
        let is_told = problems.iter().any(|problem| problem["code"] == "secret-misplaced") || step.contains("url:");
        assert!(is_told, "{step}: {results}");
    }
}

async fn prepare(api: &Api, neighbours: &Neighbours) {
    neighbours.introduce(api).await;
    import(api, &[("tells.yaml", TELLS), ("asks.yaml", ASKS)]).await;
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let neighbours = Neighbours::start().await;
                let mail = neighbours.mail_url();
                let server = Embedded::start_with(&[("SLUICE_MAIL_URL", &mail)]).await;
                prepare(&server.api, &neighbours).await;
                $what(&server.api, &neighbours).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                let Some(services) = Services::start(stringify!($name), SharedRedis::No).await else { return };
                let neighbours = Neighbours::start().await;
                let mail = neighbours.mail_url();
                let fleet = Fleet::start_with(services, 2, "10s", &[("SLUICE_MAIL_URL", &mail)]).await;
                prepare(&fleet.api, &neighbours).await;
                $what(&fleet.api, &neighbours).await;
            }
        }
    )*};
}

in_both_modes! {
    everybody_is_told_in_the_way_that_its_name_says: everybody,
    somebody_who_cannot_be_told_fails_the_action_once_all_were_tried: somebody,
    a_message_that_fails_at_first_is_sent_again_with_its_key: again,
    texts_of_the_organization_are_filled_with_the_data_of_the_action: template,
    models_are_asked_in_the_format_of_their_service: models,
    a_definition_that_would_tell_a_secret_is_refused: misplaced,
}
