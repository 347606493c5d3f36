//! Work on many executions, in both modes: while they run, and while workers are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually, run};

const RESTS: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: goes.on }, next: done }
  - { id: done, type: action, action: { type: allow } }
";

const CALLS: &str = "
workflow_id: calls
steps:
  - { id: call, type: execute, execute: [{ type: http_request, url: '{{url}}' }] }
";

const START: &str = "mutation($i: BulkOperationStartInput!) { bulkOperationStart(input: $i) {
    bulkOperation { id status } userErrors { code field message } } }";
const SHOW: &str = "query($id: ID!) { bulkOperation(id: $id) { status statusReason total isTotalExact succeeded failed
    skipped endedAt failures(first: 10) { totalCount nodes { itemId error { code message } } } } }";

async fn begin(api: &Api, input: Value) -> String {
    let mut whole = json!({ "reason": "they are in the way" });
    whole.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    let payload = api.data(START, json!({ "i": whole })).await["bulkOperationStart"].take();
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload["bulkOperation"]["id"].as_str().unwrap().to_owned()
}

async fn shown(api: &Api, id: &str) -> Value {
    api.data(SHOW, json!({ "id": id })).await["bulkOperation"].take()
}

/// The operation once it has ended.
async fn ended(api: &Api, id: &str) -> Value {
    eventually("the operation has ended", || async { shown(api, id).await["endedAt"].is_string() }).await;
    shown(api, id).await
}

/// What came of an operation.
fn numbers(operation: &Value) -> (&str, u64, u64, u64, u64) {
    let number = |name: &str| operation[name].as_u64().unwrap();
    let status = operation["status"].as_str().unwrap();
    (status, number("total"), number("succeeded"), number("failed"), number("skipped"))
}

/// Starts many at once.
async fn start_many(api: &Api, workflow: &str, input: &Value, count: usize) {
    let query = "mutation($i: [ExecutionStartInput!]!) { executionStartBatch(input: { items: $i }) { started } }";
    for part in (0..count).collect::<Vec<_>>().chunks(500) {
        let items: Vec<_> =
            part.iter().map(|_one| json!({ "workflow": { "slug": workflow }, "input": input })).collect();
        let started = api.data(query, json!({ "i": items })).await["executionStartBatch"]["started"].take();
        assert_eq!(started, part.len());
    }
}

async fn count(api: &Api, filter: Value) -> u64 {
    let query = "query($f: ExecutionFilter) { executions(filter: $f, first: 1) { totalCount } }";
    api.data(query, json!({ "f": filter })).await["executions"]["totalCount"].as_u64().unwrap()
}

async fn wait_for(api: &Api, status: &str, wanted: u64) {
    eventually(&format!("{wanted} are {status}"), || async {
        count(api, json!({ "statuses": [status] })).await == wanted
    })
    .await;
}

