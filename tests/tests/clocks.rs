//! Machines whose clocks are wrong.

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::{Api, Fleet, Process, SECRET_KEY, Services, SharedRedis, eventually};

use crate::schedules::{self, create, each_fired_once, fires};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// How many rows tell a time that is more than three minutes from the database's.
const WRONG: &str = "
    with told as (
        select queued_at_ms as at_ms from execution
        union all select ended_at_ms from execution
        union all select at_ms from journal
        union all select received_at_ms from event
        union all select heartbeat_at_ms from worker
        union all select started_at_ms from worker
    )
    select count(*) from told where abs(at_ms - extract(epoch from clock_timestamp()) * 1000) > 180000";

/// Two waits after each other; the second one begins when the first one is over.
const OPENS: &str = "
workflow_id: opens
steps:
  - { id: gate, type: wait, wait: { event: gate.opened, match: [order.id] }, next: hold }
  - { id: hold, type: wait, wait: { event: order.shipped, match: [order.id] }, next: done }
  - { id: done, type: end }
";

/// The services of a test, if clocks can be set here.
async fn services(test: &str) -> Option<Services> {
    if !Path::new(LIBRARY).is_file() {
        eprintln!("skipped: without libfaketime (apt-get install faketime) no clock can be set");
        return None;
    }
    Services::start(test, SharedRedis::No).await
}

/// What makes a process believe that it is so much later, such as `+3600s`.
const fn off(by: &str) -> [(&'static str, &str); 3] {
    [("LD_PRELOAD", LIBRARY), ("FAKETIME", by), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
}

/// One more worker, on a machine of its own.
fn worker(services: &Services, more: &[(&str, &str)]) -> Process {
    let fleet = [
        ("DATABASE_URL", services.database_url.as_str()),
        ("REDIS_URL", services.redis_url.as_str()),
        ("SLUICE_SECRET_KEY", SECRET_KEY),
        ("SLUICE_LEASE", "2s"),
    ];
    Process::start(&["worker"], &[&fleet[..], more].concat())
}

#[tokio::test]
async fn the_processes_of_a_fleet_take_their_time_from_the_database() {
    let Some(services) = services("clocks").await else { return };
    let fleet = Fleet::start_with(services, 2, "2s", &off("+3600s")).await;
    let file = ("four_in_a_second.yaml", include_str!("../workflows/four_in_a_second.yaml"));
    fleet.api.import(&[file]).await;
    for number in 0..5 {
        let input = json!({ "customer": { "id": 1 } });
        fleet.api.start("four_in_a_second", input, &format!("key-{number}")).await.unwrap();
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 5);
    assert_eq!(fleet.services.number(WRONG).await, 0);
}

#[tokio::test]
async fn workers_whose_clocks_are_ten_minutes_apart_fire_each_second_once() {
    let Some(services) = services("clocks_and_schedules").await else { return };
    let mut fleet = Fleet::start(services, 1, "2s").await;
    for by in ["+300s", "-300s"] {
        let other = worker(&fleet.services, &off(by));
        fleet.workers.push(other);
    }
    let known = "select count(*) from worker";
    eventually("all of them have signed on", || async { fleet.services.number(known).await == 3 }).await;
    fleet.api.import(&schedules::FILES).await;
    let each_second = json!({ "spec": { "cron": { "expressions": ["* * * * * *"] } }, "catchUpPolicy": "ALL" });
    let mut ids = Vec::new();
    for _one in 0..5 {
        ids.push(create(&fleet.api, each_second.clone()).await["id"].clone());
    }
    eventually("they fire", || async { fires(&fleet.api, &ids[0]).await.len() >= 8 }).await;
    // From here on nobody is left whose clock is right.
    let mut right = fleet.workers.remove(0);
    right.kill().await;
    eventually("they go on firing", || async { fires(&fleet.api, &ids[0]).await.len() >= 16 }).await;
    each_fired_once(&fleet, &ids).await;
    assert_eq!(fleet.services.number(WRONG).await, 0);
}

async fn emit(api: &Api, event: &str, order: &str) {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { isNew userErrors { code } } }";
    let input = json!({ "type": event, "payload": { "order": { "id": order } } });
    let emitted: Value = api.data(query, json!({ "i": input })).await["eventEmit"].take();
    assert_eq!(emitted, json!({ "isNew": true, "userErrors": [] }), "{event} of {order}");
}

#[tokio::test]
async fn an_event_from_a_machine_an_hour_behind_is_not_missed_by_a_wait_that_begins_later() {
    let Some(services) = services("clocks_and_events").await else { return };
    let mut fleet = Fleet::start_with(services, 0, "2s", &off("-3600s")).await;
    let right = worker(&fleet.services, &[]);
    fleet.workers.push(right);
    fleet.api.import(&[("opens.yaml", OPENS)]).await;
    let orders = ["o-1", "o-2", "o-3"];
    for order in orders {
        fleet.api.start("opens", json!({ "order": { "id": order } }), order).await.unwrap();
    }
    let at_the_gate = "select count(*) from wait where event = 'gate.opened'";
    eventually("all are at the gate", || async { fleet.services.number(at_the_gate).await == 3 }).await;
    for event in ["order.shipped", "gate.opened"] {
        for order in orders {
            emit(&fleet.api, event, order).await;
        }
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 3);
    assert_eq!(fleet.services.number(WRONG).await, 0);
    let other = "select count(*) from event
        where abs(('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - received_at_ms) > 1000";
    assert_eq!(fleet.services.number(other).await, 0, "ids of events are of the moment at which they were accepted");
}
