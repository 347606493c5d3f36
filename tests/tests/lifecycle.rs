//! Executions that failed and go on, that are repeated, and that are ended at once: in both modes, and with workers
//! that are killed in between.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually, free_port};

const SHIPS: &str = "
workflow_id: ships
steps:
  - { id: note, type: set, set: { noted: '{{order}}' }, next: call }
  - id: call
    type: execute
    execute: [{ type: http_request, url: '{{url}}', save_as: answer }]
    next: done
  - { id: done, type: action, action: { type: allow, reason: '{{noted}}' } }
";

const TWO_CALLS: &str = "
workflow_id: two_calls
steps:
  - { id: first, type: execute, execute: [{ type: http_request, url: '{{url}}' }], next: second }
  - { id: second, type: execute, execute: [{ type: http_request, url: '{{url}}' }], next: done }
  - { id: done, type: action, action: { type: allow, reason: '{{shelf}}' } }
";

const IS_PAID: &str = "
workflow_id: is_paid
steps:
  - { id: first, type: wait, wait: { event: order.paid, match: [order.id] }, next: second }
  - { id: second, type: wait, wait: { event: order.shipped }, next: done }
  - { id: done, type: action, action: { type: allow, reason: '{{amount}}' } }
";

const RESTS: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: never.comes } }
";

