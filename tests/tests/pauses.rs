//! Pauses that an event ends, in both modes, and with workers that are killed in between.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, eventually};

const RULE: &str = r#"mutation { ruleCreate(input: { slug: "is-large", name: "Large", kind: CONDITION,
    definition: { field: "event.amount", operator: "gte", value: 100 } }) { userErrors { message } } }"#;

const RESTS: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: stock.counted, match: [order.id] }, next: done }
  - { id: done, type: action, action: { type: allow, reason: '{{amount}}' } }
";

const ASKS: &str = "
workflow_id: asks
deadline: 90m
steps:
  - id: ask
    type: approval
    approval: { role: owner, expires_in: 1h, remind_every: 30m, allow_self: true }
    next: nap
  - { id: nap, type: wait, wait: { event: never.comes, timeout: 1h, on_timeout: done }, next: done }
  - { id: done, type: end }
";

const SHORT: &str = "
workflow_id: short
deadline: 2h
steps:
  - { id: nap, type: wait, wait: { for: 1h }, next: done }
  - { id: done, type: end }
";

const PARENT: &str = "
workflow_id: parent
steps:
  - { id: child, type: workflow, workflow: { workflow_id: short } }
";

async fn import(api: &Api) {
    let files = [("r.yaml", RESTS), ("a.yaml", ASKS), ("s.yaml", SHORT), ("p.yaml", PARENT)];
    for file in api.import(&files).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status decision { reason } wakeReasons { kind summary }
        pause { resumeAt resumeWhen { event match fitsWithout condition since } }
        history(first: 100) { nodes { type summary } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn is(api: &Api, id: &str, status: &str) -> Value {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
    shown(api, id).await
}

async fn ask(api: &Api, field: &str, input: Value) -> Value {
    let query = format!(
        "mutation($i: E{}Input!) {{ {field}(input: $i) {{ execution {{ status }} userErrors {{ code field message help }} }} }}",
        &field[1..]
    );
    api.data(&query, json!({ "i": input })).await[field].take()
}

async fn done(api: &Api, field: &str, input: Value) {
    let payload = ask(api, field, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{field}");
}

async fn emit(api: &Api, event: &str, payload: Value) -> String {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { event { id } userErrors { code } } }";
    let emitted = api.data(query, json!({ "i": { "type": event, "payload": payload } })).await["eventEmit"].take();
    assert_eq!(emitted["userErrors"], json!([]), "{event}");
    emitted["event"]["id"].as_str().unwrap().to_owned()
}

/// One about this order, which waits.
async fn waiting(api: &Api, order: &str) -> String {
    let id = api.start("rests", json!({ "order": { "id": order }, "amount": 1 }), order).await.unwrap();
    is(api, &id, "WAITING").await;
    id
}

fn count(execution: &Value, sort: &str) -> usize {
    execution["history"]["nodes"].as_array().unwrap().iter().filter(|event| event["type"] == sort).count()
}

/// What came before that long came before, whatever process says when: their clocks may be a little apart.
const BEFORE: Duration = Duration::from_millis(200);

async fn an_event_comes(api: &Api) {
    let id = waiting(api, "o-1").await;
    emit(api, "truck.came", json!({ "order": { "id": "o-1" }, "amount": 100 })).await;
    let emitted = Instant::now();
    eventually("it came before", || async move { emitted.elapsed() > BEFORE }).await;
    let condition = json!({ "field": "event.amount", "operator": "gte", "value": 5 });
    let when = json!({ "event": "truck.*", "match": ["order.id"], "condition": condition });
    let pause = json!({ "id": id, "reason": "no room", "resumeAt": "2999-01-01T00:00:00Z", "resumeWhen": when });
    assert_eq!(ask(api, "executionPause", pause).await["userErrors"][0]["field"], json!(["input", "resumeAt"]));
    done(api, "executionPause", json!({ "id": id, "reason": "no room", "resumeWhen": when })).await;
    let held = is(api, &id, "PAUSED").await;
    let shown_when = &held["pause"]["resumeWhen"];
    assert_eq!((&shown_when["event"], &shown_when["match"]), (&json!("truck.*"), &json!({ "order.id": "o-1" })));
    assert_eq!((&shown_when["condition"], &shown_when["fitsWithout"]), (&condition, &json!(false)));
    let reasons = held["wakeReasons"].as_array().unwrap();
    let reasons: Vec<&str> = reasons.iter().map(|reason| reason["summary"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("or by itself at event `truck.*`")), "{reasons:?}");
    assert!(reasons.contains(&"event `truck.*`, which ends the pause"), "not what it must be about: {reasons:?}");

    emit(api, "truck.came", json!({ "order": { "id": "o-2" }, "amount": 9 })).await;
    emit(api, "truck.came", json!({ "order": { "id": "o-1" }, "amount": 4 })).await;
    eventually("it is told why not", || async { count(&shown(api, &id).await, "RESUME_UNMET") == 1 }).await;
    // The step that waits takes its event although the pause goes on.
    emit(api, "stock.counted", json!({ "order": { "id": "o-1" }, "amount": 2 })).await;
    eventually("its step took it", || async { count(&shown(api, &id).await, "EVENT_RECEIVED") == 1 }).await;
    is(api, &id, "PAUSED").await;
    let event = emit(api, "truck.came", json!({ "order": { "id": "o-1" }, "amount": 5 })).await;
    let ended = is(api, &id, "COMPLETED").await;
    assert_eq!((count(&ended, "UNPAUSED"), &ended["decision"]["reason"]), (1, &json!("2")), "{ended}");
    assert!(ended["history"].to_string().contains(&format!("by event `truck.came` ({event})")), "{ended}");
    let query = "query($id: ID!) { event(id: $id) { waits(first: 5) { nodes { outcome execution { id } } } } }";
    let told = api.data(query, json!({ "id": event })).await["event"]["waits"]["nodes"].take();
    assert_eq!(told, json!([{ "outcome": "RESUMED", "execution": { "id": id } }]));
}

async fn it_is_set_anew_and_taken_back(api: &Api) {
    let id = waiting(api, "o-3").await;
    done(api, "executionPause", json!({ "id": id, "reason": "look", "resumeWhen": { "event": "truck.came" } })).await;
    is(api, &id, "PAUSED").await;
    let scheduled = async |count_of: usize| {
        eventually("it is noted", || async { count(&shown(api, &id).await, "RESUME_SCHEDULED") == count_of }).await;
    };
    done(api, "executionResumeCancel", json!({ "id": id })).await;
    scheduled(2).await;
    assert_eq!(shown(api, &id).await["pause"]["resumeWhen"], Value::Null);
    emit(api, "truck.came", json!({})).await;
    let when = json!({ "event": "truck.left", "match": { "gate": 4 } });
    done(api, "executionResume", json!({ "id": id, "when": when, "data": { "amount": 7 }, "fromStep": "done" })).await;
    scheduled(3).await;
    is(api, &id, "PAUSED").await;
    emit(api, "truck.left", json!({ "gate": 3 })).await;
    emit(api, "truck.left", json!({ "gate": 4 })).await;
    let ended = is(api, &id, "COMPLETED").await;
    assert_eq!((count(&ended, "UNPAUSED"), &ended["decision"]["reason"]), (1, &json!("7")));
}

async fn what_is_wrong_is_told(api: &Api) {
    let id = waiting(api, "o-4").await;
    let refused = async |when: Value| {
        let payload = ask(api, "executionPause", json!({ "id": id, "reason": "look", "resumeWhen": when })).await;
        let fields = payload["userErrors"].as_array().unwrap().iter().map(|error| error["field"].clone());
        (fields.collect::<Vec<Value>>(), payload)
    };
    let unknown = json!({ "and": [{ "field": "event.a", "operator": "resembles", "value": 1 }] });
    let (fields, payload) = refused(json!({ "event": "a..b", "match": "x", "condition": unknown })).await;
    assert_eq!(
        fields,
        [
            json!(["input", "resumeWhen", "event"]),
            json!(["input", "resumeWhen", "match"]),
            json!(["input", "resumeWhen", "condition", "and", "0", "operator"]),
        ],
        "{payload}"
    );
    assert!(api.data(RULE, json!({})).await["ruleCreate"]["userErrors"] == json!([]));
    let (fields, payload) = refused(json!({ "event": "a.b", "condition": { "rule_id": "is-large" } })).await;
    assert_eq!(
        fields,
        [json!(["input", "resumeWhen", "condition", "rule_id"])],
        "its workflow does not name it: {payload}"
    );
    assert_eq!(shown(api, &id).await["status"], "WAITING", "nothing was done");
    done(api, "executionPause", json!({ "id": id, "reason": "look" })).await;
    let (fields, payload) = refused(json!({ "event": "a..b" })).await;
    assert_eq!(fields, [json!(["input", "resumeWhen", "event"])], "although it is paused already: {payload}");
}

async fn times(api: &Api, id: &str) -> Value {
    let query =
        "query($id: ID!) { execution(id: $id) { status deadlineAt pause { freezesDeadlines pending { dueTimers } }
        approvals(first: 1) { nodes { expiresAt remindAt } } wakeReasons { kind at } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn time_stands_still(api: &Api) {
    let id = api.start("asks", json!({}), "asks").await.unwrap();
    is(api, &id, "WAITING").await;
    let before = times(api, &id).await;
    done(api, "executionPause", json!({ "id": id, "reason": "look" })).await;
    is(api, &id, "PAUSED").await;
    let held = times(api, &id).await;
    let approval = &held["approvals"]["nodes"][0];
    assert_eq!((&approval["expiresAt"], &approval["remindAt"]), (&Value::Null, &Value::Null), "{held}");
    assert_eq!((&held["deadlineAt"], &held["pause"]["freezesDeadlines"]), (&Value::Null, &json!(true)), "{held}");
    done(api, "executionResume", json!({ "id": id })).await;
    is(api, &id, "WAITING").await;
    let after = times(api, &id).await;
    for place in ["/deadlineAt", "/approvals/nodes/0/expiresAt", "/approvals/nodes/0/remindAt"] {
        let text = |times: &Value| times.pointer(place).and_then(Value::as_str).unwrap().to_owned();
        assert!(text(&after) > text(&before), "{place}: {before} {after}");
    }
    done(api, "executionPause", json!({ "id": id, "reason": "look", "freezeDeadlines": false })).await;
    is(api, &id, "PAUSED").await;
    let goes_on = times(api, &id).await;
    assert_eq!(goes_on["deadlineAt"], after["deadlineAt"]);
    assert_eq!(goes_on["approvals"]["nodes"][0]["expiresAt"], after["approvals"]["nodes"][0]["expiresAt"]);
    assert_eq!(goes_on["pause"]["freezesDeadlines"], false);
}

async fn children_stand_still_too(api: &Api) {
    let id = api.start("parent", json!({}), "parent").await.unwrap();
    is(api, &id, "WAITING").await;
    let reasons = shown(api, &id).await["wakeReasons"].to_string();
    let named = reasons.split("end of execution ").nth(1).and_then(|rest| rest.split(['"', ',']).next()).unwrap();
    is(api, named, "WAITING").await;
    let nap = |times: &Value| {
        let reasons = times["wakeReasons"].as_array().unwrap();
        // The nap, and the end of its whole life.
        let at = reasons.iter().map(|reason| reason["at"].as_str().unwrap().to_owned());
        (at.collect::<Vec<_>>(), times["deadlineAt"].as_str().unwrap().to_owned())
    };
    let (before, life_before) = nap(&times(api, named).await);
    done(api, "executionPause", json!({ "id": id, "reason": "look" })).await;
    is(api, named, "PAUSED").await;
    assert_eq!(times(api, named).await["deadlineAt"], Value::Null);
    is(api, &id, "PAUSED").await;
    done(api, "executionResume", json!({ "id": id })).await;
    is(api, named, "WAITING").await;
    let (after, life_after) = nap(&times(api, named).await);
    assert_eq!((before.len(), after.len()), (2, 2));
    assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{before:?} {after:?}");
    assert!(life_after > life_before, "{life_before} {life_after}");
}

async fn it_goes_on_with_the_version_of_its_start(api: &Api) {
    let id = waiting(api, "o-6").await;
    done(api, "executionPause", json!({ "id": id, "reason": "the definition changes" })).await;
    is(api, &id, "PAUSED").await;
    let changed = RESTS
        .replace("{{amount}}", "changed")
        .replace("next: done }", "next: other }")
        .replace("id: done", "id: other");
    for file in api.import(&[("r.yaml", &changed)]).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
    done(api, "executionResume", json!({ "id": id })).await;
    is(api, &id, "WAITING").await;
    emit(api, "stock.counted", json!({ "order": { "id": "o-6" }, "amount": 4 })).await;
    let ended = is(api, &id, "COMPLETED").await;
    assert_eq!(ended["decision"]["reason"], "4", "{ended}");
}

async fn all_are_listed(api: &Api) {
    let mut paused = BTreeSet::new();
    for number in 0..5 {
        let id = waiting(api, &format!("l-{number}")).await;
        done(api, "executionPause", json!({ "id": id, "reason": "stock-taking" })).await;
        is(api, &id, "PAUSED").await;
        paused.insert(id);
    }
    waiting(api, "l-5").await;
    let query = "query($after: String) { executions(first: 2, after: $after, filter: { statuses: [PAUSED] }) {
        nodes { id status pausedAt pause { reason } } pageInfo { hasNextPage endCursor } totalCount } }";
    let (mut listed, mut after) = (Vec::new(), Value::Null);
    for (size, has_next) in [(2, true), (2, true), (1, false)] {
        let page = api.data(query, json!({ "after": after })).await["executions"].take();
        let nodes = page["nodes"].as_array().unwrap();
        assert_eq!((nodes.len(), &page["pageInfo"]["hasNextPage"]), (size, &json!(has_next)), "{page}");
        assert_eq!(page["totalCount"], 5);
        for node in nodes {
            assert_eq!((&node["status"], &node["pause"]["reason"]), (&json!("PAUSED"), &json!("stock-taking")));
            assert!(node["pausedAt"].is_string(), "{node}");
            listed.push(node["id"].as_str().unwrap().to_owned());
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(listed.len(), paused.len(), "none twice: {listed:?}");
    assert_eq!(listed.into_iter().collect::<BTreeSet<String>>(), paused);
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
    an_event_that_fits_ends_a_pause: an_event_comes,
    an_event_that_ends_a_pause_is_set_anew_and_taken_back: it_is_set_anew_and_taken_back,
    time_limits_stand_still_and_are_shown_later: time_stands_still,
    children_stand_still_with_their_parent: children_stand_still_too,
    what_was_paused_goes_on_with_the_version_of_its_start: it_goes_on_with_the_version_of_its_start,
    what_is_paused_is_listed_over_several_pages: all_are_listed,
    an_event_that_cannot_be_waited_for_is_refused_with_its_place: what_is_wrong_is_told,
}

#[tokio::test]
async fn an_event_ends_a_pause_although_everything_was_killed_in_between() {
    let mut server = Embedded::start().await;
    import(&server.api).await;
    let id = waiting(&server.api, "o-5").await;
    done(&server.api, "executionPause", json!({ "id": id, "reason": "look", "resumeWhen": { "event": "truck.came" } }))
        .await;
    is(&server.api, &id, "PAUSED").await;
    server.process.kill().await;
    server.restart().await;
    emit(&server.api, "truck.came", json!({})).await;
    is(&server.api, &id, "WAITING").await;
}

#[tokio::test]
async fn each_pause_ends_once_by_its_event_while_workers_are_killed() {
    let Some(services) = Services::start("pauses_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    import(&fleet.api).await;
    let mut ids = Vec::new();
    for number in 0..12 {
        let id = waiting(&fleet.api, &format!("k-{number}")).await;
        let when = json!({ "event": "truck.came", "match": ["order.id"] });
        done(&fleet.api, "executionPause", json!({ "id": id, "reason": "look", "resumeWhen": when })).await;
        ids.push(id);
    }
    for id in &ids {
        is(&fleet.api, id, "PAUSED").await;
    }
    fleet.services.flush_redis().await;
    fleet.workers[0].kill().await;
    fleet.workers.remove(0);
    for number in 0..ids.len() {
        emit(&fleet.api, "truck.came", json!({ "order": { "id": format!("k-{number}") } })).await;
        if number == ids.len() / 2 {
            fleet.workers[0].kill().await;
            fleet.workers.clear();
        }
    }
    fleet.add_worker();
    for (number, id) in ids.iter().enumerate() {
        is(&fleet.api, id, "WAITING").await;
        emit(&fleet.api, "stock.counted", json!({ "order": { "id": format!("k-{number}") } })).await;
        let ended = is(&fleet.api, id, "COMPLETED").await;
        assert_eq!(count(&ended, "UNPAUSED"), 1, "{ended}");
    }
}
