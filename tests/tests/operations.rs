//! What operators see and do: health, workers, queues, draining, why executions rest, and `sluice doctor`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Ran, Services, SharedRedis, eventually, run};

const WAITS: &str = "
workflow_id: waits
steps:
  - id: rest
    type: wait
    wait: { event: order.paid, match: [order.id], timeout: 1d }
    next: done
  - { id: done, type: action, action: { type: allow } }
";
const ENDS: &str = "
workflow_id: ends
steps:
  - { id: done, type: action, action: { type: allow } }
";
const CHILD: &str = "
workflow_id: parent
steps:
  - { id: below, type: workflow, workflow: { workflow_id: waits, input: { order: { id: '{{order.id}}' } } }, next: done }
  - { id: done, type: action, action: { type: allow } }
";

async fn deploy(api: &Api) {
    let imported = api.import(&[("waits.yaml", WAITS), ("ends.yaml", ENDS), ("child.yaml", CHILD)]).await;
    assert!(imported.as_array().unwrap().iter().all(|one| one["workflow"]["id"].is_string()), "{imported:#}");
}

async fn doctor(api: &Api, arguments: &[&str]) -> Ran {
    run(&[&["doctor", "--output", "json", "--url", &api.url], arguments].concat(), &[]).await
}

async fn codes(ran: &Ran) -> Vec<String> {
    let findings = ran.json()["findings"].as_array().unwrap().clone();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

async fn execution(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status wakeReasons { kind summary at stepPath } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn waiting(api: &Api, workflow: &str, order: &str) -> String {
    let id = api.start(workflow, json!({ "order": { "id": order } }), order).await.unwrap();
    eventually("it waits", || async { execution(api, &id).await["status"] == "WAITING" }).await;
    id
}

#[tokio::test]
async fn an_execution_tells_why_it_does_not_move() {
    let server = Embedded::start().await;
    deploy(&server.api).await;
    let waits = waiting(&server.api, "waits", "o-1").await;
    let rested = execution(&server.api, &waits).await;
    let event = rested["wakeReasons"].as_array().unwrap().iter().find(|reason| reason["kind"] == "EVENT").cloned();
    let event = event.unwrap_or_else(|| unreachable!("{rested:#}"));
    assert_eq!(event["stepPath"], "rest");
    assert!(event["at"].is_string() && event["summary"].as_str().unwrap().contains("order.paid"), "{event}");
    let parent = waiting(&server.api, "parent", "o-2").await;
    let rested = execution(&server.api, &parent).await;
    let kinds: Vec<&Value> = rested["wakeReasons"].as_array().unwrap().iter().map(|reason| &reason["kind"]).collect();
    assert!(kinds.contains(&&json!("CHILD")), "{rested:#}");
    let pause = "mutation($id: ID!) { executionPause(input: { id: $id, reason: \"look\" }) { execution { wakeReasons { kind } } } }";
    let paused = server.api.data(pause, json!({ "id": waits })).await;
    assert_eq!(paused["executionPause"]["execution"]["wakeReasons"][0]["kind"], "HOLD", "{paused}");
    let ended = server.api.run("ends", json!({})).await;
    let ended = execution(&server.api, ended["id"].as_str().unwrap()).await;
    assert_eq!(ended, json!({ "status": "COMPLETED", "wakeReasons": [] }));
}

const HEALTH: &str = "{ systemHealth { status stuckExecutions components { name status latency message checkedAt }
    reconcilers { name lastRunAt lastDuration lastError repaired } } 
  workers(first: 10) { totalCount nodes { id name host version status slots busySlots processed failed lastSeenAt } }
  queues { name statistics { waiting running deadLetters oldestAge workers } } }";

