//! Every word of the definition language through the API, in both modes: SQLite in one process, and PostgreSQL and
//! Redis with two workers. The cases are those that `sluice test` runs offline; here they are started for real, with
//! servers in place of their stubs, and have to come to the same. What the organization has set up for them, and the
//! systems that it calls, are those of [`Neighbours`]. `testing/tests/vocabulary.rs` tells whether a word is missing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Neighbours, Services, SharedRedis, Stub, eventually, free_port};

const CASES: &str = include_str!("../workflows/vocabulary/everywhere.case.json");

const SHOWN: &str = "status error { code stepPath } decision { outcome reason metadata } context { value }
  steps(first: 100) { nodes { stepKey status } } logs(first: 100) { nodes { level message } }";

async fn import(api: &Api) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/vocabulary");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            texts.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let results = api.import(&files).await;
    assert!(results.as_array().unwrap().iter().all(|file| file["outcome"] == "CREATED"), "{results}");
}

async fn start(api: &Api, workflow: &str, input: Value) -> String {
    api.start(workflow, input, &uuid::Uuid::now_v7().to_string()).await.unwrap()
}

async fn shown(api: &Api, id: &str) -> Value {
    let query = format!("query($id: ID!) {{ execution(id: $id) {{ {SHOWN} }} }}");
    api.data(&query, json!({ "id": id })).await["execution"].take()
}

async fn reaches(api: &Api, id: &str, statuses: &[&str]) -> Value {
    let is_there = |seen: &Value| statuses.iter().any(|status| seen["status"] == *status);
    eventually(&format!("{id} is {statuses:?}"), || async { is_there(&shown(api, id).await) }).await;
    shown(api, id).await
}

/// The open approval of an execution, once there is one.
async fn asked(api: &Api, execution: &str) -> Value {
    let query = "query($id: ID!) { approvals(first: 5, filter: { executionId: $id, statuses: [PENDING] }) {
        nodes { id policy { mode required } } } }";
    let open = || async { api.data(query, json!({ "id": execution })).await["approvals"]["nodes"][0].clone() };
    eventually("somebody is asked", || async { !open().await.is_null() }).await;
    open().await
}

async fn decide(api: &Api, name: &str, input: Value) -> Value {
    let query = format!(
        "mutation($i: Approval{name}Input!) {{ approval{name}(input: $i) {{ approval {{ status }} userErrors {{ code }} }} }}"
    );
    api.data(&query, json!({ "i": input })).await[format!("approval{name}")].take()
}

async fn emit(api: &Api, signal: &Value) -> Value {
    let query = "mutation($i: EventEmitInput!) { eventEmit(input: $i) { userErrors { code } } }";
    let input = json!({ "type": signal["event"], "payload": signal["payload"] });
    api.data(query, json!({ "i": input })).await["eventEmit"].take()
}

/// Does what a signal of a case says.
async fn tell(api: &Api, execution: &str, signal: &Value) {
    let told = if signal["type"] == "event" {
        emit(api, signal).await
    } else {
        let id = asked(api, execution).await["id"].take();
        if signal["decision"] == "approve" {
            decide(api, "Approve", json!({ "id": id })).await
        } else {
            decide(api, "Reject", json!({ "id": id, "reason": signal["reason"] })).await
        }
    };
    assert_eq!(told["userErrors"], json!([]), "{signal}");
}

/// Where the neighbours are, in case files.
const NEIGHBOURS: &str = "https://neighbours.example";

/// The payload of a case, with servers in place of its stubs. A stub of these cases answers always alike.
async fn payload(case: &Value, neighbours: &Neighbours) -> Value {
    let mut text = case.get("payload").map_or_else(|| "{}".to_owned(), Value::to_string);
    text = text.replace(NEIGHBOURS, &neighbours.server.url);
    let stubs = case["stubs"]["http"].as_array().into_iter().flatten();
    for stub in stubs.filter(|stub| !stub["url"].as_str().unwrap().starts_with(NEIGHBOURS)) {
        let answer = &stub["responses"][0];
        let url = match answer["error"].as_str() {
            Some("connection") => format!("http://127.0.0.1:{}", free_port()),
            Some(_timeout) => {
                let silent = Stub::answering(200).await;
                silent.hold();
                silent.url
            }
            None => Stub::answering(u16::try_from(answer["status"].as_u64().unwrap()).unwrap()).await.url,
        };
        text = text.replace(stub["url"].as_str().unwrap().trim_end_matches('*'), &url);
    }
    serde_json::from_str(&text).unwrap()
}

