//! Subscriptions over WebSocket and server-sent events: no gap, no repeat, and after a cut exactly the rest.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Events, Fleet, Services, SharedRedis, Socket, Stub, eventually};

const WORKFLOW: &str = "
workflow_id: followed
steps:
  - id: prepare
    type: set
    set: { ready: true }
    next: call
  - id: call
    type: execute
    execute:
      - { type: http_request, url: '{{url}}' }
    next: decide
  - id: decide
    type: action
    action: { type: allow }
";

const ONE: &str = "subscription($id: ID!, $after: String) { executionUpdated(id: $id, after: $after) {
    cursor event { id sequence type } execution { id status } } }";
const LIST: &str =
    "subscription($filter: ExecutionFilter, $after: String) { executions(filter: $filter, after: $after) {
    cursor kind execution { id status key } } }";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Socket,
    Events,
}

const TRANSPORTS: [Transport; 2] = [Transport::Socket, Transport::Events];

/// A running subscription; dropping it cuts the connection.
enum Stream {
    Socket(Box<Socket>),
    Events(Box<Events>),
}

impl Stream {
    async fn open(api: &Api, transport: Transport, query: &str, variables: Value) -> Self {
        match transport {
            Transport::Socket => {
                let mut socket = Socket::connect(api).await;
                socket.subscribe("1", query, &variables).await;
                Self::Socket(Box::new(socket))
            }
            Transport::Events => Self::Events(Box::new(api.subscribe(query, variables).await)),
        }
    }

    async fn answer(&mut self) -> Option<Value> {
        match self {
            Self::Socket(socket) => socket.next("1").await,
            Self::Events(events) => events.next().await,
        }
    }

    /// The next item of the subscription's only field.
    async fn next(&mut self) -> Option<Value> {
        let mut answer = self.answer().await?;
        assert!(answer.get("errors").is_none(), "{answer}");
        Some(answer["data"].as_object_mut().unwrap().values_mut().next().unwrap().take())
    }

    async fn rest(&mut self) -> Vec<Value> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item);
        }
        items
    }

    async fn until(&mut self, items: &mut Vec<Value>, is_last: impl Fn(&Value) -> bool) {
        loop {
            let item = self.next().await.expect("the subscription goes on");
            let stop = is_last(&item);
            items.push(item);
            if stop {
                return;
            }
        }
    }
}

async fn start(api: &Api, url: &str, key: &str) -> (String, String) {
    let query = "mutation($i: ExecutionStartInput!) { executionStart(input: $i) { execution { id } eventsAfter userErrors { message } } }";
    let input = json!({ "workflow": { "slug": "followed" }, "input": { "url": url }, "key": key });
    let data = api.data(query, json!({ "i": input })).await;
    let payload = &data["executionStart"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
    (text(&payload["execution"]["id"]), text(&payload["eventsAfter"]))
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {item}")).to_owned()
}

fn cursors(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(item, "cursor")).collect()
}

fn event_ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(&item["event"], "id")).collect()
}

/// The ids of all entries of the journal, and the number of its last commit.
async fn journal(api: &Api, id: &str) -> (Vec<String>, i64) {
    let query = "query($id: ID!) { execution(id: $id) { history(first: 100) { nodes { id sequence } } } }";
    let data = api.data(query, json!({ "id": id })).await;
    let nodes = data["execution"]["history"]["nodes"].as_array().unwrap();
    let last = nodes.iter().map(|node| node["sequence"].as_i64().unwrap()).max().unwrap();
    (nodes.iter().map(|node| text(node, "id")).collect(), last)
}

/// Follows an execution that runs: whole over one transport, cut and continued over the other.
async fn follow_one_that_runs(api: &Api, whole: Transport, torn: Transport) {
    let stub = Stub::answering(200).await;
    stub.hold();
    let (id, after) = start(api, &stub.url, "one").await;
    let mut uncut = Stream::open(api, whole, ONE, json!({ "id": id, "after": after })).await;
    let mut cut = Stream::open(api, torn, ONE, json!({ "id": id, "after": after })).await;
    let mut seen = Vec::new();
    cut.until(&mut seen, |item| item["event"]["type"] == "ACTION_STARTED").await;
    drop(cut);
    stub.release();
    let place = text(seen.last().unwrap(), "cursor");
    let mut continued = Stream::open(api, torn, ONE, json!({ "id": id, "after": place })).await;
    seen.extend(continued.rest().await);
    let all = uncut.rest().await;
    assert_eq!(cursors(&seen), cursors(&all), "the cut changes nothing");
    assert_eq!(event_ids(&all), journal(api, &id).await.0, "what was told is what is recorded, in its order");
    assert_eq!(all.last().unwrap()["execution"]["status"], "COMPLETED");
}

