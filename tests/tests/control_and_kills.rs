//! What executions are told counts once although processes are killed meanwhile: named signals, and a pause that
//! children share with their parent.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Fleet, Services, SharedRedis, eventually};

/// Two steps that wait for the same: a signal that counts twice would end both.
const TWICE: &str = "
workflow_id: twice
steps:
  - { id: first, type: wait, wait: { event: order.paid }, next: second }
  - { id: second, type: wait, wait: { event: order.paid }, next: done }
  - { id: done, type: action, action: { type: allow, reason: '{{amount}}' } }
";

const CHILD: &str = "
workflow_id: child
steps:
  - { id: nap, type: wait, wait: { for: 1h } }
";

const PARENT: &str = "
workflow_id: parent
steps:
  - { id: child, type: workflow, workflow: { workflow_id: child } }
";

const GAPS: &str =
    "select count(*) from (select execution_id from journal group by execution_id having count(*) <> max(seq)) broken";

async fn fleet(test: &str) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, 2, "2s").await;
    let files = [("twice.yaml", TWICE), ("child.yaml", CHILD), ("parent.yaml", PARENT)];
    for file in fleet.api.import(&files).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
    Some(fleet)
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status decision { reason } wakeReasons { summary }
        steps(first: 10) { nodes { path } } history(first: 100) { nodes { type } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn is(api: &Api, id: &str, status: &str) -> Value {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
    shown(api, id).await
}

fn count(execution: &Value, sort: &str) -> usize {
    execution["history"]["nodes"].as_array().unwrap().iter().filter(|event| event["type"] == sort).count()
}

/// Sends each of them the same signal several times at once, while the API and a worker are killed, and then once
/// more: whoever was cut off does not know whether it counts.
async fn signal_all(fleet: &mut Fleet, ids: &[String], key: &str, amount: i64) {
    let query = "mutation($i: ExecutionSignalInput!) { executionSignal(input: $i) { userErrors { code } } }";
    let signal = |id: &str| {
        let data = json!({ "amount": amount });
        json!({ "i": { "id": id, "name": "order.paid", "data": data, "idempotencyKey": key } })
    };
    let mut sending: Vec<_> = (0..3 * ids.len())
        .map(|number| {
            let (api, signal) = (fleet.api.clone(), signal(&ids[number % ids.len()]));
            tokio::spawn(async move { api.answer(query, signal).await.is_ok() })
        })
        .collect();
    // One was answered: others are under way.
    sending.swap_remove(0).await.unwrap();
    fleet.api_process.kill().await;
    fleet.workers[0].kill().await;
    fleet.workers.remove(0);
    for one in sending {
        one.await.unwrap();
    }
    fleet.restart_api().await;
    fleet.add_worker();
    for id in ids {
        eventually("it is accepted once more, or refused because all is over", || async {
            let answer = fleet.api.answer(query, signal(id)).await;
            answer.is_ok_and(|answer| answer["data"]["executionSignal"]["userErrors"].is_array())
        })
        .await;
    }
}

#[tokio::test]
async fn a_named_signal_counts_once_while_the_api_and_workers_are_killed() {
    let Some(mut fleet) = fleet("signals_and_kills").await else { return };
    let mut ids = Vec::new();
    for number in 0..10 {
        let id = fleet.api.start("twice", json!({}), &format!("twice-{number}")).await.unwrap();
        is(&fleet.api, &id, "WAITING").await;
        ids.push(id);
    }
    signal_all(&mut fleet, &ids, "first", 1).await;
    for id in &ids {
        eventually("it waits for the second signal", || async {
            let execution = shown(&fleet.api, id).await;
            execution["status"] == "WAITING"
                && execution["steps"]["nodes"] == json!([{ "path": "first" }, { "path": "second" }])
        })
        .await;
    }
    signal_all(&mut fleet, &ids, "second", 2).await;
    fleet.drained().await;
    for id in &ids {
        let execution = shown(&fleet.api, id).await;
        assert_eq!((&execution["status"], &execution["decision"]["reason"]), (&json!("COMPLETED"), &json!("2")));
        assert_eq!((count(&execution, "EVENT_RECEIVED"), count(&execution, "SIGNAL_KEPT")), (2, 0), "{execution}");
    }
    assert_eq!(fleet.services.number(GAPS).await, 0);
}

/// Tells the parents when nobody works, and kills who takes it in before all of them have done it.
async fn tell_all(fleet: &mut Fleet, field: &str, parents: &[String], children: &[String], status: &str) {
    for worker in &mut fleet.workers {
        worker.kill().await;
    }
    fleet.workers.clear();
    let query =
        format!("mutation($i: E{}Input!) {{ {field}(input: $i) {{ userErrors {{ code message }} }} }}", &field[1..]);
    // Each answer waits some seconds for a worker, so all are asked at once.
    let asked = parents.iter().map(|id| fleet.api.data(&query, json!({ "i": { "id": id, "reason": "stock-taking" } })));
    for payload in futures::future::join_all(asked).await {
        assert_eq!(payload[field]["userErrors"], json!([]), "{payload}");
    }
    fleet.add_worker();
    eventually("one of the parents has taken it in", || async {
        let looks = parents.iter().map(|id| shown(&fleet.api, id));
        futures::future::join_all(looks).await.iter().any(|parent| parent["status"] == status)
    })
    .await;
    fleet.workers[0].kill().await;
    fleet.workers.clear();
    fleet.add_worker();
    for id in parents.iter().chain(children) {
        is(&fleet.api, id, status).await;
    }
}

#[tokio::test]
async fn parents_and_children_stand_still_and_go_on_once_although_workers_are_killed_in_between() {
    let Some(mut fleet) = fleet("children_and_kills").await else { return };
    let (mut parents, mut children) = (Vec::new(), Vec::new());
    for number in 0..8 {
        let id = fleet.api.start("parent", json!({}), &format!("parent-{number}")).await.unwrap();
        let reasons = is(&fleet.api, &id, "WAITING").await["wakeReasons"].to_string();
        let child = reasons.split("end of execution ").nth(1).and_then(|rest| rest.split(['"', ',']).next()).unwrap();
        is(&fleet.api, child, "WAITING").await;
        children.push(child.to_owned());
        parents.push(id);
    }
    tell_all(&mut fleet, "executionPause", &parents, &children, "PAUSED").await;
    tell_all(&mut fleet, "executionResume", &parents, &children, "WAITING").await;
    for id in parents.iter().chain(&children) {
        let execution = shown(&fleet.api, id).await;
        assert_eq!((count(&execution, "PAUSED"), count(&execution, "UNPAUSED")), (1, 1), "{execution}");
    }
    assert_eq!(fleet.services.number(GAPS).await, 0);
    let untold = "select count(*) from signal where not delivered";
    eventually("everybody was told", || async { fleet.services.number(untold).await == 0 }).await;
}