fn lower(word: &Value) -> String {
    word.as_str().unwrap_or_default().to_lowercase()
}

/// What came of an execution, in the words of case files.
fn in_words(ended: &Value) -> Value {
    let steps = ended["steps"]["nodes"].as_array().unwrap().iter();
    // What is loaded before the first step is no step of the definition.
    let is_visited = |step: &&Value| step["status"] != "SKIPPED" && step["stepKey"] != "$context";
    let visited: Vec<&Value> = steps.filter(is_visited).map(|step| &step["stepKey"]).collect();
    let logs = ended["logs"]["nodes"].as_array().unwrap().iter();
    let logs: Vec<Value> =
        logs.map(|line| json!({ "level": lower(&line["level"]), "message": line["message"] })).collect();
    let decision = &ended["decision"];
    let result = if ended["status"] == "FAILED" { "failed".to_owned() } else { lower(&decision["outcome"]) };
    json!({
        "status": lower(&ended["status"]),
        "result": result,
        "reason": decision["reason"],
        "metadata": decision["metadata"],
        "error_code": ended["error"]["code"],
        "failed_step": ended["error"]["stepPath"],
        "steps_visited": visited,
        "logs": logs,
        "context": ended["context"]["value"],
    })
}

/// Whether what is expected is so: some keys of an object, the whole of everything else; numbers by their value.
fn holds(expected: &Value, seen: &Value) -> bool {
    match (expected, seen) {
        (Value::Object(fields), Value::Object(_)) => fields.iter().all(|(key, value)| holds(value, &seen[key])),
        (Value::Array(members), Value::Array(others)) => {
            members.len() == others.len() && members.iter().zip(others).all(|(member, other)| holds(member, other))
        }
        (Value::Number(number), Value::Number(other)) => number.as_f64() == other.as_f64(),
        (expected, seen) => expected == seen,
    }
}

/// Starts a case, does what its signals say, and compares the end.
async fn play(api: &Api, neighbours: &Neighbours, case: &Value) {
    let workflow = case["workflow"].as_str().unwrap().trim_end_matches(".yaml");
    let id = start(api, workflow, payload(case, neighbours).await).await;
    if let Some(status) = case["checkpoints"][0]["status"].as_str() {
        reaches(api, &id, &[status.to_uppercase().as_str()]).await;
    }
    for signal in case["signals"].as_array().into_iter().flatten() {
        tell(api, &id, signal).await;
    }
    let seen = in_words(&reaches(api, &id, &["COMPLETED", "FAILED", "CANCELLED"]).await);
    let expected = &case["expect"];
    assert!(holds(expected, &seen), "{}: expected {expected}, saw {seen}", case["id"]);
}

async fn every_case(api: &Api, neighbours: &Neighbours) {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in &cases {
        play(api, neighbours, case).await;
    }
}

/// What a case file cannot see: the executions that another one starts, directly and by an event.
async fn others(api: &Api, _neighbours: &Neighbours) {
    let ran = api.run("starts", json!({ "customer": { "id": "ada", "is_new": true } })).await;
    assert_eq!(ran["decision"]["reason"], "allowed hello ada", "{ran}");
    let query = "{ executions(first: 10, filter: { workflow: { slug: \"welcomes\" }, statuses: [COMPLETED] }) {
        nodes { context { value } parent { id } trigger { __typename } } } }";
    let greeted = || async { api.data(query, json!({})).await["executions"]["nodes"].as_array().unwrap().clone() };
    eventually("all four have greeted", || async { greeted().await.len() == 4 }).await;
    let mut seen = Vec::new();
    for one in greeted().await {
        let is_child = one["parent"]["id"] == ran["id"];
        seen.push(json!([one["context"]["value"]["greeting"], is_child, one["trigger"]["__typename"]]));
    }
    seen.sort_by_key(Value::to_string);
    let wanted = json!([
        ["hello ada", false, "EventTrigger"],
        ["hello ada", true, "ParentTrigger"],
        ["hello left", true, "ParentTrigger"],
        ["hello started", true, "ParentTrigger"],
    ]);
    assert_eq!(json!(seen), wanted);
}