/// Continues an execution that has ended after each of its items.
async fn continue_at_every_place(api: &Api) {
    let stub = Stub::answering(200).await;
    let (id, after) = start(api, &stub.url, "ended").await;
    let all = Stream::open(api, Transport::Events, ONE, json!({ "id": id, "after": after })).await.rest().await;
    assert!(all.len() > 5, "{all:?}");
    for (place, item) in all.iter().enumerate() {
        for transport in TRANSPORTS {
            let variables = json!({ "id": id, "after": item["cursor"] });
            let rest = Stream::open(api, transport, ONE, variables).await.rest().await;
            assert_eq!(cursors(&rest), cursors(&all[place + 1..]), "after item {place}, {transport:?}");
        }
    }
}

#[tokio::test]
async fn a_running_execution_is_followed_without_gap_or_repeat_in_one_process() {
    let server = Embedded::start().await;
    server.api.import(&[("followed.yaml", WORKFLOW)]).await;
    follow_one_that_runs(&server.api, Transport::Socket, Transport::Events).await;
    follow_one_that_runs(&server.api, Transport::Events, Transport::Socket).await;
    continue_at_every_place(&server.api).await;
}

#[tokio::test]
async fn a_running_execution_is_followed_without_gap_or_repeat_in_a_fleet() {
    let test = "a_running_execution_is_followed_without_gap_or_repeat_in_a_fleet";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "10s").await;
    fleet.api.import(&[("followed.yaml", WORKFLOW)]).await;
    follow_one_that_runs(&fleet.api, Transport::Socket, Transport::Events).await;
    follow_one_that_runs(&fleet.api, Transport::Events, Transport::Socket).await;
    continue_at_every_place(&fleet.api).await;
    go_on_after_the_api_was_killed(&mut fleet).await;
}

/// The worker goes on while the API is away; the follower misses nothing of it.
async fn go_on_after_the_api_was_killed(fleet: &mut Fleet) {
    let stub = Stub::answering(200).await;
    stub.hold();
    let (id, after) = start(&fleet.api, &stub.url, "killed").await;
    let mut stream = Stream::open(&fleet.api, Transport::Events, ONE, json!({ "id": id, "after": after })).await;
    let mut seen = Vec::new();
    stream.until(&mut seen, |item| item["event"]["type"] == "ACTION_STARTED").await;
    fleet.api_process.kill().await;
    drop(stream);
    stub.release();
    fleet.drained().await;
    fleet.restart_api().await;
    let variables = json!({ "id": id, "after": seen.last().unwrap()["cursor"] });
    seen.extend(Stream::open(&fleet.api, Transport::Socket, ONE, variables).await.rest().await);
    assert_eq!(event_ids(&seen), journal(&fleet.api, &id).await.0);
}

#[tokio::test]
async fn without_a_cursor_the_present_state_comes_first_and_then_what_follows() {
    let server = Embedded::start().await;
    server.api.import(&[("followed.yaml", WORKFLOW)]).await;
    for transport in TRANSPORTS {
        let stub = Stub::answering(200).await;
        stub.hold();
        let (id, after) = start(&server.api, &stub.url, "present").await;
        let all = json!({ "id": id, "after": after });
        let mut before = Vec::new();
        let mut first = Stream::open(&server.api, transport, ONE, all.clone()).await;
        first.until(&mut before, |item| item["event"]["type"] == "ACTION_STARTED").await;
        let mut stream = Stream::open(&server.api, transport, ONE, json!({ "id": id })).await;
        let present = stream.next().await.unwrap();
        assert_eq!((&present["event"], &present["execution"]["id"]), (&Value::Null, &json!(id)), "{present}");
        stub.release();
        let rest = stream.rest().await;
        let all = Stream::open(&server.api, transport, ONE, all).await.rest().await;
        assert_eq!(event_ids(&rest), event_ids(&all[before.len()..]), "{transport:?}");
        let variables = json!({ "id": id, "after": present["cursor"] });
        let again = Stream::open(&server.api, transport, ONE, variables).await.rest().await;
        assert_eq!(cursors(&again), cursors(&rest), "the cursor of the present state leads to what follows it");
    }
}