/// Pauses, resumes and cancels everything, and retries what fails.
async fn whole_life(api: &Api) {
    api.import(&[("r.yaml", RESTS), ("c.yaml", CALLS)]).await;
    start_many(api, "rests", &json!({}), 120).await;
    wait_for(api, "WAITING", 120).await;
    let fits = json!({ "workflow": { "slug": "rests" } });
    let looked = begin(api, json!({ "kind": "PAUSE", "filter": fits, "dryRun": true })).await;
    assert_eq!(numbers(&ended(api, &looked).await), ("COMPLETED", 120, 120, 0, 0));
    wait_for(api, "WAITING", 120).await;

    let paused = begin(api, json!({ "kind": "PAUSE", "filter": fits })).await;
    let mut seen = Vec::new();
    let query = "subscription($id: ID!) { bulkOperationUpdated(id: $id) { bulkOperation { status succeeded total } } }";
    let mut updates = api.subscribe(query, json!({ "id": paused })).await;
    while let Some(update) = updates.next().await {
        seen.push(update["data"]["bulkOperationUpdated"]["bulkOperation"].clone());
    }
    assert_eq!(seen.last().unwrap(), &json!({ "status": "COMPLETED", "succeeded": 120, "total": 120 }), "{seen:?}");
    wait_for(api, "PAUSED", 120).await;
    let mut of_none = api.subscribe(query, json!({ "id": "blk_00000000000000000000000000" })).await;
    let refused = of_none.next().await.unwrap();
    assert_eq!(refused["errors"][0]["extensions"]["code"], "NOT_FOUND", "{refused}");

    let resumed = begin(api, json!({ "kind": "RESUME", "filter": fits, "data": { "shelf": "b-7" } })).await;
    assert_eq!(numbers(&ended(api, &resumed).await), ("COMPLETED", 120, 120, 0, 0));
    wait_for(api, "WAITING", 120).await;
    let cancelled = begin(api, json!({ "kind": "CANCEL", "filter": {} })).await;
    assert_eq!(numbers(&ended(api, &cancelled).await), ("COMPLETED", 120, 120, 0, 0));
    wait_for(api, "CANCELLED", 120).await;

    let stub = Stub::answering(500).await;
    start_many(api, "calls", &json!({ "url": stub.url }), 70).await;
    wait_for(api, "FAILED", 70).await;
    let causes = "{ errorGroups(window: { last: \"PT1H\" }) { nodes { fingerprint count } } }";
    let cause = api.data(causes, json!({})).await["errorGroups"]["nodes"][0].take();
    let of_cause = json!({ "errorFingerprint": cause["fingerprint"] });
    assert_eq!((&cause["count"], count(api, of_cause.clone()).await), (&json!(70), 70));
    let retried = begin(api, json!({ "kind": "RETRY", "filter": of_cause })).await;
    assert_eq!(numbers(&ended(api, &retried).await), ("COMPLETED", 70, 70, 0, 0));
    eventually("each was tried twice", || async { stub.received().len() == 140 }).await;
    wait_for(api, "FAILED", 70).await;
}

#[tokio::test]
async fn many_are_paused_resumed_cancelled_and_retried_embedded() {
    let server = Embedded::start_with(&[("SLUICE_EGRESS_ALLOW", "127.0.0.0/8")]).await;
    whole_life(&server.api).await;
}

#[tokio::test]
async fn many_are_paused_resumed_cancelled_and_retried_by_two_workers() {
    let Some(services) = Services::start("bulk_whole_life", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    whole_life(&fleet.api).await;
}

const RESTS_LONGER: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: goes.on }, next: more }
  - { id: more, type: set, set: { more: true }, next: done }
  - { id: done, type: action, action: { type: allow } }
";

/// Moves, ends, repeats and removes everything.
async fn whole_end(api: &Api) {
    api.import(&[("r.yaml", RESTS)]).await;
    start_many(api, "rests", &json!({}), 60).await;
    wait_for(api, "WAITING", 60).await;
    api.import(&[("r.yaml", RESTS_LONGER)]).await;
    let moved = begin(api, json!({ "kind": "MIGRATE", "filter": {}, "toVersion": 2 })).await;
    assert_eq!(numbers(&ended(api, &moved).await), ("COMPLETED", 60, 60, 0, 0));
    assert_eq!(count(api, json!({ "workflow": { "slug": "rests" }, "versionNumber": 2 })).await, 60);
    wait_for(api, "WAITING", 60).await;
    let nowhere = begin(api, json!({ "kind": "MIGRATE", "filter": {}, "toVersion": 9, "dryRun": true })).await;
    let nowhere = ended(api, &nowhere).await;
    assert_eq!(numbers(&nowhere), ("COMPLETED", 60, 0, 60, 0));
    assert_eq!(nowhere["failures"]["nodes"][0]["error"]["code"], "NOT_FOUND", "{nowhere}");

    let terminated = begin(api, json!({ "kind": "TERMINATE", "filter": { "statuses": ["WAITING"] } })).await;
    assert_eq!(numbers(&ended(api, &terminated).await), ("COMPLETED", 60, 60, 0, 0));
    wait_for(api, "CANCELLED", 60).await;
    let repeated = begin(api, json!({ "kind": "RERUN", "filter": { "statuses": ["CANCELLED"] } })).await;
    assert_eq!(numbers(&ended(api, &repeated).await), ("COMPLETED", 60, 60, 0, 0));
    wait_for(api, "WAITING", 60).await;
    assert_eq!(count(api, json!({ "workflow": { "slug": "rests" }, "versionNumber": 2 })).await, 120);
    let deleted = begin(api, json!({ "kind": "DELETE", "filter": {} })).await;
    assert_eq!(numbers(&ended(api, &deleted).await), ("COMPLETED", 60, 60, 0, 0));
    assert_eq!((count(api, json!({})).await, count(api, json!({ "statuses": ["WAITING"] })).await), (60, 60));
}

