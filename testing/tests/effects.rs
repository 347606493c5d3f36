//! What an organization has set up, as cases give it: secrets, variables, services, resources, people, models.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::time::Duration;

use engine::check::{Offline, check};
use engine::definition::Format;
use engine::plan::{Plan, Settings};
use serde_json::{Value, json};
use testing::{Case, Coverage, Seen, cases, judge, run, updated};

fn plan(definition: &str) -> Plan {
    let checked = check(definition, Format::Yaml, &Offline);
    assert!(checked.is_valid(), "{:#?}", checked.problems);
    Plan::new(checked.definition.unwrap(), Settings { default_timeout: Duration::from_mins(5) }).unwrap()
}

fn case(more: Value) -> Case {
    let mut case = json!({ "id": "c", "workflow": "w.yaml", "payload": { "order": { "id": "o-1", "total": 50 } } });
    for (name, value) in more.as_object().unwrap() {
        case[name] = value.clone();
    }
    cases(&case.to_string(), true).unwrap().remove(0)
}

/// Runs a case, and holds it against what it expects.
fn holds(definition: &str, more: Value) -> Seen {
    let (plan, case) = (plan(definition), case(more));
    let seen = run(&plan, &case).unwrap();
    assert_eq!(judge(&case, &seen), [], "{seen:#?}");
    seen
}

const CHARGE: &str = "
workflow_id: charge
steps:
  - id: call
    type: execute
    save_as: charged
    execute:
      - type: http_request
        url: 'https://pay.example/charges'
        headers: { Authorization: 'Bearer {{secrets.pay_token}}' }
        body: { order: '{{order.id}}', pin: '{{secrets.pin}}' }
        save_as: charge
";

fn charge(stubs: Value, expect: Value) -> Value {
    let mut all = json!({ "http": [{ "responses": [{ "body": { "echo": "you sent sk-4711" } }] }] });
    for (name, value) in stubs.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({ "stubs": all, "expect": expect })
}

#[test]
fn a_secret_is_sent_and_expected_as_it_is_or_as_stars_and_comes_back_nowhere() {
    let secrets = json!({ "secrets": { "pay_token": "sk-4711", "pin": "99" } });
    for (header, pin) in [("Bearer sk-4711", "99"), ("Bearer ***", "99")] {
        let call = json!({ "headers": { "authorization": header }, "body": { "order": "o-1", "pin": pin } });
        let expect =
            json!({ "status": "completed", "http_calls": [call], "context": { "data": { "echo": "you sent ***" } } });
        let seen = holds(CHARGE, charge(secrets.clone(), expect));
        assert!(!json!(seen.journal).to_string().contains("sk-4711"), "{:#?}", seen.journal);
    }
    let wrong = json!({ "http_calls": [{ "headers": { "authorization": "Bearer sk-4712" } }] });
    let case = case(charge(secrets.clone(), wrong));
    let seen = run(&plan(CHARGE), &case).unwrap();
    let places: Vec<String> = judge(&case, &seen).into_iter().map(|one| one.place).collect();
    assert_eq!(places, ["http_calls[0].headers.authorization"]);
    let written = updated(json!({ "id": "c" }), &case, &seen, &[]);
    assert!(!written.to_string().contains("sk-4711"), "what was seen is written without secrets: {written}");
}

#[test]
fn a_secret_that_the_case_does_not_give_fails_the_step() {
    let secrets = json!({ "secrets": { "pay_token": "sk-4711" } });
    let expect = json!({
        "status": "failed", "failed_step": "call", "error_code": "UNKNOWN_SECRET", "error_contains": ["`pin`", "stubs.secrets"],
        "http_calls": [],
    });
    holds(CHARGE, charge(secrets, expect));
}

const LOADS: &str = "
workflow_id: loads
context:
  load:
    - order.details
    - { name: customer, loader: http, service: crm, path: '/customers/{{order.id}}' }
steps:
  - { id: note, type: set, set: { told: '{{order.weight}} kg for {{customer.name}} at {{vars.rate}} by {{integrations.crm.base_url}}' } }
";

#[test]
fn what_is_loaded_comes_from_the_case_and_shows_in_no_list_of_steps() {
    let stubs = json!({
        "context": { "order.details": { "weight": 3 }, "customer": { "name": "Ada" } },
        "vars": { "rate": 7 }, "integrations": { "crm": { "base_url": "https://crm.example" } },
    });
    let expect = json!({
        "status": "completed", "steps_visited": ["note"],
        "context": { "told": "3 kg for Ada at 7 by https://crm.example", "order": { "details": { "weight": 3 } } },
    });
    let seen = holds(LOADS, json!({ "stubs": stubs, "expect": expect }));
    let mut coverage = Coverage::default();
    coverage.add(&seen);
    let steps = coverage.steps(&plan(LOADS));
    assert_eq!((steps.reached, steps.total), (1, 1), "{steps:?}");
}

