//! The binary as its users meet it: help, wrong usage, every client command, and what is said when nobody answers.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_tests::{
    Embedded, Fleet, Process, Ran, SECRET_KEY, Services, SharedRedis, begin, eventually, free_port, run, run_in,
};
use tokio::io::{AsyncBufReadExt, BufReader};

const COMMANDS: [&str; 61] = [
    "dev",
    "api",
    "worker",
    "migrate",
    "bootstrap",
    "validate",
    "test",
    "deploy",
    "login",
    "logout",
    "whoami",
    "list",
    "members",
    "invite",
    "roles",
    "keys",
    "rules",
    "secret",
    "variable",
    "service",
    "resource",
    "schedules",
    "approvals",
    "start",
    "emit",
    "events",
    "hooks",
    "webhooks",
    "executions",
    "show",
    "watch",
    "bulk",
    "pause",
    "resume",
    "cancel",
    "terminate",
    "retry",
    "rerun",
    "skip",
    "edit",
    "signal",
    "label",
    "delete",
    "stats",
    "errors",
    "versions",
    "diff",
    "publish",
    "discard",
    "rollback",
    "export",
    "move",
    "workflows",
    "drain",
    "audit",
    "doctor",
    "sim",
    "health",
    "config",
    "completions",
    "schema",
];

const RESTS: &str = "
workflow_id: rests
steps:
  - { id: rest, type: wait, wait: { event: goes.on }, next: done }
  - { id: done, type: action, action: { type: allow } }
";

/// A command against a server.
async fn at(server: &str, arguments: &[&str]) -> Ran {
    run(&[arguments, &["--url", server]].concat(), &[]).await
}

#[tokio::test]
async fn help_tells_of_every_command_and_exits_with_0() {
    let ran = run(&["--help"], &[]).await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    let listed = ran.out.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let told = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    assert_eq!(told.filter(|command| *command != "help").collect::<Vec<_>>(), COMMANDS, "each is looked at below");
    for command in COMMANDS {
        assert!(ran.out.contains(&format!("\n  {command} ")), "`{command}` is missing in {}", ran.out);
        let help = run(&[command, "--help"], &[]).await;
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command}: {help:?}");
        assert!(help.out.contains("Usage: sluice ") && help.out.contains("--output"), "{command}: {}", help.out);
    }
    let version = run(&["--version"], &[]).await;
    assert_eq!((version.code, version.out.starts_with("sluice ")), (Some(0), true), "{version:?}");
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let cases: [(&[&str], &str); 24] = [
        (&[], "Usage: sluice"),
        (&["strat"], "start"),
        (&["start"], "<WORKFLOW>"),
        (&["emit"], "<EVENT>"),
        (&["watch"], "<EXECUTION>"),
        (&["list", "--nobody"], "--nobody"),
        (&["list", "--output", "xml"], "json"),
        (&["completions", "tcl"], "bash"),
        (&["schema", "sql"], "graphql"),
        (&["worker", "--slots", "many"], "--slots"),
        (&["start", "a", "--input", "{no json"], "--input is not JSON"),
        (&["start", "a", "--label", "nothing"], "--label name=value"),
        (&["start", "a", "--batch", "b.jsonl", "--wait"], "--wait"),
        (&["edit", "a", "--patch", "[", "--reason", "b"], "--patch is not JSON"),
        (&["schedules", "create", "a", "--workflow", "b"], "--cron"),
        (&["schedules", "update", "a"], "nothing to change was given"),
        (&["schedules", "watch"], "<ID>"),
        (&["rules", "watch"], "<RULE>"),
        (&["events", "--watch", "--outcome", "started"], "--outcome"),
        (&["secret", "set"], "<NAME>"),
        (&["secret", "set", "a", "--host", "b", "--any-host"], "--any-host"),
        (&["variable", "set", "a", "no json"], "the value is not JSON"),
        (&["service", "update", "a"], "nothing to change was given"),
        (&["resource", "create", "a", "--service", "b"], "--request"),
    ];
    for (arguments, words) in cases {
        let ran = run(arguments, &[]).await;
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(words), "{arguments:?}: `{words}` in {}", ran.err);
        assert_eq!(ran.out, "", "{arguments:?}: complaints go to standard error");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_exits_with_1_and_names_its_address() {
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), "workflow_id: a\nsteps: []\n").unwrap();
    let file = folder.path().join("a.yaml");
    let execution = "exe_00000000000000000000000000";
    for arguments in [
        &["list"][..],
        &["start", "a"],
        &["start", "a", "--wait"],
        &["emit", "a.b"],
        &["watch", execution],
        &["executions"],
        &["executions", "--watch"],
        &["schedules", "watch", "sch_00000000000000000000000000"],
        &["show", execution],
        &["health"],
        &["drain", "w-1"],
        &["doctor"],
        &["deploy", file.to_str().unwrap()],
    ] {
        let ran = at(&nowhere, arguments).await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.starts_with(&format!("error: no answer from {nowhere}: ")), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains("\nhelp: ") && ran.err.contains("SLUICE_URL"), "{arguments:?}: {}", ran.err);
    }
    let ran = run(&["list"], &[("SLUICE_URL", &nowhere)]).await;
    assert!(ran.err.contains(&nowhere), "the variable is heeded: {ran:?}");
    let ran = at("not a url", &["list"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("not a url"), "{ran:?}");
}

