//! One process dies at one place of an execution's path, as `kill -9` would let it, and what it left is taken up.
//! `store/src/crash.rs` has the places. Kills at random places are in the other files about faults, and in
//! `cargo xtask chaos`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Process, Services, SharedRedis, Stub, eventually};

const CALLS_TWICE: &str = "
workflow_id: calls_twice
steps:
  - id: first
    type: execute
    execute: [ { type: http_request, url: '{{url}}', body: { call: 1 } } ]
    next: second
  - id: second
    type: execute
    execute: [ { type: http_request, url: '{{url}}', body: { call: 2 } } ]
    next: decide
  - { id: decide, type: action, action: { type: allow } }
";

const TICK: &str = "
workflow_id: tick
steps:
  - { id: done, type: action, action: { type: allow } }
";

/// A place where a worker dies, and how many requests reach the other side for two calls.
const OF_WORKERS: [(&str, usize); 8] = [
    ("claim.before", 2),
    ("claim.committed", 2),
    ("task.unacknowledged", 2),
    ("effect.intent", 2),
    // The answer was there, and nobody had written it down: the call is made again, with its key.
    ("effect.response", 3),
    // Once for the intent of the first call, once for its result, once for the end.
    ("checkpoint.committed:1", 2),
    ("checkpoint.committed:2", 2),
    ("checkpoint.committed:3", 2),
];

async fn dies(process: &mut Process, place: &str) {
    assert_eq!(process.ended().await, None, "{place}: it ends by a signal");
}

/// It ended well, each step was tried once, and each call has one key.
async fn is_whole(api: &Api, id: &str, stub: &Stub, requests: usize, place: &str) {
    let query = "query($id: ID!) { execution(id: $id) { status decision { outcome }
        steps(first: 10) { nodes { path attempts { number } } } } }";
    eventually(&format!("{place}: it has ended"), || async {
        api.data(query, json!({ "id": id })).await["execution"]["status"] == "COMPLETED"
    })
    .await;
    let execution = api.data(query, json!({ "id": id })).await["execution"].take();
    let steps: Vec<(&Value, usize)> = execution["steps"]["nodes"].as_array().unwrap().iter().map(step).collect();
    let (first, second, decide) = (json!("first"), json!("second"), json!("decide"));
    assert_eq!(steps, [(&first, 1), (&second, 1), (&decide, 1)], "{place}: {execution}");
    assert_eq!(execution["decision"]["outcome"], "ALLOWED", "{place}");
    let received = stub.received();
    assert_eq!((received.len(), received.values().sum::<usize>()), (2, requests), "{place}: {received:?}");
}

fn step(step: &Value) -> (&Value, usize) {
    (&step["path"], step["attempts"].as_array().unwrap().len())
}

#[tokio::test]
async fn a_worker_that_dies_anywhere_leaves_what_another_one_finishes() {
    let Some(services) = Services::start("crash_points", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 0, "1s").await;
    fleet.api.import(&[("calls_twice.yaml", CALLS_TWICE)]).await;
    for (place, requests) in OF_WORKERS {
        let stub = Stub::answering(200).await;
        fleet.add_worker_that_dies_at(place);
        let id = fleet.api.start("calls_twice", json!({ "url": stub.url }), place).await.unwrap();
        dies(&mut fleet.workers[0], place).await;
        fleet.workers.clear();
        fleet.add_worker();
        is_whole(&fleet.api, &id, &stub, requests, place).await;
        fleet.workers[0].kill().await;
        fleet.workers.clear();
    }
    let gaps = "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken";
    assert_eq!(fleet.services.number(gaps).await, 0, "the journals are whole");
}

#[tokio::test]
async fn one_process_that_dies_anywhere_goes_on_when_it_starts_again() {
    // The end is committed as a whole or not at all: the result of the second call goes with it, and is asked for again.
    for (place, requests) in OF_WORKERS.into_iter().chain([("checkpoint.in_transaction:3", 3)]) {
        let stub = Stub::answering(200).await;
        let mut server = Embedded::start_with(&[("TEST_CRASH_AT", place)]).await;
        server.api.import(&[("calls_twice.yaml", CALLS_TWICE)]).await;
        // Whether the answer comes before the end depends on the place; the key tells them apart afterwards.
        let _answer = server.api.start("calls_twice", json!({ "url": stub.url }), place).await;
        dies(&mut server.process, place).await;
        server.restart().await;
        let id = server.api.start("calls_twice", json!({ "url": stub.url }), place).await.unwrap();
        is_whole(&server.api, &id, &stub, requests, place).await;
    }
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_one_execution_when_it_is_sent_again() {
    let Some(services) = Services::start("crash_at_start", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 1, "1s").await;
    fleet.api.import(&[("calls_twice.yaml", CALLS_TWICE)]).await;
    for (count, place) in (1..).zip(["start.committed", "start.announced"]) {
        let stub = Stub::answering(200).await;
        fleet.api_process.kill().await;
        fleet.restart_api_that_dies_at(place).await;
        let input = json!({ "url": stub.url });
        fleet.api.start("calls_twice", input.clone(), place).await.expect_err("nobody is there to answer");
        dies(&mut fleet.api_process, place).await;
        // It is found and done although nobody but the database knows of it.
        eventually("both calls were made", || async { stub.received().len() == 2 }).await;
        fleet.restart_api().await;
        let id = fleet.api.start("calls_twice", input, place).await.unwrap();
        is_whole(&fleet.api, &id, &stub, 2, place).await;
        assert_eq!(fleet.services.number("select count(*) from execution").await, count, "{place}");
    }
}

#[tokio::test]
async fn a_schedule_whose_tick_is_cut_off_fires_each_second_once() {
    let create = "mutation($i: ScheduleCreateInput!) { scheduleCreate(input: $i) {
        schedule { id } userErrors { code message } } }";
    let fires = "query($id: ID!) { schedule(id: $id) { fires(first: 100) {
        nodes { scheduledAt outcome execution { id } } } } }";
    for place in ["tick.inserted", "tick.committed"] {
        let mut server = Embedded::start_with(&[("TEST_CRASH_AT", place)]).await;
        server.api.import(&[("tick.yaml", TICK)]).await;
        let input = json!({ "workflow": { "slug": "tick" }, "name": "often", "overlapPolicy": "ALLOW_ALL",
            "spec": { "cron": { "expressions": ["* * * * * *"] } }, "catchUpPolicy": "ALL" });
        let created = server.api.data(create, json!({ "i": input })).await["scheduleCreate"].take();
        assert_eq!(created["userErrors"], json!([]), "{created}");
        let id = created["schedule"]["id"].clone();
        dies(&mut server.process, place).await;
        server.restart().await;
        let fired = async || server.api.data(fires, json!({ "id": id })).await["schedule"]["fires"]["nodes"].take();
        eventually(&format!("{place}: it has fired three times"), || async {
            let fired = fired().await;
            fired.as_array().unwrap().iter().filter(|fire| fire["execution"]["id"].is_string()).count() >= 3
        })
        .await;
        let fired = fired().await;
        let fired = fired.as_array().unwrap();
        let times: BTreeSet<&str> = fired.iter().map(|fire| fire["scheduledAt"].as_str().unwrap()).collect();
        assert_eq!(times.len(), fired.len(), "{place}: each second stands there once: {fired:?}");
        let started: Vec<&str> = fired.iter().filter_map(|fire| fire["execution"]["id"].as_str()).collect();
        let different: BTreeSet<&&str> = started.iter().collect();
        assert_eq!(different.len(), started.len(), "{place}: each has started one execution: {fired:?}");
    }
}
