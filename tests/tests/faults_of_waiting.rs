//! What waits is not lost either: timers, events, children and branches while workers are killed, Redis is
//! emptied, and the API dies in between.

use serde_json::{Value, json};
use sluice_tests::{Fleet, Services, SharedRedis, Stub, eventually};

const JOURNEY: &str = "
workflow_id: journey
steps:
  - { id: rest, type: wait, wait: { for: 200ms }, next: pack }
  - id: pack
    type: workflow
    workflow: { workflow_id: packing, input: { order: '{{order}}', url: '{{url}}' } }
    next: shipped
  - { id: shipped, type: wait, wait: { event: order.shipped, match: [order.id] }, next: both }
  - id: both
    type: parallel
    parallel:
      branches:
        - - id: tell
            type: execute
            retry: { max_attempts: 5, delay: 100ms }
            execute: [{ type: http_request, url: '{{url}}' }]
        - - { id: paid, type: wait, wait: { event: order.paid, timeout: 1h } }
    next: done
  - { id: done, type: action, action: { type: allow, reason: '{{steps.pack.output.context.packed}}' } }
";

const PACKING: &str = "
workflow_id: packing
steps:
  - id: each
    type: foreach
    foreach:
      items: [1, 2, 3]
      max_concurrency: 2
      steps:
        - id: fetch
          type: execute
          retry: { max_attempts: 5, delay: 100ms }
          execute: [{ type: http_request, url: '{{url}}' }]
    next: dry
  - { id: dry, type: wait, wait: { for: 100ms }, next: note }
  - { id: note, type: set, set: { packed: '{{steps.each.items.length}}' } }
";

const ORDERS: usize = 40;

async fn emit(fleet: &Fleet, event: &str, order: usize) {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code } } }";
    let payload = json!({ "order": { "id": format!("o-{order}") } });
    let input = json!({ "type": event, "payload": payload, "deduplicationKey": format!("{event}-{order}") });
    // The API may be down: an event with a deduplication key can be sent until it is accepted.
    eventually("the event is accepted", || async {
        let answer = fleet.api.answer(query, json!({ "i": input })).await;
        answer.is_ok_and(|answer| answer["data"]["eventEmit"]["userErrors"] == json!([]))
    })
    .await;
}

#[tokio::test]
async fn timers_events_children_and_branches_survive_kills_and_an_emptied_redis() {
    let name = "timers_events_children_and_branches_survive_kills_and_an_emptied_redis";
    let Some(services) = Services::start(name, SharedRedis::No).await else { return };
    let stub = Stub::answering(200).await;
    let mut fleet = Fleet::start(services, 2, "2s").await;
    let imported = fleet.api.import(&[("journey.yaml", JOURNEY), ("packing.yaml", PACKING)]).await;
    let errors = |file: &Value| file["problems"].as_array().unwrap().iter().any(|one| one["severity"] == "ERROR");
    assert!(!imported.as_array().unwrap().iter().any(errors), "{imported}");
    for order in 0..ORDERS {
        let input = json!({ "order": { "id": format!("o-{order}") }, "url": stub.url });
        fleet.api.start("journey", input, &format!("journey-{order}")).await.unwrap();
        // Every third order is shipped before anybody waits for it.
        if order % 3 == 0 {
            emit(&fleet, "order.shipped", order).await;
        }
    }
    for round in 0..4 {
        let enough = (round + 1) * ORDERS / 2;
        eventually("some calls were made", || async { stub.received().len() >= enough }).await;
        fleet.services.flush_redis().await;
        fleet.workers[0].kill().await;
        fleet.workers.remove(0);
        fleet.add_worker();
        for order in (round..ORDERS).step_by(4) {
            emit(&fleet, "order.shipped", order).await;
            emit(&fleet, "order.paid", order).await;
            if order == 9 {
                fleet.api_process.kill().await;
                fleet.restart_api().await;
            }
        }
    }
    fleet.drained().await;
    let orders = i64::try_from(ORDERS).unwrap();
    for (query, count) in [
        ("select count(*) from execution", 2 * orders),
        ("select count(*) from execution where parent_id is not null and status = 5", orders),
        ("select count(*) from execution where parent_id is null and status = 5 and result = 1", orders),
        ("select count(*) from execution where decision like '%\"reason\":\"3\"%'", orders),
        (
            "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken",
            0,
        ),
        ("select count(*) from wait", 0),
        ("select count(*) from signal where not delivered", 0),
    ] {
        assert_eq!(fleet.services.number(query).await, count, "{query}");
    }
    let received = stub.received();
    assert_eq!(received.len(), 4 * ORDERS, "each call has a key of its own, and keeps it");
}
