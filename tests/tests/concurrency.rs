//! Workflows that limit how many of their executions with one key may be under way, in both modes, and with
//! workers that are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually};

const FILES: [(&str, &str); 4] = [
    ("one_at_a_time.yaml", include_str!("../workflows/one_at_a_time.yaml")),
    ("only_one.yaml", include_str!("../workflows/only_one.yaml")),
    ("the_newest.yaml", include_str!("../workflows/the_newest.yaml")),
    ("three_at_once.yaml", include_str!("../workflows/three_at_once.yaml")),
];

async fn import(api: &Api) {
    for file in api.import(&FILES).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status history(first: 100) { nodes { type summary } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn start(api: &Api, workflow: &str, customer: u32, order: &str) -> String {
    let input = json!({ "customer": { "id": customer }, "order": { "id": order } });
    api.start(workflow, input, &format!("{workflow} {order}")).await.unwrap()
}

async fn has(api: &Api, id: &str, event: &str) {
    eventually(&format!("{event} of {id}"), || async {
        shown(api, id).await["history"]["nodes"].as_array().unwrap().iter().any(|node| node["type"] == event)
    })
    .await;
}

async fn is(api: &Api, id: &str, status: &str) {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
}

async fn release(api: &Api, order: &str) {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code message } } }";
    let payload = json!({ "order": { "id": order } });
    let told = api.data(query, json!({ "i": { "type": "customer.released", "payload": payload } })).await;
    assert_eq!(told["eventEmit"]["userErrors"], json!([]));
}

async fn cancel(api: &Api, id: &str) {
    let query = "mutation($i: ExecutionCancelInput!) { executionCancel(input: $i) { userErrors { code } } }";
    let told = api.data(query, json!({ "i": { "id": id, "reason": "test" } })).await;
    assert_eq!(told["executionCancel"]["userErrors"], json!([]));
}

async fn wait_in_line(api: &Api) {
    let first = start(api, "one_at_a_time", 1, "a").await;
    has(api, &first, "WAIT_STARTED").await;
    let second = start(api, "one_at_a_time", 1, "b").await;
    has(api, &second, "SLOT_AWAITED").await;
    let third = start(api, "one_at_a_time", 1, "c").await;
    has(api, &third, "SLOT_AWAITED").await;
    let other = start(api, "one_at_a_time", 2, "d").await;
    has(api, &other, "WAIT_STARTED").await;
    assert_eq!(shown(api, &second).await["status"], "WAITING");
    // Whoever leaves the line is passed over.
    cancel(api, &second).await;
    is(api, &second, "CANCELLED").await;
    release(api, "a").await;
    is(api, &first, "COMPLETED").await;
    has(api, &third, "SLOT_TAKEN").await;
    has(api, &third, "WAIT_STARTED").await;
    release(api, "c").await;
    is(api, &third, "COMPLETED").await;
    release(api, "d").await;
    is(api, &other, "COMPLETED").await;
}

async fn skip(api: &Api) {
    let first = start(api, "only_one", 1, "a").await;
    has(api, &first, "WAIT_STARTED").await;
    let second = start(api, "only_one", 1, "b").await;
    is(api, &second, "CANCELLED").await;
    let why = shown(api, &second).await;
    assert!(why.to_string().contains("skipped: 1 executions with the concurrency key `1`"), "{why}");
    release(api, "a").await;
    is(api, &first, "COMPLETED").await;
    let third = start(api, "only_one", 1, "c").await;
    has(api, &third, "WAIT_STARTED").await;
    cancel(api, &third).await;
}

async fn replace(api: &Api) {
    let first = start(api, "the_newest", 1, "a").await;
    has(api, &first, "WAIT_STARTED").await;
    let second = start(api, "the_newest", 1, "b").await;
    is(api, &first, "CANCELLED").await;
    has(api, &second, "WAIT_STARTED").await;
    let why = shown(api, &first).await;
    assert!(why.to_string().contains(&format!("replaced by {second}")), "{why}");
    release(api, "b").await;
    is(api, &second, "COMPLETED").await;
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
                if let Some(services) = Services::start(stringify!($name), SharedRedis::No).await {
                    let fleet = Fleet::start(services, 2, "10s").await;
                    import(&fleet.api).await;
                    $what(&fleet.api).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    executions_over_the_limit_wait_in_line_for_their_turn: wait_in_line,
    with_skip_what_is_over_the_limit_is_cancelled: skip,
    with_cancel_running_the_newest_replaces_the_one_before: replace,
}

/// Most that were under way at once, by the journal: from `started` to the end.
const MOST_AT_ONCE: &str = "
    with span as (
        select e.id, (
            select (event ->> 'at')::int8
            from journal j cross join lateral json_array_elements(j.events::json) as event
            where j.execution_id = e.id and event ->> 'type' = 'started'
        ) as began, e.ended_at_ms as ended
        from execution e
    )
    select max(at_once)::int8 from (
        select (select count(*) from span other where other.began < span.ended and other.ended > span.began
                and other.began <= span.began) as at_once
        from span
    ) as counted";

#[tokio::test]
async fn no_more_than_may_are_under_way_while_workers_are_killed() {
    let Some(services) = Services::start("slots_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    import(&fleet.api).await;
    for number in 0..120 {
        fleet.api.start("three_at_once", json!({}), &format!("key-{number}")).await.unwrap();
        if number % 40 == 20 {
            let mut killed = fleet.workers.remove(0);
            killed.kill().await;
            fleet.add_worker();
        }
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 120);
    assert!(fleet.services.number(MOST_AT_ONCE).await <= 3);
    assert_eq!(fleet.services.number("select count(*) from wait").await, 0);
}
