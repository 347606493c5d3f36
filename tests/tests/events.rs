//! Events in numbers, and once more: over the API and the command line, in both modes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually, run};

const WORKFLOWS: [(&str, &str); 4] = [
    (
        "ships.yaml",
        "workflow_id: ships\ntrigger: { type: event, event: order.paid }\nsteps:\n  - { id: done, type: action, action: { type: allow } }\n",
    ),
    (
        "mails.yaml",
        "workflow_id: mails\ntrigger: { type: event, event: order.paid, condition: { field: order.total, operator: gt, value: 100 } }\n\
         steps:\n  - { id: done, type: action, action: { type: allow } }\n",
    ),
    (
        "waits.yaml",
        "workflow_id: waits\nsteps:\n  - { id: hold, type: wait, wait: { event: order.shipped, match: [order.id, order.postcode], timeout: 1d } }\n",
    ),
    (
        "late.yaml",
        "workflow_id: late\nsteps:\n  - { id: pause, type: wait, wait: { for: 2s }, next: hold }\n  \
         - { id: hold, type: wait, wait: { event: order.shipped, match: [order.id, order.postcode], timeout: 1d } }\n",
    ),
];
const BATCH: &str = "mutation($input: EventEmitBatchInput!) { eventEmitBatch(input: $input) {
  results { index isNew event { id type matches { outcome execution { id } } } userErrors { code field } }
  userErrors { code field } } }";
const REPLAY: &str = "mutation($input: EventReplayInput!) { eventReplay(input: $input) {
  event { id deduplicationKey replayOf { id } payload { value } matches { workflow { slug } outcome } }
  isNew executions { id } userErrors { code field } } }";

fn paid(total: i64, key: &str) -> Value {
    json!({ "type": "order.paid", "payload": { "order": { "id": key, "total": total } }, "deduplicationKey": key })
}

async fn batch(api: &Api, items: &[Value]) -> Value {
    api.data(BATCH, json!({ "input": { "items": items } })).await["eventEmitBatch"].take()
}

async fn executions(api: &Api) -> Value {
    api.data("{ executions(first: 1) { totalCount } }", json!({})).await["executions"]["totalCount"].take()
}