#[tokio::test]
async fn one_process_is_healthy_and_its_worker_and_queue_are_listed() {
    let server = Embedded::start().await;
    let api = &server.api;
    deploy(api).await;
    api.run("ends", json!({})).await;
    eventually("its reconcilers have reported and its work is counted", || async {
        let seen = api.data(HEALTH, json!({})).await;
        seen["systemHealth"]["status"] == "HEALTHY" && seen["workers"]["nodes"][0]["processed"] == 1
    })
    .await;
    let seen = api.data(HEALTH, json!({})).await;
    assert_eq!(seen["systemHealth"]["stuckExecutions"], 0);
    let reconcilers = seen["systemHealth"]["reconcilers"].as_array().unwrap();
    assert!(reconcilers.len() >= 8 && reconcilers.iter().all(|one| one["lastError"].is_null()), "{seen:#}");
    let worker = &seen["workers"]["nodes"][0];
    assert_eq!((&seen["workers"]["totalCount"], &worker["status"]), (&json!(1), &json!("READY")), "{worker}");
    assert_eq!((&worker["slots"], &worker["failed"]), (&json!(256), &json!(0)));
    assert_eq!(seen["queues"][0]["name"], "default");
    assert_eq!(seen["queues"][0]["statistics"]["workers"], 1);
    let refused = run(&["drain", worker["id"].as_str().unwrap(), "--url", &api.url], &[]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("WRONG_STATE"), "{refused:?}");
    let ran = doctor(api, &["--deep"]).await;
    assert_eq!((ran.code, &ran.json()["findings"]), (Some(0), &json!([])), "{ran:?}");
}

