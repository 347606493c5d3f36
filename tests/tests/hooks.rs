//! Hooks as their senders call them, in both modes: with `curl` as the documentation says, and with the command line.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail loudly")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Ran, Services, SharedRedis, eventually, run, run_with_input};

const MANUAL: &str = include_str!("../../docs/events.md");

/// The first example of the manual in `language` that holds `word`.
fn example(language: &str, word: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let mut blocks = MANUAL.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(word)).unwrap_or_else(|| panic!("no {language} with {word}"))
}

/// What the shell makes of a block of the manual.
async fn shell(script: &'static str, url: &str, secret: &str) -> Value {
    let (url, secret) = (url.to_owned(), secret.to_owned());
    let output = tokio::task::spawn_blocking(move || {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", script]).env("SLUICE_URL", url).env("SECRET", secret).output().unwrap()
    });
    let output = output.await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|problem| panic!("{problem}: {output:?}"))
}

async fn at(api: &Api, arguments: &[&str]) -> Ran {
    run(&[arguments, &["--url", &api.url, "--output", "json"]].concat(), &[]).await
}

/// `sluice hooks …` with a secret on its standard input.
async fn told(api: &Api, secret: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, format!("{secret}\n")).unwrap();
    run_with_input(&[arguments, &["--url", &api.url, "--output", "json"]].concat(), &[], &file).await
}