#[tokio::test]
async fn something_that_is_no_sluice_server_is_told_apart() {
    let stub = sluice_tests::Stub::with(sluice_tests::Answer::Announced(100)).await;
    let execution = "exe_00000000000000000000000000";
    for arguments in [&["list"][..], &["start", "a"], &["emit", "a.b"], &["watch", execution]] {
        let ran = at(&stub.url, arguments).await;
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("not as a Sluice server does"), "{arguments:?}: {}", ran.err);
    }
}

/// Every command of a client, as people and as programs use it.
async fn use_everything(url: &str) {
    let order = include_str!("../../examples/order-approval/small-order.json");
    let listed = at(url, &["list", "--output", "json"]).await;
    let slugs: BTreeSet<String> =
        listed.json().as_array().unwrap().iter().map(|row| row["slug"].as_str().unwrap().to_owned()).collect();
    assert!(slugs.contains("order_approval"), "{slugs:?}");
    let table = at(url, &["list", "--output", "table"]).await;
    assert!(table.out.contains("WORKFLOW") && table.out.contains("order_approval"), "{table:?}");

    let waited = at(url, &["start", "order_approval", "--input", order, "--wait", "--output", "json"]).await;
    assert_eq!(waited.code, Some(0), "{waited:?}");
    let lines = waited.json_lines();
    let sequences: Vec<i64> = lines.iter().filter_map(|line| line["event"]["sequence"].as_i64()).collect();
    assert!(sequences.is_sorted() && sequences.first() == Some(&1), "it is followed from its beginning: {sequences:?}");
    let end = &lines.last().unwrap()["execution"];
    assert_eq!((&end["status"], &end["decision"]["outcome"]), (&json!("COMPLETED"), &json!("ALLOWED")), "{end}");
    let table = at(url, &["start", "order_approval", "--input", order, "--wait", "--output", "table"]).await;
    assert_eq!(table.code, Some(0), "{table:?}");
    for words in [" completed\n", "decision  allowed: Order o-1001 over 120.5", "because   "] {
        assert!(table.out.contains(words), "`{words}` in {}", table.out);
    }

    let arguments = ["start", "order_approval", "--input", order, "--idempotency-key", "cli", "--label", "from=cli"];
    let first = at(url, &[&arguments[..], &["--output", "json"]].concat()).await.json();
    let again = at(url, &[&arguments[..], &["--output", "json"]].concat()).await.json();
    assert_eq!(first["id"], again["id"], "same key, same execution");
    let id = first["id"].as_str().unwrap();
    let watched = at(url, &["watch", id, "--output", "json"]).await;
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert_eq!(watched.json_lines().last().unwrap()["execution"]["id"], id);
    let unknown = at(url, &["watch", "exe_00000000000000000000000000"]).await;
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.err.contains("NOT_FOUND"), "{unknown:?}");

    let payload = include_str!("../../examples/fraud-check/ordinary-payment.json");
    let emitted = at(url, &["emit", "payment.received", "--payload", payload, "--output", "json"]).await;
    assert_eq!(emitted.code, Some(0), "{emitted:?}");
    assert_eq!(emitted.json()["event"]["matches"][0]["outcome"], "STARTED", "{emitted:?}");
    let table = at(url, &["emit", "payment.received", "--payload", payload, "--output", "table"]).await;
    assert!(table.out.starts_with("evt_") && table.out.contains("fraud_check"), "{table:?}");
    let nobody = at(url, &["emit", "nobody.listens", "--output", "table"]).await;
    assert!(nobody.out.contains("no workflow listens to it"), "{nobody:?}");

    let refused = at(url, &["start", "order_approval", "--input", "{\"order\": 1}"]).await;
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
    assert!(
        refused.err.contains("input.input.order: ") && refused.err.contains("INPUT_SCHEMA_MISMATCH"),
        "{refused:?}"
    );
    let ready = at(url, &["health", "--output", "json"]).await;
    assert_eq!((ready.code, &ready.json()["status"]), (Some(0), &json!("ready")));
}

