//! A loop over very many items is one drive with many commits: it is heard within, and cut off it goes on.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Fleet, Services, SharedRedis, eventually};

const SUM: &str = "
workflow_id: sum
steps:
  - { id: begin, type: set, set: { total: 0 }, next: each }
  - id: each
    type: foreach
    foreach:
      items: '{{items}}'
      steps:
        - { id: add, type: set, set: { total: '{{total + item}}' } }
    next: done
  - { id: done, type: action, action: { type: allow, reason: '{{total}}' } }
";

/// What the statistics have counted: 10 are steps that succeeded, 11 those that failed.
const ADDED: &str = "select coalesce(sum(count), 0)::int8 from rollup where what = 10 and step = 'add'";
const BEGINNINGS: &str = "select coalesce(sum(count), 0)::int8 from rollup where what = 10 and step = 'begin'";
const FAILED_LOOPS: &str = "select coalesce(sum(count), 0)::int8 from rollup where what = 11 and step = 'each'";

async fn fleet(test: &str) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, 1, "2s").await;
    let files = fleet.api.import(&[("sum.yaml", SUM)]).await;
    assert!(!files.to_string().contains("\"ERROR\""), "{files}");
    Some(fleet)
}

async fn begun(fleet: &Fleet, items: usize) -> String {
    let items: Vec<usize> = (0..items).map(|number| number % 10).collect();
    let id = fleet.api.start("sum", json!({ "items": items }), "sum").await.unwrap();
    eventually("several commits of it are there", || async { rows(fleet).await > 4 }).await;
    id
}

async fn rows(fleet: &Fleet) -> i64 {
    fleet.services.number("select count(*) from journal").await
}

async fn shown(fleet: &Fleet, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status decision { reason } } }";
    fleet.api.data(query, json!({ "id": id })).await["execution"].take()
}

#[tokio::test]
async fn a_long_loop_whose_worker_is_killed_goes_on_and_counts_each_item_once() {
    let Some(mut fleet) = fleet("long_loops_killed").await else { return };
    let id = begun(&fleet, 50_000).await;
    fleet.workers[0].kill().await;
    fleet.workers.clear();
    let before = rows(&fleet).await;
    assert_eq!(shown(&fleet, &id).await["status"], "RUNNING", "it is killed in the middle");
    fleet.add_worker();
    eventually("it has ended", || async { shown(&fleet, &id).await["status"] == "COMPLETED" }).await;
    assert_eq!(shown(&fleet, &id).await["decision"]["reason"], (50_000 * 9 / 2).to_string());
    let gaps = "select count(*) - max(seq) from journal";
    assert_eq!(fleet.services.number(gaps).await, 0);
    assert!(rows(&fleet).await > before);
    // Only some commits write the numbers of the statistics, and none are lost.
    assert_eq!(fleet.services.number(ADDED).await, 50_000);
}

#[tokio::test]
async fn what_is_retried_counts_its_steps_of_before_once() {
    let Some(fleet) = fleet("long_loops_retried").await else { return };
    // Without items it fails behind the first step.
    let id = fleet.api.start("sum", json!({ "items": 5 }), "sum").await.unwrap();
    eventually("it has failed", || async { shown(&fleet, &id).await["status"] == "FAILED" }).await;
    let query = "mutation($i: ExecutionRetryInput!) { executionRetry(input: $i) { userErrors { code } } }";
    for failures in 2..4 {
        let payload = fleet.api.data(query, json!({ "i": { "id": id } })).await;
        assert_eq!(payload["executionRetry"]["userErrors"], json!([]), "{payload}");
        eventually("it has failed again", || async { fleet.services.number(FAILED_LOOPS).await == failures }).await;
    }
    assert_eq!(fleet.services.number(BEGINNINGS).await, 1);
}

#[tokio::test]
async fn a_long_loop_is_cancelled_within() {
    let Some(fleet) = fleet("long_loops_cancelled").await else { return };
    let id = begun(&fleet, 100_000).await;
    let query = "mutation($i: ExecutionCancelInput!) { executionCancel(input: $i) { userErrors { code } } }";
    let payload = fleet.api.data(query, json!({ "i": { "id": id, "reason": "it was a mistake" } })).await;
    assert_eq!(payload["executionCancel"]["userErrors"], json!([]), "{payload}");
    eventually("it has ended", || async { shown(&fleet, &id).await["status"] == "CANCELLED" }).await;
    // A whole run takes a row for each four hundred items.
    let rows = rows(&fleet).await;
    assert!(rows < 245, "it was cancelled after {rows} commits");
}