async fn each_of_many_is_accepted_for_itself(api: &Api) {
    let wrong = json!({ "type": "order paid", "payload": {} });
    let other = json!({ "type": "order.paid", "payload": { "order": { "id": "other" } }, "deduplicationKey": "a" });
    let answer = batch(api, &[paid(50, "a"), wrong, paid(500, "b"), paid(50, "a"), other]).await;
    let results = answer["results"].as_array().unwrap();
    let news: Vec<_> = results.iter().map(|one| one["isNew"].as_bool().unwrap()).collect();
    assert_eq!(news, [true, false, true, false, false], "{answer}");
    assert_eq!(results[1]["userErrors"], json!([{ "code": "INVALID", "field": ["input", "type"] }]));
    assert_eq!(results[4]["userErrors"], json!([{ "code": "DUPLICATE", "field": ["input", "deduplicationKey"] }]));
    assert_eq!(results[3]["event"]["id"], results[0]["event"]["id"], "the same key, the same event");
    let outcomes = |one: &Value| {
        let mut all: Vec<_> =
            one["event"]["matches"].as_array().unwrap().iter().map(|found| found["outcome"].to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(outcomes(&results[0]), ["\"FILTERED\"", "\"STARTED\""]);
    assert_eq!(outcomes(&results[2]), ["\"STARTED\"", "\"STARTED\""]);
    let again = batch(api, &[paid(50, "a"), paid(500, "b")]).await;
    assert!(again["results"].as_array().unwrap().iter().all(|one| one["isNew"] == false), "{again}");
    assert_eq!(executions(api).await, 3, "nothing is started twice");
    let none = batch(api, &[]).await;
    assert_eq!(none["userErrors"], json!([{ "code": "TOO_LARGE", "field": ["input", "items"] }]));
}

async fn an_event_is_sent_again_as_a_new_one(api: &Api) {
    let before = executions(api).await.as_i64().unwrap();
    let first = batch(api, &[paid(500, "c")]).await["results"][0]["event"]["id"].take();
    let replay = async |input: Value| api.data(REPLAY, json!({ "input": input })).await["eventReplay"].take();
    let second = replay(json!({ "id": first, "reason": "the mail was lost" })).await;
    assert_eq!((&second["isNew"], &second["event"]["replayOf"]["id"]), (&json!(true), &first), "{second}");
    assert_eq!(second["event"]["deduplicationKey"], Value::Null);
    assert_eq!(second["event"]["payload"]["value"]["order"]["id"], "c");
    assert_eq!(second["executions"].as_array().unwrap().len(), 2);
    let mails = api.data("{ workflow(ref: { slug: \"mails\" }) { id } }", json!({})).await["workflow"]["id"].take();
    let third = replay(json!({ "id": second["event"]["id"], "workflows": [mails] })).await;
    assert_eq!(
        third["event"]["matches"],
        json!([{ "workflow": { "slug": "mails" }, "outcome": "STARTED" }]),
        "{third}"
    );
    assert_eq!(executions(api).await, before + 5);
    for (input, field) in [
        (json!({ "id": "evt_00000000000000000000000000" }), json!(["input", "id"])),
        (json!({ "id": first, "workflows": ["wf_00000000000000000000000000"] }), json!(["input", "workflows", "0"])),
        (json!({ "id": first, "workflows": [] }), json!(["input", "workflows"])),
    ] {
        assert_eq!(replay(input.clone()).await["userErrors"][0]["field"], field, "{input}");
    }
}

async fn a_file_of_events_is_sent_and_looked_at(api: &Api) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let lines: Vec<String> = (0..1_200).map(|number| paid(1, &format!("line-{number}")).to_string()).collect();
    std::fs::write(&file, lines.join("\n") + "\n\n").unwrap();
    let path = file.to_str().unwrap();
    let at = async |arguments: &[&str]| run(&[arguments, &["--url", &api.url]].concat(), &[]).await;
    let sent = at(&["emit", "--batch", path, "--output", "json"]).await;
    let told = sent.json_lines();
    assert_eq!((sent.code, told.len()), (Some(0), 1_200), "{}", sent.err);
    assert!(told.iter().all(|one| one["isNew"] == true), "{sent:?}");
    std::fs::write(&file, lines[..3].join("\n") + "\n{\"type\": \"\", \"payload\": {}}\n").unwrap();
    let again = at(&["emit", "--batch", path, "--output", "table"]).await;
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.out.contains("0 new events, 3 known ones, 1 refused"), "{again:?}");
    assert!(again.err.contains("line 4: ") && again.err.contains("INVALID"), "{again:?}");
    std::fs::write(&file, "{\n").unwrap();
    let broken = at(&["emit", "--batch", path]).await;
    assert_eq!(broken.code, Some(2), "{broken:?}");

    let listed = at(&["events", "--type", "order.paid", "--limit", "3", "--output", "json"]).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    let id = listed[0]["id"].as_str().unwrap();
    let shown = at(&["events", "show", id, "--output", "table"]).await;
    assert!(shown.out.contains(id) && shown.out.contains("line-1199"), "{shown:?}");
    let replayed = at(&["events", "replay", id, "--reason", "a test", "--output", "json"]).await.json();
    assert_eq!(replayed["replayOf"]["id"], id, "{replayed}");
    assert_eq!(at(&["events", "show", "evt_00000000000000000000000000"]).await.code, Some(1));
}

