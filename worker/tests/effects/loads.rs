//! What is fetched before the first step, from services that answer, fail or hang.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::definition::LoaderKind;
use engine::machine::{EffectRequest, ErrorClass, Load, LoadSource, Loads};
use ids::ResourceLoaderId;
use serde_json::{Value, json};
use service::parts::{AuthenticationKind, Resource, Service, ServiceKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::parts::{Known, effects, run, service, succeeded, try_once};
use crate::stub::{Stub, answer, header, json_answer};
use crate::{AMPLE, failed};

fn registered(name: &str, service: &str, request: Value) -> Resource {
    Resource {
        id: ResourceLoaderId::new(),
        name: name.to_owned(),
        service: service.to_owned(),
        request,
        result_path: None,
        output_schema: None,
        is_required: false,
        time_to_live: Duration::ZERO,
    }
}

fn named(name: &str) -> Load {
    Load { name: name.to_owned(), is_optional: true, source: None }
}

fn own(name: &str, kind: LoaderKind, path: &str, is_optional: bool) -> Load {
    let source = LoadSource {
        kind,
        service: None,
        path: Some(path.to_owned()),
        query: Value::Null,
        key: None,
        params: Value::Null,
        cache_ttl: None,
    };
    Load { name: name.to_owned(), is_optional, source: Some(source) }
}

fn loads(resources: Vec<Load>) -> EffectRequest {
    EffectRequest::Load(Box::new(Loads {
        resources,
        variables: Vec::new(),
        integrations: Vec::new(),
        context: json!({ "order": { "id": "o-1" } }),
    }))
}

fn of_kind(kind: ServiceKind, name: &str, url: &str) -> Service {
    Service { kind, ..service(name, url, AuthenticationKind::Bearer, &json!({ "username": "reader" })) }
}

fn known() -> Known {
    Known::default().secret("KEY", "s3cr3t-value", &[])
}

#[tokio::test]
async fn registered_resources_are_rendered_over_the_context_and_keep_their_part_of_the_answer() {
    let stub = Stub::answering(|_| json_answer("{\"data\":{\"order\":{\"total\":5}},\"echo\":\"s3cr3t-value\"}")).await;
    let mut known = known().service(service("shop", &stub.url("/api"), AuthenticationKind::Bearer, &json!({})));
    let mut details =
        registered("order.details", "shop", json!({ "path": "/orders/{{order.id}}", "query": { "a": 1 } }));
    details.result_path = Some("data.order".to_owned());
    known.resources = vec![details, registered("raw", "shop", json!({ "path": "/raw" }))];
    let output =
        succeeded(run(&Arc::new(known), loads(vec![named("order.details"), named("raw"), named("x")]), &[]).await);
    assert_eq!(output["resources"]["order.details"], json!({ "total": 5 }));
    assert_eq!(output["resources"]["raw"]["echo"], "***");
    assert_eq!(output["absent"], json!([{ "name": "x", "reason": "it is not registered" }]));
    let mut seen = stub.requests();
    seen.sort();
    assert!(seen[0].starts_with("GET /api/orders/o-1?a=1 HTTP/1.1"), "{}", seen[0]);
    assert_eq!(header(&seen[0], "authorization"), Some("Bearer s3cr3t-value"));
}

#[tokio::test]
async fn one_that_hangs_or_fails_takes_none_of_the_others_with_it() {
    let good = Stub::answering(|_| json_answer("{\"a\":1}")).await;
    let bad = Stub::answering(|_| answer("500 Internal Server Error", "", "")).await;
    let gone = Stub::answering(|_| answer("404 Not Found", "", "")).await;
    let silent = Stub::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let resources = vec![
        own("good", LoaderKind::Http, &good.url("/"), true),
        own("bad", LoaderKind::Http, &bad.url("/"), true),
        own("gone", LoaderKind::Http, &gone.url("/"), true),
        own("silent", LoaderKind::Http, &silent.url("/"), true),
    ];
    let known = Arc::new(known());
    let output = succeeded(try_once(&effects(&known), loads(resources), &[], Duration::from_secs(1)).await);
    assert_eq!(output["resources"], json!({ "good": { "a": 1 } }));
    let absent: Vec<&str> = output["absent"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(absent, ["bad", "gone", "silent"]);
}

#[tokio::test]
async fn one_that_is_required_fails_the_effect_with_what_a_retry_policy_can_tell() {
    let known = Arc::new(known());
    let bad = Stub::answering(|_| answer("503 Service Unavailable", "retry-after: 4\r\n", "")).await;
    let error = failed(run(&known, loads(vec![own("a", LoaderKind::Http, &bad.url("/"), false)]), &[]).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("RESOURCE_UNAVAILABLE", ErrorClass::Http(503)));
    assert_eq!(error.retry_after, Some(Duration::from_secs(4)));
    let gone = Stub::answering(|_| answer("404 Not Found", "", "")).await;
    let error = failed(run(&known, loads(vec![own("a", LoaderKind::Http, &gone.url("/"), false)]), &[]).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("RESOURCE_NOT_FOUND", ErrorClass::Other));
}

#[tokio::test]
async fn an_answer_that_may_be_kept_is_fetched_once_for_the_same_question() {
    let stub = Stub::answering(|_| json_answer("{\"a\":1,\"echo\":\"s3cr3t-value\"}")).await;
    let mut known = known().service(service("shop", &stub.url(""), AuthenticationKind::Bearer, &json!({})));
    let mut kept = registered("kept", "shop", json!({ "path": "/kept/{{order.id}}" }));
    kept.time_to_live = Duration::from_mins(1);
    known.resources = vec![kept];
    let effects = effects(&Arc::new(known));
    for _try in 0..2 {
        let output = succeeded(try_once(&effects, loads(vec![named("kept")]), &[], AMPLE).await);
        assert_eq!(output["resources"]["kept"], json!({ "a": 1, "echo": "***" }));
    }
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_was_kept_is_not_given_for_another_secret() {
    let stub = Stub::answering(|_| json_answer("{\"a\":1}")).await;
    let mut known = known().service(service("shop", &stub.url(""), AuthenticationKind::Bearer, &json!({})));
    let mut kept = registered("kept", "shop", json!({ "path": "/kept" }));
    kept.time_to_live = Duration::from_mins(1);
    known.resources = vec![kept];
    let known = Arc::new(known);
    let effects = effects(&known);
    for (rotations, calls) in [(0, 1), (0, 1), (1, 2), (1, 2)] {
        known.rotations.store(rotations, Ordering::SeqCst);
        succeeded(try_once(&effects, loads(vec![named("kept")]), &[], AMPLE).await);
        assert_eq!(stub.requests().len(), calls, "after {rotations} rotations");
    }
}

#[tokio::test]
async fn many_are_fetched_each_with_a_key_of_its_own() {
    let stub = Stub::answering(|_| json_answer("1")).await;
    let resources: Vec<Load> =
        (0..20).map(|number| own(&format!("r{number:02}"), LoaderKind::Http, &stub.url("/"), true)).collect();
    let output = succeeded(run(&Arc::new(known()), loads(resources), &[]).await);
    assert_eq!(output["resources"].as_object().unwrap().len(), 20, "{output}");
    let mut keys: Vec<String> =
        stub.requests().iter().map(|seen| header(seen, "idempotency-key").unwrap().to_owned()).collect();
    keys.sort();
    let expected: Vec<String> = (0..20).map(|number| format!("exe_1/tell/0/0/r{number:02}")).collect();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn an_answer_over_a_mebibyte_is_refused() {
    let stub = Stub::answering(|_| json_answer(&json!("x".repeat(1024 * 1024)).to_string())).await;
    let output =
        succeeded(run(&Arc::new(known()), loads(vec![own("a", LoaderKind::Http, &stub.url("/"), true)]), &[]).await);
    assert!(output["absent"][0]["reason"].as_str().unwrap().starts_with("RESPONSE_TOO_LARGE"), "{output}");
}

#[tokio::test(start_paused = true)]
async fn a_redis_server_that_says_nothing_when_it_shall_encrypt_is_given_up() {
    let silent = Stub::raw(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let url = format!("rediss://127.0.0.1:{}", silent.port());
    let known = Arc::new(known().service(of_kind(ServiceKind::Redis, "cache", &url)));
    let mut load = own("customer", LoaderKind::Redis, "", false);
    if let Some(source) = &mut load.source {
        source.key = Some("customer:1".to_owned());
    }
    let error = failed(run(&known, loads(vec![load]), &[]).await);
    assert_eq!(error.detail.unwrap()["code"], "CONNECTION_FAILED", "{}", error.message);
}

#[tokio::test]
async fn several_services_are_shown_and_one_that_is_not_there_is_absent() {
    let at = |name: &str| service(name, "https://shop.example.com", AuthenticationKind::None, &json!({}));
    let known = Known::default().service(at("one")).service(at("two")).service(at("three"));
    let request = EffectRequest::Load(Box::new(Loads {
        resources: Vec::new(),
        variables: Vec::new(),
        integrations: ["one", "two", "four"].map(str::to_owned).to_vec(),
        context: Value::Null,
    }));
    let known = Arc::new(known);
    let output = succeeded(run(&known, request, &[]).await);
    let shown: Vec<&String> = output["integrations"].as_object().unwrap().keys().collect();
    assert_eq!(shown, ["one", "two"]);
    assert_eq!(output["absent"][0]["name"], "integrations.four");
    assert_eq!(known.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn variables_and_what_services_are_like_come_without_secrets() {
    let settings = json!({ "headers": { "x-token": "t0ken" }, "username": "u", "region": "eu" });
    let mut known = known().service(service("shop", "https://shop.example.com", AuthenticationKind::Bearer, &settings));
    known.variables.insert("limit".to_owned(), json!(5));
    let request = EffectRequest::Load(Box::new(Loads {
        resources: Vec::new(),
        variables: vec!["limit".to_owned(), "none".to_owned()],
        integrations: vec!["shop".to_owned()],
        context: Value::Null,
    }));
    let output = succeeded(run(&Arc::new(known), request, &[]).await);
    assert_eq!(output["variables"], json!({ "limit": 5 }));
    assert_eq!(
        output["integrations"]["shop"],
        json!({
            "name": "shop", "kind": "http", "base_url": "https://shop.example.com", "settings": { "region": "eu" },
        })
    );
    assert_eq!(output["absent"], json!([{ "name": "vars.none", "reason": "it does not exist" }]));
}

/// A Redis server that knows one key, and answers what it is asked command by command.
async fn redis() -> Stub {
    Stub::raw(|mut stream| async move {
        let mut seen = Vec::new();
        let mut told = 0;
        while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {
            let text = String::from_utf8_lossy(&seen).to_lowercase();
            // The name of a command stands alone in a line.
            let commands: Vec<&str> = text.split("\r\n").collect();
            let asked = commands.iter().filter(|word| ["auth", "select", "exec"].contains(word)).count();
            while told < asked {
                let is_last = commands.contains(&"exec") && told + 1 == asked;
                let known = text.contains("customer:1");
                let answer = match (is_last, known) {
                    (false, _) => "+OK\r\n".to_owned(),
                    (true, true) => {
                        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n$15\r\n{\"tier\":\"gold\"}\r\n".to_owned()
                    }
                    (true, false) => "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:0\r\n$0\r\n\r\n".to_owned(),
                };
                told += 1;
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_key_in_redis_is_read_as_json_and_one_that_is_not_there_is_absent() {
    let server = redis().await;
    let url = format!("redis://127.0.0.1:{}/0", server.port());
    let known = Arc::new(known().service(of_kind(ServiceKind::Redis, "cache", &url)));
    let load = |key: &str| {
        let mut load = own("customer", LoaderKind::Redis, "", true);
        if let Some(source) = &mut load.source {
            source.key = Some(key.to_owned());
        }
        loads(vec![load])
    };
    let output = succeeded(run(&known, load("customer:1"), &[]).await);
    assert_eq!(output["resources"]["customer"], json!({ "tier": "gold" }), "{output}");
    let output = succeeded(run(&known, load("customer:2"), &[]).await);
    assert_eq!(output["absent"], json!([{ "name": "customer", "reason": "there is no such key" }]));
}

#[tokio::test]
async fn a_database_that_is_away_forbidden_or_no_database_is_told_apart() {
    let statement = |url: &str| {
        let known = Arc::new(known().service(of_kind(ServiceKind::Sql, "warehouse", url)));
        let mut load = own("customer", LoaderKind::Sql, "", false);
        if let Some(source) = &mut load.source {
            source.query = json!("values (1)");
        }
        async move { failed(run(&known, loads(vec![load]), &[]).await) }
    };
    let hangs_up = Stub::raw(|stream| async move { drop(stream) }).await;
    let error = statement(&format!("postgres://127.0.0.1:{}/shop?sslmode=disable", hangs_up.port())).await;
    assert_eq!(error.detail.unwrap()["code"], "CONNECTION_FAILED", "{}", error.message);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = statement(&format!("postgres://127.0.0.1:{free}/shop?sslmode=disable")).await;
    assert_eq!(error.detail.unwrap()["code"], "CONNECTION_REFUSED", "{}", error.message);
    let error = statement("postgres://10.0.0.1/shop").await;
    assert_eq!(error.code, "EGRESS_DENIED", "{error:?}");
    let error = statement("postgres://u:hunter2@127.0.0.1/shop").await;
    assert_eq!(error.code, "INVALID_SERVICE", "{error:?}");
    assert!(!error.message.contains("hunter2"));
}