#[tokio::test]
async fn every_client_command_works_and_its_json_parses_in_one_process() {
    let server = Embedded::start().await;
    use_everything(&server.api.url).await;
    // A file instead of a text, and an execution that is refused.
    let folder = tempfile::tempdir().unwrap();
    let large = include_str!("../../examples/order-approval/large-order.json");
    std::fs::write(folder.path().join("order.json"), large).unwrap();
    let arguments =
        ["start", "order_approval", "--input", "@order.json", "--wait", "--url", &server.api.url, "--output", "table"];
    let ran = run_in(folder.path(), &arguments, &[]).await;
    assert_eq!(ran.code, Some(0), "a block is an answer, not a failure: {ran:?}");
    assert!(ran.out.contains("decision  blocked: "), "{}", ran.out);
    let missing = run_in(folder.path(), &["start", "a", "--input", "@nothing.json"], &[]).await;
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("nothing.json cannot be read"), "{missing:?}");
}

#[tokio::test]
async fn every_client_command_works_and_its_json_parses_in_a_fleet() {
    let test = "every_client_command_works_and_its_json_parses_in_a_fleet";
    let Some(services) = Services::start(test, SharedRedis::No).await else { return };
    let fleet = Fleet::start(services, 1, "10s").await;
    let examples = ["order-approval", "fraud-check"].map(|name| format!("examples/{name}/workflow.yaml"));
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let deployed = run_in(root, &["deploy", &examples[0], &examples[1], "--url", &fleet.api.url], &[]).await;
    assert_eq!(deployed.code, Some(0), "{deployed:?}");
    use_everything(&fleet.api.url).await;
    fleet.drained().await;
}

