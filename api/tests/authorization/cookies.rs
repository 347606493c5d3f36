//! Cookies: whose they are, and that pages of others cannot use them.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::authorization::world::{Template, World};

const VIEWER: &str = "{ viewer { permissions } }";

/// Status, and the code of the first error or `OK`.
async fn ask(world: &World, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let mut request = Request::post("/graphql").header(header::HOST, "127.0.0.1:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(json!({ "query": VIEWER }).to_string())).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("OK").to_owned();
    (status, code)
}

#[tokio::test]
async fn a_cookie_stands_for_the_header_when_one_of_our_own_pages_sends_it() {
    let world = Template::new().await.world().await;
    let token = world.caller("agent").token.clone().unwrap();
    let cookie = format!("theme=dark; sluice_access={token}");
    let json = ("content-type", "application/json");
    let own = ("origin", "http://127.0.0.1:8080");
    let known = (StatusCode::OK, "OK".to_owned());
    assert_eq!(ask(&world, &[json, own, ("cookie", &cookie)]).await, known);
    assert_eq!(ask(&world, &[json, ("x-sluice-cookies", "1"), ("cookie", &cookie)]).await, known);
    // It is over, or was never good: the browser cannot help sending it.
    let nobody = (StatusCode::OK, "UNAUTHENTICATED".to_owned());
    assert_eq!(ask(&world, &[json, own, ("cookie", "sluice_access=guess")]).await, nobody);
    // The names of servers with TLS are others.
    assert_eq!(ask(&world, &[json, own, ("cookie", &format!("__Host-sluice_access={token}"))]).await, nobody);
}

#[tokio::test]
async fn pages_of_others_cannot_use_a_cookie() {
    let world = Template::new().await.world().await;
    let token = world.caller("owner").token.clone().unwrap();
    let cookie = format!("sluice_access={token}");
    let cookie = ("cookie", cookie.as_str());
    let json = ("content-type", "application/json");
    let table = [
        (vec![json, cookie], StatusCode::OK, "UNAUTHENTICATED"),
        (vec![json, cookie, ("origin", "https://evil.example")], StatusCode::FORBIDDEN, "FORBIDDEN"),
        (vec![json, cookie, ("origin", "null")], StatusCode::FORBIDDEN, "FORBIDDEN"),
        (vec![json, cookie, ("origin", "http://127.0.0.1:9090")], StatusCode::FORBIDDEN, "FORBIDDEN"),
    ];
    for (headers, status, code) in table {
        assert_eq!(ask(&world, &headers).await, (status, code.to_owned()), "{headers:?}");
    }
    // What forms can send.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let headers = [("content-type", kind), cookie, ("origin", "http://127.0.0.1:8080")];
        let (status, _code) = ask(&world, &headers).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    // Other pages ask first, and are told no.
    let preflight = Request::options("/graphql")
        .header(header::HOST, "127.0.0.1:8080")
        .header(header::ORIGIN, "https://evil.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-sluice-cookies")
        .body(Body::empty())
        .unwrap();
    let answer = world.router.clone().oneshot(preflight).await.unwrap();
    for name in [header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_ALLOW_CREDENTIALS] {
        assert!(!answer.headers().contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn the_header_wins_over_a_cookie_also_when_it_is_wrong() {
    let world = Template::new().await.world().await;
    let token = world.caller("owner").token.clone().unwrap();
    let cookie = format!("sluice_access={token}");
    let headers = [
        ("content-type", "application/json"),
        ("origin", "http://127.0.0.1:8080"),
        ("cookie", cookie.as_str()),
        ("authorization", "Bearer slk_guess"),
    ];
    assert_eq!(ask(&world, &headers).await, (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED".to_owned()));
}
