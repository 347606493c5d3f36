//! What is there before the first step: resources of every loader, variables, services; in both modes, and while a
//! worker dies.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use reqwest::Url;
use serde_json::{Value, json};
use sluice_tests::{
    Answer, Api, Embedded, Fleet, Neighbours, Recorder, Services, SharedRedis, Stub, TOKEN, eventually,
};

const READS: &str = "
workflow_id: reads
context: { load: [weather, order.details] }
steps:
  - { id: hold, type: wait, wait: { event: order.released, timeout: 1h }, next: decide }
  - { id: decide, type: action, action: { type: allow, reason: '{{vars.rate}} {{integrations.crm.kind}} {{order.weight}}' } }
";

const NEEDS: &str = "
workflow_id: needs
context: { load: [{ name: customer, loader: http, service: crm, path: '/customers/{{id}}' }] }
steps:
  - { id: decide, type: action, action: { type: allow, reason: '{{customer.name}}' } }
";

const WAITS_FOR_DATA: &str = "
workflow_id: waits_for_data
context: { load: [{ name: customer, loader: http, service: slow, path: /customer }] }
steps:
  - { id: decide, type: action, action: { type: allow, reason: '{{customer.name}}' } }
";

const ROWS: &str = "
workflow_id: rows
context:
  load:
    - { name: one, loader: sql, service: own, query: 'select slug, id is not null as is_there from workflow where slug = $1', params: { slug: '{{slug}}' } }
    - { name: several, loader: sql, service: own, query: 'select slug from workflow order by slug limit 2', optional: true }
    - { name: nobody, loader: sql, service: own, query: 'select slug from workflow where slug = $1', params: { slug: nowhere }, optional: true }
    - { name: written, loader: sql, service: own, query: 'delete from workflow returning slug', optional: true }
steps:
  - { id: decide, type: action, action: { type: allow, reason: '{{nobody}}{{written}}{{one.slug}} {{one.is_there}} {{several.length}}' } }
";

async fn shown(api: &Api, id: &str) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status error { code message stepPath } decision { reason } context { value }
        steps(first: 50) { nodes { path status output { value } } } history(first: 100) { nodes { type summary } } } }";
    api.data(query, json!({ "id": id })).await["execution"].take()
}

async fn reaches(api: &Api, id: &str, status: &str) -> Value {
    eventually(&format!("{id} is {status}"), || async { shown(api, id).await["status"] == status }).await;
    shown(api, id).await
}

async fn import(api: &Api, files: &[(&str, &str)]) {
    let results = api.import(files).await;
    assert!(results.as_array().unwrap().iter().all(|file| file["outcome"] == "CREATED"), "{results}");
}

/// An execution keeps the variables and services that it began with, whatever is set later.
async fn pinned(api: &Api, neighbours: &Neighbours) {
    let id = api.start("reads", json!({ "order": { "id": "o-1" } }), "first").await.unwrap();
    reaches(api, &id, "WAITING").await;
    api.variable("rate", json!(6)).await;
    let emit = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code } } }";
    let release = json!({ "i": { "type": "order.released", "payload": { "order": { "id": "o-1" } } } });
    api.data(emit, release.clone()).await;
    let ended = reaches(api, &id, "COMPLETED").await;
    assert_eq!(ended["decision"]["reason"], "5 http 3", "{ended}");
    assert_eq!(ended["context"]["value"]["order"]["details"], json!({ "weight": 3 }), "{ended}");
    let asked = neighbours.server.asked_at("/crm/orders/o-1");
    assert_eq!(asked.len(), 1, "what was loaded is kept: {asked:?}");
    assert_eq!(asked[0].header("authorization"), format!("Bearer {TOKEN}"));
    assert!(!ended.to_string().contains(TOKEN), "{ended}");

    let id = api.start("reads", json!({ "order": { "id": "o-1" } }), "second").await.unwrap();
    // The event before may count for it too: clocks of processes are a little apart.
    api.data(emit, release).await;
    assert_eq!(reaches(api, &id, "COMPLETED").await["decision"]["reason"], "6 http 3");
}

/// What has to be there fails the execution when it is not; a plain name does not, and the trace tells of it.
async fn absent(api: &Api, _neighbours: &Neighbours) {
    let ran = api.run("needs", json!({ "id": "nobody" })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("RESOURCE_NOT_FOUND")), "{ran}");
    assert!(ran["error"]["message"].as_str().unwrap().contains("customer"), "{ran}");
    let ran = api.run("needs", json!({ "id": "ada" })).await;
    assert_eq!(ran["decision"]["reason"], "Ada", "{ran}");

    let id = api.start("reads", json!({ "order": { "id": "o-9" } }), "absent").await.unwrap();
    let waiting = reaches(api, &id, "WAITING").await;
    let history = waiting["history"].to_string();
    assert!(history.contains("`weather`") && history.contains("`order.details`"), "both are told of: {history}");
    assert!(waiting["context"]["value"]["weather"].is_null(), "{waiting}");
}

