//! Addresses are told of what happens, in both modes, and while workers are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually, run};

const FILES: [(&str, &str); 2] = [
    (
        "d.yaml",
        "
workflow_id: decides
steps:
  - { id: done, type: action, action: { type: allow } }
",
    ),
    (
        "a.yaml",
        "
workflow_id: asks
steps:
  - { id: ask, type: approval, approval: { role: owner, reason: 'the secret is hunter2', allow_self: true }, next: done }
  - { id: done, type: action, action: { type: allow } }
",
    ),
];

const CREATE: &str = "mutation($i: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $i) {
    endpoint { id } secret userErrors { code field message } } }";
const SHOW: &str = "query($id: ID!) { webhookEndpoint(id: $id) { isEnabled disabledReason failingSince
    deliveries(first: 100) { totalCount nodes { id eventType isDelivered nextAttemptAt body { value }
      attempts { statusCode error excerpt } } } } }";

async fn create(api: &Api, url: &str, event_types: &[&str]) -> String {
    let input = json!({ "url": url, "eventTypes": event_types });
    let payload = api.data(CREATE, json!({ "i": input })).await["webhookEndpointCreate"].take();
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    assert!(payload["secret"].as_str().unwrap().starts_with("whsec_"));
    payload["endpoint"]["id"].as_str().unwrap().to_owned()
}

async fn shown(api: &Api, id: &str) -> Value {
    api.data(SHOW, json!({ "id": id })).await["webhookEndpoint"].take()
}

/// What an address was told, oldest first.
async fn told(api: &Api, id: &str) -> Vec<String> {
    let endpoint = shown(api, id).await;
    let nodes = endpoint["deliveries"]["nodes"].as_array().unwrap();
    nodes.iter().rev().map(|node| node["eventType"].as_str().unwrap().to_owned()).collect()
}

async fn everything_arrived(api: &Api, id: &str) -> bool {
    let endpoint = shown(api, id).await;
    endpoint["deliveries"]["nodes"].as_array().unwrap().iter().all(|node| node["isDelivered"] == true)
}

