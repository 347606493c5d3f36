//! Servers that cannot prove who they are.

use std::sync::Arc;

use engine::machine::ErrorClass;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::stub::{Stub, answer};
use crate::{fail, install_crypto, local, request};

#[tokio::test]
async fn a_certificate_that_no_trusted_authority_signed_is_refused_for_good() {
    install_crypto();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let stub = Stub::raw(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            assert!(acceptor.accept(stream).await.is_err(), "the client went on with the handshake");
        }
    })
    .await;
    let error = fail(&local(), &request("GET", format!("https://127.0.0.1:{}/", stub.port()))).await;
    assert_eq!((error.code.as_str(), error.retryable_class), ("TLS_FAILED", ErrorClass::Other), "{}", error.message);
    assert!(error.message.contains("issuer is not trusted"), "{}", error.message);
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart_from_one_that_is_away() {
    let stub = Stub::raw(|mut stream| async move {
        stream.write_all(&answer("400 Bad Request", "", "")).await.unwrap();
        // Reading on keeps the answer from being cut off by a reset.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.unwrap();
    })
    .await;
    let error = fail(&local(), &request("GET", format!("https://127.0.0.1:{}/", stub.port()))).await;
    assert_eq!((error.code.as_str(), error.retryable_class), ("TLS_FAILED", ErrorClass::Other), "{}", error.message);
    assert!(error.message.ends_with("the server does not speak TLS"), "{}", error.message);
}
