//! Secrets, variables, services and resources on the command line.

use serde_json::{Value, json};
use sluice_tests::{Embedded, Ran, run};

/// The workflow reads the variable and loads the resource.
const USES: &str = "
workflow_id: uses
context: { load: [order.details] }
steps:
  - { id: keep, type: set, set: { kept: '{{vars.limit}}' } }
";

/// A command that succeeds.
async fn done(server: &str, arguments: &[&str]) -> Ran {
    let ran = run(&[arguments, &["--url", server]].concat(), &[]).await;
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran
}

async fn json_of(server: &str, arguments: &[&str]) -> Value {
    done(server, &[arguments, &["--output", "json"]].concat()).await.json()
}

#[tokio::test]
async fn parts_are_set_shown_and_removed_on_the_command_line_and_secrets_never_printed() {
    let server = Embedded::start().await;
    let url = server.api.url.as_str();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "hunter2-of-the-shop\n").unwrap();
    let file = file.to_str().unwrap();

    let made = json_of(url, &["secret", "set", "shop_token", "--value-file", file, "--host", "127.0.0.1"]).await;
    assert_eq!((&made["version"], &made["allowedHosts"]), (&json!(1), &json!(["127.0.0.1"])), "{made}");
    let kept = json_of(url, &["secret", "set", "shop_token", "--keep-value", "--any-host"]).await;
    assert_eq!((&kept["version"], &kept["allowedHosts"]), (&json!(1), &Value::Null), "{kept}");
    assert_eq!(kept["fingerprint"], made["fingerprint"]);
    let listed = done(url, &["secret", "list", "--output", "table"]).await;
    assert!(listed.out.contains("shop_token") && !listed.out.contains("hunter2"), "{listed:?}");
    let nothing = run(&["secret", "set", "other", "--url", url], &[]).await;
    assert!(nothing.code == Some(2) && nothing.err.contains("no secret came"), "{nothing:?}");

    json_of(url, &["variable", "set", "limit", "-5", "--schema", r#"{"type": "number"}"#]).await;
    let misfit = run(&["variable", "set", "limit", r#""five""#, "--url", url], &[]).await;
    assert!(misfit.code == Some(1) && misfit.err.contains("INPUT_SCHEMA_MISMATCH"), "{misfit:?}");
    done(url, &["variable", "set", "limit", r#""five""#, "--schema", "null"]).await;
    let listed = json_of(url, &["variable", "list"]).await;
    assert_eq!((&listed[0]["value"], &listed[0]["schema"]), (&json!("five"), &Value::Null), "{listed}");

    let bearer = ["--auth", "bearer", "--secret", "shop_token"];
    let create = ["service", "create", "shop", "--kind", "http", "--base-url", url];
    done(url, &[&create[..], &bearer].concat()).await;
    done(url, &["service", "update", "shop", "--title", "The shop"]).await;
    let shown = json_of(url, &["service", "show", "shop"]).await;
    assert_eq!((&shown["title"], &shown["kind"]), (&json!("The shop"), &json!("HTTP")), "{shown}");
    assert_eq!(shown["authentication"]["secretName"], "shop_token", "an update in part leaves the rest: {shown}");
    let checked = json_of(url, &["service", "check", "shop"]).await;
    assert_eq!(checked["isReachable"], true, "{checked}");

    let request = r#"{"path": "/orders/{{order.id}}"}"#;
    done(url, &["resource", "create", "order.details", "--service", "shop", "--request", request]).await;
    done(url, &["resource", "update", "order.details", "--keep", "30s", "--required", "true"]).await;
    server.api.import(&[("uses.yaml", USES)]).await;
    let shown = json_of(url, &["resource", "show", "order.details"]).await;
    assert_eq!((&shown["timeToLive"], &shown["isRequired"]), (&json!("PT30S"), &json!(true)), "{shown}");
    assert_eq!(shown["usedBy"]["nodes"], json!([{ "slug": "uses" }]), "{shown}");

    for arguments in [
        ["resource", "rm", "order.details"],
        ["variable", "rm", "limit"],
        ["service", "rm", "shop"],
        ["secret", "rm", "shop_token"],
    ] {
        let refused = run(&[&arguments[..], &["--url", url]].concat(), &[]).await;
        assert!(refused.code == Some(1) && refused.err.contains("IN_USE"), "{arguments:?}: {refused:?}");
    }
    done(url, &["workflows", "disable", "uses"]).await;
    done(url, &["workflows", "archive", "uses"]).await;
    done(url, &["workflows", "delete", "uses"]).await;
    for arguments in [
        ["resource", "rm", "order.details"],
        ["variable", "rm", "limit"],
        ["service", "rm", "shop"],
        ["secret", "rm", "shop_token"],
    ] {
        done(url, &arguments).await;
    }
    let gone = run(&["secret", "rm", "shop_token", "--url", url], &[]).await;
    assert!(gone.code == Some(1) && gone.err.contains("there is no secret `shop_token`"), "{gone:?}");
}