async fn what_came_of_an_event_is_told_for_workflows_and_for_those_who_wait(api: &Api) {
    let order = |id: &str, postcode: &str| json!({ "order": { "id": id, "postcode": postcode } });
    let fits = api.start("waits", order("w", "A"), "waits-1").await.unwrap();
    let differs = api.start("waits", order("w", "B"), "waits-2").await.unwrap();
    api.start("waits", order("x", "A"), "waits-3").await.unwrap();
    let begins_later = api.start("late", order("w", "A"), "late-1").await.unwrap();
    let waiting = "{ executions(first: 1, filter: { statuses: [WAITING] }) { totalCount } }";
    eventually("all of them wait", || async { api.data(waiting, json!({})).await["executions"]["totalCount"] == 4 })
        .await;
    let shipped = json!({ "type": "order.shipped", "payload": order("w", "A") });
    let event = batch(api, &[shipped]).await["results"][0]["event"]["id"].take();
    let query =
        "query($id: ID!) { event(id: $id) { waits(first: 10) { totalCount nodes { outcome execution { id } } } } }";
    let mut expected = vec![
        json!({ "outcome": "RESUMED", "execution": { "id": fits } }),
        json!({ "outcome": "DIFFERENT", "execution": { "id": differs } }),
        json!({ "outcome": "RESUMED", "execution": { "id": begins_later } }),
    ];
    expected.sort_by_key(|one| one["execution"]["id"].to_string());
    eventually("who waited is told, also who began to wait later", || async {
        let mut waits = api.data(query, json!({ "id": event })).await["event"]["waits"].take();
        let mut nodes = waits["nodes"].as_array_mut().map(std::mem::take).unwrap_or_default();
        nodes.sort_by_key(|one| one["execution"]["id"].to_string());
        waits["totalCount"] == 3 && nodes == expected
    })
    .await;

    let mails = api.data("{ workflow(ref: { slug: \"mails\" }) { id } }", json!({})).await["workflow"]["id"].take();
    let disable = "mutation($id: ID!) { workflowDisable(input: { id: $id }) { userErrors { code } } }";
    assert_eq!(api.data(disable, json!({ "id": mails })).await["workflowDisable"]["userErrors"], json!([]));
    let emitted = batch(api, &[paid(1_000, "disabled")]).await;
    let id = &emitted["results"][0]["event"]["id"];
    let found = "query($o: [EventMatchOutcome!]) { events(first: 100, filter: { outcomes: $o }) { nodes { id } } }";
    let disabled = api.data(found, json!({ "o": ["DISABLED"] })).await;
    assert_eq!(disabled["events"]["nodes"], json!([{ "id": id }]), "{emitted}");
    let both = api.data(found, json!({ "o": ["DISABLED", "REFUSED"] })).await;
    assert_eq!(both["events"]["nodes"], json!([{ "id": id }]));
}

/// Who follows is told each event once, and goes on behind the last one after a reconnection.
async fn events_are_told_as_they_come(api: &Api) {
    let query = "subscription($filter: EventFilter, $after: String) {
      events(filter: $filter, after: $after) { cursor event { id type source payload { value } } } }";
    let filter = json!({ "type": { "startsWith": "live." } });
    let mut live = api.subscribe(query, json!({ "filter": filter })).await;
    let named = |name: &str| json!({ "type": name, "payload": { "n": name } });
    batch(api, &[named("live.a"), named("other"), named("live.b"), named("live.c")]).await;
    let mut seen = Vec::new();
    for _event in 0..3 {
        seen.push(live.next().await.unwrap()["data"]["events"].take());
    }
    let mut types: Vec<&str> = seen.iter().map(|one| one["event"]["type"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, ["live.a", "live.b", "live.c"], "{seen:?}");
    let mut again = api.subscribe(query, json!({ "filter": filter, "after": seen[0]["cursor"] })).await;
    for expected in &seen[1..] {
        let item = again.next().await.unwrap()["data"]["events"].take();
        assert_eq!((&item["cursor"], &item["event"]), (&expected["cursor"], &expected["event"]));
    }
    let wrong = api.subscribe(query, json!({ "filter": { "hasExecutions": true } })).await.next().await.unwrap();
    assert_eq!(wrong["errors"][0]["extensions"]["code"], "INVALID", "{wrong}");
}

async fn everything(api: &Api) {
    let imported = api.import(&WORKFLOWS).await;
    assert!(imported.as_array().unwrap().iter().all(|one| one["problems"] == json!([])), "{imported}");
    each_of_many_is_accepted_for_itself(api).await;
    an_event_is_sent_again_as_a_new_one(api).await;
    what_came_of_an_event_is_told_for_workflows_and_for_those_who_wait(api).await;
    a_file_of_events_is_sent_and_looked_at(api).await;
    events_are_told_as_they_come(api).await;
}

