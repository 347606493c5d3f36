//! What is sent, and what becomes of answers that are whole.

use std::time::{Duration, SystemTime};

use engine::machine::{Body, ErrorClass};
use serde_json::json;

use crate::stub::{Stub, answer, header, json_answer};
use crate::{fail, local, request, succeed};

#[tokio::test]
async fn a_json_answer_becomes_status_headers_and_body() {
    let stub = Stub::answering(|_| {
        let headers = "Content-Type: application/json\r\nX-Request: 7\r\nSet-Cookie: sid=1\r\n";
        answer("201 Created", headers, r#"{"id":"ch_1","amount":12.5}"#)
    })
    .await;
    let output = succeed(&local(), &request("POST", stub.url("/charges"))).await;
    assert_eq!(
        output,
        json!({
            "status": 201,
            "headers": {
                "content-type": "application/json", "x-request": "7", "content-length": "27", "connection": "close"
            },
            "body": { "id": "ch_1", "amount": 12.5 },
        })
    );
}

#[tokio::test]
async fn every_request_carries_the_idempotency_key_and_says_who_calls() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let mut call = request("POST", stub.url("/charges?a=1"));
    call.query = vec![("note".into(), "a b&c".into())];
    call.headers = vec![("X-Api-Key".into(), "k".into())];
    call.body = Some(Body::Json(json!({ "amount": 3 })));
    succeed(&local(), &call).await;
    let [seen] = <[String; 1]>::try_from(stub.requests()).unwrap();
    assert!(seen.starts_with("POST /charges?a=1&note=a+b%26c HTTP/1.1\r\n"), "{seen}");
    assert!(seen.ends_with("\r\n\r\n{\"amount\":3}"), "{seen}");
    let version = concat!("sluice/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("idempotency-key", "exe_1/charge/0/0"),
        ("user-agent", version),
        ("x-api-key", "k"),
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(header(&seen, name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_key_and_a_content_type_of_the_author_go_before_ours() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let mut call = request("PUT", stub.url("/"));
    call.headers =
        vec![("Idempotency-Key".into(), "order-1".into()), ("Content-Type".into(), "application/vnd.a+json".into())];
    call.body = Some(Body::Text("{}".into()));
    succeed(&local(), &call).await;
    let seen = &stub.requests()[0];
    assert_eq!(header(seen, "idempotency-key"), Some("order-1"));
    assert_eq!(header(seen, "content-type"), Some("application/vnd.a+json"));
}

#[tokio::test]
async fn a_form_is_sent_url_encoded() {
    let stub = Stub::answering(|_| answer("204 No Content", "", "")).await;
    let mut call = request("POST", stub.url("/"));
    call.body = Some(Body::Form(vec![("name".into(), "Zoë & co".into()), ("x".into(), String::new())]));
    let output = succeed(&local(), &call).await;
    let seen = &stub.requests()[0];
    assert!(seen.ends_with("\r\n\r\nname=Zo%C3%AB+%26+co&x="), "{seen}");
    assert_eq!(header(seen, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!((&output["status"], &output["body"]), (&json!(204), &json!(null)));
}

#[tokio::test]
async fn headers_that_would_change_the_connection_or_the_site_are_refused() {
    let http = local();
    for (name, value) in [
        ("Host", "internal"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "x"),
        ("X-Note", "a\r\nX-Injected: 1"),
        ("X-Note", "a\0b"),
        ("X Note", "a"),
        ("X-Note\r\nX-Injected", "1"),
        ("", "1"),
    ] {
        let mut call = request("GET", "http://127.0.0.1:9/");
        call.headers = vec![(name.into(), value.into())];
        let error = fail(&http, &call).await;
        assert_eq!(error.code, "INVALID_HEADER", "{name:?}: {value:?}");
        assert!(!error.message.contains("Injected"), "{}", error.message);
    }
}

#[tokio::test]
async fn a_method_that_is_none_is_refused() {
    for method in ["GET /x", "CONNECT", "TRACE", ""] {
        assert_eq!(fail(&local(), &request(method, "http://127.0.0.1:9/")).await.code, "INVALID_METHOD", "{method}");
    }
}

#[tokio::test]
async fn an_error_status_fails_with_its_class_and_shows_the_answer_to_people_only_in_detail() {
    let stub = Stub::answering(|_| {
        answer("500 Internal Server Error", "content-type: application/json\r\n", r#"{"why":"stock"}"#)
    })
    .await;
    let error = fail(&local(), &request("GET", stub.url("/a?token=s3cret"))).await;
    assert_eq!((error.code.as_str(), error.status), ("HTTP_STATUS", Some(500)));
    assert_eq!(error.retryable_class, ErrorClass::Http(500));
    assert_eq!(error.message, format!("GET 127.0.0.1:{}: answered with status 500", stub.port()));
    assert_eq!(error.detail, Some(json!({ "status": 500, "body": { "why": "stock" } })));
}

#[tokio::test]
async fn expected_statuses_replace_the_usual_ones() {
    let stub = Stub::answering(|seen| {
        if seen.starts_with("GET /missing") { answer("404 Not Found", "", "") } else { json_answer("{}") }
    })
    .await;
    let http = local();
    let expecting = |path| {
        let mut call = request("GET", stub.url(path));
        call.expect_status = vec![404, 410];
        call
    };
    assert_eq!(succeed(&http, &expecting("/missing")).await["status"], 404);
    assert_eq!(fail(&http, &expecting("/there")).await.status, Some(200));
}

#[tokio::test]
async fn retry_after_is_read_capped_or_ignored() {
    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(2));
    for (value, wait) in [
        ("5", Some(5)),
        ("1000000000", Some(3600)),
        (in_an_hour.as_str(), Some(3600)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("-5", None),
        ("later", None),
    ] {
        let headers = format!("retry-after: {value}\r\n");
        let stub = Stub::answering(move |_| answer("429 Too Many Requests", &headers, "")).await;
        let error = fail(&local(), &request("GET", stub.url("/"))).await;
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{value}");
        assert_eq!(error.retryable_class, ErrorClass::Http(429));
    }
}

#[tokio::test]
async fn a_body_that_claims_to_be_json_and_is_not_fails_the_step() {
    let stub = Stub::answering(|_| json_answer("<html>it works</html>")).await;
    let error = fail(&local(), &request("GET", stub.url("/"))).await;
    assert_eq!((error.code.as_str(), error.status), ("INVALID_RESPONSE_BODY", Some(200)));
    assert_eq!(error.retryable_class, ErrorClass::Other);
    assert!(!error.message.contains("html"), "{}", error.message);
}

#[tokio::test]
async fn text_stays_text_whatever_it_looks_like() {
    let stub = Stub::answering(|_| answer("200 OK", "content-type: text/plain\r\n", "{\"a\":1}")).await;
    assert_eq!(succeed(&local(), &request("GET", stub.url("/"))).await["body"], "{\"a\":1}");
}

#[tokio::test]
async fn a_compressed_answer_is_never_unpacked() {
    let stub = Stub::answering(|_| {
        answer("200 OK", "content-type: application/json\r\ncontent-encoding: gzip\r\n", "\u{1f}bomb")
    })
    .await;
    let error = fail(&local(), &request("GET", stub.url("/"))).await;
    assert_eq!(error.code, "INVALID_RESPONSE_BODY");
    assert!(error.message.contains("compressed"), "{}", error.message);
}
