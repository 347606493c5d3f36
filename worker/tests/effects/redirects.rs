//! Redirects: few, checked anew, and without credentials elsewhere.

use engine::machine::Body;
use sluice_worker::egress::EgressPolicy;

use crate::stub::{Stub, answer, header, json_answer};
use crate::{effect, fail, local, request, succeed};

fn moved(status: &str, location: &str) -> Vec<u8> {
    answer(status, &format!("location: {location}\r\n"), "")
}

#[tokio::test]
async fn up_to_five_redirects_are_followed() {
    let stub = Stub::answering(|seen| match seen.as_bytes()[5] {
        b'5' => json_answer("{\"at\":5}"),
        hop => moved("302 Found", &format!("/{}", char::from(hop + 1))),
    })
    .await;
    assert_eq!(succeed(&local(), &request("GET", stub.url("/0"))).await["body"]["at"], 5);
    assert_eq!(stub.requests().len(), 6);
}

#[tokio::test]
async fn fifty_redirects_stop_at_the_sixth() {
    let stub = Stub::answering(|_| moved("307 Temporary Redirect", "/again")).await;
    let error = fail(&local(), &request("GET", stub.url("/"))).await;
    assert_eq!(error.code, "TOO_MANY_REDIRECTS");
    assert_eq!(stub.requests().len(), 6);
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_place_is_denied_at_its_hop() {
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://0xa9fea9fe/",
        "http://metadata.google.internal/",
        "http://10.0.0.1/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "data:text/plain,x",
    ] {
        let stub = Stub::answering(move |_| moved("302 Found", location)).await;
        let error = fail(&local(), &request("GET", stub.url("/"))).await;
        assert_eq!(error.code, "EGRESS_DENIED", "{location}");
        assert_eq!(stub.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_listed_host_cannot_lead_to_a_loopback_port_that_is_not_listed() {
    let hidden = Stub::answering(|_| json_answer("{\"secret\":true}")).await;
    let location = hidden.url("/");
    let open = Stub::answering(move |_| moved("302 Found", &location)).await;
    let listed = EgressPolicy::strict().allowing(&format!("127.0.0.1:{}", open.port())).unwrap();
    let error = fail(&effect(listed), &request("GET", open.url("/"))).await;
    assert_eq!(error.code, "EGRESS_DENIED");
    assert_eq!((open.requests().len(), hidden.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_redirect_with_credentials_in_its_url_is_refused() {
    let stub = Stub::answering(|_| moved("302 Found", "http://user:pass@127.0.0.1/")).await;
    assert_eq!(fail(&local(), &request("GET", stub.url("/"))).await.code, "INVALID_URL");
}

#[tokio::test]
async fn a_changed_origin_sees_no_credentials_and_the_same_origin_does() {
    let other = Stub::answering(|_| json_answer("{}")).await;
    let elsewhere = other.url("/landed");
    let first = Stub::answering(move |seen| {
        moved("301 Moved Permanently", if seen.starts_with("GET /same") { "/next" } else { &elsewhere })
    })
    .await;
    let mut call = request("GET", first.url("/same"));
    call.headers = [("Authorization", "Bearer t"), ("X-Api-Key", "k"), ("Cookie", "c=1"), ("Accept", "text/plain")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    succeed(&local(), &call).await;
    for seen in first.requests() {
        assert_eq!(header(&seen, "authorization"), Some("Bearer t"));
        assert_eq!(header(&seen, "x-api-key"), Some("k"));
    }
    assert_eq!(first.requests().len(), 2);
    let [landed] = <[String; 1]>::try_from(other.requests()).unwrap();
    for gone in ["authorization", "x-api-key", "cookie", "referer"] {
        assert_eq!(header(&landed, gone), None, "{gone}");
    }
    assert_eq!(header(&landed, "accept"), Some("text/plain"));
    assert!(header(&landed, "idempotency-key").is_some());
}

#[tokio::test]
async fn only_get_and_head_without_a_body_are_sent_elsewhere() {
    let stub = Stub::answering(|_| moved("307 Temporary Redirect", "/next")).await;
    let post = fail(&local(), &request("POST", stub.url("/"))).await;
    assert_eq!((post.code.as_str(), post.status), ("HTTP_STATUS", Some(307)));
    let mut with_body = request("GET", stub.url("/"));
    with_body.body = Some(Body::Text("x".into()));
    assert_eq!(fail(&local(), &with_body).await.status, Some(307));
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_the_answer() {
    let stub = Stub::answering(|_| moved("302 Found", "/next")).await;
    let mut call = request("GET", stub.url("/"));
    call.expect_status = vec![302];
    let output = succeed(&local(), &call).await;
    assert_eq!(output["headers"]["location"], "/next");
}