#[tokio::test]
async fn many_events_are_sent_and_sent_again_in_one_process() {
    everything(&Embedded::start().await.api).await;
}

#[tokio::test]
async fn many_events_are_sent_and_sent_again_in_a_fleet() {
    let Some(services) = Services::start("many_events", SharedRedis::Yes).await else { return };
    everything(&Fleet::start(services, 1, "5s").await.api).await;
}

#[tokio::test]
async fn an_api_that_is_killed_while_events_come_loses_none_and_starts_nothing_twice() {
    let test = "an_api_that_is_killed_while_events_come_loses_none_and_starts_nothing_twice";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 1, "2s").await;
    fleet.api.import(&WORKFLOWS).await;
    for round in 0..3_u8 {
        let sending: Vec<_> = (0..100)
            .map(|number| {
                let api = fleet.api.clone();
                let items = [paid(1, &format!("{round}-{number}"))];
                // Some are cut off: accepted or not, nobody is told.
                tokio::spawn(async move { api.answer(BATCH, json!({ "input": { "items": items } })).await.is_ok() })
            })
            .collect();
        let accepted = "select count(*) from event";
        let enough = i64::from(round) * 100 + 20;
        eventually("events come", || async { fleet.services.number(accepted).await >= enough }).await;
        fleet.api_process.kill().await;
        for one in sending {
            one.await.unwrap();
        }
        fleet.restart_api().await;
        // Whoever was not answered sends the same again.
        for number in 0..100 {
            batch(&fleet.api, &[paid(1, &format!("{round}-{number}"))]).await;
        }
    }
    eventually("every event has started what it starts", || async {
        let routed = "select count(*) from event where routed_at_ms is not null and outcomes = '|filtered|started|'";
        fleet.services.number(routed).await == 300
    })
    .await;
    assert_eq!(fleet.services.number("select count(*) from event").await, 300);
    assert_eq!(fleet.services.number("select count(*) from execution").await, 300, "each event started one execution");
    fleet.drained().await;
}

#[tokio::test]
async fn ten_thousand_executions_that_wait_for_one_event_all_go_on() {
    let server = Embedded::start().await;
    let api = &server.api;
    let definition = "workflow_id: crowd\nsteps:\n  - { id: hold, type: wait, wait: { event: order.shipped, match: [order.id], timeout: 1d } }\n";
    api.import(&[("crowd.yaml", definition)]).await;
    let start = "mutation($i: ExecutionStartBatchInput!) { executionStartBatch(input: $i) { started } }";
    let item = json!({ "workflow": { "slug": "crowd" }, "input": { "order": { "id": "one" } } });
    for thousand in 1..=10_u64 {
        let items = vec![item.clone(); 1_000];
        let started = api.data(start, json!({ "i": { "items": items } })).await;
        assert_eq!(started["executionStartBatch"]["started"], 1_000);
        eventually("all of them wait", || async { count(api, "WAITING").await == thousand * 1_000 }).await;
    }
    let shipped = json!({ "type": "order.shipped", "payload": { "order": { "id": "one" } } });
    let event = batch(api, &[shipped]).await["results"][0]["event"]["id"].take();
    for enough in [2_500, 5_000, 7_500, 10_000] {
        eventually("they go on", || async { count(api, "COMPLETED").await >= enough }).await;
    }
    let query = "query($id: ID!) { event(id: $id) { waits(first: 1) { totalCount isTotalExact nodes { outcome } } } }";
    let waits = api.data(query, json!({ "id": event })).await["event"]["waits"].take();
    assert_eq!((&waits["totalCount"], &waits["nodes"][0]["outcome"]), (&json!(10_000), &json!("RESUMED")), "{waits}");
}

/// How many executions have this status.
async fn count(api: &Api, status: &str) -> u64 {
    let query = "query($s: [ExecutionStatus!]) { executions(first: 1, filter: { statuses: $s }) { totalCount } }";
    api.data(query, json!({ "s": [status] })).await["executions"]["totalCount"].as_u64().unwrap()
}