async fn import(api: &Api) {
    let files = [("s.yaml", SHIPS), ("r.yaml", RESTS), ("t.yaml", TWO_CALLS), ("p.yaml", IS_PAID)];
    for file in api.import(&files).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status rerunOf { id } decision { reason }
        error { code } steps(first: 100) { nodes { path status } } history(first: 100) { nodes { type summary } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn is(api: &Api, id: &str, status: &str) {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
}

fn steps(execution: &Value) -> Vec<&str> {
    execution["steps"]["nodes"].as_array().unwrap().iter().map(|step| step["path"].as_str().unwrap()).collect()
}

/// What a mutation of an execution answers.
async fn ask(api: &Api, field: &str, input: Value) -> Value {
    let query = format!(
        "mutation($i: E{}Input!) {{ {field}(input: $i) {{ execution {{ id status }} userErrors {{ code field message }} }} }}",
        &field[1..]
    );
    api.data(&query, json!({ "i": input })).await[field].take()
}

async fn done(api: &Api, field: &str, input: Value) -> String {
    let payload = ask(api, field, input).await;
    assert_eq!(payload["userErrors"], json!([]), "{field}");
    payload["execution"]["id"].as_str().unwrap().to_owned()
}

async fn refused(api: &Api, field: &str, input: Value, code: &str) {
    let payload = ask(api, field, input).await;
    assert_eq!(payload["userErrors"][0]["code"], code, "{field}: {payload}");
}

/// One whose call found nobody.
async fn failed(api: &Api, order: &str) -> String {
    let input = json!({ "order": order, "url": format!("http://127.0.0.1:{}", free_port()) });
    let id = api.start("ships", input, order).await.unwrap();
    is(api, &id, "FAILED").await;
    id
}

async fn retry(api: &Api) {
    let stub = Stub::answering(200).await;
    let id = failed(api, "retried").await;
    done(api, "executionRetry", json!({ "id": id, "reason": "perhaps it is there now" })).await;
    eventually("it failed again", || async {
        let execution = shown(api, &id).await;
        execution["status"] == "FAILED" && steps(&execution) == ["note", "call", "call"]
    })
    .await;
    done(api, "executionRetry", json!({ "id": id, "holdBefore": true })).await;
    is(api, &id, "PAUSED").await;
    assert!(stub.received().is_empty());
    done(api, "executionResume", json!({ "id": id, "data": { "url": stub.url } })).await;
    is(api, &id, "COMPLETED").await;
    let execution = shown(api, &id).await;
    assert_eq!(steps(&execution), ["note", "call", "call", "call", "done"]);
    assert_eq!(execution["decision"]["reason"], "retried");
    let retries = execution["history"]["nodes"].as_array().unwrap().iter().filter(|event| event["type"] == "RETRIED");
    assert_eq!(retries.count(), 2);
    assert_eq!(stub.received().len(), 1);
    refused(api, "executionRetry", json!({ "id": id }), "WRONG_STATE").await;
}

async fn rerun(api: &Api) {
    let stub = Stub::answering(200).await;
    let id = failed(api, "repeated").await;
    let input = json!({ "order": "corrected", "url": stub.url });
    let request = json!({ "id": id, "input": input, "reason": "wrong address", "idempotencyKey": "rerun" });
    let corrected = done(api, "executionRerun", request.clone()).await;
    assert_eq!(done(api, "executionRerun", request).await, corrected, "the same key, the same execution");
    is(api, &corrected, "COMPLETED").await;
    let execution = shown(api, &corrected).await;
    assert_eq!((&execution["rerunOf"]["id"], &execution["decision"]["reason"]), (&json!(id), &json!("corrected")));
    assert_eq!(stub.received().len(), 1);

    let request = json!({ "id": corrected, "fromStep": "done", "context": { "noted": "edited" } });
    let last = done(api, "executionRerun", request).await;
    is(api, &last, "COMPLETED").await;
    let execution = shown(api, &last).await;
    assert_eq!((steps(&execution), &execution["decision"]["reason"]), (vec!["done"], &json!("edited")));
    assert_eq!(stub.received().len(), 1, "what was found out before the step is not asked again");

    refused(api, "executionRerun", json!({ "id": id, "fromStep": "nowhere" }), "INVALID").await;
    refused(api, "executionRerun", json!({ "id": id, "context": {} }), "INVALID").await;
    refused(api, "executionRerun", json!({ "id": id, "version": 7 }), "NOT_FOUND").await;
}

async fn terminate(api: &Api) {
    let id = api.start("rests", json!({}), "terminated").await.unwrap();
    is(api, &id, "WAITING").await;
    let payload = ask(api, "executionTerminate", json!({ "id": id, "reason": "enough" })).await;
    assert_eq!(payload["execution"]["status"], "CANCELLED", "{payload}");
    done(api, "executionTerminate", json!({ "id": id, "reason": "twice is no mistake" })).await;
    let id = failed(api, "over").await;
    refused(api, "executionTerminate", json!({ "id": id, "reason": "enough" }), "WRONG_STATE").await;
}

/// Held behind the first of two calls.
async fn paused(api: &Api, stub: &Stub, key: &str) -> String {
    stub.hold();
    let before = stub.received().len();
    let id = api.start("two_calls", json!({ "url": stub.url, "shelf": "a" }), key).await.unwrap();
    eventually("the first call is under way", || async { stub.received().len() > before }).await;
    let query = "mutation($i: ExecutionPauseInput!) { executionPause(input: $i) { userErrors { code } } }";
    let asked = api.data(query, json!({ "i": { "id": id, "reason": "stock-taking" } }));
    // The answer waits for the call to come back.
    let release = async {
        eventually("the pause is noted", || async { shown(api, &id).await.to_string().contains("\"PAUSED\"") }).await;
        stub.release();
    };
    let (answer, ()) = tokio::join!(asked, release);
    assert_eq!(answer["executionPause"]["userErrors"], json!([]));
    is(api, &id, "PAUSED").await;
    id
}

async fn pause(api: &Api) {
    let stub = Stub::answering(200).await;
    let id = paused(api, &stub, "paused").await;
    done(api, "executionPause", json!({ "id": id, "reason": "once more" })).await;
    let pauses = |execution: &Value| {
        execution["history"]["nodes"].as_array().unwrap().iter().filter(|event| event["type"] == "PAUSED").count()
    };
    let execution = shown(api, &id).await;
    assert_eq!((pauses(&execution), steps(&execution)), (1, vec!["first"]), "the second time changes nothing");
    assert!(execution.to_string().contains("stock-taking"), "{execution}");

    let query = "query($f: ExecutionFilter) { executions(first: 1, filter: $f) { nodes { id pausedAt } totalCount } }";
    let listed = api.data(query, json!({ "f": { "statuses": ["PAUSED"] } })).await["executions"].take();
    assert_eq!((&listed["totalCount"], &listed["nodes"][0]["id"]), (&json!(1), &json!(id)));
    assert!(listed["nodes"][0]["pausedAt"].is_string());

    refused(api, "executionResume", json!({ "id": id, "data": [] }), "INVALID").await;
    refused(api, "executionResume", json!({ "id": id, "fromStep": "nowhere" }), "INVALID").await;
    refused(api, "executionResume", json!({ "id": id, "at": "2999-01-01T00:00:00Z" }), "INVALID").await;
    done(api, "executionResume", json!({ "id": id, "data": { "shelf": "b" }, "fromStep": "done" })).await;
    is(api, &id, "COMPLETED").await;
    let execution = shown(api, &id).await;
    assert_eq!((steps(&execution), &execution["decision"]["reason"]), (vec!["first", "done"], &json!("b")));
    let nobody = "exe_00000000000000000000000000";
    for field in ["executionPause", "executionCancel"] {
        refused(api, field, json!({ "id": id, "reason": "too late" }), "WRONG_STATE").await;
        refused(api, field, json!({ "id": nobody, "reason": "look" }), "NOT_FOUND").await;
    }
    for field in ["executionResume", "executionResumeCancel"] {
        refused(api, field, json!({ "id": id }), "WRONG_STATE").await;
        refused(api, field, json!({ "id": nobody }), "NOT_FOUND").await;
    }
}

async fn many_resumes(api: &Api) {
    let stub = Stub::answering(200).await;
    let id = paused(api, &stub, "many").await;
    let asked = (0..100).map(|_| ask(api, "executionResume", json!({ "id": id })));
    for payload in futures::future::join_all(asked).await {
        let errors = payload["userErrors"].as_array().unwrap();
        assert!(errors.iter().all(|error| error["code"] == "WRONG_STATE"), "{payload}");
    }
    is(api, &id, "COMPLETED").await;
    let execution = shown(api, &id).await;
    let events = execution["history"]["nodes"].as_array().unwrap();
    assert_eq!(events.iter().filter(|event| event["type"] == "UNPAUSED").count(), 1);
    assert_eq!(stub.received().len(), 2, "each call was made once");
}

async fn offers(api: &Api) {
    let offered = async |id: &str| {
        let query = "query($id: ID!) { execution(id: $id) { allowedOperations canResume { isAllowed code reason }
            operations { operation isAllowed code reason } } }";
        api.data(query, json!({ "id": id })).await["execution"].take()
    };
    let id = api.start("rests", json!({}), "offers").await.unwrap();
    is(api, &id, "WAITING").await;
    let live = offered(&id).await;
    let can = json!([
        "CANCEL",
        "TERMINATE",
        "PAUSE",
        "RERUN",
        "RERUN_FROM_STEP",
        "SKIP_STEP",
        "SIGNAL",
        "EDIT_CONTEXT",
        "MIGRATE"
    ]);
    assert_eq!(live["allowedOperations"], can);
    let not_paused = json!({ "isAllowed": false, "code": "WRONG_STATE", "reason": "the execution is not paused" });
    assert_eq!(live["canResume"], not_paused);
    done(api, "executionPause", json!({ "id": id, "reason": "look" })).await;
    is(api, &id, "PAUSED").await;
    let held = offered(&id).await;
    assert_eq!((&held["canResume"]["isAllowed"], &held["canResume"]["reason"]), (&json!(true), &Value::Null));
    let failed = offered(&failed(api, "offered").await).await;
    assert_eq!(failed["allowedOperations"], json!(["RETRY", "RERUN", "RERUN_FROM_STEP", "DELETE"]));
    let refused = failed["operations"].as_array().unwrap().iter().filter(|offer| offer["isAllowed"] == false);
    assert!(refused.clone().count() == 8 && refused.into_iter().all(|offer| offer["reason"].is_string()));
}