/// What the payload has already is not asked for.
async fn given(api: &Api, neighbours: &Neighbours) {
    let ran = api.run("needs", json!({ "id": "ada", "customer": { "name": "Grace" } })).await;
    assert_eq!(ran["decision"]["reason"], "Grace", "{ran}");
    assert!(neighbours.server.asked_at("/crm").is_empty());
    assert_eq!(ran["steps"]["nodes"][0]["path"], "decide", "nothing was loaded: {ran}");
}

/// A service that answers badly at first is asked again, and the execution goes on.
async fn later(api: &Api, _neighbours: &Neighbours) {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let server = Recorder::start(move |_asked| {
        let first = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if first { (503, json!({})) } else { (200, json!({ "name": "Ada" })) }
    })
    .await;
    api.service("slow", "HTTP", &server.url, Value::Null, json!({})).await;
    import(api, &[("waits.yaml", WAITS_FOR_DATA)]).await;
    let ran = api.run("waits_for_data", json!({})).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("Ada")), "{ran}");
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

async fn prepare(api: &Api, neighbours: &Neighbours) {
    neighbours.introduce(api).await;
    import(api, &[("reads.yaml", READS), ("needs.yaml", NEEDS)]).await;
}

async fn fleet(test: &str, neighbours: &Neighbours, workers: usize, lease: &str) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let fleet = Fleet::start(services, workers, lease).await;
    prepare(&fleet.api, neighbours).await;
    Some(fleet)
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let neighbours = Neighbours::start().await;
                let server = Embedded::start().await;
                prepare(&server.api, &neighbours).await;
                $what(&server.api, &neighbours).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                let neighbours = Neighbours::start().await;
                if let Some(fleet) = fleet(stringify!($name), &neighbours, 2, "10s").await {
                    $what(&fleet.api, &neighbours).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    an_execution_keeps_the_variables_that_it_began_with: pinned,
    what_has_to_be_there_fails_the_execution_and_a_plain_name_does_not: absent,
    what_the_payload_has_is_not_asked_for: given,
    a_service_that_answers_badly_at_first_is_asked_again: later,
}

#[tokio::test]
async fn a_worker_that_dies_while_it_loads_is_replaced_and_the_execution_goes_on() {
    let neighbours = Neighbours::start().await;
    let name = "a_worker_that_dies_while_it_loads_is_replaced_and_the_execution_goes_on";
    let Some(mut fleet) = fleet(name, &neighbours, 1, "2s").await else { return };
    let slow = Stub::with(Answer::Json(r#"{"name":"Ada"}"#)).await;
    slow.hold();
    fleet.api.service("slow", "HTTP", &slow.url, Value::Null, json!({})).await;
    import(&fleet.api, &[("waits.yaml", WAITS_FOR_DATA)]).await;
    let id = fleet.api.start("waits_for_data", json!({}), "killed").await.unwrap();
    eventually("the worker loads", || async { slow.received().values().sum::<usize>() == 1 }).await;
    fleet.workers[0].kill().await;
    fleet.workers.remove(0);
    slow.release();
    fleet.add_worker();
    let ended = reaches(&fleet.api, &id, "COMPLETED").await;
    assert_eq!(ended["decision"]["reason"], "Ada", "{ended}");
    let received = slow.received();
    assert_eq!(received.values().sum::<usize>(), 2, "{received:?}");
    assert_eq!(received.len(), 1, "both carried the same key: {received:?}");
}

#[tokio::test]
async fn rows_of_a_database_are_read_and_nothing_is_written_to_it() {
    let neighbours = Neighbours::start().await;
    let name = "rows_of_a_database_are_read_and_nothing_is_written_to_it";
    let Some(fleet) = fleet(name, &neighbours, 1, "10s").await else { return };
    let url = Url::parse(&fleet.services.database_url).unwrap();
    let host = url.host_str().unwrap().replace("localhost", "127.0.0.1");
    let base = format!("postgres://{host}:{}{}?sslmode=disable", url.port().unwrap_or(5432), url.path());
    let authentication = match url.password() {
        Some(password) => {
            let id = fleet.api.secret("database", password, &[]).await;
            json!({ "kind": "BASIC", "secretId": id })
        }
        None => Value::Null,
    };
    fleet.api.service("own", "SQL", &base, authentication, json!({ "username": url.username() })).await;
    import(&fleet.api, &[("rows.yaml", ROWS)]).await;
    let ran = fleet.api.run("rows", json!({ "slug": "rows" })).await;
    assert_eq!((&ran["status"], &ran["decision"]["reason"]), (&json!("COMPLETED"), &json!("rows true 2")), "{ran}");
    let none = fleet.api.run("rows", json!({ "slug": "nowhere" })).await;
    assert_eq!((&none["status"], &none["error"]["code"]), (&json!("FAILED"), &json!("RESOURCE_NOT_FOUND")), "{none}");
}
