//! Numbers and workflows, live, in both modes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Events, Fleet, Services, SharedRedis, begin};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

const DECIDES: &str = "
workflow_id: decides
steps:
  - { id: decide, type: action, action: { type: allow } }
";

const STATISTICS: &str = "subscription($e: Duration) { statistics(window: { last: \"3h\" }, every: $e) { statistics {
    started ended steps { stepKey total } } } }";

/// The next item of the only field of a subscription.
pub async fn next(events: &mut Events) -> Value {
    let mut answer = events.next().await.expect("the subscription goes on");
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"].as_object_mut().unwrap().values_mut().next().unwrap().take()
}

/// The first item that is wanted.
pub async fn until(events: &mut Events, is_wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let item = next(events).await;
        if is_wanted(&item) {
            return item;
        }
    }
}

async fn numbers_are_live(api: &Api) {
    api.import(&[("decides.yaml", DECIDES)]).await;
    let mut statistics = api.subscribe(STATISTICS, json!({ "e": "1s" })).await;
    assert_eq!(next(&mut statistics).await["statistics"], json!({ "started": 0, "ended": 0, "steps": [] }));
    let query = "subscription($f: ExecutionFilter) { executionCounts(filter: $f) { counts { status count } } }";
    let mut counts = api.subscribe(query, json!({ "f": { "workflow": { "slug": "decides" } } })).await;
    let completed = |item: &Value| {
        let counts = item["counts"].as_array().unwrap().clone();
        counts.into_iter().find(|one| one["status"] == "COMPLETED").unwrap()["count"].as_u64().unwrap()
    };
    assert_eq!(completed(&next(&mut counts).await), 0);
    let mut id = Value::Null;
    for _time in 0..3 {
        let mut execution = api.run("decides", json!({})).await;
        assert_eq!(execution["status"], "COMPLETED");
        id = execution["id"].take();
    }
    until(&mut counts, |item| completed(item) == 3).await;
    let delete = "mutation($i: ExecutionDeleteInput!) { executionDelete(input: $i) { userErrors { code message } } }";
    let deleted = api.data(delete, json!({ "i": { "id": id, "reason": "a test" } })).await;
    assert_eq!(deleted["executionDelete"]["userErrors"], json!([]));
    // Long before it would be looked at without news.
    timeout(Duration::from_secs(20), until(&mut counts, |item| completed(item) == 2)).await.expect("news of it came");
    let told = until(&mut statistics, |item| item["statistics"]["ended"] == 3).await;
    assert_eq!(told["statistics"], json!({ "started": 3, "ended": 3, "steps": [{ "stepKey": "decide", "total": 3 }] }));

    let mut refused = api.subscribe(STATISTICS, json!({ "e": "10ms" })).await;
    let answer = refused.next().await.unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID", "{answer}");
}

/// `sluice stats --watch` goes on until it is interrupted.
async fn numbers_are_watched(api: &Api) {
    let arguments = ["stats", "--since", "3h", "--watch", "1s", "--output", "json", "--url", &api.url];
    let mut watching = begin(&arguments);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let line = async |lines: &mut tokio::io::Lines<_>| -> Value {
        serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
    };
    let first = line(&mut lines).await;
    assert_eq!(first["ended"], 3, "{first}");
    assert_eq!(api.run("decides", json!({})).await["status"], "COMPLETED");
    while line(&mut lines).await["ended"] != 4 {}
    watching.kill().await.unwrap();
}

/// Saves drafts until somebody tells of one: whoever has just begun to listen hears those that come then.
async fn saves_until<T>(api: &Api, id: &str, told: impl Future<Output = T>) -> T {
    let draft =
        "mutation($i: WorkflowDraftSaveInput!) { workflowDraftSave(input: $i) { userErrors { code message } } }";
    let mut told = pin!(told);
    loop {
        let input = json!({ "id": id, "source": DECIDES, "format": "YAML" });
        assert_eq!(api.data(draft, json!({ "i": input })).await["workflowDraftSave"]["userErrors"], json!([]));
        if let Ok(told) = timeout(Duration::from_secs(2), told.as_mut()).await {
            return told;
        }
    }
}

async fn workflows_are_live(api: &Api) {
    let found = api.data("{ workflow(ref: { slug: \"decides\" }) { id } }", json!({})).await;
    let id = found["workflow"]["id"].as_str().unwrap().to_owned();
    let query = "subscription($id: ID!, $after: String) { workflowUpdated(id: $id, after: $after) {
        cursor kind actor { id } workflow { isEnabled draft { source } } } }";
    let mut updates = api.subscribe(query, json!({ "id": id })).await;
    let saved = saves_until(api, &id, next(&mut updates)).await;
    assert_eq!((&saved["kind"], &saved["workflow"]["draft"]["source"]), (&json!("DRAFT_SAVED"), &json!(DECIDES)));
    assert!(saved["actor"]["id"].is_string(), "{saved}");
    let arguments = ["versions", "decides", "--watch", "--output", "json", "--url", &api.url];
    let mut watching = begin(&arguments);
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let line = saves_until(api, &id, lines.next_line()).await.unwrap().unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&shown["kind"], &shown["workflow"]["slug"]), (&json!("DRAFT_SAVED"), &json!("decides")));
    watching.kill().await.unwrap();
    let disable = "mutation($i: WorkflowDisableInput!) { workflowDisable(input: $i) { userErrors { code message } } }";
    let disabled = api.data(disable, json!({ "i": { "id": id, "reason": "it is late" } })).await;
    assert_eq!(disabled["workflowDisable"]["userErrors"], json!([]));
    let disabled = until(&mut updates, |item| item["kind"] != "DRAFT_SAVED").await;
    assert_eq!((&disabled["kind"], &disabled["workflow"]["isEnabled"]), (&json!("DISABLED"), &json!(false)));
    drop(updates);
    let mut again = api.subscribe(query, json!({ "id": id, "after": saved["cursor"] })).await;
    let same = until(&mut again, |item| item["kind"] != "DRAFT_SAVED").await;
    assert_eq!(same["cursor"], disabled["cursor"]);
}

async fn all_is_live(api: &Api) {
    numbers_are_live(api).await;
    numbers_are_watched(api).await;
    workflows_are_live(api).await;
}

#[tokio::test]
async fn numbers_and_workflows_are_live_embedded() {
    let server = Embedded::start().await;
    all_is_live(&server.api).await;
}

#[tokio::test]
async fn numbers_and_workflows_are_live_in_a_fleet() {
    let Some(services) = Services::start("live_numbers", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    all_is_live(&fleet.api).await;
}
