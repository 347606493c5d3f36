//! What an organization sets up, in calls that leave: secrets, services by GraphQL, systems of records, and proofs of
//! senders, in both modes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Neighbours, Recorder, Services, SharedRedis, TOKEN, eventually, free_port};

/// `TOKEN` in base 64, whole and after the name `shop` and a colon.
const ENCODED: [&str; 2] = ["dG9rLTlmMmMtb2YtdGhlLW5laWdoYm91cnM=", "c2hvcDp0b2stOWYyYy1vZi10aGUtbmVpZ2hib3Vycw=="];

const CALLS: &str = "
workflow_id: calls_with_a_secret
steps:
  - id: call
    type: execute
    execute:
      - type: http_request
        method: GET
        url: '{{url}}/crm/customers/ada'
        query: { key: '{{secrets.token}}' }
        headers: { Authorization: 'Bearer {{secrets.token}}' }
        save_as: echoed
      - type: http_request
        url: '{{url}}/slack'
        auth: { basic: { username: shop, password: '{{secrets.token}}' } }
        body: { nested: [{ token: '{{secrets.token}}' }], note: '{{note}}' }
      - { type: http_request, url: '{{url}}/nowhere', headers: { X-Key: '{{secrets.token}}' }, optional: true }
    next: tell
  - id: tell
    type: execute
    execute:
      - { type: log, message: '{{echoed.body.authorization}}' }
      - { type: emit_event, event: was.called, payload: { echo: '{{echoed}}' } }
";

const ELSEWHERE: &str = "
workflow_id: calls_elsewhere
steps:
  - id: call
    type: execute
    execute: [{ type: http_request, url: '{{url}}', headers: { X-Key: '{{secrets.bound}}' } }]
";

const ASKS: &str = "
workflow_id: asks_by_graphql
steps:
  - id: ask
    type: execute
    retry: { max_attempts: 100, delay: 200ms, backoff: constant }
    execute:
      - { type: graphql_request, service: '{{service}}', query: '{ order { total } }' }
    next: decide
  - { id: decide, type: action, action: { type: allow, reason: '{{data.order.total}}' } }
";

const KEEPS: &str = "
workflow_id: keeps_records
steps:
  - id: keep
    type: execute
    execute:
      - { type: create_record, entity: invoice, data: { total: 5, key: '{{secrets.token}}' }, save_as: made }
      - { type: get_record, entity: invoice, entity_id: '{{made.id}}', save_as: found }
      - { type: update_record, entity: invoice, entity_id: '{{made.id}}', data: { total: 6 } }
      - { type: create_record, entity: invoice, entity_id: 'a/b', data: { total: 1 }, service: books }
      - { type: delete_record, entity: invoice, entity_id: '{{made.id}}' }
    next: decide
  - { id: decide, type: action, action: { type: allow, reason: '{{made.id}} {{found.body.total}}' } }
";

const HOOKED: &str = "
workflow_id: hooked
trigger: { type: webhook, path: hooked, verify: { type: hmac_sha256, secret: hook_key, header: X-Signature } }
steps:
  - { id: note, type: execute, execute: [{ type: log, message: 'told {{order.id}}' }] }
";

const SIGNS: &str = "
workflow_id: signs
steps:
  - id: tell
    type: execute
    execute: [{ type: webhook, url: '{{url}}/partner/told', body: { id: 7 } }]
";

async fn import(api: &Api) {
    // The name of a service is no template.
    let asks = ASKS.replace("'{{service}}'", "catalog");
    let down = ASKS.replace("'{{service}}'", "late").replace("asks_by_graphql", "asks_one_that_is_down");
    let files = [
        ("calls.yaml", CALLS),
        ("elsewhere.yaml", ELSEWHERE),
        ("asks.yaml", asks.as_str()),
        ("down.yaml", down.as_str()),
        ("keeps.yaml", KEEPS),
        ("hooked.yaml", HOOKED),
        ("signs.yaml", SIGNS),
    ];
    let results = api.import(&files).await;
    assert!(results.as_array().unwrap().iter().all(|file| file["outcome"] == "CREATED"), "{results}");
}