#[tokio::test]
async fn a_workflow_goes_from_a_draft_to_its_deletion_on_the_command_line() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rests.yaml"), RESTS).unwrap();
    let arguments = ["deploy", "--draft", "rests.yaml", "--url", url, "--output", "json"];
    let draft = run_in(folder.path(), &arguments, &[]).await;
    assert_eq!(draft.code, Some(0), "{draft:?}");
    assert_eq!(draft.json()[0]["workflow"]["publishedVersion"], Value::Null, "{draft:?}");
    let checked = at(url, &["publish", "rests", "--dry-run", "--output", "table"]).await;
    assert_eq!((checked.code, checked.out.trim()), (Some(0), "rests can be published"), "{checked:?}");
    let published = at(url, &["publish", "rests", "--label", "first", "--output", "json"]).await;
    assert_eq!(published.json()["version"], json!({ "number": 1, "label": "first" }), "{published:?}");
    let none = at(url, &["discard", "rests"]).await;
    assert!(none.code == Some(1) && none.err.contains("WRONG_STATE"), "it was used up: {none:?}");
    let switch = async |command: &str, says: &str| {
        let changed = at(url, &["workflows", command, "rests", "--output", "table"]).await;
        assert_eq!((changed.code, changed.out.trim()), (Some(0), says), "{changed:?}");
    };
    let archived = async || {
        let listed = at(url, &["workflows", "list", "--archived", "--output", "json"]).await.json();
        listed.as_array().unwrap().iter().map(|row| row["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    switch("disable", "rests is disabled").await;
    switch("enable", "rests is enabled").await;
    let early = at(url, &["workflows", "delete", "rests"]).await;
    assert!(early.code == Some(1) && early.err.contains("WRONG_STATE"), "it is in use: {early:?}");
    switch("archive", "rests is put away").await;
    assert_eq!(archived().await, ["rests"]);
    switch("restore", "rests is back, and disabled").await;
    assert_eq!(archived().await, [""; 0]);
    switch("archive", "rests is put away").await;
    switch("delete", "rests is deleted").await;
    let gone = at(url, &["publish", "rests"]).await;
    assert!(gone.code == Some(1) && gone.err.contains("there is no workflow `rests`"), "{gone:?}");
}

/// An execution, as the command line shows it to programs.
async fn shown(url: &str, id: &str) -> Value {
    at(url, &["show", id, "--output", "json"]).await.json()
}

#[tokio::test]
async fn executions_of_a_file_are_started_listed_shown_and_corrected_on_the_command_line() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    server.api.import(&[("rests.yaml", RESTS)]).await;
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [r#"{"input": {"n": 1}}"#, "", r#"{"labels": [{"name": "from", "value": "file"}]}"#, r#"{"workflow": "no"}"#];
    std::fs::write(folder.path().join("many.jsonl"), lines.join("\n")).unwrap();
    let arguments = ["start", "rests", "--batch", "many.jsonl", "--idempotency-key", "cli", "--output", "table"];
    for told in
        ["4 lines: 2 new executions, 0 known ones, 1 refused", "4 lines: 0 new executions, 2 known ones, 1 refused"]
    {
        let ran = run_in(folder.path(), &[&arguments[..], &["--url", url]].concat(), &[]).await;
        assert_eq!((ran.code, ran.out.trim()), (Some(1), told), "{ran:?}");
        assert!(ran.err.contains("line 4: ") && ran.err.contains("NOT_FOUND"), "{ran:?}");
    }

    let both = at(url, &["executions", "--workflow", "rests", "--output", "json"]).await.json();
    assert_eq!(both.as_array().unwrap().len(), 2, "{both}");
    let first = at(url, &["executions", "--workflow", "rests", "--limit", "1", "--output", "json"]).await.json();
    assert_eq!(first.as_array().unwrap().len(), 1, "{first}");
    let labelled = at(url, &["executions", "--label", "from=file", "--output", "json"]).await.json();
    assert_eq!(labelled.as_array().unwrap().len(), 1, "{labelled}");
    let id = labelled[0]["id"].as_str().unwrap();
    eventually("it waits", || async { shown(url, id).await["status"] == "WAITING" }).await;

    let patch = r#"[{"op": "add", "path": "/n", "value": 3}]"#;
    let edited = at(url, &["edit", id, "--patch", patch, "--reason", "it was left out", "--output", "json"]).await;
    assert_eq!((edited.code, &edited.json()["id"]), (Some(0), &json!(id)), "{edited:?}");
    let paused = at(url, &["pause", id, "--reason", "the shop is closed", "--resume-when", "shop.opened"]).await;
    assert_eq!(paused.code, Some(0), "{paused:?}");
    eventually("it is paused", || async { shown(url, id).await["status"] == "PAUSED" }).await;
    let shown = shown(url, id).await;
    assert_eq!(shown["pause"]["reason"], "the shop is closed", "{shown}");
    assert_eq!(shown["pause"]["resumeWhen"]["event"], "shop.opened", "{shown}");
    assert_eq!(shown["pause"]["pending"]["signals"], 0, "{shown}");
    assert_eq!(
        (&shown["canResume"]["isAllowed"], &shown["steps"][0]["path"]),
        (&json!(true), &json!("rest")),
        "{shown}"
    );
    let table = at(url, &["show", id, "--output", "table"]).await;
    for words in [" paused\n", "rests, version 1", "the shop is closed", "when shop.opened comes", "edit context"] {
        assert!(table.out.contains(words), "`{words}` in {}", table.out);
    }
    let table = at(url, &["executions", "--status", "paused", "--output", "table"]).await;
    assert!(table.out.contains(id) && table.out.contains("the shop is closed"), "{table:?}");
}

#[tokio::test]
async fn what_comes_from_now_on_is_followed_on_the_command_line() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    server.api.import(&[("rests.yaml", RESTS)]).await;
    let follows: [(&[&str], [&str; 2]); 2] = [
        (&["events", "--watch", "--type", "goes.elsewhere"], ["emit", "goes.elsewhere"]),
        (&["executions", "--watch", "--workflow", "rests"], ["start", "rests"]),
    ];
    for (follow, cause) in follows {
        let mut child = begin(&[follow, &["--url", url, "--output", "json"]].concat());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::spawn(async move { lines.next_line().await.unwrap().unwrap() });
        // Nobody is told when the command has begun to listen, so there is one more until it was told of one.
        eventually("something is told", || async {
            at(url, &cause).await;
            first.is_finished()
        })
        .await;
        let told: Value = serde_json::from_str(&first.await.unwrap()).unwrap();
        assert!(told["cursor"].is_string(), "{follow:?}: {told}");
    }
}

#[tokio::test]
async fn a_schedule_is_changed_in_part_on_the_command_line() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    server.api.import(&[("rests.yaml", RESTS)]).await;
    let json = async |arguments: &[&str]| {
        let ran = at(url, &[&["schedules"][..], arguments, &["--output", "json"]].concat()).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.json()
    };
    let made = ["create", "nightly", "--workflow", "rests", "--cron", "0 2 * * *", "--exclude-date", "2027-12-25"];
    let bounds =
        ["--zone", "Europe/Berlin", "--starts-at", "2027-01-01T00:00:00Z", "--gap", "skip", "--repeated", "both"];
    let made = json(&[&made[..], &bounds].concat()).await;
    let id = made["id"].as_str().unwrap();
    let shown = json(&["show", id]).await;
    assert_eq!(shown["spec"]["excludedDates"], json!(["2027-12-25"]), "{shown}");
    assert_eq!(shown["startsAt"], "2027-01-01T00:00:00.000Z", "{shown}");
    json(&["update", id, "--every", "90s", "--anchor", "2027-02-01T00:00:00Z", "--jitter", "1s"]).await;
    json(&["update", id, "--catch-up", "all", "--catch-up-limit", "7"]).await;
    let shown = json(&["show", id]).await;
    assert_eq!(shown["spec"], json!({ "every": "PT1M30S", "anchor": "2027-02-01T00:00:00.000Z" }), "{shown}");
    assert_eq!(
        (&shown["gapPolicy"], &shown["overlapTimePolicy"]),
        (&json!("SKIP"), &json!("BOTH")),
        "what was: {shown}"
    );
    assert_eq!((&shown["jitter"], &shown["timeZone"]), (&json!("PT1S"), &json!("Europe/Berlin")), "{shown}");
    let table = at(url, &["schedules", "show", id, "--output", "table"]).await;
    assert!(table.out.contains("nightly") && table.out.contains("left out: skip, shown twice: both"), "{table:?}");
    assert!(table.out.contains("all, 7 at most, of the last"), "{table:?}");
    json(&["trigger", id]).await;
    let its_own = at(url, &["executions", "--schedule", id, "--output", "json"]).await.json();
    assert_eq!(its_own.as_array().unwrap().len(), 1, "{its_own}");
    let others = at(url, &["executions", "--schedule", "sch_00000000000000000000000000", "--output", "json"]).await;
    assert_eq!((others.code, others.json()), (Some(0), json!([])), "{others:?}");
}

