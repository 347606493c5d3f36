//! `workflowTestRun`: definitions are tried out on a server without anything being started.

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded};

const RUN: &str = "mutation($i: WorkflowTestRunInput!) { workflowTestRun(input: $i) {
  results { name passed failures status result context coveredSteps } passed failed coverage userErrors { code field message } } }";

async fn run(api: &Api, input: Value) -> Value {
    api.data(RUN, json!({ "i": input })).await["workflowTestRun"].take()
}

#[tokio::test]
async fn a_workflow_and_a_text_are_run_against_case_files_and_against_a_single_input() {
    let server = Embedded::start().await;
    let api = &server.api;
    let cases = include_str!("../../examples/order-approval/order.case.yaml");
    let ran = run(api, json!({ "workflow": { "slug": "order_approval" }, "cases": cases })).await;
    assert_eq!((&ran["passed"], &ran["failed"], &ran["coverage"]), (&json!(4), &json!(0), &json!(1.0)), "{ran}");

    let wrong = json!([{ "id": "w", "workflow": "", "payload": { "order": { "id": "o", "total": 1 }, "customer": { "id": "c", "tier": "gold" } },
        "expect": { "result": "blocked" } }]);
    let ran = run(api, json!({ "workflow": { "slug": "order_approval" }, "cases": wrong.to_string() })).await;
    assert_eq!((&ran["failed"], &ran["results"][0]["passed"]), (&json!(1), &json!(false)), "{ran}");
    assert_eq!(ran["results"][0]["failures"], json!(["result: expected \"blocked\", saw \"allowed\""]));

    let source = include_str!("../../examples/inventory-sync/workflow.yaml");
    let input = json!({ "warehouse": { "id": "w", "url": "https://w.example", "last_known": {} } });
    let mocks = json!({ "read_stock": [{ "status": 503 }, { "body": { "mug": 3 } }] });
    let ran = run(api, json!({ "source": source, "input": input, "mocks": mocks })).await;
    let trial = &ran["results"][0];
    assert_eq!(
        (&trial["name"], &trial["passed"], &trial["status"]),
        (&json!("trial"), &json!(true), &json!("completed"))
    );
    assert_eq!(
        (&trial["context"]["stock"]["data"], &trial["coveredSteps"]),
        (&json!({ "mug": 3 }), &json!(["read_stock", "publish_stock"]))
    );

    let started = api.data("{ executions(first: 1) { totalCount } events(first: 1) { totalCount } }", json!({})).await;
    assert_eq!(
        started,
        json!({ "executions": { "totalCount": 0 }, "events": { "totalCount": 0 } }),
        "nothing was started"
    );
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_in_words() {
    let server = Embedded::start().await;
    let endless = "workflow_id: e\nsteps:\n  - id: w\n    type: while\n    while: { condition: { field: a, operator: exists }, max_iterations: 1000000, steps: [{ id: s, type: wait, wait: { for: 1s } }] }\n";
    for (input, code, field, words) in [
        (json!({ "input": {} }), "INVALID", "workflow", "give `workflow` or `source`"),
        (json!({ "source": "x", "workflow": { "slug": "a" }, "input": {} }), "INVALID", "workflow", "not both"),
        (json!({ "workflow": { "slug": "order_approval" } }), "INVALID", "cases", "give `cases` or `input`"),
        (json!({ "workflow": { "slug": "nowhere" }, "input": {} }), "NOT_FOUND", "workflow", "no such workflow"),
        (json!({ "source": "steps: 3", "input": {} }), "DEFINITION_INVALID", "source", "steps"),
        (json!({ "source": endless, "cases": "{ nope" }), "INVALID", "cases", "line"),
        (json!({ "source": endless, "input": {}, "mocks": { "w": { "stattus": 1 } } }), "INVALID", "mocks", "stattus"),
    ] {
        let ran = run(&server.api, input.clone()).await;
        let error = &ran["userErrors"][0];
        let place = error["field"].as_array().and_then(|parts| parts.last()).and_then(Value::as_str);
        assert_eq!((error["code"].as_str(), place), (Some(code), Some(field)), "{input}: {ran}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(words)), "{input}: {error}");
    }
    let ran = run(&server.api, json!({ "source": endless, "input": { "a": 1 } })).await;
    let told = ran["results"][0]["failures"][0].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("after 2000 turns"), "a server gives up what goes on and on: {ran}");
    let ran = run(&server.api, json!({ "workflow": { "slug": "order_approval" }, "input": {} })).await;
    let told = ran["results"][0]["failures"][0].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("does not fit the workflow's `input`"), "{ran}");
}

#[tokio::test]
async fn a_case_has_parts_of_its_own_and_a_trial_needs_no_values_of_secrets() {
    let server = Embedded::start().await;
    let source = "
workflow_id: pays
context: { load: [order.details] }
steps:
  - id: pay
    type: execute
    execute:
      - { type: http_request, url: 'https://pay.example', headers: { Authorization: 'Bearer {{secrets.pay_token}}' } }
      - { type: notify, recipients: [ada@example.com], message: '{{order.weight}} kg at {{vars.rate}}' }
    next: ask
  - { id: ask, type: execute, execute: [{ type: llm, model: small, prompt: 'Is it late?', save_as: said }] }
";
    let stubs = json!({
        "secrets": { "pay_token": "sk-4711" }, "vars": { "rate": 7 }, "context": { "order.details": { "weight": 3 } },
        "http": [{ "responses": [{ "body": { "ok": true } }] }], "llm": [{ "responses": [{ "text": "no" }] }],
    });
    let expect = json!({
        "status": "completed", "steps_visited": ["pay", "ask"],
        "http_calls": [{ "headers": { "authorization": "Bearer ***" } }],
        "notifications": [{ "recipient": "ada@example.com", "message": "3 kg at 7" }],
    });
    let cases = json!([{ "id": "paid", "workflow": "", "stubs": stubs, "expect": expect }]);
    let ran = run(&server.api, json!({ "source": source, "cases": cases.to_string() })).await;
    assert_eq!((&ran["passed"], &ran["failed"], &ran["coverage"]), (&json!(1), &json!(0), &json!(1.0)), "{ran}");

    let mocks = json!({ "pay": { "body": { "ok": true } }, "ask": { "text": "no" } });
    let ran = run(&server.api, json!({ "source": source, "input": {}, "mocks": mocks })).await;
    assert_eq!((&ran["passed"], &ran["results"][0]["failures"]), (&json!(1), &json!([])), "{ran}");
    assert_eq!(ran["results"][0]["context"]["said"]["text"], "no", "{ran}");
}
