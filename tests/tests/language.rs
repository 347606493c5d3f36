//! Every step that waits, repeats or branches, through the API, in both modes: SQLite in one process, and
//! PostgreSQL and Redis with two workers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually};

const FILES: [(&str, &str); 11] = [
    ("branches.yaml", include_str!("../workflows/branches.yaml")),
    ("items.yaml", include_str!("../workflows/items.yaml")),
    ("rounds.yaml", include_str!("../workflows/rounds.yaml")),
    ("timer.yaml", include_str!("../workflows/timer.yaml")),
    ("awaits_payment.yaml", include_str!("../workflows/awaits_payment.yaml")),
    ("parent.yaml", include_str!("../workflows/parent.yaml")),
    ("child.yaml", include_str!("../workflows/child.yaml")),
    ("spreads.yaml", include_str!("../workflows/spreads.yaml")),
    ("asks.yaml", include_str!("../workflows/asks.yaml")),
    ("matryoshka.yaml", include_str!("../workflows/matryoshka.yaml")),
    ("echo.yaml", include_str!("../workflows/echo.yaml")),
];

const SHOWN: &str = "id status error { code message } decision { outcome reason } context { value }
  parent { id } steps(first: 100) { nodes { path status output { value } } }
  history(first: 100) { nodes { type summary } }";

async fn shown(api: &Api, id: &str) -> Value {
    let query = format!("query($id: ID!) {{ execution(id: $id) {{ {SHOWN} }} }}");
    api.data(&query, json!({ "id": id })).await["execution"].take()
}

async fn reaches(api: &Api, id: &str, status: &str) -> Value {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
    shown(api, id).await
}

async fn start(api: &Api, workflow: &str, input: Value) -> String {
    let key = uuid::Uuid::now_v7().to_string();
    api.start(workflow, input, &key).await.unwrap()
}

async fn emit(api: &Api, event: &str, payload: Value) {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code message } } }";
    let told = api.data(query, json!({ "i": { "type": event, "payload": payload } })).await;
    assert_eq!(told["eventEmit"]["userErrors"], json!([]), "{event}");
}

/// Pauses, resumes or cancels; returns the codes of what is wrong.
async fn control(api: &Api, what: &str, input: Value) -> Vec<String> {
    let name = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    let query = format!(
        "mutation($i: Execution{name}Input!) {{ execution{name}(input: $i) {{ execution {{ id }} userErrors {{ code }} }} }}"
    );
    let data = api.data(&query, json!({ "i": input })).await;
    let errors = data[format!("execution{name}")]["userErrors"].as_array().unwrap();
    errors.iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

fn output<'v>(execution: &'v Value, path: &str) -> &'v Value {
    let steps = execution["steps"]["nodes"].as_array().unwrap();
    let step = steps.iter().find(|step| step["path"] == path);
    &step.unwrap_or_else(|| unreachable!("{path} in {execution}"))["output"]["value"]
}

fn types(execution: &Value) -> Vec<&str> {
    execution["history"]["nodes"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

async fn branches_items_and_rounds(api: &Api) {
    let stub = Stub::answering(200).await;
    let ran = api.run("branches", json!({ "order": { "total": 50 }, "url": stub.url })).await;
    assert_eq!((&ran["status"], &ran["decision"]["outcome"]), (&json!("COMPLETED"), &json!("ALLOWED")), "{ran}");
    let ran = api.run("branches", json!({ "order": { "total": 5_000 }, "url": stub.url })).await;
    assert_eq!((&ran["status"], &ran["decision"]["outcome"]), (&json!("COMPLETED"), &json!("BLOCKED")), "{ran}");

    let before = stub.received().len();
    let ran = api.run("items", json!({ "numbers": [1, 2, 3, 4, 5], "url": stub.url })).await;
    assert_eq!(ran["status"], "COMPLETED", "{ran}");
    assert_eq!(output(&ran, "sum")["total"], json!(30), "{ran}");
    assert_eq!(stub.received().len() - before, 5, "each item has called once");

    let ran = api.run("rounds", json!({ "start": 1, "limit": 100 })).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("128")), "{ran}");
    let ran = api.run("rounds", json!({ "start": 0, "limit": 100 })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("LOOP_LIMIT")), "{ran}");
}

