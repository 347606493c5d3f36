//! Secrets leave with the call that names them, to their hosts alone, and do not come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::machine::{Body, CallTo, EffectRequest, ErrorClass, GraphqlCall};
use serde_json::json;

use crate::parts::{Known, marked, run, run_within, succeeded};
use crate::stub::{Stub, answer, header, json_answer};
use crate::{failed, request};

const VALUE: &str = "s3cr3t-v&lue";

fn known(hosts: &[&str]) -> Arc<Known> {
    Arc::new(Known::default().secret("KEY", VALUE, hosts))
}

/// Answers with the request, as the body's text.
fn echo(seen: &str) -> Vec<u8> {
    answer("200 OK", "content-type: text/plain\r\n", seen)
}

#[tokio::test]
async fn a_secret_reaches_its_service_and_an_echo_is_hidden() {
    let stub = Stub::answering(echo).await;
    let mut call = request("POST", stub.url(&format!("/in/{}", marked("KEY"))));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    call.query = vec![("key".to_owned(), marked("KEY"))];
    call.basic = Some(("shop".to_owned(), marked("KEY")));
    call.body = Some(Body::Json(json!({ "token": marked("KEY") })));
    let output = succeeded(run(&known(&["127.0.0.1"]), EffectRequest::Http(call), &["KEY"]).await);
    let seen = &stub.requests()[0];
    assert_eq!(header(seen, "x-key"), Some(VALUE));
    assert_eq!(header(seen, "authorization"), Some("Basic c2hvcDpzM2NyM3QtdiZsdWU="));
    assert!(seen.starts_with("POST /in/s3cr3t-v%26lue?key=s3cr3t-v%26lue HTTP/1.1"), "{seen}");
    assert!(seen.ends_with("{\"token\":\"s3cr3t-v&lue\"}"), "{seen}");
    let shown = output["body"].as_str().unwrap();
    for hidden in ["s3cr3t", "c2hvcDpz"] {
        assert!(!output.to_string().contains(hidden), "{shown}");
    }
    assert!(shown.starts_with("POST /in/***?key=*** HTTP/1.1"), "{shown}");
}