async fn call_as_the_manual_says(api: &Api) {
    let imported = api.import(&[("push.yaml", example("yaml", "github"))]).await;
    assert_eq!(imported[0]["problems"], json!([]), "{imported}");
    let rotated = at(api, &["hooks", "rotate", "github"]).await.json();
    let secret = rotated["secret"].as_str().unwrap();
    let script = example("sh", "openssl");
    let first = shell(script, &api.url, secret).await;
    assert_eq!(first["isNew"], true, "{first}");
    let again = shell(script, &api.url, secret).await;
    assert_eq!((&again["executionId"], &again["isNew"]), (&first["executionId"], &json!(false)));
    let refused = shell(script, &api.url, "another secret").await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
    let query = "query($id: ID!) { execution(id: $id) { status trigger { ... on WebhookTrigger { path remoteAddress } } logs { nodes { message } } } }";
    eventually("it has ended", || async {
        let found = api.data(query, json!({ "id": first["executionId"] })).await;
        found["execution"]["status"] == "COMPLETED"
    })
    .await;
    let execution = api.data(query, json!({ "id": first["executionId"] })).await["execution"].take();
    assert_eq!(execution["trigger"], json!({ "path": "github", "remoteAddress": "127.0.0.1" }));
    assert_eq!(execution["logs"]["nodes"][0]["message"], "pushed refs/heads/main");

    let tested = told(api, secret, &["hooks", "test", "github", "--body", r#"{"ref": "refs/heads/test"}"#]).await;
    assert_eq!((tested.code, &tested.json()["isNew"]), (Some(0), &json!(true)), "{tested:?}");
    let given = told(api, "a secret of the sender", &["hooks", "rotate", "github", "--take", "--overlap", "0s"]).await;
    assert_eq!((given.code, &given.json()["secret"]), (Some(0), &Value::Null), "{given:?}");
    let old = told(api, secret, &["hooks", "test", "github", "--body", r#"{"ref": "later"}"#]).await;
    assert_eq!(old.code, Some(1), "{old:?}");
    assert!(old.err.contains("UNAUTHENTICATED") && !old.err.contains(secret), "{old:?}");
    ten_megabytes_are_refused(api).await;
    let listed = at(api, &["hooks"]).await.json();
    let hook = &listed[0];
    assert!(hook["url"].as_str().unwrap().ends_with("/hooks/default/github"), "{listed}");
    assert_eq!((&hook["hasSecret"], &hook["previousSecretExpiresAt"]), (&json!(true), &Value::Null), "{listed}");
    assert!(!listed.to_string().contains("a secret of the sender"));
}

/// An event of ten megabytes, by each way that leads in.
async fn ten_megabytes_are_refused(api: &Api) {
    let large = || format!("{{\"a\": \"{}\"}}", "x".repeat(10_000_000));
    let query = "mutation($p: JSON!) { eventEmit(input: { type: \"a.b\", payload: $p }) { isNew } }";
    let operation = json!({ "query": query, "variables": { "p": { "a": "x".repeat(10_000_000) } } }).to_string();
    let hook = reqwest::Client::new().post(format!("{}/hooks/default/github", api.url)).body(large());
    for (what, request) in [("a hook", hook), ("GraphQL", api.post().body(operation))] {
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 413, "{what}");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["errors"][0]["extensions"]["code"], "TOO_LARGE", "{what}: {told}");
    }
}

#[tokio::test]
async fn a_hook_is_called_as_the_manual_says_in_one_process() {
    call_as_the_manual_says(&Embedded::start().await.api).await;
}

#[tokio::test]
async fn a_hook_is_called_as_the_manual_says_in_a_fleet() {
    let Some(services) = Services::start("hooks", SharedRedis::Yes).await else { return };
    let fleet = Fleet::start(services, 1, "5s").await;
    call_as_the_manual_says(&fleet.api).await;
}

const KNOCKS: &str = "
workflow_id: knocks
trigger: { type: webhook, path: knocks, verify: none }
steps:
  - { id: done, type: action, action: { type: allow } }
";

/// The execution that a call has started, this time or before; nothing when it is cut off.
async fn knock(client: &reqwest::Client, url: &str, id: &str) -> Option<String> {
    let call = client.post(format!("{url}/hooks/default/knocks")).header("webhook-id", id);
    let answer = call.header("content-type", "application/json").body(json!({ "id": id }).to_string()).send().await;
    let told: Value = answer.ok()?.json().await.ok()?;
    told["executionId"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn calls_with_the_same_id_count_once_while_the_api_and_workers_are_killed() {
    let Some(services) = Services::start("hooks_and_kills", SharedRedis::No).await else { return };
    let mut fleet = Fleet::start(services, 2, "2s").await;
    let imported = fleet.api.import(&[("knocks.yaml", KNOCKS)]).await;
    assert_eq!(imported[0]["outcome"], "CREATED", "{imported}");
    // A connection for each call: none is left over from a server that was killed.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let mut started: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..3_i64 {
        let ids: Vec<String> = (0..30).map(|number| format!("msg-{round}-{number}")).collect();
        let calling: Vec<_> = (0..90)
            .map(|number| {
                let (client, url, id) = (client.clone(), fleet.api.url.clone(), ids[number % 30].clone());
                tokio::spawn(async move { (knock(&client, &url, &id).await, id) })
            })
            .collect();
        let enough = round * 30 + 10;
        let accepted = "select count(*) from execution";
        eventually("calls come", || async { fleet.services.number(accepted).await >= enough }).await;
        fleet.api_process.kill().await;
        fleet.workers[0].kill().await;
        fleet.workers.remove(0);
        fleet.add_worker();
        for called in calling {
            let (execution, id) = called.await.unwrap();
            // What was cut off counts or not: nobody was told.
            let Some(execution) = execution else { continue };
            let first = started.entry(id).or_insert_with(|| execution.clone());
            assert_eq!(*first, execution, "the same call, the same execution");
        }
        fleet.restart_api().await;
        for id in ids {
            let execution = knock(&client, &fleet.api.url, &id).await.unwrap_or_else(|| panic!("{id} is refused"));
            let first = started.entry(id).or_insert_with(|| execution.clone());
            assert_eq!(*first, execution, "what was answered before a kill holds after it");
        }
    }
    fleet.drained().await;
    let count = i64::try_from(started.len()).unwrap();
    assert_eq!(count, 90);
    assert_eq!(fleet.services.number("select count(*) from execution").await, count);
    assert_eq!(fleet.services.number("select count(*) from execution where status = 5").await, count);
}