#[test]
fn a_plain_name_may_be_absent_and_the_object_form_may_not() {
    let stubs = json!({ "context": { "customer": { "name": "Ada" } } });
    let expect = json!({ "status": "completed", "context": { "told": " kg for Ada at  by " } });
    holds(LOADS, json!({ "stubs": stubs, "expect": expect }));
    let stubs = json!({ "context": { "order.details": { "weight": 3 } } });
    let expect = json!({ "status": "failed", "error_code": "RESOURCE_NOT_FOUND", "steps_visited": [] });
    holds(LOADS, json!({ "stubs": stubs, "expect": expect }));
}

const ASKS: &str = "
workflow_id: asks
steps:
  - id: look
    type: execute
    save_as: found
    retry: { max_attempts: 2, delay: 1s }
    execute:
      - { type: graphql_request, service: catalog, query: 'query($id: ID!) { order(id: $id) { total } }', variables: { id: '{{order.id}}' } }
    on_error: tell
    next: allow
  - { id: allow, type: action, action: { type: allow, reason: '{{data.order.total}}' } }
  - { id: tell, type: action, action: { type: block, reason: '{{error.code}}: {{error.message}}' } }
";

#[test]
fn a_graphql_service_answers_with_data_or_with_errors() {
    let call = json!({ "method": "POST", "url": "service:catalog", "status": 200,
        "body": { "query": "query($id: ID!) { order(id: $id) { total } }", "variables": { "id": "o-1" } } });
    let responses = json!([{ "status": 503 }, { "data": { "order": { "total": 7 } } }]);
    let stubs = json!({ "graphql": [{ "url": "service:catalog", "responses": responses }] });
    let first = json!({ "url": "service:catalog", "status": 503 });
    let expect = json!({ "result": "allowed", "reason": "7", "http_calls": [first, call] });
    holds(ASKS, json!({ "stubs": stubs, "expect": expect }));
    let stubs =
        json!({ "http": [{ "url": "service:*", "responses": [{ "body": { "data": { "order": { "total": 8 } } } }] }] });
    holds(ASKS, json!({ "stubs": stubs, "expect": { "reason": "8" } }));
    let stubs =
        json!({ "graphql": [{ "step": "look", "responses": [{ "errors": [{ "message": "no such order" }] }] }] });
    let expect =
        json!({ "result": "blocked", "reason": "GRAPHQL_ERROR: `catalog` answered with an error: no such order" });
    holds(ASKS, json!({ "stubs": stubs, "expect": expect }));
    holds(ASKS, json!({ "expect": { "reason": "NO_STUB: POST service:catalog has no stub" } }));
}

const RECORDS: &str = "
workflow_id: records
steps:
  - id: keep
    type: execute
    save_as: kept
    execute:
      - { type: create_record, entity: invoice, entity_id: 'i-{{order.id}}', data: { total: '{{order.total}}' } }
      - { type: update_record, entity: invoice, entity_id: 'i-{{order.id}}', data: { is_paid: true }, service: books }
      - { type: get_record, entity: invoice, entity_id: 'i-{{order.id}}', save_as: found }
      - { type: delete_record, entity: invoice, entity_id: 'i-{{order.id}}' }
    on_error: tell
    next: look
  - { id: look, type: execute, execute: [{ type: get_record, entity: invoice, entity_id: 'i-{{order.id}}' }], on_error: tell }
  - { id: tell, type: action, action: { type: block, reason: '{{error.step}}: {{error.code}}' } }
";

#[test]
fn a_record_is_there_once_it_is_made_and_gone_once_it_is_deleted() {
    let expect = json!({
        "status": "completed", "reason": "look: RECORD_NOT_FOUND", "context": {
            "found": { "body": { "total": 50, "id": "i-o-1" } }, "data": { "total": 50 },
        },
        "records": [
            { "operation": "create", "entity": "invoice", "entity_id": "i-o-1", "data": { "total": 50 } },
            { "operation": "update", "entity": "invoice", "data": { "is_paid": true }, "service": "books" },
            { "operation": "get", "entity_id": "i-o-1" },
            { "operation": "delete", "entity_id": "i-o-1" },
            { "step": "look", "operation": "get" },
        ],
    });
    holds(RECORDS, json!({ "expect": expect }));
    let stub = json!({ "operation": "update", "entity": "invoice", "responses": [{ "status": 409 }] });
    holds(RECORDS, json!({ "stubs": { "records": [stub] }, "expect": { "reason": "keep: HTTP_STATUS" } }));
    let gone = json!({ "operation": "delete", "responses": [{ "status": 404 }] });
    holds(RECORDS, json!({ "stubs": { "records": [gone] }, "expect": { "reason": "look: RECORD_NOT_FOUND" } }));
}

const TELLS: &str = "
workflow_id: tells
steps:
  - id: tell
    type: execute
    retry: { max_attempts: 3, delay: 1s }
    execute:
      - type: notify
        recipients: [ada@example.com, 'slack:#orders', 'role:manager', ada@example.com]
        subject: 'Order {{order.id}}'
        message: '{{order.total}} EUR'
        data: { id: '{{order.id}}' }
";