#[tokio::test]
async fn a_failure_does_not_tell_the_secret_that_the_service_answers() {
    let stub = Stub::answering(|seen| answer("403 Forbidden", "content-type: text/plain\r\n", seen)).await;
    let mut call = request("POST", stub.url("/"));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    let error = failed(run(&known(&[]), EffectRequest::Http(call), &["KEY"]).await);
    assert_eq!((error.code.as_str(), error.status), ("HTTP_STATUS", Some(403)));
    assert!(error.detail.as_ref().unwrap()["body"].as_str().unwrap().contains("x-key: ***"));
    assert!(!format!("{error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn an_answer_of_bytes_does_not_tell_the_secret_either() {
    let stub = Stub::answering(|seen| answer("200 OK", "content-type: text/plain\r\n", &format!("\0{seen}"))).await;
    let mut call = request("POST", stub.url("/"));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    let output = succeeded(run(&known(&[]), EffectRequest::Http(call), &["KEY"]).await);
    assert_eq!(output["body"], json!({ "$base64": "", "hidden": true }));
}

#[tokio::test]
async fn a_message_that_is_cut_within_a_secret_shows_no_part_of_it() {
    let stub = Stub::answering(|_| {
        let message = format!("{}{VALUE}", "m".repeat(995));
        json_answer(&json!({ "errors": [{ "message": message }] }).to_string())
    })
    .await;
    let asked = GraphqlCall {
        to: CallTo::Url(stub.url("/")),
        query: "{ order { total } }".to_owned(),
        variables: json!({ "token": marked("KEY") }),
    };
    let error = failed(run(&known(&[]), EffectRequest::Graphql(asked), &["KEY"]).await);
    assert_eq!(error.code, "GRAPHQL_ERROR");
    assert!(!format!("{error:?}").contains("s3cr"), "{}", error.message);
}

#[tokio::test]
async fn a_secret_is_not_sent_to_another_host() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let mut call = request("POST", stub.url("/"));
    call.body = Some(Body::Text(marked("KEY")));
    let error = failed(run(&known(&["api.example.com"]), EffectRequest::Http(call), &["KEY"]).await);
    assert_eq!(error.code, "SECRET_NOT_ALLOWED");
    assert!(error.message.contains("127.0.0.1") && error.message.contains("`KEY`"), "{}", error.message);
    assert!(!error.message.contains("s3cr3t"));
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn a_secret_is_not_sent_to_another_host_after_a_redirect_either() {
    let other = Stub::answering(|_| json_answer("{}")).await;
    let elsewhere = other.url("/landed");
    let first = Stub::answering(move |_| answer("302 Found", &format!("location: {elsewhere}\r\n"), "")).await;
    let mut call = request("GET", first.url(&format!("/{}", marked("KEY"))));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    call.query = vec![("key".to_owned(), marked("KEY"))];
    call.basic = Some(("shop".to_owned(), marked("KEY")));
    succeeded(run(&known(&["127.0.0.1"]), EffectRequest::Http(call), &["KEY"]).await);
    let [landed] = <[String; 1]>::try_from(other.requests()).unwrap();
    assert!(!landed.contains("s3cr3t") && !landed.contains("c2hvcDpz"), "{landed}");
    assert_eq!((header(&landed, "x-key"), header(&landed, "authorization")), (None, None));
}

#[tokio::test]
async fn marks_that_came_from_outside_stay_as_they_are() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let foreign = "\u{fdd0}1:KEY\u{fdd1} {{secrets.KEY}}";
    let mut call = request("POST", stub.url("/"));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    call.body = Some(Body::Text(format!("{foreign} {}", marked("OTHER"))));
    let known = Arc::new(Known::default().secret("KEY", VALUE, &[]).secret("OTHER", "another", &[]));
    succeeded(run(&known, EffectRequest::Http(call), &["KEY"]).await);
    let seen = &stub.requests()[0];
    assert!(seen.ends_with(&format!("{foreign} {}", marked("OTHER"))), "{seen}");
}

#[tokio::test]
async fn an_unknown_secret_fails_before_anything_leaves() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let mut call = request("POST", stub.url("/"));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    let error = failed(run(&Arc::default(), EffectRequest::Http(call), &["KEY"]).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("UNKNOWN_SECRET", ErrorClass::Other));
    assert!(stub.requests().is_empty());
}

fn call_with_secret(stub: &Stub) -> EffectRequest {
    let mut call = request("POST", stub.url("/"));
    call.headers = vec![("x-key".to_owned(), marked("KEY"))];
    EffectRequest::Http(call)
}

#[tokio::test]
async fn an_outage_of_our_database_is_waited_for() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = Known { outages: AtomicUsize::new(2), ..Known::default().secret("KEY", VALUE, &[]) };
    let known = Arc::new(known);
    succeeded(run(&known, call_with_secret(&stub), &["KEY"]).await);
    assert_eq!(known.asked.load(Ordering::SeqCst), 3);
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn an_outage_that_outlasts_the_step_fails_it_so_that_it_is_tried_again() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = Known { outages: AtomicUsize::new(1_000), ..Known::default().secret("KEY", VALUE, &[]) };
    let limit = Duration::from_millis(200);
    let error = failed(run_within(&Arc::new(known), call_with_secret(&stub), &["KEY"], limit).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("UNAVAILABLE", ErrorClass::Connection));
    assert!(stub.requests().is_empty());
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_fails_at_once_and_says_nothing_of_why() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = Known { is_unreadable: true, ..Known::default() };
    let error = failed(run(&Arc::new(known), call_with_secret(&stub), &["KEY"]).await);
    assert_eq!(error.code, "UNREADABLE");
    assert!(!format!("{error:?}").contains("s3cr3t-key"));
}

#[tokio::test]
async fn a_call_that_names_no_secret_asks_for_nothing() {
    let stub = Stub::answering(|_| json_answer("{}")).await;
    let known = known(&[]);
    succeeded(run(&known, EffectRequest::Http(request("POST", stub.url("/"))), &[]).await);
    assert_eq!(known.asked.load(Ordering::SeqCst), 0);
}