/// Opens a live list and starts executions until it tells of one: from then on nothing can be missed.
async fn listening(api: &Api, transport: Transport, filter: Value) -> (Stream, Value) {
    let stub = Stub::answering(200).await;
    let stream = Stream::open(api, transport, LIST, json!({ "filter": filter })).await;
    let first = tokio::spawn(async move {
        let mut stream = stream;
        let first = stream.next().await.expect("a list never ends");
        (stream, first)
    });
    eventually("the list tells of an execution", || async {
        start(api, &stub.url, "first").await;
        first.is_finished()
    })
    .await;
    let (mut stream, first) = first.await.unwrap();
    assert_eq!(first["kind"], "ENTERED", "{first}");
    // What was started last ends the introduction.
    let (last, _after) = start(api, &stub.url, "introduced").await;
    let mut introduction = vec![first];
    stream.until(&mut introduction, |item| item["execution"]["id"] == last.as_str()).await;
    eventually("the introduction ends", || async {
        let query = "query($f: ExecutionFilter) { executions(filter: $f) { totalCount } }";
        let live = json!({ "statuses": ["QUEUED", "RUNNING", "WAITING"] });
        api.data(query, json!({ "f": live })).await["executions"]["totalCount"] == 0
    })
    .await;
    (stream, introduction.pop().unwrap())
}

/// A list that is cut again and again tells the same as one that is not.
async fn cut_a_list(api: &Api, whole: Transport, torn: Transport) {
    let filter = json!({ "workflow": { "slug": "followed" } });
    let (mut uncut, first) = listening(api, whole, filter.clone()).await;
    let stub = Stub::answering(200).await;
    let mut started = Vec::new();
    for number in 0..15 {
        started.push(start(api, &stub.url, &format!("list-{number}")).await.0);
    }
    let mut torn_items = Vec::new();
    let mut after = first["cursor"].clone();
    while torn_items.len() < 30 {
        let mut stream = Stream::open(api, torn, LIST, json!({ "filter": filter, "after": after })).await;
        for _item in 0..4 {
            torn_items.push(stream.next().await.unwrap());
        }
        after = torn_items.last().unwrap()["cursor"].clone();
    }
    eventually("all executions end", || async {
        let query = "query($ids: [ID!]) { executions(filter: { ids: $ids, statuses: [COMPLETED] }) { totalCount } }";
        api.data(query, json!({ "ids": started })).await["executions"]["totalCount"] == 15
    })
    .await;
    let (last, _after) = start(api, &stub.url, "last").await;
    let is_last = |item: &Value| item["execution"]["id"] == last.as_str();
    let mut stream = Stream::open(api, torn, LIST, json!({ "filter": filter, "after": after })).await;
    stream.until(&mut torn_items, is_last).await;
    let mut items = vec![first];
    uncut.until(&mut items, is_last).await;
    assert_eq!(cursors(&torn_items), cursors(&items[1..]), "the cuts change nothing");
    for id in &started {
        let of_it: Vec<&Value> = items.iter().filter(|item| item["execution"]["id"] == id.as_str()).collect();
        let kinds: Vec<&Value> = of_it.iter().map(|item| &item["kind"]).collect();
        assert_eq!(kinds[0], "ENTERED", "{id}");
        assert!(kinds[1..].iter().all(|kind| *kind == "UPDATED"), "{id}: {kinds:?}");
        assert_eq!(i64::try_from(of_it.len()).unwrap(), journal(api, id).await.1, "{id} is told of once per commit");
        assert_eq!(of_it.last().unwrap()["execution"]["status"], "COMPLETED", "{id}");
    }
}

/// With a filter by state, executions enter the list when they start and leave it when they end.
async fn enter_and_leave(api: &Api, transport: Transport) {
    let filter = json!({ "statuses": ["QUEUED", "RUNNING", "WAITING"] });
    let all = json!({ "workflow": { "slug": "followed" } });
    let (_stream, first) = listening(api, transport, all).await;
    let mut stream = Stream::open(api, transport, LIST, json!({ "filter": filter, "after": first["cursor"] })).await;
    let stub = Stub::answering(200).await;
    stub.hold();
    let (id, _after) = start(api, &stub.url, "leaves").await;
    let mut items = Vec::new();
    let is_of_it = |item: &Value| item["execution"]["id"] == id.as_str();
    stream.until(&mut items, is_of_it).await;
    assert_eq!(items.last().unwrap()["kind"], "ENTERED");
    // The call is on its way, so it cannot end before it is answered.
    eventually("the call is made", || async { !stub.received().is_empty() }).await;
    stub.release();
    stream.until(&mut items, |item| is_of_it(item) && item["kind"] == "LEFT").await;
    let left = items.pop().unwrap();
    assert_eq!(left["execution"]["status"], "COMPLETED", "{left}");
    let kinds: Vec<&Value> = items.iter().filter(|item| is_of_it(item)).map(|item| &item["kind"]).skip(1).collect();
    assert!(kinds.iter().all(|kind| *kind == "UPDATED"), "{kinds:?}");
}