async fn signals(api: &Api) {
    let id = api.start("is_paid", json!({ "order": { "id": 7 } }), "signals").await.unwrap();
    is(api, &id, "WAITING").await;
    // It comes before anything waits for it, and twice.
    for _twice in 0..2 {
        let early = json!({ "id": id, "name": "order.shipped", "data": { "amount": 1 }, "idempotencyKey": "s" });
        done(api, "executionSignal", early).await;
    }
    eventually("it is kept", || async { shown(api, &id).await.to_string().contains("SIGNAL_KEPT") }).await;
    done(api, "executionSignal", json!({ "id": id, "name": "order.paid", "data": { "amount": 2 } })).await;
    is(api, &id, "COMPLETED").await;
    let execution = shown(api, &id).await;
    assert_eq!(execution["decision"]["reason"], "1", "{execution}");
    let signal = json!({ "id": id, "name": "order.paid" });
    refused(api, "executionSignal", signal, "WRONG_STATE").await;
    refused(api, "executionSignal", json!({ "name": "order.paid" }), "INVALID").await;
    refused(api, "executionSignal", json!({ "id": id, "name": "no name" }), "INVALID").await;

    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } } }";
    let input = json!({ "workflow": { "slug": "rests" }, "key": "o-7" });
    let keyed = api.data(query, json!({ "i": input })).await["executionStart"]["execution"]["id"].take();
    let by_key = |key: &str| json!({ "workflow": { "slug": "rests" }, "key": key, "name": "never.comes" });
    refused(api, "executionSignal", by_key("o-8"), "NOT_FOUND").await;
    assert_eq!(json!(done(api, "executionSignal", by_key("o-7")).await), keyed);
    is(api, keyed.as_str().unwrap(), "COMPLETED").await;
}