#[tokio::test]
async fn many_are_moved_terminated_repeated_and_deleted_embedded() {
    let server = Embedded::start().await;
    whole_end(&server.api).await;
}

#[tokio::test]
async fn many_are_moved_terminated_repeated_and_deleted_by_two_workers() {
    let Some(services) = Services::start("bulk_whole_end", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    whole_end(&fleet.api).await;
}

#[tokio::test]
async fn while_workers_are_killed_each_execution_is_repeated_once() {
    let Some(services) = Services::start("bulk_repeats", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    fleet.api.import(&[("r.yaml", RESTS)]).await;
    start_many(&fleet.api, "rests", &json!({}), 600).await;
    let cancelled = begin(&fleet.api, json!({ "kind": "TERMINATE", "filter": {} })).await;
    assert_eq!(numbers(&ended(&fleet.api, &cancelled).await), ("COMPLETED", 600, 600, 0, 0));
    wait_for(&fleet.api, "CANCELLED", 600).await;
    let id = begin(&fleet.api, json!({ "kind": "RERUN", "filter": {}, "ratePerSecond": 200 })).await;
    for kills in 1..=2_u64 {
        eventually("it goes on", || async {
            shown(&fleet.api, &id).await["succeeded"].as_u64().unwrap() >= kills * 100
        })
        .await;
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    assert_eq!(numbers(&ended(&fleet.api, &id).await), ("COMPLETED", 600, 600, 0, 0));
    let repeated = "select count(*) from execution where rerun_of is not null";
    assert_eq!(fleet.services.number(repeated).await, 600);
    assert_eq!(fleet.services.number("select count(distinct rerun_of) from execution").await, 600);
}

#[tokio::test]
async fn while_workers_are_killed_each_execution_is_paused_once_and_then_all_are_cancelled_while_more_start() {
    let Some(services) = Services::start("bulk_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    fleet.api.import(&[("r.yaml", RESTS)]).await;
    start_many(&fleet.api, "rests", &json!({}), 3_000).await;
    let id = begin(&fleet.api, json!({ "kind": "PAUSE", "filter": {}, "ratePerSecond": 600 })).await;
    for kills in 1..=3_u64 {
        eventually("it goes on", || async {
            shown(&fleet.api, &id).await["succeeded"].as_u64().unwrap() >= kills * 600
        })
        .await;
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    // A claim of a worker that was killed runs out; nothing is lost meanwhile.
    eventually("most are done", || async { shown(&fleet.api, &id).await["succeeded"].as_u64().unwrap() >= 2_000 })
        .await;
    let paused = ended(&fleet.api, &id).await;
    assert_eq!(numbers(&paused), ("COMPLETED", 3_000, 3_000, 0, 0));
    eventually("all are paused", || async {
        fleet.services.number("select count(*) from execution where status = 4").await == 3_000
    })
    .await;
    let doubled = "select count(*) from execution e where 1 <>
        (select count(*) from journal j where j.execution_id = e.id and j.events like '%\"paused\"%')";
    assert_eq!(fleet.services.number(doubled).await, 0, "each was paused once");
    let told = "select count(*) from signal";
    eventually("everything told was taken in", || async { fleet.services.number(told).await == 0 }).await;
    let cancel = begin(&fleet.api, json!({ "kind": "CANCEL", "filter": {} })).await;
    start_many(&fleet.api, "rests", &json!({}), 100).await;
    let mut killed = fleet.workers.remove(0);
    killed.kill().await;
    assert_eq!(numbers(&ended(&fleet.api, &cancel).await), ("COMPLETED", 3_000, 3_000, 0, 0));
    eventually("those that were there have ended, and the others have not", || async {
        fleet.services.number("select count(*) from execution where status = 7").await == 3_000
            && fleet.services.number("select count(*) from execution where ended_at_ms is null").await == 100
    })
    .await;
}

#[tokio::test]
async fn an_operation_goes_on_after_the_only_process_was_killed() {
    let mut server = Embedded::start().await;
    server.api.import(&[("r.yaml", RESTS)]).await;
    start_many(&server.api, "rests", &json!({}), 400).await;
    let id = begin(&server.api, json!({ "kind": "CANCEL", "filter": {}, "ratePerSecond": 100 })).await;
    eventually("some are told", || async { shown(&server.api, &id).await["succeeded"].as_u64().unwrap() >= 100 }).await;
    server.process.kill().await;
    server.restart().await;
    server.api.ready().await;
    assert_eq!(numbers(&ended(&server.api, &id).await), ("COMPLETED", 400, 400, 0, 0));
    wait_for(&server.api, "CANCELLED", 400).await;
}

#[tokio::test]
async fn the_command_line_starts_follows_holds_and_stops_them() {
    let server = Embedded::start().await;
    server.api.import(&[("r.yaml", RESTS)]).await;
    start_many(&server.api, "rests", &json!({}), 30).await;
    let url = server.api.url.clone();
    let sluice = |arguments: &[&str]| {
        let arguments: Vec<String> =
            ["bulk"].iter().chain(arguments).chain(&["--url", url.as_str()]).map(|word| (*word).to_owned()).collect();
        async move { run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await }
    };
    let nothing = sluice(&["cancel", "--reason", "x"]).await;
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    assert!(nothing.err.contains("say which executions"), "{nothing:?}");
    let looked = sluice(&["pause", "--workflow", "rests", "--reason", "x", "--dry-run", "--wait"]).await;
    assert_eq!((looked.code, looked.json()["succeeded"].as_u64()), (Some(0), Some(30)), "{looked:?}");
    let slow = sluice(&["cancel", "--filter", "{}", "--reason", "x", "--rate", "5"]).await.json();
    let id = slow["id"].as_str().unwrap();
    assert_eq!(sluice(&["hold", id]).await.json()["status"], "PAUSED");
    assert_ne!(sluice(&["continue", id]).await.json()["status"], "PAUSED");
    assert_eq!(sluice(&["stop", id]).await.json()["status"], "CANCELLED");
    let watched = sluice(&["watch", id]).await;
    assert_eq!((watched.code, &watched.json()["status"]), (Some(1), &json!("CANCELLED")), "{watched:?}");
    let all = sluice(&["cancel", "--status", "waiting", "--reason", "x", "--wait"]).await;
    assert_eq!(all.code, Some(0), "{all:?}");
    assert_eq!(sluice(&["list"]).await.json().as_array().unwrap().len(), 3);
    let ended = ["--filter", "{}", "--reason", "x", "--dry-run", "--wait"];
    for (kind, more) in [("rerun", &[][..]), ("delete", &[]), ("terminate", &[]), ("migrate", &["--to", "1"])] {
        let looked = sluice(&[&[kind], more, &ended[..]].concat()).await;
        assert_eq!((looked.code, &looked.json()["kind"]), (Some(0), &json!(kind.to_uppercase())), "{looked:?}");
    }
    assert_eq!(sluice(&["show", id]).await.json()["status"], "CANCELLED");
}

const MANY: &str = "mutation($i: ExecutionStartManyInput!) { executionStartMany(input: $i) {
    bulkOperation { id status total } userErrors { code field message } } }";
const ADD: &str = "mutation($i: BulkOperationAddInput!) { bulkOperationAdd(input: $i) {
    bulkOperation { id status total } userErrors { code field message } } }";
const ITEMS: &str = "query($id: ID!, $s: BulkItemStatus) { bulkOperation(id: $id) {
    items(first: 100, status: $s) { totalCount nodes { index status executionId error { code } } } } }";