#[test]
fn everybody_is_told_once_though_the_step_is_tried_again() {
    let to = |recipient: &str, channel: &str| json!({ "recipient": recipient, "channel": channel, "subject": "Order o-1", "message": "50 EUR", "data": { "id": "o-1" } });
    let mail = [to("ada@example.com", "email"), to("role:manager", "email")];
    let all = json!([mail[0], to("slack:#orders", "slack"), mail[1]]);
    holds(TELLS, json!({ "expect": { "status": "completed", "notifications": all } }));
    let stub = json!({ "recipient": "slack:*", "responses": [{ "status": 503 }, { "status": 200 }] });
    let later = json!([mail[0], mail[1], to("slack:#orders", "slack")]);
    holds(TELLS, json!({ "stubs": { "notify": [stub] }, "expect": { "status": "completed", "notifications": later } }));
    let stub = json!({ "recipient": "slack:*", "responses": [{ "error": "connection" }] });
    let expect = json!({ "status": "failed", "error_code": "CONNECTION_REFUSED", "notifications": mail });
    holds(TELLS, json!({ "stubs": { "notify": [stub] }, "expect": expect }));
}

#[test]
fn a_recipient_of_an_unknown_sort_fails_the_step() {
    let definition = TELLS.replace("slack:#orders", "fax:123");
    let expect = json!({ "status": "failed", "error_code": "UNKNOWN_RECIPIENT", "error_contains": ["fax:123"] });
    holds(&definition, json!({ "expect": expect }));
}

const THINKS: &str = "
workflow_id: thinks
steps:
  - id: ask
    type: execute
    save_as: said
    execute:
      - type: llm
        model: small
        system: Be brief.
        prompt: 'How risky is {{order.id}}?'
        schema: { type: object, required: [risk], properties: { risk: { type: number } } }
        tools: [refund]
    on_error: tell
    next: allow
  - { id: allow, type: action, action: { type: allow, reason: '{{said.json.risk}} for {{said.usage.output_tokens}}' } }
  - { id: tell, type: action, action: { type: block, reason: '{{error.code}}' } }
";

#[test]
fn a_model_answers_what_fits_and_nothing_else() {
    let stub = |response: Value| json!({ "llm": [{ "model": "small", "responses": [response] }] });
    let usage = json!({ "input_tokens": 9, "output_tokens": 3 });
    let call = json!({ "model": "small", "system": "Be brief.", "prompt": "How risky is o-1?" });
    for answer in
        [json!({ "json": { "risk": 0.5 }, "usage": usage }), json!({ "text": "{\"risk\": 0.5}", "usage": usage })]
    {
        let expect = json!({ "result": "allowed", "reason": "0.5 for 3", "llm_calls": [call] });
        holds(THINKS, json!({ "stubs": stub(answer), "expect": expect }));
    }
    for (answer, code) in [
        (json!({ "text": "low" }), "MODEL_ANSWER_INVALID"),
        (json!({ "json": { "risk": "low" } }), "MODEL_ANSWER_INVALID"),
        (json!({ "json": { "risk": 1 }, "tool_calls": [{ "name": "drop_all", "input": {} }] }), "UNKNOWN_TOOL"),
        (json!({ "status": 401 }), "HTTP_STATUS"),
    ] {
        holds(THINKS, json!({ "stubs": stub(answer), "expect": { "reason": code } }));
    }
    holds(THINKS, json!({ "expect": { "reason": "NO_STUB" } }));
}

#[test]
fn executions_that_are_started_can_be_expected() {
    let definition = "
workflow_id: starts
steps:
  - { id: leave, type: workflow, workflow: { workflow_id: other, input: { a: 1 }, wait: false }, next: tell }
  - { id: tell, type: execute, execute: [{ type: start_workflow, workflow_id: another, input: { id: '{{order.id}}' } }] }
";
    let started = json!([{ "workflow_id": "other", "input": { "a": 1 } }, { "workflow_id": "another", "input": { "id": "o-1" } }]);
    holds(definition, json!({ "expect": { "started": started } }));
    let case = case(json!({ "expect": { "started": [{ "workflow_id": "other", "input": {} }] } }));
    let places: Vec<String> =
        judge(&case, &run(&plan(definition), &case).unwrap()).into_iter().map(|one| one.place).collect();
    assert_eq!(places, ["started[0].input.a", "started[1]"]);
}

#[test]
fn an_event_that_does_not_come_and_a_decision_that_is_not_taken_are_ways_of_their_own() {
    let definition = "
workflow_id: ways
steps:
  - { id: paid, type: wait, wait: { event: order.paid, timeout: 1h, on_timeout: hold }, next: done }
  - id: hold
    type: action
    action: { type: block }
    execute: [{ type: create_approval_request, entity: order, entity_id: '{{order.id}}', data: { role: manager, expires_in: 1h } }]
    on_approved: done
    on_expired: done
  - { id: done, type: end }
";
    let mut coverage = Coverage::default();
    coverage.add(&run(&plan(definition), &case(json!({}))).unwrap());
    let missing = coverage.branches(&plan(definition)).missing;
    assert_eq!(missing, ["hold approved", "paid event"]);
}