#[tokio::test]
async fn a_live_list_tells_of_every_change_once_however_often_it_is_cut_in_one_process() {
    let server = Embedded::start().await;
    server.api.import(&[("followed.yaml", WORKFLOW)]).await;
    cut_a_list(&server.api, Transport::Socket, Transport::Events).await;
    cut_a_list(&server.api, Transport::Events, Transport::Socket).await;
    enter_and_leave(&server.api, Transport::Socket).await;
}

#[tokio::test]
async fn a_live_list_tells_of_every_change_once_however_often_it_is_cut_in_a_fleet() {
    let test = "a_live_list_tells_of_every_change_once_however_often_it_is_cut_in_a_fleet";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 2, "10s").await;
    fleet.api.import(&[("followed.yaml", WORKFLOW)]).await;
    cut_a_list(&fleet.api, Transport::Socket, Transport::Events).await;
    cut_a_list(&fleet.api, Transport::Events, Transport::Socket).await;
    enter_and_leave(&fleet.api, Transport::Events).await;
}

#[tokio::test]
async fn a_cursor_that_is_none_or_belongs_elsewhere_is_refused_in_words() {
    let server = Embedded::start().await;
    server.api.import(&[("followed.yaml", WORKFLOW)]).await;
    let stub = Stub::answering(200).await;
    let (id, own) = start(&server.api, &stub.url, "own").await;
    let (other_id, foreign) = start(&server.api, &stub.url, "other").await;
    let listed = server.api.data("{ executions(first: 1) { edges { cursor } } }", json!({})).await;
    let listed = text(&listed["executions"]["edges"][0], "cursor");
    let unknown = format!("{}0", &id[..id.len() - 1]);
    let unknown = if unknown == id { format!("{}1", &id[..id.len() - 1]) } else { unknown };
    let workflow = server.api.data("{ workflows(first: 1) { nodes { id } } }", json!({})).await;
    let workflow = &workflow["workflows"]["nodes"][0]["id"];
    let cases = [
        (ONE, json!({ "id": id, "after": "no cursor" }), "INVALID", "`after` is not a cursor"),
        (ONE, json!({ "id": id, "after": "" }), "INVALID", "`after` is not a cursor"),
        (ONE, json!({ "id": id, "after": "x".repeat(100_000) }), "INVALID", "`after` is not a cursor"),
        (ONE, json!({ "id": id, "after": foreign }), "INVALID", "`after` is a cursor of another list"),
        (ONE, json!({ "id": id, "after": listed }), "INVALID", "`after` is a cursor of another list"),
        (ONE, json!({ "id": other_id, "after": own }), "INVALID", "`after` is a cursor of another list"),
        (ONE, json!({ "id": unknown }), "NOT_FOUND", "there is no execution"),
        (ONE, json!({ "id": "nonsense" }), "INVALID", "nonsense"),
        (ONE, json!({ "id": workflow }), "INVALID", "exe_"),
        (LIST, json!({ "after": "no cursor" }), "INVALID", "`after` is not a cursor"),
        (LIST, json!({ "after": own }), "INVALID", "`after` is a cursor of another list"),
        (LIST, json!({ "after": listed }), "INVALID", "`after` is a cursor of another list"),
        (LIST, json!({ "filter": { "ids": ["nonsense"] } }), "INVALID", "nonsense"),
    ];
    for transport in TRANSPORTS {
        for (query, variables, code, message) in &cases {
            let mut stream = Stream::open(&server.api, transport, query, variables.clone()).await;
            let answer = stream.answer().await.expect("a refusal is told");
            let error = &answer["errors"][0];
            let told: String = variables.to_string().chars().take(120).collect();
            assert_eq!(error["extensions"]["code"], *code, "{transport:?} {told}: {answer}");
            assert!(text(error, "message").contains(message), "{transport:?} {told}: {error}");
        }
    }
    let completed = server.api.run("followed", json!({ "url": stub.url })).await;
    assert_eq!(completed["status"], "COMPLETED", "the server is well after all this");
}
