//! What a provider, or somebody between it and a browser, sends instead of what it should.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::single_sign_on::desk::{Browser, Desk, ada};
use crate::single_sign_on::keys::Sign;
use crate::single_sign_on::provider::Manner;

/// Each is a token that an honest provider would not give for this sign-in.
fn forgeries(now: i64) -> Vec<(&'static str, Manner)> {
    let signed = |sign| Manner { sign, ..Manner::default() };
    let header = |header| Manner { header, ..Manner::default() };
    let claims = |claims| Manner { claims, ..Manner::default() };
    vec![
        ("no signature", signed(Sign::None)),
        ("HMAC with the public key", signed(Sign::HmacOfPublicKey)),
        ("the key of a stranger", signed(Sign::Stranger)),
        ("the id of a key for another algorithm", signed(Sign::KidOfAnother)),
        ("an unknown key", header(json!({ "kid": "unknown" }))),
        ("a path as the id of the key", header(json!({ "kid": "../../dev/null" }))),
        ("alg in other letters", header(json!({ "alg": "es256" }))),
        ("alg of another key", header(json!({ "alg": "RS256" }))),
        ("a key in the header", header(json!({ "jwk": { "kty": "oct", "k": "AA" } }))),
        ("the address of a key in the header", header(json!({ "jku": "https://evil.example/keys" }))),
        ("the address of a certificate in the header", header(json!({ "x5u": "https://evil.example/cert" }))),
        ("an extension that is critical", header(json!({ "crit": ["exp"] }))),
        ("a token of another type", header(json!({ "typ": "at+jwt" }))),
        ("another issuer", claims(json!({ "iss": "https://id.other.example" }))),
        ("an issuer with a slash", claims(json!({ "iss": "https://id.company.example/" }))),
        ("another audience", claims(json!({ "aud": "somebody-else" }))),
        ("no audience", claims(json!({ "aud": [] }))),
        ("several audiences and nobody authorized", claims(json!({ "aud": ["sluice-client", "somebody-else"] }))),
        ("authorized for somebody else", claims(json!({ "azp": "somebody-else" }))),
        ("expired", claims(json!({ "exp": now - 121 }))),
        ("an end that is a text", claims(json!({ "exp": (now + 300).to_string() }))),
        ("without an end", claims(json!({ "exp": null }))),
        ("from before the sign-in began", claims(json!({ "iat": now - 3_600 }))),
        ("from the future", claims(json!({ "iat": now + 3_600 }))),
        ("without a moment", claims(json!({ "iat": null }))),
        ("not valid yet", claims(json!({ "nbf": now + 3_600 }))),
        ("another nonce", claims(json!({ "nonce": "another" }))),
        ("without a nonce", claims(json!({ "nonce": null }))),
        ("the hash of another access token", claims(json!({ "at_hash": "AAAA" }))),
        ("without a subject", claims(json!({ "sub": null }))),
        ("an empty subject", claims(json!({ "sub": "" }))),
    ]
}

#[tokio::test]
async fn no_forged_token_signs_anybody_in() {
    let desk = Desk::new().await;
    assert_eq!(Browser::default().sign_in(&desk, ada()).await.location, "/workflows");
    for (what, manner) in forgeries(desk.clock.now().0 / 1_000) {
        *desk.company.manner.lock().unwrap() = manner;
        let mut browser = Browser::default();
        let seen = browser.sign_in(&desk, ada()).await;
        assert_eq!((seen.status, seen.code()), (StatusCode::BAD_REQUEST, "SIGN_IN_UNTRUSTED"), "{what}");
        assert!(browser.session(&desk).is_none(), "{what}");
        for told in ["nonce", "kid", "audience", "issuer", "key", "algorithm"] {
            assert!(!seen.text.contains(told), "{what}: the page tells about `{told}`");
        }
    }
    *desk.company.manner.lock().unwrap() = Manner::default();
    assert_eq!(Browser::default().sign_in(&desk, ada()).await.location, "/workflows");
}

#[tokio::test]
async fn unknown_keys_are_looked_for_once_a_minute_at_most() {
    use std::sync::atomic::Ordering::SeqCst;
    let desk = Desk::new().await;
    Browser::default().sign_in(&desk, ada()).await;
    desk.company.manner.lock().unwrap().header = json!({ "kid": "unknown" });
    desk.clock.advance(std::time::Duration::from_secs(61));
    for _again in 0..5 {
        Browser::default().sign_in(&desk, ada()).await;
    }
    assert_eq!(desk.company.keys_asked.load(SeqCst), 2);
}

#[tokio::test]
async fn a_state_is_good_for_one_browser_once_and_for_ten_minutes() {
    let desk = Desk::new().await;
    let mut browser = Browser::default();
    let stale = |seen: &crate::single_sign_on::desk::Seen| (seen.status, seen.code().to_owned());
    let refused = (StatusCode::BAD_REQUEST, "SIGN_IN_STALE".to_owned());

    let seen = browser.back(&desk, "code=code-0&state=invented").await;
    assert_eq!(stale(&seen), refused, "a state that nobody was given");
    assert_eq!(stale(&browser.back(&desk, "code=code-0").await), refused, "no state");

    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    let mut victim = Browser::default();
    assert_eq!(stale(&victim.back(&desk, &query).await), refused, "the state of another browser");
    assert_eq!(stale(&browser.back(&desk, &query).await), refused, "a state that another browser has used");

    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    let cookies = browser.cookies.clone();
    assert_eq!(browser.back(&desk, &query).await.location, "/workflows");
    browser.cookies = cookies;
    assert_eq!(stale(&browser.back(&desk, &query).await), refused, "a state that was used");

    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    desk.clock.advance(std::time::Duration::from_mins(10));
    assert_eq!(stale(&browser.back(&desk, &query).await), refused, "a state that expired");
}

