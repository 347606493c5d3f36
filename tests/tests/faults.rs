//! What is accepted is never lost: workers die, Redis is emptied, everything is killed at once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually};

const CALLS_A_SERVICE: &str = "
workflow_id: calls_a_service
steps:
  - id: prepare
    type: set
    set: { ready: true }
    next: call
  - id: call
    type: execute
    retry: { max_attempts: 5, delay: 200ms }
    execute:
      - { type: http_request, url: '{{url}}', body: { order: '{{order}}' } }
    next: decide
  - id: decide
    type: action
    action: { type: allow }
";

/// What the journals and rows of executions tell, and what was counted of it.
const COUNTED: [(&str, &str); 5] = [
    ("select count(*) from execution", "select sum(count)::int8 from rollup where what = 0"),
    (
        "select sum(greatest(started_at_ms - queued_at_ms, 0))::int8 from execution",
        "select sum(total_ms)::int8 from rollup where what = 0",
    ),
    ("select count(*) from execution where result = 1", "select sum(count)::int8 from rollup where what = 2"),
    (
        "select sum(greatest(ended_at_ms - started_at_ms, 0))::int8 from execution",
        "select sum(total_ms)::int8 from rollup where what = 2",
    ),
    (
        "select count(*) from journal, json_array_elements(events::json) as event
         where event ->> 'type' in ('step_succeeded', 'step_failed', 'retry_scheduled')",
        "select sum(count)::int8 from rollup where what in (10, 11, 12)",
    ),
];