/// An answer that is over its bound.
async fn bound(api: &Api, _neighbours: &Neighbours) {
    let stub = Stub::answering(200).await;
    let ran = api.run("bounded", json!({ "url": stub.url })).await;
    assert_eq!((&ran["status"], &ran["error"]["code"]), (&json!("FAILED"), &json!("RESPONSE_TOO_LARGE")), "{ran}");
}

async fn made(api: &Api, object: &str, wanted: &str, input: Value) -> Value {
    let (first, rest) = object.split_at(1);
    let query = format!(
        "mutation($i: {}{rest}CreateInput!) {{ {object}Create(input: $i) {{ {wanted} userErrors {{ code message }} }} }}",
        first.to_uppercase()
    );
    let made = api.data(&query, json!({ "i": input })).await[format!("{object}Create")].take();
    assert_eq!(made["userErrors"], json!([]), "{object}: {made}");
    made
}

/// The key of somebody else who may decide.
async fn second_manager(api: &Api) -> String {
    let role = json!({ "name": "manager", "description": "Decides", "permissions": ["APPROVAL_DECIDE"] });
    let role = made(api, "role", "role { id }", role).await;
    let account = json!({ "displayName": "second", "roleId": role["role"]["id"] });
    let account = made(api, "serviceAccount", "serviceAccount { id }", account).await;
    let key = json!({
        "displayName": "second",
        "kind": "API_KEY",
        "permissions": ["APPROVAL_DECIDE"],
        "serviceAccountId": account["serviceAccount"]["id"],
    });
    made(api, "apiKey", "token", key).await["token"].as_str().unwrap().to_owned()
}

/// Two have to agree: one alone decides nothing, however often.
async fn quorum(api: &Api, _neighbours: &Neighbours) {
    let id = start(api, "agrees", json!({ "order": { "id": "o-1", "discount": 20 } })).await;
    let open = asked(api, &id).await;
    assert_eq!(open["policy"], json!({ "mode": "QUORUM", "required": 2 }));
    let yes = json!({ "id": open["id"], "data": { "discount": 15 } });
    let first = decide(api, "Approve", yes.clone()).await;
    assert_eq!(first, json!({ "approval": { "status": "PENDING" }, "userErrors": [] }));
    let again = decide(api, "Approve", yes.clone()).await;
    assert_eq!(again, json!({ "approval": null, "userErrors": [{ "code": "CONFLICT" }] }));
    // A worker has it in hand while it takes the voice in.
    reaches(api, &id, &["WAITING"]).await;

    let token = second_manager(api).await;
    let query = "mutation($i: ApprovalApproveInput!) { approvalApprove(input: $i) { userErrors { code message } } }";
    let request = api.post().bearer_auth(token).json(&json!({ "query": query, "variables": { "i": yes } }));
    let told: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(told["data"]["approvalApprove"]["userErrors"], json!([]), "{told}");
    let ended = reaches(api, &id, &["COMPLETED", "FAILED"]).await;
    let decision = json!({ "outcome": "ALLOWED", "reason": "15 %", "metadata": null });
    assert_eq!(ended["decision"], decision, "{ended}");
}

async fn fleet(test: &str, neighbours: &Neighbours) -> Option<Fleet> {
    let services = Services::start(test, SharedRedis::No).await?;
    let mail = neighbours.mail_url();
    let fleet = Fleet::start_with(services, 2, "10s", &[("SLUICE_MAIL_URL", &mail)]).await;
    neighbours.introduce(&fleet.api).await;
    import(&fleet.api).await;
    Some(fleet)
}

macro_rules! in_both_modes {
    ($($name:ident: $what:ident,)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn embedded() {
                let neighbours = Neighbours::start().await;
                let mail = neighbours.mail_url();
                let server = Embedded::start_with(&[("SLUICE_MAIL_URL", &mail)]).await;
                neighbours.introduce(&server.api).await;
                import(&server.api).await;
                $what(&server.api, &neighbours).await;
            }

            #[tokio::test]
            async fn with_two_workers() {
                let neighbours = Neighbours::start().await;
                if let Some(fleet) = fleet(stringify!($name), &neighbours).await {
                    $what(&fleet.api, &neighbours).await;
                }
            }
        }
    )*};
}

in_both_modes! {
    every_case_of_the_language_comes_to_what_it_comes_to_offline: every_case,
    what_an_execution_starts_runs_whether_it_is_waited_for_or_not: others,
    an_answer_over_its_bound_fails_the_call: bound,
    two_have_to_agree_and_one_counts_once: quorum,
}
