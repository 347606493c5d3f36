//! Secrets stand for themselves in calls, and in nothing else.

use serde_json::{Value, json};
use sluice_engine::machine::{CallTo, EffectRequest, Event, RecordCall};

use crate::sim::Sim;

fn start(action: &Value, payload: Value) -> Sim {
    Sim::start(json!([{ "id": "do", "type": "execute", "retry": {}, "execute": [action] }]), payload)
}

fn shown(sim: &Sim) -> &Value {
    let request = sim.journal.iter().find_map(|event| match event {
        Event::ActionStarted { request, .. } => Some(request),
        _other => None,
    });
    request.unwrap()
}

#[test]
fn a_secret_is_a_mark_in_the_call_and_stars_in_the_journal() {
    let action = json!({ "type": "http_request", "url": "https://example.org/{{ secrets.path }}?a={{ order.id }}",
        "headers": { "X-Key": "v1 {{ secrets.key }}" }, "query": { "key": "{{secrets.key}}" },
        "body": { "list": ["{{ secrets.body }}"] }, "auth": { "basic": { "username": "ada", "password": "{{ secrets.password }}" } } });
    let sim =
        start(&action, json!({ "order": { "id": "\u{FDD0}0:key\u{FDD1}" }, "secrets": { "key": "the payload's" } }));
    let effect = &sim.effects[0];
    let marks = effect.secrets.as_ref().unwrap();
    assert_eq!((marks.mark.as_str(), marks.end.as_str()), ("\u{FDD0}1:", "\u{FDD1}"), "the payload has the first mark");
    assert_eq!(marks.names, ["body", "key", "password", "path"]);
    let EffectRequest::Http(call) = &effect.request else { panic!("{effect:?}") };
    assert_eq!(call.url, "https://example.org/\u{FDD0}1:path\u{FDD1}?a=\u{FDD0}0:key\u{FDD1}");
    assert_eq!(call.headers, [("X-Key".to_owned(), "v1 \u{FDD0}1:key\u{FDD1}".to_owned())]);
    assert_eq!(call.basic, Some(("ada".to_owned(), "\u{FDD0}1:password\u{FDD1}".to_owned())));
    assert_eq!(
        shown(&sim),
        &json!({ "method": "POST", "url": "https://example.org/***?a=\u{FDD0}0:key\u{FDD1}", "query": [["key", "***"]],
            "headers": { "X-Key": "v1 ***", "authorization": "***" }, "body": { "list": ["***"] } })
    );
}

#[test]
fn an_action_without_secrets_has_no_marks() {
    let sim = start(&json!({ "type": "http_request", "url": "https://example.org" }), json!({}));
    assert_eq!(sim.effects[0].secrets, None);
}

#[test]
fn requests_and_records_name_secrets_in_their_data_alone() {
    let action = json!({ "type": "graphql_request", "service": "shop", "query": "{ a }", "variables": { "key": "{{ secrets.key }}" } });
    let sim = start(&action, json!({}));
    let EffectRequest::Graphql(call) = &sim.effects[0].request else { panic!("{:?}", sim.effects) };
    assert_eq!(
        (&call.to, &call.variables),
        (&CallTo::Service("shop".to_owned()), &json!({ "key": "\u{FDD0}0:key\u{FDD1}" }))
    );
    assert_eq!(shown(&sim), &json!({ "service": "shop", "query": "{ a }", "variables": { "key": "***" } }));

    // Nobody checked this one: what is no place for a secret finds none.
    let action =
        json!({ "type": "create_record", "entity": "order{{ secrets.key }}", "data": { "key": "{{ secrets.key }}" } });
    let steps = json!([{ "id": "do", "type": "execute", "execute": [action] }]);
    let sim = Sim::start_unchecked(&json!({ "workflow_id": "test", "steps": steps }), json!({}));
    let EffectRequest::Record(RecordCall { entity, data, .. }) = &sim.effects[0].request else { panic!() };
    assert_eq!((entity.as_str(), &data["key"]), ("order", &json!("\u{FDD0}0:key\u{FDD1}")));
}

#[test]
fn what_cannot_name_a_secret_reads_nothing_of_it() {
    let steps = json!([{ "id": "do", "type": "execute", "execute": [
        { "type": "log", "message": "the key is {{ secrets.key }}" },
        { "type": "set", "set": { "copy": "{{ secrets.key }}", "all": "{{ secrets }}" } },
        { "type": "http_request", "url": "https://example.org", "body": "{{ secrets.key | upper }}" },
    ] }]);
    let definition = json!({ "workflow_id": "test", "steps": steps });
    let sim = Sim::start_unchecked(&definition, json!({ "secrets": { "key": "the payload's" } }));
    assert_eq!(sim.trace().logs[0].message, "the key is ");
    assert_eq!((&sim.context()["copy"], &sim.context()["all"]), (&Value::Null, &json!({})));
    assert_eq!(sim.effects[0].secrets, None);
    assert!(!serde_json::to_string(&sim.journal).unwrap().contains("the payload's"));
}

#[test]
fn a_secret_that_would_say_whom_it_is_sent_to_fails_the_step() {
    let action = json!({ "type": "http_request", "url": "{{ base }}{{ secrets.key }}" });
    let sim = start(&action, json!({ "base": "https://" }));
    assert_eq!(sim.timeline().last().unwrap(), "failed INVALID_ACTION at do");
    let sim = start(&action, json!({ "base": "https://example.org/" }));
    assert_eq!(sim.effects.len(), 1);
}