/// Starts executions from several tasks until `stop`, trying each again with its key until it is
/// accepted; returns the ids of what was accepted.
async fn load(api: &Api, url: &str, stop: Arc<AtomicBool>) -> BTreeSet<String> {
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (api, url, stop) = (api.clone(), url.to_owned(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                let mut number = 0;
                while !stop.load(Ordering::SeqCst) {
                    let key = format!("{task}-{number}");
                    let input = json!({ "url": url, "order": key });
                    loop {
                        match api.start("calls_a_service", input.clone(), &key).await {
                            Ok(id) => break accepted.push(id),
                            // tidy: allow no-sleep because this is the pause between two tries of a client
                            Err(_refused) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                        }
                    }
                    number += 1;
                }
                accepted
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for task in tasks {
        for id in task.await.unwrap() {
            assert!(all.insert(id), "every key makes an execution of its own");
        }
    }
    all
}

/// Every accepted execution has completed, and the service saw each key, and no other.
async fn nothing_is_lost(fleet: &Fleet, accepted: &BTreeSet<String>, stub: &Stub) {
    fleet.drained().await;
    let count = i64::try_from(accepted.len()).unwrap();
    assert_eq!(fleet.services.number("select count(*) from execution").await, count, "accepted and recorded agree");
    assert_eq!(
        fleet.services.number("select count(*) from execution where result = 1 and error_code is null").await,
        count,
        "all were allowed"
    );
    let received = stub.received();
    assert_eq!(received.len(), accepted.len(), "each execution called with a key of its own");
    // A journal row is written once: a number that is missing or doubled would show here.
    let broken = "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken";
    assert_eq!(fleet.services.number(broken).await, 0, "journals have neither gaps nor repeats");
    // What was counted while workers died is what the journals tell.
    for (told, counted) in COUNTED {
        let (told, counted) = (fleet.services.number(told).await, fleet.services.number(counted).await);
        assert_eq!(counted, told, "what was counted and what the journals tell");
    }
}

#[tokio::test]
async fn kill_9_of_workers_and_an_emptied_redis_under_load_lose_nothing() {
    let Some(services) =
        Services::start("kill_9_of_workers_and_an_emptied_redis_under_load_lose_nothing", SharedRedis::No).await
    else {
        return;
    };
    let stub = Stub::answering(200).await;
    let mut fleet = Fleet::start(services, 2, "2s").await;
    fleet.api.import(&[("calls.yaml", CALLS_A_SERVICE)]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let driver = tokio::spawn({
        let (api, url, stop) = (fleet.api.clone(), stub.url.clone(), Arc::clone(&stop));
        async move { load(&api, &url, stop).await }
    });
    for round in 1..=3 {
        let enough = round * 300;
        eventually("load flows", || async { stub.received().len() >= enough }).await;
        fleet.services.flush_redis().await;
        fleet.workers[0].kill().await;
        fleet.workers.remove(0);
        fleet.add_worker();
    }
    stop.store(true, Ordering::SeqCst);
    let accepted = driver.await.unwrap();
    nothing_is_lost(&fleet, &accepted, &stub).await;
}

#[tokio::test]
async fn an_api_that_is_killed_under_load_loses_nothing_it_accepted() {
    let Some(services) =
        Services::start("an_api_that_is_killed_under_load_loses_nothing_it_accepted", SharedRedis::No).await
    else {
        return;
    };
    let stub = Stub::answering(200).await;
    let mut fleet = Fleet::start(services, 1, "2s").await;
    fleet.api.import(&[("calls.yaml", CALLS_A_SERVICE)]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let driver = tokio::spawn({
        let (api, url, stop) = (fleet.api.clone(), stub.url.clone(), Arc::clone(&stop));
        async move { load(&api, &url, stop).await }
    });
    for enough in [200, 400] {
        eventually("load flows", || async { stub.received().len() >= enough }).await;
        fleet.api_process.kill().await;
        fleet.restart_api().await;
    }
    stop.store(true, Ordering::SeqCst);
    let accepted = driver.await.unwrap();
    nothing_is_lost(&fleet, &accepted, &stub).await;
}

#[tokio::test]
async fn work_goes_on_by_polling_while_redis_is_away() {
    let Some(services) = Services::start("work_goes_on_by_polling_while_redis_is_away", SharedRedis::No).await else {
        return;
    };
    let stub = Stub::answering(200).await;
    let mut fleet = Fleet::start(services, 1, "5s").await;
    fleet.api.import(&[("calls.yaml", CALLS_A_SERVICE)]).await;
    // The worker is up once it has run something.
    fleet.api.start("calls_a_service", json!({ "url": stub.url, "order": "first" }), "first").await.unwrap();
    fleet.drained().await;
    fleet.services.kill_redis().await;
    for number in 0..20 {
        let key = format!("away-{number}");
        fleet.api.start("calls_a_service", json!({ "url": stub.url, "order": key }), &key).await.unwrap();
    }
    fleet.drained().await;
    assert_eq!(stub.received().len(), 21);
}

#[tokio::test]
async fn a_worker_that_is_asked_to_end_finishes_what_it_has_and_exits_cleanly() {
    let Some(services) =
        Services::start("a_worker_that_is_asked_to_end_finishes_what_it_has_and_exits_cleanly", SharedRedis::No).await
    else {
        return;
    };
    let stub = Stub::answering(200).await;
    let mut fleet = Fleet::start(services, 2, "30s").await;
    fleet.api.import(&[("calls.yaml", CALLS_A_SERVICE)]).await;
    for number in 0..200 {
        let key = format!("drain-{number}");
        fleet.api.start("calls_a_service", json!({ "url": stub.url, "order": key }), &key).await.unwrap();
    }
    let mut leaving = fleet.workers.remove(0);
    leaving.signal("TERM").await;
    assert_eq!(leaving.ended().await, Some(0));
    // With a lease of 30 s, work that was not handed back would still be claimed when this gives up.
    fleet.drained().await;
    assert_eq!(stub.received().len(), 200);
    assert!(stub.received().values().all(|count| *count == 1), "nothing ran twice");
}

#[tokio::test]
async fn one_process_that_is_killed_goes_on_where_it_was_when_it_starts_again() {
    let mut server = Embedded::start().await;
    let stub = Stub::answering(200).await;
    server.api.import(&[("calls.yaml", CALLS_A_SERVICE)]).await;
    let mut accepted = Vec::new();
    for number in 0..50 {
        let key = format!("embedded-{number}");
        accepted
            .push(server.api.start("calls_a_service", json!({ "url": stub.url, "order": key }), &key).await.unwrap());
        if number == 25 {
            server.process.kill().await;
            server.restart().await;
        }
    }
    eventually("all executions end", || async {
        let live = server
            .api
            .data("{ executions(filter: { statuses: [QUEUED, RUNNING, WAITING] }) { totalCount } }", json!({}))
            .await;
        live["executions"]["totalCount"] == 0
    })
    .await;
    let done = server.api.data("{ executions(filter: { statuses: [COMPLETED] }) { totalCount } }", json!({})).await;
    assert_eq!(done["executions"]["totalCount"], accepted.len());
    assert_eq!(stub.received().len(), accepted.len());
}
