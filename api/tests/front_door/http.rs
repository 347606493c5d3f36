//! `POST /graphql`: status, media type, errors, limits.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use futures::stream::{self, StreamExt};
use ids::OrganizationId;
use serde_json::{Value, json};
use sluice_api::{Health, HttpConfig, OwnerOf, Shutdown};
use tower::ServiceExt;

use crate::front_door::support::{config, door, door_with, get, guarded_door, post, within};

const MODERN: &str = "application/graphql-response+json; charset=utf-8";
const PLAIN: &str = "application/json; charset=utf-8";

fn accepting(accept: &str, body: &Value) -> Request<Body> {
    let mut request = post(body.to_string());
    request.headers_mut().insert(header::ACCEPT, accept.parse().unwrap());
    request
}

#[tokio::test]
async fn the_status_tells_what_happened_for_the_modern_type_and_is_200_for_the_plain_one() {
    let door = door();
    // Document, status for each type, whether there is data.
    let table = [
        ("{ number(n: 1) }", 200, 200, true),
        ("{ refuses }", 200, 200, true),
        ("{ number(n: ", 400, 200, false),
        ("{ nothing }", 400, 200, false),
        ("query A { leaks } query B { leaks }", 400, 200, false),
        ("{ ...A } fragment A on Query { ...A }", 400, 200, false),
        ("", 400, 200, false),
        ("{ panics }", 500, 500, false),
    ];
    for (document, modern, plain, has_data) in table {
        for (accept, status, content_type) in
            [("application/graphql-response+json", modern, MODERN), ("application/json", plain, PLAIN)]
        {
            let answer = door.send(accepting(accept, &json!({ "query": document }))).await;
            assert_eq!(answer.status.as_u16(), status, "{document} as {accept}: {}", answer.text());
            assert_eq!(answer.header("content-type"), content_type, "{document}");
            assert_eq!(answer.json().get("data").is_some(), has_data, "{document}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_with_what_is_wrong() {
    let door = door();
    let table = [
        ("", "the body is not JSON"),
        ("{", "the body is not JSON"),
        ("{\"query\": \"{ a }\"} x", "the body is not JSON"),
        ("\"{ a }\"", "the body is not a GraphQL request"),
        ("{}", "`query` is missing"),
        ("{\"query\": null}", "`query` is missing"),
        ("{\"query\": 7}", "the body is not a GraphQL request"),
        ("{\"query\": \"{ a }\", \"variables\": []}", "the body is not a GraphQL request"),
        ("{\"query\": \"{ a }\", \"variables\": \"x\"}", "the body is not a GraphQL request"),
        ("{\"query\": \"{ a }\", \"operationName\": 7}", "the body is not a GraphQL request"),
        ("{\"query\": \"{ a }\", \"extensions\": 7}", "the body is not a GraphQL request"),
    ];
    for (body, told) in table {
        let answer = door.post(body).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST".to_owned()), "{body}");
        let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(told), "{body}: {message}");
    }
    let deep = format!("{{\"query\":\"{{ a }}\",\"variables\":{{\"v\":{}", "[".repeat(100_000));
    assert_eq!(door.post(deep).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(door.post(&b"{\"query\":\"\xff\"}"[..]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_refused_document_is_told_with_code_line_and_column() {
    let answer = door().query("{\n  leaks @a @b @c @d @e @f\n}").await;
    assert_eq!(
        answer.json(),
        json!({ "errors": [{
            "message": "one place has more than 5 directives",
            "locations": [{ "line": 2, "column": 24 }],
            "extensions": { "code": "QUERY_TOO_COMPLEX" },
        }] })
    );
}

#[tokio::test]
async fn variables_and_operation_names_arrive() {
    let body = json!({
        "query": "query A($n: Int!) { number(n: $n) } query B { refuses }",
        "operationName": "A",
        "variables": { "n": 4 },
        "extensions": { "anything": true },
    });
    let answer = door().post(body.to_string()).await;
    assert_eq!(answer.json(), json!({ "data": { "number": 4 } }));
    let unknown = json!({ "query": "query A { refuses }", "operationName": "C" });
    assert_eq!(door().post(unknown.to_string()).await.code(), "BAD_DOCUMENT");
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_told_and_not_masked() {
    let door = door();
    let literal = door.query("{ number(n: 99999999999) }").await;
    assert_ne!(literal.code(), "INTERNAL", "{}", literal.text());
    let body = json!({ "query": "query($n: Int!) { number(n: $n) }", "variables": { "n": 99_999_999_999_i64 } });
    let variable = door.post(body.to_string()).await;
    assert_ne!(variable.code(), "INTERNAL", "{}", variable.text());
    assert!(!variable.code().is_empty(), "{}", variable.text());
}

#[tokio::test]
async fn what_breaks_inside_is_masked_and_carries_the_request_id() {
    let door = door();
    for document in ["{ leaks }", "{ leaksIo }", "{ panics }"] {
        let mut request = post(json!({ "query": document }).to_string());
        request.headers_mut().insert("x-request-id", "trace-7".parse().unwrap());
        let answer = door.send(request).await;
        let error = &answer.json()["errors"][0];
        assert_eq!(error["message"], "something broke on our side", "{document}");
        assert_eq!(error["extensions"], json!({ "code": "INTERNAL", "requestId": "trace-7" }), "{document}");
        assert_eq!(answer.header("x-request-id"), "trace-7");
        assert!(!answer.text().contains("secret"), "{document}");
    }
    let kept = door.query("{ refuses }").await;
    assert_eq!(kept.json()["errors"][0]["message"], "not for you");
    assert_eq!(kept.code(), "FORBIDDEN");
}

#[tokio::test]
async fn resolvers_see_the_viewer_and_the_request_id() {
    let door = door();
    let answer = door.query("{ organization requestId }").await;
    assert_eq!(answer.json()["data"]["organization"], door.organization.to_string());
    assert_eq!(answer.json()["data"]["requestId"], answer.header("x-request-id"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_without_being_read() {
    let door = door();
    let mut announced = post(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
    announced.headers_mut().insert(header::CONTENT_LENGTH, "268435456".parse().unwrap());
    assert_eq!(door.send(announced).await.status, StatusCode::PAYLOAD_TOO_LARGE);

    let chunks = Arc::new(AtomicUsize::new(0));
    let counted = chunks.clone();
    let endless = stream::repeat_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from(vec![b' '; 64 * 1024]))
    });
    let answer = door.post(Body::from_stream(endless.take(4096))).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE".to_owned()));
    let read = chunks.load(Ordering::SeqCst);
    assert!((16..=18).contains(&read), "1 MiB is 16 chunks, {read} were read");
}

#[tokio::test]
async fn a_foreign_type_is_refused_without_reading_the_body() {
    let mut request = post(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()));
    request.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(door().send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let answer = door_with(HttpConfig { body_timeout: Duration::from_secs(5), ..config() }, Health::default())
        .post(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()))
        .await;
    assert_eq!((answer.status, answer.code()), (StatusCode::REQUEST_TIMEOUT, "BAD_REQUEST".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_does_not_end_is_cancelled_and_may_be_tried_again() {
    let door = door_with(HttpConfig { request_timeout: Duration::from_secs(5), ..config() }, Health::default());
    let answer = door.query("{ never }").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE".to_owned()));
    within(door.probe.dropped.notified()).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_its_query() {
    let door = door();
    let running = tokio::spawn(door.router.clone().oneshot(post(json!({ "query": "{ never }" }).to_string())));
    within(door.probe.entered.notified()).await;
    running.abort();
    within(door.probe.dropped.notified()).await;
}

#[tokio::test]
async fn a_subscription_over_plain_post_is_told_where_to_go() {
    let answer = door().query("subscription { count(to: 2) }").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_REQUEST".to_owned()));
    assert!(answer.text().contains("text/event-stream"));
}

#[tokio::test]
async fn an_answer_nobody_can_give_is_406() {
    let answer = door().send(accepting("image/png", &json!({ "query": "{ number(n: 1) }" }))).await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test]
async fn a_caller_without_valid_credentials_is_refused_before_its_body_is_read() {
    let door = guarded_door();
    let answer = door.post(Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED".to_owned()));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let mut request = post(json!({ "query": "{ number(n: 1) }" }).to_string());
    request.headers_mut().insert(header::AUTHORIZATION, "Bearer open".parse().unwrap());
    assert_eq!(door.send(request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let door = door();
    for request in [post("{"), get("/livez"), get("/nothing"), get("/graphql")] {
        let answer = door.send(request).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn only_configured_origins_are_answered_across_origins() {
    let config = HttpConfig { allowed_origins: vec!["https://console.example".to_owned()], ..config() };
    let door = door_with(config, Health::default());
    let preflight = |origin: &str| {
        Request::options("/graphql")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type")
            .body(Body::empty())
            .unwrap()
    };
    let allowed = door.send(preflight("https://console.example")).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://console.example");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    assert!(allowed.header("vary").contains("origin"), "{}", allowed.header("vary"));
    let foreign = door.send(preflight("https://evil.example")).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_schema_without_mutations_and_subscriptions_fits_the_door_too() {
    let router = sluice_api::router(sluice_api::FrontDoor {
        executor: crate::front_door::schema::read_only(),
        health: Health::default(),
        viewers: Arc::new(OwnerOf(OrganizationId::new())),
        metrics: None,
        single_sign_on: None,
        inbound: None,
        shutdown: Shutdown::new(),
        config: config(),
    });
    let response = within(router.oneshot(post(json!({ "query": "{ number(n: 3) }" }).to_string()))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}