#[tokio::test]
async fn config_tells_where_each_setting_comes_from_and_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sluice.toml"), "SLUICE_LEASE = \"7s\"\nSLUICE_BIND = \"127.0.0.1:9\"\n")
        .unwrap();
    let variables = [
        ("DATABASE_URL", "postgres://someone:pa55word@db.example:5432/sluice"),
        ("REDIS_URL", "redis://:pa55word@redis.example"),
        ("SLUICE_SECRET_KEY", SECRET_KEY),
        ("SLUICE_TOKEN", "slk_pa55word"),
        ("SLUICE_BIND", "127.0.0.1:10"),
    ];
    for output in ["json", "table"] {
        let ran = run_in(folder.path(), &["config", "--output", output], &variables).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.out.contains("pa55word") && !ran.out.contains(SECRET_KEY), "{}", ran.out);
    }
    let ran = run_in(folder.path(), &["config", "--output", "json"], &variables).await.json();
    let row = |name: &str| ran.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    for (name, value, origin) in [
        ("DATABASE_URL", "***", "environment"),
        ("SLUICE_SECRET_KEY", "***", "environment"),
        ("SLUICE_LEASE", "7s", "sluice.toml"),
        ("SLUICE_BIND", "127.0.0.1:10", "environment"),
        ("SLUICE_SHUTDOWN_GRACE", "30s", "default"),
    ] {
        assert_eq!((&row(name)["value"], &row(name)["origin"]), (&json!(value), &json!(origin)), "{name}");
        assert!(row(name)["meaning"].as_str().is_some_and(|meaning| meaning.len() > 10), "{name}");
    }
    let wrong = [("SLUICE_LEASE", "soon"), ("SLUICE_WORKER_SLOTS", "0"), ("SLUICE_LAESE", "1s")];
    let ran = run(&["config"], &wrong).await;
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for words in
        ["SLUICE_LEASE: `soon`", "SLUICE_WORKER_SLOTS: `0`", "SLUICE_LAESE is not known; did you mean SLUICE_LEASE?"]
    {
        assert!(ran.err.contains(words), "all at once: `{words}` in {}", ran.err);
    }
}