async fn repair(api: &Api) {
    let id = api.start("is_paid", json!({ "order": { "id": 7 } }), "repaired").await.unwrap();
    is(api, &id, "WAITING").await;
    let skip =
        |step: &str, output: Value| json!({ "id": id, "step": step, "output": output, "reason": "paid in cash" });
    refused(api, "executionSkipStep", skip("second", json!({})), "WRONG_STATE").await;
    done(api, "executionSkipStep", skip("first", json!({ "cash": 3 }))).await;
    eventually("it waits at the second", || async { steps(&shown(api, &id).await) == ["first", "second"] }).await;
    let edit = |patch: Value| json!({ "id": id, "reason": "the right amount", "patch": patch });
    for patch in [
        json!([]),
        json!([{ "op": "remove", "path": "/amount" }]),
        json!([{ "op": "add", "path": "amount", "value": 1 }]),
        json!([{ "op": "add", "path": "/amount" }]),
    ] {
        refused(api, "executionContextEdit", edit(patch), "INVALID").await;
    }
    done(api, "executionContextEdit", edit(json!([{ "op": "add", "path": "/amount", "value": 3 }]))).await;
    eventually("it is changed", || async { shown(api, &id).await.to_string().contains("CONTEXT_EDITED") }).await;
    done(api, "executionSkipStep", skip("second", Value::Null)).await;
    is(api, &id, "COMPLETED").await;
    let execution = shown(api, &id).await;
    assert_eq!(execution["decision"]["reason"], "3");
    assert_eq!(execution["steps"]["nodes"][0]["status"], "SKIPPED");
    refused(api, "executionSkipStep", skip("done", Value::Null), "WRONG_STATE").await;
}

async fn labels_and_delete(api: &Api) {
    let id = api.start("rests", json!({}), "labels").await.unwrap();
    let set = json!([{ "name": "team", "value": "a" }, { "name": "owner", "value": "ann" }]);
    done(api, "executionLabel", json!({ "id": id, "set": set })).await;
    let change = json!({ "id": id, "set": [{ "name": "team", "value": "b" }], "remove": ["owner"] });
    done(api, "executionLabel", change).await;
    let query = "query($id: ID!) { execution(id: $id) { labels { name value } } }";
    let labels = api.data(query, json!({ "id": id })).await["execution"]["labels"].take();
    assert_eq!(labels, json!([{ "name": "team", "value": "b" }]));
    let bad = json!({ "id": id, "set": [{ "name": "Not a name", "value": "" }] });
    refused(api, "executionLabel", bad, "INVALID").await;

    let delete = async || {
        let query =
            "mutation($i: ExecutionDeleteInput!) { executionDelete(input: $i) { deletedId userErrors { code } } }";
        api.data(query, json!({ "i": { "id": id, "reason": "a test" } })).await["executionDelete"].take()
    };
    assert_eq!(delete().await["userErrors"][0]["code"], "WRONG_STATE");
    done(api, "executionCancel", json!({ "id": id, "reason": "a test" })).await;
    is(api, &id, "CANCELLED").await;
    assert_eq!(delete().await, json!({ "deletedId": id, "userErrors": [] }));
    assert_eq!(delete().await["userErrors"][0]["code"], "NOT_FOUND");
    assert_eq!(shown(api, &id).await, Value::Null);
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
    what_failed_goes_on_where_it_failed: retry,
    an_execution_is_repeated_with_another_input_or_from_a_step: rerun,
    an_execution_is_ended_at_once: terminate,
    a_pause_holds_and_a_resume_goes_on_with_data_at_a_step: pause,
    of_a_hundred_resumes_at_the_same_moment_one_counts: many_resumes,
    an_execution_tells_what_can_be_done_with_it: offers,
    a_signal_reaches_its_wait_although_it_came_before: signals,
    what_is_stuck_is_put_right_by_hand: repair,
    labels_change_and_what_has_ended_can_be_deleted: labels_and_delete,
}

