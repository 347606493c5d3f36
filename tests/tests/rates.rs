//! Executions and calls that may begin only so often, in both modes, and with workers that are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis, Stub, eventually};

const FILES: [(&str, &str); 3] = [
    ("four_in_a_second.yaml", include_str!("../workflows/four_in_a_second.yaml")),
    ("twenty_in_a_second.yaml", include_str!("../workflows/twenty_in_a_second.yaml")),
    ("ask.yaml", include_str!("../workflows/ask.yaml")),
];

async fn import(api: &Api) {
    for file in api.import(&FILES).await.as_array().unwrap() {
        let problems = file["problems"].as_array().unwrap();
        assert!(problems.iter().all(|problem| problem["severity"] != "ERROR"), "{file}");
    }
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) {
        status wakeReasons { kind summary at } history(first: 100) { nodes { type summary data } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn is_completed(api: &Api, id: &str) {
    eventually(&format!("{id} is completed"), || async { shown(api, id).await["status"] == "COMPLETED" }).await;
}

/// The data of the first event of a sort in an execution's history.
fn event(execution: &Value, sort: &str) -> Option<Value> {
    let nodes = execution["history"]["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["type"] == sort).map(|node| node["data"].clone())
}

async fn begin_in_turn(api: &Api) {
    let mut ids = Vec::new();
    for order in 0..9 {
        let key = format!("four {order}");
        ids.push(api.start("four_in_a_second", json!({ "customer": { "id": 1 } }), &key).await.unwrap());
    }
    let other = api.start("four_in_a_second", json!({ "customer": { "id": 2 } }), "another customer").await.unwrap();
    eventually("somebody waits for its turn", || async {
        for id in &ids {
            let reasons = shown(api, id).await["wakeReasons"].take();
            // One whose turn has come just now waits for no moment any more.
            let is_it = |reason: &&Value| {
                reason["summary"].as_str().unwrap().starts_with("its turn by the rate") && reason["at"].is_string()
            };
            if let Some(reason) = reasons.as_array().unwrap().iter().find(is_it) {
                assert_eq!(reason["kind"], "SLOT");
                return true;
            }
        }
        false
    })
    .await;
    let mut turns = Vec::new();
    for id in &ids {
        is_completed(api, id).await;
        let execution = shown(api, id).await;
        let begins_at = event(&execution, "TURN_TAKEN").unwrap()["begins_at"].as_i64().unwrap();
        assert!(event(&execution, "STARTED").unwrap()["at"].as_i64().unwrap() >= begins_at, "{execution}");
        turns.push(begins_at);
    }
    turns.sort_unstable();
    // Moments are told in whole milliseconds.
    assert!(turns.windows(2).all(|two| two[1] - two[0] >= 249), "{turns:?}");
    is_completed(api, &other).await;
}

async fn call_in_turn(api: &Api) {
    let stub = Stub::answering(200).await;
    let mut ids = Vec::new();
    for order in 0..6 {
        ids.push(api.start("ask", json!({ "url": stub.url }), &format!("ask {order}")).await.unwrap());
    }
    let mut put_off = 0;
    for id in &ids {
        is_completed(api, id).await;
        let execution = shown(api, id).await;
        put_off += usize::from(event(&execution, "ACTION_PUT_OFF").is_some());
        assert_eq!(event(&execution, "RETRY_SCHEDULED"), None, "to be put off is no attempt");
    }
    assert!(put_off > 0, "of six calls at two in a second some have to wait for more than a second");
    assert_eq!(stub.received().values().sum::<usize>(), 6);
}

/// Two calls in a second.
const RATES: [(&str, &str); 1] = [("SLUICE_SERVICE_RATES", "127.0.0.1=2/s")];

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let server = Embedded::start_with(&RATES).await;
                import(&server.api).await;
                $what(&server.api).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                if let Some(services) = Services::start(stringify!($name), SharedRedis::No).await {
                    let fleet = Fleet::start_with(services, 2, "10s", &RATES).await;
                    import(&fleet.api).await;
                    $what(&fleet.api).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    executions_over_the_rate_begin_in_their_turn: begin_in_turn,
    calls_over_the_rate_of_a_service_are_put_off: call_in_turn,
}

/// A query over the events of all journals, `happened`, and the turns among them.
macro_rules! of_turns {
    ($query:literal) => {
        concat!(
            "with happened as (
                select e.id, event
                from execution e
                join journal j on j.execution_id = e.id
                cross join lateral json_array_elements(j.events::json) as event
            ),
            turn as (
                select id, (event ->> 'begins_at')::int8 as begins_at
                from happened
                where event ->> 'type' = 'turn_taken'
            ) ",
            $query
        )
    };
}

const SHORTEST: &str = of_turns!(
    "select min(begins_at - before)::int8
    from (select begins_at, lag(begins_at) over (order by begins_at) as before from turn) as two"
);

const BEGUN_EARLY: &str = of_turns!(
    "select count(*) from happened join turn using (id)
    where event ->> 'type' = 'started' and (event ->> 'at')::int8 < begins_at"
);

#[tokio::test]
async fn no_two_executions_get_the_same_turn_while_workers_are_killed() {
    let Some(services) = Services::start("turns_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 3, "2s").await;
    import(&fleet.api).await;
    for number in 0..90 {
        fleet.api.start("twenty_in_a_second", json!({}), &format!("key-{number}")).await.unwrap();
        if number % 30 == 15 {
            let mut killed = fleet.workers.remove(0);
            killed.kill().await;
            fleet.add_worker();
        }
    }
    fleet.drained().await;
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, 90);
    assert!(fleet.services.number(SHORTEST).await >= 49);
    assert_eq!(fleet.services.number(BEGUN_EARLY).await, 0);
    assert_eq!(fleet.services.number("select count(*) from wait").await, 0);
}
