//! What every answer tells browsers, and what strangers learn from pages that need no credentials.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use sluice_api::HttpConfig;

use crate::front_door::support::{config, door, door_with, get, peopled_door, post_as};

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_browsers_safe() {
    let door = door();
    for path in ["/graphql", "/livez", "/readyz", "/nothing", "/docs/problems", "/docs/errors/NOT_FOUND"] {
        let answer = door.send(get(path)).await;
        let expected = [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ];
        for (name, value) in expected {
            assert_eq!(answer.header(name), value, "{name} of {path}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("server"), "", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}");
    }
}

#[tokio::test]
async fn no_page_has_scripts_or_handlers_of_its_own_inside() {
    let mut request = get("/graphql");
    request.headers_mut().insert(header::ACCEPT, "text/html".parse().unwrap());
    let page = door().send(request).await;
    assert!(!page.header("content-security-policy").contains("script-src 'self' 'unsafe-inline'"));
    for script in page.text().split("<script").skip(1) {
        assert!(script.split('>').next().unwrap().contains("src=\"/graphql/assets/"), "{script}");
    }
    assert!(!page.text().contains(" onload=") && !page.text().contains("javascript:"));
}

#[tokio::test]
async fn tls_is_asked_for_when_the_operator_says_so() {
    let config = HttpConfig { hsts: Some(Duration::from_hours(24 * 365)), ..config() };
    let answer = door_with(config, sluice_api::Health::default()).send(get("/livez")).await;
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
}

/// Origin, whether it is configured, and what the answer says.
#[tokio::test]
async fn across_origins_exactly_those_configured_are_answered() {
    let config = HttpConfig { allowed_origins: vec!["https://console.example".to_owned()], ..config() };
    let door = peopled_door(config);
    let table = [
        ("https://console.example", StatusCode::OK, "https://console.example"),
        ("http://console.example", StatusCode::FORBIDDEN, ""),
        ("https://console.example:8443", StatusCode::FORBIDDEN, ""),
        ("https://console.example.evil", StatusCode::FORBIDDEN, ""),
        ("https://evil.example", StatusCode::FORBIDDEN, ""),
        ("null", StatusCode::FORBIDDEN, ""),
    ];
    for (origin, status, allowed) in table {
        let mut request = post_as(Some("ada"), "{\"query\":\"{ number(n: 1) }\"}");
        request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        let answer = door.send(request).await;
        assert_eq!(answer.status, status, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{origin}");
        assert!(answer.header("vary").to_lowercase().contains("origin"), "{origin}");
    }
}

#[tokio::test]
async fn without_configured_origins_a_preflight_allows_nothing() {
    let request = Request::options("/graphql")
        .header(header::ORIGIN, "https://evil.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty())
        .unwrap();
    let answer = door().send(request).await;
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
}

#[tokio::test]
async fn strangers_learn_from_readiness_whether_and_nothing_else() {
    let config = HttpConfig { tells_parts: false, ..config() };
    let answer = door_with(config, sluice_api::Health::default()).send(get("/readyz")).await;
    assert_eq!(answer.text(), "{\"status\": \"ready\"}\n");
}

#[tokio::test]
async fn whoever_finds_a_weakness_is_told_whom_to_tell() {
    let none = door().send(get("/.well-known/security.txt")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let config = HttpConfig { security_contact: Some("mailto:security@example.com".into()), ..config() };
    let answer = door_with(config, sluice_api::Health::default()).send(get("/.well-known/security.txt")).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = answer.text();
    assert!(text.starts_with("Contact: mailto:security@example.com\nExpires: 2"), "{text}");
}