/// Everything that the API tells of an execution.
async fn told(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status error { code message } context { value }
        steps(first: 50) { nodes { path status input { value } output { value } error { code message }
          attempts { idempotencyKey request { value } response { value } error { code message } } } }
        logs(first: 50) { nodes { message } } history(first: 100) { nodes { type summary data } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

fn has_secret(text: &str) -> bool {
    text.contains(TOKEN) || ENCODED.iter().any(|encoded| text.contains(encoded))
}

/// A secret arrives where it is sent, and is told by nobody.
async fn secrets(api: &Api, neighbours: &Neighbours) {
    // What comes from outside names no secret.
    let note = "{{secrets.token}} \u{fdd0}0:token\u{fdd1}";
    let input = json!({ "url": neighbours.server.url, "note": note });
    let ran = api.run("calls_with_a_secret", input).await;
    assert_eq!(ran["status"], "COMPLETED", "{ran}");
    let echo = neighbours.server.asked_at("/crm/customers/ada").remove(0);
    assert_eq!(echo.header("authorization"), format!("Bearer {TOKEN}"));
    assert!(echo.path.ends_with(&format!("?key={TOKEN}")), "{}", echo.path);
    let posted = neighbours.server.asked_at("/slack").remove(0);
    assert_eq!(posted.header("authorization"), format!("Basic {}", ENCODED[1]));
    assert_eq!(posted.json(), json!({ "nested": [{ "token": TOKEN }], "note": note }));
    assert_eq!(neighbours.server.asked_at("/nowhere")[0].header("x-key"), TOKEN);

    let all = told(api, ran["id"].as_str().unwrap()).await;
    assert!(!has_secret(&all.to_string()), "{all}");
    assert_eq!(all["logs"]["nodes"], json!([{ "message": "Bearer ***" }]), "{all}");
    let call = &all["steps"]["nodes"][0]["attempts"][0];
    assert!(call["request"].to_string().contains("***"), "it shows that there was one: {call}");
    let events = api.data("{ events(first: 5) { nodes { payload { value } } } }", json!({})).await;
    assert!(!has_secret(&events.to_string()), "{events}");
    let listed = api.data("{ secrets(first: 5) { nodes { name fingerprint version allowedHosts } } }", json!({})).await;
    assert!(!has_secret(&listed.to_string()) && listed.to_string().contains("127.0.0.1"), "{listed}");
}

/// A secret that is bound to a host goes to no other.
async fn bound(api: &Api, neighbours: &Neighbours) {
    api.secret("bound", "bound-to-another-host", &["api.example.com"]).await;
    let ran = api.run("calls_elsewhere", json!({ "url": format!("{}/partner", neighbours.server.url) })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("SECRET_NOT_ALLOWED")), "{ran}");
    let message = ran["error"]["message"].as_str().unwrap();
    assert!(message.contains("`bound`") && message.contains("127.0.0.1"), "{message}");
    assert!(neighbours.server.asked_at("/partner").is_empty(), "nothing left");
    assert!(!told(api, ran["id"].as_str().unwrap()).await.to_string().contains("bound-to-another-host"));
}

async fn graphql(api: &Api, neighbours: &Neighbours) {
    let ran = api.run("asks_by_graphql", json!({})).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("7")), "{ran}");
    let asked = neighbours.server.asked_at("/graphql").remove(0);
    assert_eq!((asked.method.as_str(), asked.json()), ("POST", json!({ "query": "{ order { total } }" })));
    assert_eq!(asked.header("x-service-key"), TOKEN);
    assert_eq!(asked.header("idempotency-key"), ran["steps"]["nodes"][0]["attempts"][0]["idempotencyKey"]);
    assert!(!has_secret(&told(api, ran["id"].as_str().unwrap()).await.to_string()));
}

/// A service that is away is asked again until it is back.
async fn down(api: &Api, _neighbours: &Neighbours) {
    let id = api.start("asks_one_that_is_down", json!({}), "down").await.unwrap();
    let attempts = || async {
        let all = told(api, &id).await;
        all["steps"]["nodes"][0]["attempts"].as_array().map_or(0, Vec::len)
    };
    eventually("it was tried more than once", || async { attempts().await > 1 }).await;
    let query = "{ services(first: 50) { nodes { name baseUrl } } }";
    let listed = api.data(query, json!({})).await["services"]["nodes"].take();
    let late = listed.as_array().unwrap().iter().find(|service| service["name"] == "late").unwrap();
    let (_, port) = late["baseUrl"].as_str().unwrap().rsplit_once(':').unwrap();
    let answer = json!({ "data": { "order": { "total": 9 } } });
    let back = Recorder::on(port.parse().unwrap(), move |_asked| (200, answer.clone())).await;
    eventually("it is done", || async { told(api, &id).await["status"] == "COMPLETED" }).await;
    let asked = back.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

async fn records(api: &Api, neighbours: &Neighbours) {
    let ran = api.run("keeps_records", json!({})).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("i-2 5")), "{ran}");
    let asked = neighbours.server.asked_at("/records");
    let calls: Vec<String> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    let wanted = [
        "POST /records/invoice",
        "GET /records/invoice/i-2",
        "PATCH /records/invoice/i-2",
        "PUT /records/invoice/a%2Fb",
        "DELETE /records/invoice/i-2",
    ];
    assert_eq!(calls, wanted);
    assert_eq!(asked[0].json(), json!({ "total": 5, "key": TOKEN }));
    assert!(asked.iter().all(|asked| asked.header("authorization") == format!("Bearer {TOKEN}")));
    let keys: std::collections::BTreeSet<&str> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert!(keys.len() == 5 && !keys.contains(""), "each action has a key of its own: {keys:?}");
    assert!(!has_secret(&told(api, ran["id"].as_str().unwrap()).await["steps"]["nodes"][0]["attempts"].to_string()));
}

