//! Calls to services of the organization, messages to people, questions to models.

use serde_json::{Value, json};
use sluice_engine::definition::RecordOperation;
use sluice_engine::machine::{
    EffectOutcome, EffectRequest, ErrorClass, Event, ModelCall, Notification, RecordCall, Status, StepError,
};

use crate::sim::Sim;

fn start(action: &Value, payload: Value) -> Sim {
    Sim::start(json!([{ "id": "do", "type": "execute", "retry": {}, "execute": [action] }]), payload)
}

fn failure(action: &Value, payload: Value) -> String {
    let sim = start(action, payload);
    let error = sim.state.error().unwrap_or_else(|| panic!("{:?} left", sim.effects));
    assert_eq!(error.code, "INVALID_ACTION");
    error.message.clone()
}

fn record(action: &Value, payload: Value) -> RecordCall {
    match &start(action, payload).effects[0].request {
        EffectRequest::Record(call) => call.clone(),
        other => panic!("{other:?} left"),
    }
}

fn notification(action: &Value, payload: Value) -> Notification {
    match &start(action, payload).effects[0].request {
        EffectRequest::Notify(call) => call.clone(),
        other => panic!("{other:?} left"),
    }
}

fn question(action: &Value, payload: Value) -> ModelCall {
    match &start(action, payload).effects[0].request {
        EffectRequest::Model(call) => (**call).clone(),
        other => panic!("{other:?} left"),
    }
}

#[test]
fn a_graphql_answer_is_data_like_that_of_http() {
    let steps = json!([
        { "id": "ask", "type": "execute", "retry": {}, "next": "keep", "execute": [
            { "type": "graphql_request", "url": "https://example.org/{{ path }}", "query": "{ a }" }] },
        { "id": "keep", "type": "set", "set": { "a": "{{ data.a }}" } },
    ]);
    let mut sim = Sim::start(steps, json!({ "path": "graphql" }));
    sim.answer(json!({ "a": 5 }));
    assert_eq!(sim.context()["a"], 5);
    let empty = failure(&json!({ "type": "graphql_request", "url": "{{ none }}", "query": "{ a }" }), json!({}));
    assert_eq!(empty, "`url` is empty");
    let list = json!({ "type": "graphql_request", "service": "s", "query": "{ a }", "variables": "{{ list }}" });
    assert_eq!(failure(&list, json!({ "list": [] })), "`variables` must be an object of names and values");
}

#[test]
fn a_record_is_named_by_its_kind_and_id() {
    let update = json!({ "type": "update_record", "entity": "{{ kind }}", "entity_id": "{{ id }}", "data": { "a": "{{ id }}" }, "service": "crm" });
    let call = record(&update, json!({ "kind": "order", "id": 7 }));
    assert_eq!(
        call,
        RecordCall {
            operation: RecordOperation::Update,
            entity: "order".to_owned(),
            entity_id: Some("7".to_owned()),
            data: json!({ "a": 7 }),
            service: Some("crm".to_owned()),
        }
    );
    let create = json!({ "type": "create_record", "entity": "order", "entity_id": "{{ none }}", "data": {} });
    assert_eq!(record(&create, json!({})).entity_id, None);
    assert_eq!(
        failure(&update, json!({ "kind": "order" })),
        "`entity_id` is empty, so it is not known which `order` is meant"
    );
    assert_eq!(failure(&update, json!({ "kind": "order", "id": [7] })), "`entity_id` must be a text or a number");
    assert_eq!(failure(&update, json!({ "kind": " ", "id": 7 })), "`entity` is empty");
    let delete = json!({ "type": "delete_record", "entity": "order", "entity_id": "7" });
    let sim = start(&delete, json!({}));
    assert_eq!(sim.timeline()[3], "do#1.0 delete_record left");
}

#[test]
fn recipients_are_told_once_each_in_the_order_written() {
    let action = json!({ "type": "notify", "recipients": ["role:manager", "{{ more }}", "{{ none }}", "role:manager"],
        "message": "total {{ total }}", "subject": " ", "channel": "{{ none }}", "data": { "total": "{{ total }}" } });
    let call = notification(&action, json!({ "more": ["user:ann", "role:manager", 7], "total": 5.0 }));
    assert_eq!(call.recipients, ["role:manager", "user:ann", "7"]);
    assert_eq!((call.message.as_deref(), call.subject, call.channel), (Some("total 5"), None, None));
    assert_eq!(call.data, json!({ "total": 5.0 }));
    let one = json!({ "type": "notify", "recipients": "{{ to }}", "template": "sorry" });
    assert_eq!(notification(&one, json!({ "to": "ada@example.com" })).recipients, ["ada@example.com"]);
    assert_eq!(failure(&one, json!({ "to": [] })), "`recipients` names nobody");
    assert_eq!(failure(&one, json!({ "to": [{ "a": 1 }] })), "a recipient must be a text, such as `role:manager`");
    let many: Vec<u32> = (0..1_001).collect();
    assert!(failure(&one, json!({ "to": many })).contains("at most 1000"));
    let silent = json!({ "type": "notify", "recipients": "a@b", "message": "{{ none }}" });
    assert_eq!(failure(&silent, json!({})), "the message is empty");
}