#[tokio::test]
async fn completions_and_schemas_are_printed_as_they_are() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell], &[]).await;
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
        assert!(COMMANDS.iter().all(|command| ran.out.contains(command)), "{shell}");
    }
    let graphql = run(&["schema", "graphql"], &[]).await;
    assert_eq!(graphql.out, include_str!("../../schema.graphql"), "the committed schema is the one that is served");
    let definition: Value = run(&["schema", "definition"], &[]).await.json();
    assert_eq!(definition["type"], "object", "{}", definition["$id"]);
}

#[tokio::test]
async fn two_processes_do_not_share_a_port_or_a_data_folder() {
    let server = Embedded::start().await;
    let bind = server.api.url.trim_start_matches("http://").to_owned();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let ran = run(&["dev", "--bind", &bind, "--data-dir", data], &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains(&format!("cannot listen on {bind}")) && ran.err.contains("help: "), "{ran:?}");
    let other = sluice_tests::Api::new(free_port());
    let _owner = Process::start(&["dev", "--bind", other.url.trim_start_matches("http://"), "--data-dir", data], &[]);
    other.ready().await;
    let ran = run(&["dev", "--bind", &format!("127.0.0.1:{}", free_port()), "--data-dir", data], &[]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("another process uses the data folder"), "{ran:?}");
    for open in ["0.0.0.0:0", "[::]:0"] {
        let ran = run(&["dev", "--bind", open, "--data-dir", data], &[]).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("acts as the owner"), "{ran:?}");
    }
}