/// A line of the shell, for what only `openssl` and `curl` say as others would.
async fn shell(script: &str, variables: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new("sh");
    let output = command.args(["-c", script]).envs(variables.iter().copied()).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A sender proves itself with a secret of the organization, also with a new value of it.
async fn hook(api: &Api, _neighbours: &Neighbours) {
    let script = "SIGNATURE=$(printf %s \"$BODY\" | openssl dgst -sha256 -hmac \"$SECRET\" | sed 's/.* //')
        curl --silent \"$URL/hooks/default/hooked\" -H 'Content-Type: application/json' \
          -H \"X-Signature: sha256=$SIGNATURE\" --data \"$BODY\"";
    let call = async |secret: &str, body: &str| -> Value {
        let answer = shell(script, &[("SECRET", secret), ("BODY", body), ("URL", &api.url)]).await;
        serde_json::from_str(&answer).unwrap_or_else(|problem| panic!("{problem}: {answer}"))
    };
    let first = call("what the sender signs with", r#"{"order": {"id": 1}}"#).await;
    assert_eq!(first["isNew"], true, "{first}");
    let refused = call("something else yet", r#"{"order": {"id": 2}}"#).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
    api.secret("hook_key", "something else yet", &[]).await;
    let again = call("something else yet", r#"{"order": {"id": 2}}"#).await;
    assert_eq!(again["isNew"], true, "{again}");
    let old = call("what the sender signs with", r#"{"order": {"id": 3}}"#).await;
    assert_eq!(old["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{old}");
}

/// A webhook is signed with the secret of the service whose address it goes to.
async fn signature(api: &Api, neighbours: &Neighbours) {
    let ran = api.run("signs", json!({ "url": neighbours.server.url })).await;
    assert_eq!(ran["status"], "COMPLETED", "{ran}");
    let told = neighbours.server.asked_at("/partner/told").remove(0);
    let (id, at) = (told.header("webhook-id"), told.header("webhook-timestamp"));
    let signed = format!("{id}.{at}.{}", told.body);
    let script = "printf %s \"$SIGNED\" | openssl dgst -sha256 -hmac \"$SECRET\" -binary | openssl base64 -A";
    let signature = shell(script, &[("SIGNED", &signed), ("SECRET", "correct horse battery")]).await;
    assert_eq!(told.header("webhook-signature"), format!("v1,{signature}"));
}

async fn prepare(api: &Api, neighbours: &Neighbours) {
    neighbours.introduce(api).await;
    let nobody = format!("http://127.0.0.1:{}", free_port());
    api.service("late", "GRAPHQL", &nobody, Value::Null, json!({})).await;
    import(api).await;
}

async fn fleet(test: &str, neighbours: &Neighbours) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, 2, "10s").await;
    prepare(&fleet.api, neighbours).await;
    Some(fleet)
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let neighbours = Neighbours::start().await;
                let server = Embedded::start().await;
                prepare(&server.api, &neighbours).await;
                $what(&server.api, &neighbours).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                let neighbours = Neighbours::start().await;
                if let Some(fleet) = fleet(stringify!($name), &neighbours).await {
                    $what(&fleet.api, &neighbours).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    a_secret_that_is_bound_to_a_host_goes_to_no_other: bound,
    a_graphql_service_is_asked_with_its_key: graphql,
    a_service_that_is_away_is_asked_again: down,
    records_are_kept_by_the_service_that_has_their_kind: records,
    a_sender_proves_itself_with_a_secret_of_the_organization: hook,
    a_webhook_to_a_service_is_signed_with_its_secret: signature,
}

#[tokio::test]
async fn a_secret_arrives_and_stands_in_no_answer_no_file_and_no_log() {
    let neighbours = Neighbours::start().await;
    let server = Embedded::start_logging("debug", &[]).await;
    prepare(&server.api, &neighbours).await;
    secrets(&server.api, &neighbours).await;
    for (path, bytes) in server.files() {
        for text in [TOKEN].into_iter().chain(ENCODED) {
            let is_there = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!is_there, "{text} stands in {}", path.display());
        }
    }
}

#[tokio::test]
async fn a_secret_arrives_and_stands_in_no_answer_and_no_row_of_a_fleet() {
    let neighbours = Neighbours::start().await;
    let name = "a_secret_arrives_and_stands_in_no_answer_and_no_row_of_a_fleet";
    let Some(fleet) = fleet(name, &neighbours).await else { return };
    secrets(&fleet.api, &neighbours).await;
    for query in [
        "select count(*) from journal where journal::text like '%tok-9f2c-of-the-neighbours%'",
        "select count(*) from journal where journal::text like '%dG9rLTlmMmMt%' or journal::text like '%c2hvcDp0b2stOWYy%'",
        "select count(*) from execution where execution::text like '%tok-9f2c-of-the-neighbours%'",
        "select count(*) from event where event::text like '%tok-9f2c-of-the-neighbours%'",
        "select count(*) from secret where secret::text like '%tok-9f2c-of-the-neighbours%'",
    ] {
        assert_eq!(fleet.services.number(query).await, 0, "{query}");
    }
}