async fn timers_and_events(api: &Api) {
    let ran = api.run("timer", json!({ "pause": "200ms" })).await;
    assert_eq!(ran["status"], "COMPLETED", "{ran}");

    // The event comes while it waits, among others that are not about it.
    let waiting = start(api, "awaits_payment", json!({ "payment": { "id": "p-1" }, "patience": "1h" })).await;
    let other = start(api, "awaits_payment", json!({ "payment": { "id": "p-2" }, "patience": "1h" })).await;
    reaches(api, &waiting, "WAITING").await;
    reaches(api, &other, "WAITING").await;
    emit(api, "payment.settled", json!({ "payment": { "id": "p-1" }, "amount": 12 })).await;
    let ended = reaches(api, &waiting, "COMPLETED").await;
    assert_eq!(output(&ended, "settled")["amount"], json!(12), "{ended}");
    assert_eq!(shown(api, &other).await["status"], "WAITING");

    // An event that comes before the wait is kept for it.
    let early =
        start(api, "awaits_payment", json!({ "payment": { "id": "p-3" }, "patience": "1h", "first": "1s" })).await;
    reaches(api, &early, "WAITING").await;
    emit(api, "payment.settled", json!({ "payment": { "id": "p-3" }, "amount": 3 })).await;
    let ended = reaches(api, &early, "COMPLETED").await;
    assert_eq!(output(&ended, "settled")["amount"], json!(3), "{ended}");

    let late = start(api, "awaits_payment", json!({ "payment": { "id": "p-4" }, "patience": "300ms" })).await;
    let ended = reaches(api, &late, "COMPLETED").await;
    assert_eq!(ended["decision"]["outcome"], "BLOCKED", "nothing came in time: {ended}");
    assert_eq!(control(api, "cancel", json!({ "id": other, "reason": "over" })).await, Vec::<String>::new());
    assert_eq!(shown(api, &other).await["status"], "CANCELLED");
}

async fn children(api: &Api) {
    let ran = api.run("parent", json!({ "number": 20, "pause": "0s" })).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("42")), "{ran}");
    let child = output(&ran, "double")["execution_id"].as_str().unwrap().to_owned();
    assert_eq!(shown(api, &child).await["parent"]["id"], ran["id"]);

    let ran = api.run("parent", json!({ "number": "none", "pause": "0s" })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("CHILD_FAILED")), "{ran}");

    // Cancelling passes down, and pausing too.
    for (what, status) in [("pause", "PAUSED"), ("cancel", "CANCELLED")] {
        let parent = start(api, "parent", json!({ "number": 1, "pause": "1h" })).await;
        let child = child_of(api, &parent).await;
        reaches(api, &child, "WAITING").await;
        assert_eq!(control(api, what, json!({ "id": parent, "reason": "test" })).await, Vec::<String>::new());
        reaches(api, &parent, status).await;
        reaches(api, &child, status).await;
        if what == "pause" {
            assert_eq!(control(api, "resume", json!({ "id": parent })).await, Vec::<String>::new());
            reaches(api, &child, "WAITING").await;
            assert_eq!(control(api, "cancel", json!({ "id": parent, "reason": "over" })).await, Vec::<String>::new());
            reaches(api, &child, "CANCELLED").await;
        }
    }

    let ran = api.run("matryoshka", json!({})).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("CHILD_FAILED")), "{ran}");
    let deepest = "query { executions(first: 1, filter: { workflow: { slug: \"matryoshka\" } }) { totalCount } }";
    assert_eq!(api.data(deepest, json!({})).await["executions"]["totalCount"], 33, "32 were started by one another");
}

async fn child_of(api: &Api, parent: &str) -> String {
    let step = || async {
        let parent = shown(api, parent).await;
        let summaries = parent["history"]["nodes"].as_array().unwrap().clone();
        summaries.iter().find_map(|event| {
            let (_, id) = event["summary"].as_str()?.split_once("waits for execution ")?;
            Some(id.to_owned())
        })
    };
    eventually("the child is known", || async { step().await.is_some() }).await;
    step().await.unwrap()
}

/// More items than are under way at once, each an execution of its own, and all of them gone with what waits for them.
async fn spread_items(api: &Api) {
    let children = async |id: &str| {
        let query = "query($id: ID!) { execution(id: $id) { children(first: 50) { nodes { status parent { id } } } } }";
        let told = api.data(query, json!({ "id": id })).await;
        told["execution"]["children"]["nodes"].as_array().unwrap().clone()
    };
    let numbers: Vec<u32> = (1..=25).collect();
    let id = start(api, "spreads", json!({ "numbers": numbers, "pause": "1ms" })).await;
    let ran = reaches(api, &id, "COMPLETED").await;
    assert_eq!(output(&ran, "sum")["total"], json!(650), "{ran}");
    let all = children(&id).await;
    assert_eq!(all.len(), 25);
    assert!(all.iter().all(|child| child["status"] == "COMPLETED" && child["parent"]["id"] == id), "{all:?}");

    let id = start(api, "spreads", json!({ "numbers": numbers, "pause": "1h" })).await;
    eventually("ten of them wait", || async {
        children(&id).await.iter().filter(|child| child["status"] == "WAITING").count() == 10
    })
    .await;
    assert_eq!(control(api, "cancel", json!({ "id": id, "reason": "over" })).await, Vec::<String>::new());
    eventually("all have ended with it", || async {
        children(&id).await.iter().filter(|child| child["status"] == "CANCELLED").count() == 10
    })
    .await;
    assert_eq!(children(&id).await.len(), 10, "none began afterwards");
}