#[tokio::test]
async fn how_long_executions_are_kept_is_set_for_an_organization_and_for_a_workflow() {
    let server = Embedded::start().await;
    let api = &server.api;
    deploy(api).await;
    let asked = "{ viewer { organization { defaultRetention { completed failed } } }
        waits: workflow(ref: { slug: \"waits\" }) { id retention { completed failed cancelled } }
        ends: workflow(ref: { slug: \"ends\" }) { id retention { completed } } }";
    let before = api.data(asked, json!({})).await;
    assert_eq!(before["waits"]["retention"], json!({ "completed": null, "failed": null, "cancelled": null }));
    let set = "mutation($id: ID!) {
        organizationUpdate(input: { defaultRetention: { completed: \"7d\" } }) { organization { slug } userErrors { code } }
        workflowUpdate(input: { id: $id, retention: { failed: \"1d\" } }) { workflow { slug } userErrors { code } } }";
    let told = api.data(set, json!({ "id": before["waits"]["id"] })).await;
    assert_eq!(told["workflowUpdate"], json!({ "workflow": { "slug": "waits" }, "userErrors": [] }));
    let after = api.data(asked, json!({})).await;
    assert_eq!(after["viewer"]["organization"]["defaultRetention"], json!({ "completed": "PT168H", "failed": null }));
    assert_eq!(after["waits"]["retention"], json!({ "completed": null, "failed": "PT24H", "cancelled": null }));
    assert_eq!(after["ends"]["retention"]["completed"], "PT168H");
    // A policy of a moment: what has ended goes with the next pass.
    let gone = api.run("ends", json!({})).await;
    let set = "mutation($id: ID!) { workflowUpdate(input: { id: $id, retention: { completed: \"1ms\" } }) { userErrors { code } } }";
    api.data(set, json!({ "id": before["ends"]["id"] })).await;
    eventually("it was deleted", || async { execution(api, gone["id"].as_str().unwrap()).await.is_null() }).await;
}

#[tokio::test]
async fn a_worker_that_is_drained_finishes_and_ends_with_0() {
    let test = "a_worker_that_is_drained_finishes_and_ends_with_0";
    let Some(services) = Services::start(test, SharedRedis::Yes).await else { return };
    let mut fleet = Fleet::start(services, 2, "4s").await;
    let api = fleet.api.clone();
    deploy(&api).await;
    eventually("both are at work", || async { api.data(HEALTH, json!({})).await["workers"]["totalCount"] == 2 }).await;
    let workers = api.data(HEALTH, json!({})).await["workers"]["nodes"].take();
    for worker in workers.as_array().unwrap() {
        let ran = run(&["drain", worker["id"].as_str().unwrap(), "--output", "json", "--url", &api.url], &[]).await;
        assert_eq!((ran.code, &ran.json()["status"]), (Some(0), &json!("STOPPED")), "{ran:?}");
    }
    for worker in &mut fleet.workers {
        assert_eq!(worker.ended().await, Some(0));
    }
    let health = api.data(HEALTH, json!({})).await["systemHealth"].take();
    assert_eq!(health["status"], "UNHEALTHY", "nobody takes work: {health:#}");
    fleet.add_worker();
    assert_eq!(api.run("ends", json!({})).await["status"], "COMPLETED");
    let unknown = run(&["drain", "nobody", "--url", &api.url], &[]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let unknown = run(&["drain", "wrk_00000000000000000000000000", "--url", &api.url], &[]).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("NOT_FOUND"), "{unknown:?}");
}

#[tokio::test]
async fn the_doctor_finds_nothing_under_load() {
    let test = "the_doctor_finds_nothing_under_load";
    let Some(services) = Services::start(test, SharedRedis::Yes).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    deploy(&fleet.api).await;
    let load = tokio::spawn({
        let api = fleet.api.clone();
        async move {
            for number in 0..150 {
                for workflow in ["waits", "ends", "parent"] {
                    let id = format!("{workflow}-{number}");
                    api.start(workflow, json!({ "order": { "id": id } }), &id).await.unwrap();
                }
                let emit = "mutation($p: JSON!) { eventEmit(input: { type: \"order.paid\", payload: $p }) { isNew } }";
                for workflow in ["waits", "parent"] {
                    api.data(emit, json!({ "p": { "order": { "id": format!("{workflow}-{number}") } } })).await;
                }
            }
        }
    });
    let mut looks = 0;
    while !load.is_finished() || looks < 3 {
        let ran = doctor(&fleet.api, &["--deep"]).await;
        assert_eq!((ran.code, &ran.json()["findings"]), (Some(0), &json!([])), "{ran:?}");
        looks += 1;
    }
    load.await.unwrap();
}

#[tokio::test]
async fn the_doctor_finds_what_was_damaged_and_repairs_it() {
    let test = "the_doctor_finds_what_was_damaged_and_repairs_it";
    let Some(services) = Services::start(test, SharedRedis::Yes).await else { return };
    let fleet = Fleet::start(services, 1, "10s").await;
    let api = &fleet.api;
    deploy(api).await;
    let waits = waiting(api, "waits", "o-1").await;
    let parent = waiting(api, "parent", "o-2").await;
    // Its wait is gone: no event would reach it.
    let damage =
        "with gone as (delete from wait where kind = 'event' returning execution_id) select count(*) from gone";
    assert_eq!(fleet.services.number(damage).await, 2);
    let found = doctor(api, &[]).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    assert_eq!(codes(&found).await, ["NOTHING_WAKES", "NOTHING_WAKES"], "{found:?}");
    assert!(found.json()["findings"][0]["remedy"].is_string(), "{found:?}");
    assert_eq!(api.data(HEALTH, json!({})).await["systemHealth"]["stuckExecutions"], 2);
    let repaired = doctor(api, &["--repair"]).await;
    assert_eq!((repaired.code, repaired.json()["findings"].as_array().unwrap().len()), (Some(0), 2), "{repaired:?}");
    eventually("they wait for their events again", || async {
        fleet.services.number("select count(*) from wait where kind = 'event'").await == 2
    })
    .await;
    // The child ended, and the parent was not told.
    let child = "with ended as (update execution set status = 7, state = null, ended_at_ms = 1 where parent_id is not null returning id)
        select count(*) from ended";
    assert_eq!(fleet.services.number(child).await, 1);
    let found = doctor(api, &[]).await;
    let mut seen = codes(&found).await;
    seen.sort();
    assert_eq!(seen, ["CHILD_GONE", "WAIT_OF_NOBODY"], "{found:?}");
    let repaired = doctor(api, &["--repair"]).await;
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    eventually("the parent has ended", || async {
        !["WAITING", "RUNNING", "QUEUED"].contains(&execution(api, &parent).await["status"].as_str().unwrap())
    })
    .await;
    // A journal with a gap, and a state that is another one: nothing repairs them, so they are told.
    let state = "with other as (update execution set state = '{}' where ended_at_ms is null returning id) select count(*) from other";
    assert_eq!(fleet.services.number(state).await, 1);
    let found = doctor(api, &["--deep"]).await;
    assert_eq!(codes(&found).await, ["STATE_DIFFERS"], "{found:?}");
    assert_eq!(found.json()["findings"][0]["subjectId"], waits);
    let gap = "with gone as (delete from journal using execution where execution.id = execution_id and ended_at_ms is null and journal.seq = 1 returning 1)
        select count(*) from gone";
    assert_eq!(fleet.services.number(gap).await, 1);
    let found = doctor(api, &["--deep"]).await;
    assert_eq!((found.code, codes(&found).await), (Some(1), vec!["JOURNAL_GAP".to_owned()]), "{found:?}");
    let table = run(&["doctor", "--deep", "--output", "table", "--url", &api.url], &[]).await;
    assert!(table.out.contains("JOURNAL_GAP") && table.out.contains("nothing repairs it"), "{table:?}");
}
