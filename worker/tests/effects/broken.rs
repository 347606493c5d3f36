//! Servers that are away, silent, slow, too talkative or not servers of HTTP at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engine::machine::ErrorClass;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::stub::{Stub, answer, read_request};
use crate::{fail, failed, local, request, run_within, succeed};

const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_refused_connection_has_its_own_code() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = fail(&local(), &request("POST", format!("http://127.0.0.1:{port}/x?key=s3cret"))).await;
    assert_eq!(error.code, "CONNECTION_REFUSED");
    assert_eq!(error.retryable_class, ErrorClass::Connection);
    assert_eq!(error.message, format!("POST 127.0.0.1:{port}: the connection was refused"));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_timeout_and_no_more() {
    let stub = Stub::raw(|mut stream| async move {
        read_request(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let error = failed(run_within(&local(), &request("GET", stub.url("/")), SHORT).await);
    assert_eq!((error.code.as_str(), error.retryable_class), ("STEP_TIMEOUT", ErrorClass::Timeout));
    assert_eq!(error.message, format!("GET 127.0.0.1:{}: no complete answer within 300ms", stub.port()));
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    for byte in bytes.iter().cycle() {
        beat.tick().await;
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_slow_drip_of_body_or_headers_does_not_push_the_deadline_away() {
    let bodies = Stub::raw(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
        drip(&mut stream, b"x").await;
    })
    .await;
    let headers = Stub::raw(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        drip(&mut stream, b"x: y\r\n").await;
    })
    .await;
    for stub in [bodies, headers] {
        let error = failed(run_within(&local(), &request("GET", stub.url("/")), SHORT).await);
        assert_eq!(error.code, "STEP_TIMEOUT");
    }
}

#[tokio::test]
async fn an_error_status_is_not_lost_behind_a_body_that_never_ends() {
    let stub = Stub::raw(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 503 Away\r\nretry-after: 7\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let error = fail(&local(), &request("GET", stub.url("/"))).await;
    assert_eq!((error.status, error.retry_after), (Some(503), Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn broken_answers_are_transient_connection_failures() {
    let cases: [(&str, &'static [u8]); 6] = [
        ("nothing", b""),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-"),
        ("half a body", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        ("half a chunk", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nhalf"),
        ("garbage", b"\x16\x03\x01 SSH-2.0 what is this\r\n\r\n"),
        ("HTTP/0.9", b"<html>hello</html>\n"),
    ];
    for (name, bytes) in cases {
        let stub = Stub::answering(|_| bytes.to_vec()).await;
        let error = fail(&local(), &request("GET", stub.url("/"))).await;
        assert_eq!(error.code, "CONNECTION_FAILED", "{name}: {}", error.message);
        assert_eq!(error.retryable_class, ErrorClass::Connection, "{name}");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_of_the_body_is_a_connection_failure() {
    let stub = Stub::raw(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
        stream.set_zero_linger().unwrap();
    })
    .await;
    let error = fail(&local(), &request("GET", stub.url("/"))).await;
    assert_eq!((error.code.as_str(), error.retryable_class), ("CONNECTION_FAILED", ErrorClass::Connection));
}

/// Serves a body of `size` bytes in chunks and counts what the client took.
async fn flood(size: u64, head: String) -> (Stub, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&taken);
    let stub = Stub::raw(move |mut stream| {
        let (counter, head) = (Arc::clone(&counter), head.clone());
        async move {
            read_request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            let block = vec![b'x'; 0x1_0000];
            while counter.load(Ordering::SeqCst) < size {
                let is_chunked = head.contains("chunked");
                let hung_up = (is_chunked && stream.write_all(b"10000\r\n").await.is_err())
                    || stream.write_all(&block).await.is_err()
                    || (is_chunked && stream.write_all(b"\r\n").await.is_err());
                if hung_up {
                    return;
                }
                counter.fetch_add(block.len() as u64, Ordering::SeqCst);
            }
        }
    })
    .await;
    (stub, taken)
}

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn fifty_megabytes_are_cut_at_the_limit_however_they_are_announced() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
    ] {
        let (stub, taken) = flood(50 * MIB, head.to_owned()).await;
        let error = fail(&local(), &request("GET", stub.url("/"))).await;
        assert_eq!((error.code.as_str(), error.status), ("RESPONSE_TOO_LARGE", Some(200)), "{head}");
        assert_eq!(error.retryable_class, ErrorClass::Other);
        // What the limit lets through, and what the sockets' buffers hold.
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken < 20 * MIB, "{taken} bytes of {head} were taken");
    }
}

#[tokio::test]
async fn an_action_may_ask_for_a_smaller_or_a_larger_limit() {
    let stub = Stub::answering(|_| answer("200 OK", "content-type: text/plain\r\n", &"x".repeat(6_000_000))).await;
    let mut call = request("GET", stub.url("/"));
    assert_eq!(fail(&local(), &call).await.code, "RESPONSE_TOO_LARGE");
    call.max_response_bytes = Some(6_000_000);
    assert_eq!(succeed(&local(), &call).await["body"].as_str().unwrap().len(), 6_000_000);
    call.max_response_bytes = Some(5_999_999);
    assert_eq!(fail(&local(), &call).await.code, "RESPONSE_TOO_LARGE");
}

#[tokio::test]
async fn headers_over_the_limit_are_refused() {
    let large = format!("x-large: {}\r\n", "y".repeat(70 * 1024));
    let stub = Stub::answering(move |_| answer("200 OK", &large, "")).await;
    assert_eq!(fail(&local(), &request("GET", stub.url("/"))).await.code, "RESPONSE_TOO_LARGE");
    let huge = format!("x-huge: {}\r\n", "y".repeat(2 * 1024 * 1024));
    let stub = Stub::answering(move |_| answer("200 OK", &huge, "")).await;
    assert_eq!(fail(&local(), &request("GET", stub.url("/"))).await.code, "RESPONSE_TOO_LARGE");
}

#[tokio::test]
async fn a_cancelled_call_ends_at_once() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let stub = Stub::raw(move |mut stream| {
        let arrived = arrived.clone();
        async move {
            read_request(&mut stream).await;
            arrived.send(()).unwrap();
            std::future::pending::<()>().await;
        }
    })
    .await;
    let cancel = CancellationToken::new();
    let (http, call) = (local(), request("GET", stub.url("/")));
    let running = http.run(&call, "key", crate::AMPLE, &cancel);
    let cancelling = async {
        arrivals.recv().await.unwrap();
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(running, cancelling);
    assert_eq!(failed(outcome).code, "CANCELLED");
}