async fn approvals_and_pauses(api: &Api) {
    let asked = start(api, "asks", json!({ "order": { "id": "o-1" } })).await;
    let blocked = reaches(api, &asked, "BLOCKED").await;
    assert!(types(&blocked).contains(&"APPROVAL_REQUESTED"), "{blocked}");
    let ended = reaches(api, &asked, "COMPLETED").await;
    assert_eq!(ended["decision"]["outcome"], "BLOCKED", "nobody decided in time: {ended}");
    assert!(types(&ended).contains(&"APPROVAL_DECIDED"), "{ended}");

    let paused = start(api, "timer", json!({ "pause": "300ms" })).await;
    reaches(api, &paused, "WAITING").await;
    assert_eq!(control(api, "pause", json!({ "id": paused, "reason": "look" })).await, Vec::<String>::new());
    let shown_paused = reaches(api, &paused, "PAUSED").await;
    assert!(types(&shown_paused).contains(&"PAUSED"));
    assert_eq!(control(api, "resume", json!({ "id": paused, "fromStep": "nowhere" })).await, ["INVALID"]);
    assert_eq!(control(api, "resume", json!({ "id": paused, "data": { "seen": true } })).await, Vec::<String>::new());
    let ended = reaches(api, &paused, "COMPLETED").await;
    assert_eq!(ended["context"]["value"]["seen"], json!(true), "{ended}");
    for what in ["pause", "cancel"] {
        assert_eq!(control(api, what, json!({ "id": paused, "reason": "late" })).await, ["WRONG_STATE"]);
    }
    assert_eq!(control(api, "resume", json!({ "id": paused })).await, ["WRONG_STATE"]);

    // A call under way is not waited for when its execution is cancelled.
    let silent = Stub::answering(200).await;
    silent.hold();
    let calling = start(api, "items", json!({ "numbers": [1], "url": silent.url })).await;
    eventually("the call has left", || async { !silent.received().is_empty() }).await;
    assert_eq!(control(api, "cancel", json!({ "id": calling, "reason": "over" })).await, Vec::<String>::new());
    assert_eq!(shown(api, &calling).await["status"], "CANCELLED");
}

async fn events_without_end(api: &Api) {
    emit(api, "echo.heard", json!({ "echo": { "id": "e" } })).await;
    let count = "query { executions(first: 1, filter: { workflow: { slug: \"echo\" }, statuses: [COMPLETED] }) { totalCount } }";
    // The one from outside, and 16 that led to each other.
    eventually("the echo has died away", || async {
        api.data(count, json!({})).await["executions"]["totalCount"] == 17
    })
    .await;
    let last = "query { events(first: 1) { nodes { matches { outcome why { summary } } } totalCount } }";
    eventually("the last one started nothing", || async {
        api.data(last, json!({})).await["events"]["totalCount"] == 18
    })
    .await;
    assert_eq!(api.data(count, json!({})).await["executions"]["totalCount"], 17);
}

async fn import(api: &Api) {
    let imported = api.import(&FILES).await;
    for file in imported.as_array().unwrap() {
        let errors =
            file["problems"].as_array().unwrap().iter().filter(|problem| problem["severity"] == "ERROR").count();
        assert_eq!(errors, 0, "{file}");
    }
}

async fn fleet(test: &str) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, 2, "10s").await;
    import(&fleet.api).await;
    Some(fleet)
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let server = Embedded::start().await;
                import(&server.api).await;
                $what(&server.api).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                if let Some(fleet) = fleet(stringify!($name)).await {
                    $what(&fleet.api).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    branches_items_and_rounds_end_with_what_they_found: branches_items_and_rounds,
    timers_and_events_wake_who_waits_for_them: timers_and_events,
    children_are_waited_for_and_paused_and_cancelled_with_their_parent: children,
    items_that_are_spread_are_executions_of_their_own: spread_items,
    people_are_asked_and_can_hold_and_end_what_runs: approvals_and_pauses,
    workflows_that_trigger_each_other_come_to_an_end: events_without_end,
}