#[tokio::test]
async fn each_retry_counts_once_while_workers_are_killed() {
    let Some(services) = Services::start("retries_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    import(&fleet.api).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(failed(&fleet.api, &format!("order-{number}")).await);
    }
    for worker in &mut fleet.workers {
        worker.kill().await;
    }
    fleet.workers.clear();
    let mut won = 0;
    for id in &ids {
        let asked = (0..5).map(|_| ask(&fleet.api, "executionRetry", json!({ "id": id })));
        for payload in futures::future::join_all(asked).await {
            if payload["userErrors"] == json!([]) {
                won += 1;
            } else {
                assert_eq!(payload["userErrors"][0]["code"], "WRONG_STATE", "{payload}");
            }
        }
    }
    assert_eq!(won, ids.len());
    fleet.add_worker();
    fleet.add_worker();
    fleet.workers[0].kill().await;
    fleet.workers.remove(0);
    fleet.drained().await;
    for id in &ids {
        let execution = shown(&fleet.api, id).await;
        assert_eq!((&execution["status"], steps(&execution)), (&json!("FAILED"), vec!["note", "call", "call"]));
    }
    let gaps = "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken";
    assert_eq!(fleet.services.number(gaps).await, 0);
}

#[tokio::test]
async fn an_execution_is_ended_at_once_although_no_worker_is_left() {
    let Some(services) = Services::start("terminated_alone", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 1, "2s").await;
    import(&fleet.api).await;
    let rests = fleet.api.start("rests", json!({}), "rests").await.unwrap();
    is(&fleet.api, &rests, "WAITING").await;
    fleet.workers[0].kill().await;
    fleet.workers.clear();
    let queued = fleet.api.start("rests", json!({}), "queued").await.unwrap();
    for id in [rests, queued] {
        let payload = ask(&fleet.api, "executionTerminate", json!({ "id": id, "reason": "nobody is there" })).await;
        assert_eq!(payload["execution"]["status"], "CANCELLED", "{payload}");
        assert_eq!(shown(&fleet.api, &id).await["status"], "CANCELLED");
    }
    assert_eq!(fleet.services.number("select count(*) from wait").await, 0);
}

/// In so many milliseconds from now, as the API writes moments.
fn moment_in(milliseconds: u64) -> String {
    let moment = std::time::SystemTime::now() + std::time::Duration::from_millis(milliseconds);
    let since = moment.duration_since(std::time::UNIX_EPOCH).unwrap();
    let (mut days, of_day) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut month) = (1970, 0);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hours, minutes, seconds) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!(
        "{year}-{:02}-{:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z",
        month + 1,
        days + 1,
        since.subsec_millis()
    )
}

#[tokio::test]
async fn a_scheduled_resume_comes_although_everything_was_killed_in_between() {
    let mut server = Embedded::start().await;
    import(&server.api).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let id = server.api.start("rests", json!({}), &format!("later-{number}")).await.unwrap();
        is(&server.api, &id, "WAITING").await;
        let pause = json!({ "id": id, "reason": "for a moment", "resumeAt": moment_in(3_000) });
        done(&server.api, "executionPause", pause).await;
        ids.push(id);
    }
    let kept = ids.pop().unwrap();
    done(&server.api, "executionResumeCancel", json!({ "id": kept })).await;
    eventually("it was taken back", || async {
        shown(&server.api, &kept).await.to_string().contains("goes on by itself no more")
    })
    .await;
    server.process.kill().await;
    server.restart().await;
    for id in &ids {
        is(&server.api, id, "WAITING").await;
        assert!(shown(&server.api, id).await.to_string().contains("UNPAUSED"));
    }
    assert_eq!(shown(&server.api, &kept).await["status"], "PAUSED");
}