#[test]
fn a_question_is_rendered_whole_and_what_cannot_be_asked_is_told() {
    let action = json!({ "type": "llm", "provider": "small", "model": "m-{{ n }}", "system": "be brief", "optional": false,
        "prompt": "{{ order }}", "schema": { "type": "object" }, "max_tokens": "{{ n }}", "temperature": 0.5,
        "tools": ["refund", "{{ tool }}"], "save_as": "answer", "metadata": { "a": 1 } });
    let call = question(&action, json!({ "n": 3, "order": { "id": 7 }, "tool": "cancel" }));
    assert_eq!(
        call,
        ModelCall {
            provider: Some("small".to_owned()),
            model: "m-3".to_owned(),
            system: Some("be brief".to_owned()),
            prompt: Some("{\"id\":7}".to_owned()),
            template: None,
            schema: Some(json!({ "type": "object" })),
            max_tokens: Some(3),
            temperature: Some(0.5),
            tools: json!(["refund", "cancel"]),
        }
    );
    let with = |key: &str, value: Value| {
        let mut action = json!({ "type": "llm", "model": "m", "prompt": "p" });
        action[key] = json!("{{ v }}");
        failure(&action, json!({ "v": value }))
    };
    assert_eq!(with("model", Value::Null), "`model` is empty");
    assert_eq!(with("model", json!(["m"])), "`model` must be a text");
    assert_eq!(with("prompt", json!(" ")), "`prompt` is empty, so there is nothing to ask");
    assert_eq!(with("max_tokens", json!(0)), "`max_tokens` must be a whole number from 1");
    assert_eq!(with("max_tokens", json!("many")), "`max_tokens` must be a whole number from 1");
    assert_eq!(with("temperature", json!(2.5)), "`temperature` must be a number from 0 to 2");
    assert_eq!(with("tools", json!("refund")), "`tools` must be a list of names of workflows");
    assert_eq!(with("tools", json!(["Refund!"])), "`tools` must be a list of names of workflows");
    assert_eq!(with("schema", json!("text")), "`schema` must be a JSON Schema: an object");
    assert!(with("schema", json!({ "type": 5 })).starts_with("`schema` is no JSON Schema that can be used"));
}

#[test]
fn the_journal_shows_what_was_asked() {
    let requests = |action: Value| {
        let mut sim = start(&action, json!({}));
        sim.finish(EffectOutcome::Succeeded { output: json!({}) });
        let request = sim.journal.iter().find_map(|event| match event {
            Event::ActionStarted { kind, request, .. } => Some((kind.clone(), request.clone())),
            _other => None,
        });
        request.unwrap()
    };
    assert_eq!(
        requests(json!({ "type": "get_record", "entity": "order", "entity_id": 7 })),
        ("get_record".into(), json!({ "operation": "get", "entity": "order", "entity_id": "7" }))
    );
    let many: Vec<String> = (0..150).map(|number| format!("user:{number}")).collect();
    let (kind, shown) = requests(json!({ "type": "notify", "recipients": many, "message": "m" }));
    assert_eq!((kind.as_str(), shown["recipients"].as_array().unwrap().len()), ("notify", 100));
    assert_eq!((&shown["more_recipients"], &shown["message"], shown.get("subject")), (&json!(50), &json!("m"), None));
    assert_eq!(
        requests(json!({ "type": "llm", "model": "m", "prompt": "p", "temperature": 0 })),
        ("llm".into(), json!({ "model": "m", "prompt": "p", "temperature": 0.0 }))
    );
    let long = "x".repeat(300 * 1024);
    assert_eq!(requests(json!({ "type": "llm", "model": "m", "prompt": long })).1["prompt"]["$truncated"], true);
}

#[test]
fn whom_a_try_has_told_the_next_one_knows_also_after_a_crash() {
    let tell = |message: &str| json!({ "type": "notify", "recipients": ["a@b", "slack:#ops"], "message": message });
    let retry = json!({ "max_attempts": 3, "delay": "1s" });
    let steps = json!([{ "id": "do", "type": "execute", "retry": retry, "execute": [tell("one"), tell("two")] }]);
    let mut sim = Sim::start(steps, json!({}));
    let told = |sim: &Sim| match &sim.effects[0].request {
        EffectRequest::Notify(message) => message.told.clone(),
        other => panic!("{other:?} left"),
    };
    let answer = |to: &[&str]| {
        let delivered: Vec<Value> = to.iter().map(|to| json!({ "recipient": "x", "to": to })).collect();
        json!({ "delivered": delivered, "failed": [] })
    };
    let all = |to: &[&str]| EffectOutcome::Succeeded { output: answer(to) };
    let some = |to: &[&str]| {
        let error = StepError { detail: Some(answer(to)), ..StepError::other("HTTP_STATUS", "away") };
        EffectOutcome::Failed(StepError { retryable_class: ErrorClass::Http(503), ..error })
    };
    assert!(!serde_json::to_string(&sim.state).unwrap().contains("told"), "a state without any is as it was before");
    sim.finish(all(&["a1", "b1"]));
    assert!(told(&sim).is_empty(), "another message");
    sim.finish(some(&["a2"]));
    sim.crash();
    sim.wake_after(1_000);
    assert_eq!(told(&sim), ["a1", "b1"], "a message that reached all is repeated with its step");
    sim.crash();
    assert_eq!(told(&sim), ["a1", "b1"]);
    sim.finish(all(&["a1", "b1"]));
    assert_eq!(told(&sim), ["a2"]);
    sim.finish(some(&["a2", "b2"]));
    sim.wake_after(2_000);
    sim.finish(all(&["a1", "b1"]));
    assert_eq!(told(&sim), ["a2", "b2"]);
    sim.finish(all(&["a2", "b2"]));
    assert_eq!(sim.state.status(), Status::Completed);
}