fn items(workflow: &str, count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({ "workflow": { "slug": workflow }, "input": { "number": number } })).collect()
}

/// Gives them to an operation in parts of `part`, each twice, and lets it begin.
async fn begin_many(api: &Api, items: &[Value], part: usize, rate: u32) -> String {
    let input = json!({ "items": [], "isLast": false, "reason": "an import", "ratePerSecond": rate });
    let begun = api.data(MANY, json!({ "i": input })).await["executionStartMany"].take();
    assert_eq!(begun["userErrors"], json!([]), "{begun}");
    let id = begun["bulkOperation"]["id"].as_str().unwrap().to_owned();
    for (number, some) in items.chunks(part).enumerate() {
        let from = number * part;
        let input = json!({ "id": id, "from": from, "items": some, "isLast": from + some.len() == items.len() });
        for _given in 0..2 {
            let added = api.data(ADD, json!({ "i": input })).await["bulkOperationAdd"].take();
            assert_eq!(
                (&added["userErrors"], &added["bulkOperation"]["total"]),
                (&json!([]), &json!(from + some.len()))
            );
        }
    }
    id
}

/// Starts many in the background, some of which cannot be, and follows it.
async fn many_starts(api: &Api) {
    api.import(&[("r.yaml", RESTS)]).await;
    let mut wanted = items("rests", 240);
    wanted.extend(items("nowhere", 10));
    wanted[7]["idempotencyKey"] = json!("same");
    wanted[8] = wanted[7].clone();
    let id = begin_many(api, &wanted, 100, 1_000).await;
    let query = "subscription($id: ID!) { bulkOperationUpdated(id: $id) { bulkOperation { status kind total } } }";
    let mut updates = api.subscribe(query, json!({ "id": id })).await;
    let mut last = Value::Null;
    while let Some(update) = updates.next().await {
        last = update["data"]["bulkOperationUpdated"]["bulkOperation"].clone();
    }
    assert_eq!(last, json!({ "status": "COMPLETED", "kind": "START", "total": 250 }));
    let done = shown(api, &id).await;
    assert_eq!(numbers(&done), ("COMPLETED", 250, 239, 10, 1));
    assert_eq!(done["failures"]["totalCount"], 10);
    assert_eq!(done["failures"]["nodes"][0]["itemId"], "240", "{done}");
    wait_for(api, "WAITING", 239).await;
    let refused = api.data(ITEMS, json!({ "id": id, "s": "REFUSED" })).await["bulkOperation"]["items"].take();
    assert_eq!(refused["totalCount"], 10);
    let first = json!({ "index": 240, "status": "REFUSED", "executionId": null, "error": { "code": "NOT_FOUND" } });
    assert_eq!(refused["nodes"][0], first);
    let all = api.data(ITEMS, json!({ "id": id })).await["bulkOperation"]["items"]["nodes"].take();
    assert_eq!((&all[7]["status"], &all[8]["status"]), (&json!("STARTED"), &json!("FOUND")), "{all}");
    assert_eq!(all[7]["executionId"], all[8]["executionId"]);
}