async fn tells(api: &Api) {
    for file in api.import(&FILES).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
    let stub = Stub::answering(200).await;
    let all = create(api, &stub.url, &["*"]).await;
    let failures = create(api, &stub.url, &["execution.failed"]).await;
    api.run("decides", json!({})).await;
    eventually("both are told", || async { told(api, &all).await.len() == 2 }).await;
    assert_eq!(told(api, &all).await, ["execution.started", "execution.completed"]);
    api.start("asks", json!({}), "asks").await.unwrap();
    eventually("the approval is told", || async { told(api, &all).await.len() == 4 }).await;
    let newest = shown(api, &all).await["deliveries"]["nodes"][0]["body"]["value"].take();
    assert_eq!(newest["type"], "approval.requested");
    let approval = newest["data"]["approval"]["id"].clone();
    let approve =
        "mutation($id: ID!) { approvalApprove(input: { id: $id, reason: \"fine\" }) { userErrors { code message } } }";
    let approved = api.data(approve, json!({ "id": approval })).await;
    assert_eq!(approved["approvalApprove"]["userErrors"], json!([]));
    eventually("its end is told", || async { told(api, &all).await.len() == 6 }).await;
    let told_now = told(api, &all).await;
    assert_eq!(told_now[2..], ["execution.started", "approval.requested", "approval.approved", "execution.completed"]);
    eventually("all of it arrived", || async { everything_arrived(api, &all).await }).await;
    let endpoint = shown(api, &all).await;
    assert!(!endpoint.to_string().contains("hunter2"), "what people are asked is not told: {endpoint}");
    let ids: Vec<&str> =
        endpoint["deliveries"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    let received = stub.received();
    assert!(ids.iter().all(|id| received.get(*id) == Some(&1)), "each once: {received:?}");
    assert_eq!(told(api, &failures).await, [""; 0]);

    let withdrawn = create(api, &stub.url, &["approval.cancelled"]).await;
    let id = api.start("asks", json!({}), "withdrawn").await.unwrap();
    eventually("people are asked", || async { told(api, &all).await.len() == 8 }).await;
    let cancel = "mutation($id: ID!) { executionCancel(input: { id: $id, reason: \"not needed\" }) { userErrors { code message } } }";
    assert_eq!(api.data(cancel, json!({ "id": id })).await["executionCancel"]["userErrors"], json!([]));
    eventually("it is told that nobody is asked any more", || async {
        told(api, &withdrawn).await == ["approval.cancelled"] && told(api, &all).await.len() == 10
    })
    .await;

    let broken = Stub::answering(503).await;
    let failing = create(api, &broken.url, &["*"]).await;
    let test = "mutation($id: ID!) { webhookEndpointTest(input: { id: $id }) { delivery { id } userErrors { code } } }";
    api.data(test, json!({ "id": failing })).await;
    eventually("it was tried", || async { shown(api, &failing).await["failingSince"].is_string() }).await;
    let tried = shown(api, &failing).await["deliveries"]["nodes"][0].take();
    assert_eq!((&tried["eventType"], &tried["isDelivered"]), (&json!("webhook.test"), &json!(false)));
    assert_eq!((&tried["attempts"][0]["statusCode"], tried["nextAttemptAt"].is_string()), (&json!(503), true));
    eventually("it is tried again after five seconds", || async {
        shown(api, &failing).await["deliveries"]["nodes"][0]["attempts"].as_array().unwrap().len() == 2
    })
    .await;
    assert_eq!(broken.received().into_values().collect::<Vec<_>>(), [2], "with the same id");

    let gone = create(api, &Stub::answering(410).await.url, &["*"]).await;
    api.data(test, json!({ "id": gone })).await;
    eventually("it is switched off", || async { shown(api, &gone).await["isEnabled"] == false }).await;
    assert_eq!(shown(api, &gone).await["disabledReason"], "it answered 410 Gone");

    let forbidden = create(api, "http://169.254.169.254/latest", &["*"]).await;
    api.data(test, json!({ "id": forbidden })).await;
    eventually("it was tried", || async { shown(api, &forbidden).await["failingSince"].is_string() }).await;
    let tried = shown(api, &forbidden).await["deliveries"]["nodes"][0]["attempts"][0].take();
    assert!(tried["error"].as_str().unwrap().starts_with("EGRESS_DENIED"), "{tried}");
}

#[tokio::test]
async fn addresses_are_told_of_what_happens_embedded() {
    let server = Embedded::start_with(&[("SLUICE_EGRESS_ALLOW", "127.0.0.0/8")]).await;
    tells(&server.api).await;
}

#[tokio::test]
async fn addresses_are_told_of_what_happens_by_two_workers() {
    let Some(services) = Services::start("webhooks", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    tells(&fleet.api).await;
}

#[tokio::test]
async fn while_workers_are_killed_everything_is_told_once_and_arrives() {
    let Some(services) = Services::start("webhooks_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    fleet.api.import(&FILES).await;
    let stub = Stub::answering(200).await;
    create(&fleet.api, &stub.url, &["execution.completed"]).await;
    for kills in 0..3 {
        for number in 0..60 {
            fleet.api.start("decides", json!({}), &format!("{kills}-{number}")).await.unwrap();
        }
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    fleet.drained().await;
    eventually("each end is told", || async {
        fleet.services.number("select count(*) from webhook_delivery").await == 180
    })
    .await;
    let doubled = "select count(*) - count(distinct body::json #>> '{data,execution,id}') from webhook_delivery";
    assert_eq!(fleet.services.number(doubled).await, 0, "none is told twice");
    // What a worker had under way when it was killed is sent again once its claim runs out: within a minute.
    eventually("most of it has arrived", || async {
        fleet.services.number("select count(*) from webhook_delivery where status = 1").await >= 160
    })
    .await;
    eventually("all of it has arrived", || async {
        fleet.services.number("select count(*) from webhook_delivery where status <> 1").await == 0
    })
    .await;
    assert_eq!(stub.received().len(), 180);
    assert_eq!(fleet.services.number("select count(*) from webhook_attempt").await, 180, "each was settled once");
}

#[tokio::test]
async fn the_command_line_makes_tries_and_removes_addresses() {
    let server = Embedded::start_with(&[("SLUICE_EGRESS_ALLOW", "127.0.0.0/8")]).await;
    let stub = Stub::answering(200).await;
    let url = server.api.url.clone();
    let sluice = |arguments: &[&str]| {
        let arguments: Vec<String> = ["webhooks"]
            .iter()
            .chain(arguments)
            .chain(&["--url", url.as_str()])
            .map(|word| (*word).to_owned())
            .collect();
        async move { run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await }
    };
    let made = sluice(&["create", &stub.url, "--event", "execution.*", "--description", "for the shop"]).await.json();
    let id = made["endpoint"]["id"].as_str().unwrap();
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let rotated = sluice(&["rotate-secret", id]).await.json();
    assert_ne!(rotated["secret"], made["secret"]);
    let message = sluice(&["test", id]).await.json()["delivery"]["id"].as_str().unwrap().to_owned();
    eventually("it arrived", || async { stub.received().contains_key(&message) }).await;
    eventually("it is shown as accepted", || async {
        sluice(&["deliveries", id]).await.json()[0]["isDelivered"] == true
    })
    .await;
    assert_eq!(sluice(&["redeliver", &message]).await.code, Some(0));
    eventually("it arrived again", || async { stub.received().get(&message) == Some(&2) }).await;
    assert_eq!(sluice(&["disable", id]).await.json()["endpoint"]["isEnabled"], false);
    let refused = sluice(&["test", id]).await;
    assert!(refused.code != Some(0) && refused.err.contains("WRONG_STATE"), "{refused:?}");
    assert_eq!(sluice(&["enable", id]).await.json()["endpoint"]["isEnabled"], true);
    assert_eq!(sluice(&["list"]).await.json()[0]["description"], "for the shop");
    assert_eq!(sluice(&["delete", id]).await.json()["deletedId"], id);
    assert_eq!(sluice(&["list"]).await.json(), json!([]));
    let unknown = sluice(&["create", &stub.url, "--event", "order.*"]).await;
    assert!(unknown.code != Some(0) && unknown.err.contains("is not told"), "{unknown:?}");
}