#[tokio::test]
async fn a_browser_that_changes_its_cookie_is_another_browser() {
    let (desk, mut browser) = (Desk::new().await, Browser::default());
    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    for value in browser.cookies.values_mut() {
        let browser_part = value.split('.').next().unwrap().to_owned();
        // `//evil.example` as the path to return to.
        *value = format!("{browser_part}.Ly9ldmlsLmV4YW1wbGU.");
    }
    assert_eq!(browser.back(&desk, &query).await.code(), "SIGN_IN_STALE");
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_of_no_use() {
    let desk = Desk::new().await;
    for checks_pkce in [true, false] {
        desk.company.manner.lock().unwrap().checks_pkce = checks_pkce;
        let (mut attacker, mut victim) = (Browser::default(), Browser::default());
        let of_attacker = attacker.start(&desk, desk.company_id).await;
        let of_victim = victim.start(&desk, desk.company_id).await;
        let stolen = desk.company.sign_in(&of_victim, ada());
        let own = desk.company.sign_in(&of_attacker, json!({ "sub": "mallory", "groups": [] }));
        let code = stolen.split('&').next().unwrap();
        let state = own.split('&').nth(1).unwrap();
        let seen = attacker.back(&desk, &format!("{code}&{state}")).await;
        let wanted = if checks_pkce { "SIGN_IN_DECLINED" } else { "SIGN_IN_UNTRUSTED" };
        assert_eq!(seen.code(), wanted);
        assert!(attacker.session(&desk).is_none());
    }
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused() {
    let desk = Desk::new().await;
    let mut browser = Browser::default();
    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    let seen = browser.back(&desk, &format!("{query}&iss=https://id.other.example")).await;
    assert_eq!(seen.code(), "SIGN_IN_UNTRUSTED", "names another");

    let location = browser.start(&desk, desk.company_id).await;
    let query = desk.company.sign_in(&location, ada());
    assert_eq!(browser.back(&desk, &format!("{query}&iss={}", desk.company.issuer)).await.location, "/workflows");

    desk.other.manner.lock().unwrap().document = json!({ "authorization_response_iss_parameter_supported": true });
    let location = browser.start(&desk, desk.other_id).await;
    let query = desk.other.sign_in(&location, ada());
    assert_eq!(browser.back(&desk, &query).await.code(), "SIGN_IN_UNTRUSTED", "names nobody, though it always does");
}

#[tokio::test]
async fn an_account_is_not_taken_over_by_its_address() {
    let desk = Desk::new().await;
    let user = desk.account("ada@example.com").await;
    let mut browser = Browser::default();
    let seen = browser.sign_in(&desk, ada()).await;
    assert_eq!((seen.status, seen.code()), (StatusCode::CONFLICT, "SIGN_IN_ACCOUNT_EXISTS"));
    assert!(browser.session(&desk).is_none() && desk.known("ada").await.is_none());

    // An address that is not proven is not recorded, and so is nobody's.
    for unproven in [json!(false), Value::Null] {
        let mut claims = ada();
        claims["sub"] = json!(format!("mallory-{unproven}"));
        claims["email_verified"] = unproven;
        browser.sign_in(&desk, claims).await;
        let other = browser.session(&desk).unwrap().0;
        assert_ne!(other, user);
        assert_eq!(desk.services.store().user(other).await.unwrap().unwrap().email, None);
    }
}

#[tokio::test]
async fn a_provider_of_another_organization_claims_no_addresses() {
    let desk = Desk::new().await;
    let user = desk.account("ada@example.com").await;
    let tenant = desk.services.store().ensure_organization("tenant", "Tenant", 1).await.unwrap();
    let provider = crate::single_sign_on::desk::offer(&desk.services, tenant, &desk.other).await;
    let mut browser = Browser::default();
    let location = browser.start(&desk, provider).await;
    let query = desk.other.sign_in(&location, ada());
    assert_eq!(browser.back(&desk, &query).await.location, "/workflows");
    let other = browser.session(&desk).unwrap().0;
    assert_ne!(other, user);
    assert_eq!(desk.services.store().user(other).await.unwrap().unwrap().email, None);
    assert_eq!(desk.role_of(other).await, None);
}

#[tokio::test]
async fn nobody_without_a_role_is_made_known() {
    let desk = Desk::new().await;
    let mut browser = Browser::default();
    let seen = browser.sign_in(&desk, json!({ "sub": "bob", "groups": ["guests"] })).await;
    assert_eq!((seen.status, seen.code()), (StatusCode::FORBIDDEN, "SIGN_IN_NO_ROLE"));
    assert!(desk.known("bob").await.is_none() && browser.session(&desk).is_none());
}