#[tokio::test]
async fn many_are_started_in_the_background_embedded() {
    let server = Embedded::start().await;
    many_starts(&server.api).await;
}

#[tokio::test]
async fn many_are_started_in_the_background_by_two_workers() {
    let Some(services) = Services::start("bulk_starts", SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    many_starts(&fleet.api).await;
}

#[tokio::test]
async fn while_workers_are_killed_each_item_is_started_once() {
    let Some(services) = Services::start("bulk_starts_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    fleet.api.import(&[("r.yaml", RESTS)]).await;
    let id = begin_many(&fleet.api, &items("rests", 1_200), 500, 300).await;
    for kills in 1..=3_u64 {
        eventually("it goes on", || async {
            shown(&fleet.api, &id).await["succeeded"].as_u64().unwrap() >= kills * 200
        })
        .await;
        let mut killed = fleet.workers.remove(0);
        killed.kill().await;
        fleet.add_worker();
    }
    assert_eq!(numbers(&ended(&fleet.api, &id).await), ("COMPLETED", 1_200, 1_200, 0, 0));
    assert_eq!(fleet.services.number("select count(*) from execution").await, 1_200);
    assert_eq!(fleet.services.number("select count(distinct input) from execution").await, 1_200);
    let others = "select count(*) from bulk_item where id not in (select id from execution)";
    assert_eq!(fleet.services.number(others).await, 0, "each item has its execution");
}

#[tokio::test]
async fn starts_go_on_after_the_only_process_was_killed_until_somebody_stops_them() {
    let mut server = Embedded::start().await;
    server.api.import(&[("r.yaml", RESTS)]).await;
    let id = begin_many(&server.api, &items("rests", 400), 200, 100).await;
    let started = async |api: &Api| shown(api, &id).await["succeeded"].as_u64().unwrap();
    eventually("some are started", || async { started(&server.api).await >= 100 }).await;
    server.process.kill().await;
    server.restart().await;
    server.api.ready().await;
    eventually("it goes on", || async { started(&server.api).await >= 200 }).await;
    let stop = "mutation($id: ID!) { bulkOperationCancel(input: { id: $id }) { bulkOperation { status } } }";
    server.api.data(stop, json!({ "id": id })).await;
    let stopped = ended(&server.api, &id).await;
    assert_eq!(stopped["status"], "CANCELLED", "{stopped}");
    // A part that is under way at that moment is done and counted.
    eventually("what was started is counted", || async {
        started(&server.api).await == count(&server.api, json!({})).await
    })
    .await;
}

#[tokio::test]
async fn the_command_line_starts_a_file_in_the_background() {
    let server = Embedded::start().await;
    server.api.import(&[("r.yaml", RESTS)]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.jsonl");
    let lines: Vec<String> = (0..1_500).map(|number| format!("{{\"input\": {{\"number\": {number}}}}}")).collect();
    std::fs::write(&file, format!("{}\n{{\"workflow\": \"nowhere\"}}\n", lines.join("\n"))).unwrap();
    let (url, path) = (server.api.url.clone(), file.to_str().unwrap());
    let begun = run(&["start", "rests", "--batch", path, "--background", "--reason", "x", "--url", &url], &[]).await;
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let begun = begun.json();
    assert_eq!(begun["total"], 1_501, "{begun}");
    let id = begun["id"].as_str().unwrap();
    let watched = run(&["bulk", "watch", id, "--url", &url], &[]).await;
    assert_eq!((watched.code, &watched.json()["succeeded"]), (Some(1), &json!(1_500)), "{watched:?}");
    let refused = run(&["bulk", "items", id, "--status", "refused", "--url", &url], &[]).await.json();
    assert_eq!((refused.as_array().unwrap().len(), &refused[0]["index"]), (1, &json!(1_500)), "{refused}");
    let alone = run(&["start", "rests", "--background", "--url", &url], &[]).await;
    assert_eq!(alone.code, Some(2), "{alone:?}");
}
