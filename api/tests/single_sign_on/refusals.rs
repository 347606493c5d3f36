//! Providers that fail, and requests that lead elsewhere.

use axum::http::StatusCode;
use serde_json::json;

use crate::single_sign_on::desk::{Browser, Desk, ada};

#[tokio::test]
async fn no_sign_in_leads_to_another_site() {
    let desk = Desk::new().await;
    for elsewhere in ["//evil.example", "https://evil.example", "/%5Cevil.example", "%2F%2Fevil.example", "", "evil"] {
        let path = format!("/auth/oidc/{}/start?return_to={elsewhere}", desk.company_id);
        let seen = Browser::default().get(&desk, &path).await;
        assert_eq!((seen.status, seen.code()), (StatusCode::BAD_REQUEST, "INVALID"), "{elsewhere}");
    }
}

#[tokio::test]
async fn a_provider_that_is_unknown_does_not_exist() {
    let desk = Desk::new().await;
    for unknown in [ids::IdentityProviderId::new().to_string(), "x".to_owned(), "usr_x".to_owned()] {
        let seen = Browser::default().get(&desk, &format!("/auth/oidc/{unknown}/start")).await;
        assert_eq!((seen.status, seen.code()), (StatusCode::NOT_FOUND, "NOT_FOUND"), "{unknown}");
    }
}

#[tokio::test]
async fn what_the_provider_refused_is_told_in_words_alone() {
    let desk = Desk::new().await;
    for (error, told) in [("access_denied", "access_denied"), ("%3Cscript%3E", "unknown")] {
        let mut browser = Browser::default();
        let location = browser.start(&desk, desk.company_id).await;
        let query = desk.company.sign_in(&location, ada());
        let state = query.split('&').nth(1).unwrap();
        let seen = browser.back(&desk, &format!("error={error}&{state}")).await;
        assert_eq!((seen.status, seen.code()), (StatusCode::FORBIDDEN, "SIGN_IN_DECLINED"));
        assert!(seen.text.contains(told) && !seen.text.contains("<script>"), "{}", seen.text);
    }
}

#[tokio::test]
async fn a_document_of_another_issuer_or_without_https_is_refused() {
    for document in [
        json!({ "issuer": "https://id.other.example" }),
        json!({ "token_endpoint": "http://id.company.example/token" }),
        json!({ "jwks_uri": "http://169.254.169.254/keys" }),
        json!({ "authorization_endpoint": "javascript:alert(1)" }),
    ] {
        let desk = Desk::new().await;
        desk.company.manner.lock().unwrap().document = document.clone();
        let seen = Browser::default().get(&desk, &format!("/auth/oidc/{}/start", desk.company_id)).await;
        assert_eq!(seen.code(), "IDENTITY_PROVIDER_UNAVAILABLE", "{document}");
    }
}

#[tokio::test]
async fn a_key_set_that_is_too_large_is_refused() {
    let desk = Desk::new().await;
    desk.company.manner.lock().unwrap().padding = 1 << 20;
    let seen = Browser::default().sign_in(&desk, ada()).await;
    assert_eq!((seen.status, seen.code()), (StatusCode::BAD_GATEWAY, "IDENTITY_PROVIDER_UNAVAILABLE"));
}
