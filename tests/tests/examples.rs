//! The example workflows give their decisions, in both modes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis};

const EXAMPLES: [(&str, &str); 4] = [
    ("order-approval/workflow.yaml", include_str!("../../examples/order-approval/workflow.yaml")),
    ("fraud-check/workflow.yaml", include_str!("../../examples/fraud-check/workflow.yaml")),
    ("inventory-sync/workflow.yaml", include_str!("../../examples/inventory-sync/workflow.yaml")),
    ("data-batch/workflow.yaml", include_str!("../../examples/data-batch/workflow.yaml")),
];

fn payload(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Runs all examples through `api` and compares their decisions.
async fn decide_all(api: &Api) {
    let cases = [
        (
            "order_approval",
            include_str!("../../examples/order-approval/small-order.json"),
            "ALLOWED",
            "Order o-1001 over 120.5 is within the limits of a bronze customer",
        ),
        (
            "order_approval",
            include_str!("../../examples/order-approval/large-order.json"),
            "BLOCKED",
            "Order o-1002 over 12500 is above what a silver customer may order",
        ),
        (
            "fraud_check",
            include_str!("../../examples/fraud-check/suspicious-payment.json"),
            "BLOCKED",
            "Risk score 95 is above 70",
        ),
        ("fraud_check", include_str!("../../examples/fraud-check/ordinary-payment.json"), "ALLOWED", "Risk score 0"),
        ("data_batch", include_str!("../../examples/data-batch/sound-batch.json"), "ALLOWED", "3 records, total 60.75"),
        (
            "data_batch",
            include_str!("../../examples/data-batch/torn-batch.json"),
            "BLOCKED",
            "Batch b-78 announces 3 records over 60.75, but holds 2 over 30.75 with 1 keys",
        ),
    ];
    for (workflow, input, outcome, reason) in cases {
        let execution = api.run(workflow, payload(input)).await;
        assert_eq!(execution["status"], "COMPLETED", "{execution}");
        assert_eq!(
            (&execution["decision"]["outcome"], &execution["decision"]["reason"]),
            (&json!(outcome), &json!(reason)),
            "{workflow}"
        );
    }
    let mut warehouse = payload(include_str!("../../examples/inventory-sync/warehouse.json"));
    warehouse["warehouse"]["url"] = json!(format!("{}/readyz", api.url));
    let live = api.run("inventory_sync", warehouse).await;
    assert_eq!((&live["status"], &live["decision"]["outcome"]), (&json!("COMPLETED"), &json!("EXECUTED")), "{live}");
    let away =
        api.run("inventory_sync", payload(include_str!("../../examples/inventory-sync/warehouse-away.json"))).await;
    assert_eq!(away["status"], "COMPLETED", "{away}");
    let visited: Vec<&str> =
        away["steps"]["nodes"].as_array().unwrap().iter().map(|step| step["stepKey"].as_str().unwrap()).collect();
    assert_eq!(visited, ["read_stock", "use_last_known", "report_problem"]);
    let read = &away["steps"]["nodes"][0];
    assert_eq!(read["attempts"].as_array().unwrap().len(), 3, "a refused connection is retried: {read}");
    let keys: Vec<&Value> =
        read["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["idempotencyKey"]).collect();
    assert!(keys.iter().all(|key| key.is_string() && *key == keys[0]), "every try carries the same key: {keys:?}");
}

#[tokio::test]
async fn a_decision_says_which_condition_led_to_it() {
    let server = Embedded::start().await;
    let large = payload(include_str!("../../examples/order-approval/large-order.json"));
    let execution = server.api.run("order_approval", large).await;
    let condition = &execution["steps"]["nodes"][1];
    assert_eq!(
        (&condition["stepKey"], &condition["branch"]["to"]),
        (&json!("is_within_limit"), &json!("refuse_amount")),
        "{condition}"
    );
    let why = condition["branch"]["why"]["summary"].as_str().unwrap_or_default();
    assert!(!why.is_empty(), "{condition}");
    assert_eq!(execution["decision"]["stepPath"], "refuse_amount");
}

#[tokio::test]
async fn the_examples_are_there_on_a_first_start_and_decide_in_one_process() {
    let server = Embedded::start().await;
    let listed = server
        .api
        .data("{ workflows(first: 10) { nodes { slug isEnabled publishedVersion { number } } } }", json!({}))
        .await;
    let slugs: Vec<&str> = listed["workflows"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|workflow| workflow["slug"].as_str().unwrap())
        .collect();
    assert_eq!(slugs, ["data_batch", "fraud_check", "inventory_sync", "order_approval", "purchase_approval"]);
    decide_all(&server.api).await;
}

#[tokio::test]
async fn the_examples_decide_over_postgresql_and_redis_with_two_workers() {
    let Some(services) =
        Services::start("the_examples_decide_over_postgresql_and_redis_with_two_workers", SharedRedis::No).await
    else {
        return;
    };
    let fleet = Fleet::start(services, 2, "10s").await;
    let results = fleet.api.import(&EXAMPLES).await;
    assert!(results.as_array().unwrap().iter().all(|result| result["outcome"] == "CREATED"), "{results}");
    decide_all(&fleet.api).await;
    fleet.drained().await;
}

#[tokio::test]
async fn an_event_starts_the_workflows_that_listen_to_it_and_says_why_others_not() {
    let server = Embedded::start().await;
    let emit = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { isNew event { id matches { workflow { slug } outcome why { summary } execution { id } } } executions { id } userErrors { code message } } }";
    let input = json!({ "type": "payment.received", "payload": payload(include_str!("../../examples/fraud-check/ordinary-payment.json")), "deduplicationKey": "payment-1" });
    let first = server.api.data(emit, json!({ "i": input })).await;
    let emitted = &first["eventEmit"];
    assert_eq!((&emitted["isNew"], emitted["executions"].as_array().unwrap().len()), (&json!(true), 1), "{emitted}");
    assert_eq!(emitted["event"]["matches"][0]["outcome"], "STARTED");
    let again = server.api.data(emit, json!({ "i": input })).await;
    assert_eq!(
        (&again["eventEmit"]["isNew"], &again["eventEmit"]["executions"]),
        (&json!(false), &emitted["executions"]),
        "a repeated event starts nothing"
    );
    let filtered =
        json!({ "type": "payment.refunded", "payload": { "payment": { "id": "p-9", "amount": 0, "country": "DE" } } });
    let filtered = server.api.data(emit, json!({ "i": filtered })).await;
    assert_eq!(
        (&filtered["eventEmit"]["event"]["matches"][0]["outcome"], &filtered["eventEmit"]["executions"]),
        (&json!("FILTERED"), &json!([]))
    );
}
